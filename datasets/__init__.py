"""Where pictures come from: one file per data set, all loaded as the same `Dataset`.

`source` reads what a user types, `registry` says which of `loaders` lists it, `packing` makes a
`dataset` of each listing (`pictures`, `images`, `crops`, `cache`), `derived` joins them and leaves
rows out. `splits`, `duplicates` and `audit` work on any `Dataset`.
"""

from __future__ import annotations

from pathlib import Path

from datasets import starting  # noqa: F401

# isort: split
from datasets import crops
from datasets.dataset import Dataset
from datasets.errors import InputError

# Each registers itself, in the order in which they are asked whether a folder is theirs.
from datasets.loaders import (  # noqa: F401
    ckplus,
    digits,
    fer2013,
    ferplus,
    folder,
    medmnist,
    muxspace,
    rafdb,
)
from datasets.loaders.drawn import generated  # noqa: F401
from datasets.registry import LOADERS
from datasets.source import Source

__all__ = ["Dataset", "InputError", "Source", "default", "load", "names"]


def names() -> list[str]:
    """Names that a `Source` knows besides the path of a folder."""
    return sorted(LOADERS)


def default() -> str:
    """Name of the data that is used where none is named: real pictures if any are here."""
    return "muxspace" if LOADERS["muxspace"].find() else "generated"


def load(text: str | Path | None = None, size: int = 32, crop: str = crops.NONE) -> Dataset:
    """Load the data set that a text names, as `Source.parse` reads it, or the default one.

    Raises
    ------
    InputError
        If there is no such data set or it cannot be used; one line that says what to do.
    """
    return Source.parse(str(text) if text is not None else default(), crop=crop).load(size)
