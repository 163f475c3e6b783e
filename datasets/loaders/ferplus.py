"""FER+: FER2013's pictures with the votes of ten annotators (github.com/microsoft/FERPlus).

Barsoum et al., "Training deep networks for facial expression recognition with crowd-sourced label
distribution", ICMI 2016. A picture's label is what most annotators voted for, the first in the
file's order where two have as many votes. Pictures that most call ``unknown`` or no face (``NF``)
are left out, which leaves 35,488 of 35,887.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets.dataset import Dataset, Listing, assemble, register
from datasets.errors import InputError
from datasets.loaders import fer2013, places, tables

VARIABLE = "FERPLUS_DIR"
ASKED = f"github.com/microsoft/FERPlus, and FER2013's CSV from {fer2013.ASKED}"
VOTES = "fer2013new.csv"
CLASSES = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)
COLUMNS = ("Usage", "Image name", *CLASSES, "unknown", "NF")


def read_votes(path: Path, table: fer2013.Table) -> np.ndarray:
    """Read how many annotators chose what.

    Parameters
    ----------
    path : Path
        ``fer2013new.csv``: a row for each of `table`, in its order.
    table : Table
        FER2013's CSV.

    Returns
    -------
    ndarray of int64, shape (n, 10)
        Votes for `CLASSES`, for ``unknown`` and for ``NF``.

    Raises
    ------
    InputError
        If the file is no such CSV or its rows are not those of the table.
    """
    votes: list[list[int]] = []
    for row, (where, (usage, _, *cells)) in enumerate(tables.rows(path, COLUMNS)):
        if row < len(table.parts) and fer2013.USAGES.get(usage) != table.parts[row]:
            raise InputError(
                f"{where}: its Usage '{usage}' is not that of {table.place(row)}: "
                "the two files must have the same rows"
            )
        if not all(cell.isdecimal() for cell in cells) or not any(map(int, cells)):
            raise InputError(f"{where}: votes must be whole numbers, not all 0: mend the row")
        votes.append([int(cell) for cell in cells])
    if len(votes) != len(table.parts):
        raise InputError(
            f"{path} has {len(votes)} rows and {table.path} {len(table.parts)}: "
            "the two files must have the same rows"
        )
    return np.array(votes, dtype=np.int64)


def _load(root: Path | None, size: int, crop: str, name: str) -> Dataset:
    root = places.on_request(root, name, VARIABLE, ASKED)
    path = fer2013.find_table(root)
    if path is None or not (root / VOTES).is_file():
        missing = VOTES if path else fer2013.TABLES[0]
        raise InputError(f"{root} has no {missing}: both CSV files must be there, from {ASKED}")
    table = fer2013.read_table(path)
    votes = read_votes(root / VOTES, table)
    chosen = votes.argmax(axis=1)
    rows = np.flatnonzero(chosen < len(CLASSES))
    shares = votes[rows, : len(CLASSES)].astype(np.float32)
    shares /= shares.sum(axis=1, keepdims=True)
    listing = Listing(
        fer2013.names(rows),
        chosen[rows].tolist(),
        CLASSES,
        parts=[table.parts[row] for row in rows],
        distribution=shares if name == "ferplus-distribution" else None,
    )
    return assemble(name, listing, fer2013.packed(table, rows, size, crop), "FER+")


@register("ferplus", recognises=lambda root: (root / VOTES).is_file())
def load(root: Path | None, size: int, crop: str) -> Dataset:
    """Load the pictures with the label that most annotators gave.

    Parameters
    ----------
    root : Path or None
        Folder of ``fer2013new.csv`` and FER2013's CSV; None looks in ``$FERPLUS_DIR``.
    size : int
        Width and height in pixels.
    crop : str
        One of `crops.CROPS`.

    Raises
    ------
    InputError
        If a file is not there or cannot be used, or the two do not belong together.
    """
    return _load(root, size, crop, "ferplus")


@register("ferplus-distribution")
def load_distribution(root: Path | None, size: int, crop: str) -> Dataset:
    """Load the same rows as `load`, with each class's share of the votes besides."""
    return _load(root, size, crop, "ferplus-distribution")
