"""FER+: FER2013's pictures with the votes of ten annotators (github.com/microsoft/FERPlus).

Barsoum et al., "Training deep networks for facial expression recognition with crowd-sourced label
distribution", ICMI 2016. A picture's label is what most annotators voted for, the first in the
file's order where two have as many votes. Pictures that most call ``unknown`` or no face (``NF``)
are left out, which leaves 35,488 of 35,887.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from datasets import fer2013, files
from datasets.dataset import Dataset, Listing, assemble, register
from datasets.errors import InputError

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
COLUMNS = ("usage", "image name", *CLASSES, "unknown", "nf")


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
    with path.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.reader(lines)
        header = [name.strip().lower() for name in next(rows, [])]
        if header != list(COLUMNS):
            raise InputError(
                f"{path} has the columns {','.join(header) or '(none)'}: "
                f"it must have {','.join(COLUMNS)}"
            )
        for row in filter(None, rows):
            where = f"{path}, line {rows.line_num}"
            if len(votes) < len(table.parts):
                expected = table.parts[len(votes)]
                if fer2013.USAGES.get(row[0].strip()) != expected:
                    raise InputError(
                        f"{where}: its Usage '{row[0].strip()}' is not that of "
                        f"{table.place(len(votes))}: the two files must have the same rows"
                    )
            try:
                counts = [int(cell) for cell in row[2:]]
            except ValueError as error:
                raise InputError(f"{where}: a vote is no whole number: mend the row") from error
            if len(counts) != len(COLUMNS) - 2 or min(counts) < 0 or not sum(counts):
                raise InputError(f"{where}: must be ten numbers of votes, not all 0: mend the row")
            votes.append(counts)
    if len(votes) != len(table.parts):
        raise InputError(
            f"{path} has {len(votes)} rows and {table.path} {len(table.parts)}: "
            "the two files must have the same rows"
        )
    return np.array(votes, dtype=np.int64)


def _load(root: Path | None, size: int, name: str) -> Dataset:
    root = files.on_request(root, name, VARIABLE, ASKED)
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
    return assemble(name, listing, fer2013.packed(table, rows, size), "FER+")


@register("ferplus", recognises=lambda root: (root / VOTES).is_file())
def load(root: Path | None, size: int) -> Dataset:
    """Load the pictures with the label that most annotators gave.

    Parameters
    ----------
    root : Path or None
        Folder of ``fer2013new.csv`` and FER2013's CSV; None looks in ``$FERPLUS_DIR``.
    size : int
        Width and height in pixels.

    Raises
    ------
    InputError
        If a file is not there or cannot be used, or the two do not belong together.
    """
    return _load(root, size, "ferplus")


@register("ferplus-distribution")
def load_distribution(root: Path | None, size: int) -> Dataset:
    """Load the same rows as `load`, with each class's share of the votes besides."""
    return _load(root, size, "ferplus-distribution")
