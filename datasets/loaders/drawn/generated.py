"""The ``generated`` data set: faces drawn by this project, where no real ones can be had."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets import cache, crops, images
from datasets.dataset import Dataset, Listing, assemble, register
from datasets.errors import InputError
from datasets.loaders.drawn import anatomy, cast, faces

SEED = 0
CROPPED_FROM = 96  # pixels at which faces are drawn of which a part is kept


@register("generated")
def load(folder: Path | None, size: int, crop: str) -> Dataset:
    """Draw the default faces, or take them from the cache.

    Parameters
    ----------
    folder : Path or None
        Must be None: drawn faces lie in no folder.
    size : int
        Width and height in pixels, 16 to 224.
    crop : str
        One of `crops.CROPS`; what is cropped is drawn larger.

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
        n = len(drawn_up.labels)
        for start in cache.show(range(0, n, cache.BATCH), "drawing faces"):
            rows = np.arange(start, min(start + cache.BATCH, n))
            if crop == crops.NONE:
                yield faces.draw(drawn_up, rows, size), [], None
                continue
            drawn = faces.draw(drawn_up, rows, CROPPED_FROM).transpose(0, 2, 3, 1)
            parts, found = crops.cut_all([*drawn], crop)
            yield np.stack([images.stretch(part, size) for part in parts]), [], found

    key = {"generated": _source(), "seed": SEED, **crops.key(crop)}
    pictures = cache.packed(key, size, produce)
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
