"""The ``generated`` data set: faces drawn by this project, where no real ones can be had."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from datasets.errors import InputError
from datasets.loaders.drawn import anatomy, faces, sampling
from datasets.packing import Listing
from datasets.pictures import Drawn
from datasets.registry import register

SEED = 0


@register("generated", described="generated faces, drawn by this project", may_embed=True)
def generated(root: Path | None) -> Listing:
    """List the default faces, which are drawn when they are asked for."""
    if root is not None:
        raise InputError("generated faces come from no folder: give --data the folder's path alone")
    sampled = sampling.sample(sampling.N_FACES, SEED)
    labels = sampled.labels.tolist()
    return Listing(
        Drawn(
            len(labels), f"{_source()} {SEED}", functools.partial(faces.draw, sampled), faces.SIZES
        ),
        faces.ids(sampled),
        labels,
        sampling.CLASS_NAMES,
        people=[str(who) for who in sampled.people],
        generated=True,
    )


def _source() -> str:
    """SHA-256 of the code that draws."""
    files = (str(module.__file__) for module in (anatomy, sampling, faces))
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
