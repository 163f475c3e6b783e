"""The ``generated`` data set: faces drawn by this project, where no real ones can be had."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets import anatomy, cache, cast, faces
from datasets.dataset import Dataset, Listing, assemble, register
from datasets.errors import InputError

SEED = 0


@register("generated")
def load(folder: Path | None, size: int) -> Dataset:
    """Draw the default faces, or take them from the cache.

    Parameters
    ----------
    folder : Path or None
        Must be None: drawn faces lie in no folder.
    size : int
        Width and height in pixels, 16 to 224.

    Raises
    ------
    InputError
        If a folder is given or the size is outside the range.
    """
    if folder is not None:
        raise InputError("generated faces come from no folder: give --data the folder's path alone")
    if size not in faces.SIZES:
        sizes = f"{faces.SIZES[0]} to {faces.SIZES[-1]}"
        raise InputError(f"faces are drawn at {sizes} pixels, not {size}: change --size")
    drawn_up = cast.cast(cast.N_FACES, SEED)

    def produce() -> Iterator[cache.Chunk]:
        for start in cache.show(range(0, cast.N_FACES, cache.BATCH), "drawing faces"):
            stop = min(start + cache.BATCH, cast.N_FACES)
            yield faces.draw(drawn_up, np.arange(start, stop), size), []

    pictures = cache.packed({"generated": _source(), "seed": SEED}, size, produce)
    people = [str(who) for who in drawn_up.people]
    return assemble(
        "generated",
        Listing(faces.ids(drawn_up), drawn_up.labels.tolist(), cast.CLASS_NAMES, people),
        pictures,
        "generated faces, drawn by this project",
        generated=True,
    )


def _source() -> str:
    """SHA-256 of the code that draws."""
    files = (str(module.__file__) for module in (anatomy, cast, faces))
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
