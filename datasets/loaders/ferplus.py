"""FER+: FER2013's pictures with the votes of ten annotators (github.com/microsoft/FERPlus).

Barsoum et al., "Training deep networks for facial expression recognition with crowd-sourced label
distribution", ICMI 2016. A picture's label is what most annotators voted for, the first in the
file's order where two have as many votes. Pictures that most call ``unknown`` or no face (``NF``)
are left out, which leaves 35,488 of 35,887.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np

from datasets.errors import InputError
from datasets.loaders import fer2013, tables
from datasets.packing import Listing
from datasets.registry import register

GET = f"get them from github.com/microsoft/FERPlus, and FER2013's CSV from {fer2013.PAGE}"
VOTES = "fer2013new.csv"
CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
NAME = re.compile("fer[0-9]{7}[.]png")
VOTE = re.compile("[0-9]{1,4}")
COLUMNS = ("Usage", "Image name", *CLASSES, "unknown", "NF")


def read_votes(path: Path, table: fer2013.Table) -> np.ndarray:
    """Read how many annotators chose what.

    Rows that no annotator could name have no picture's name, and in some of the file these are not
    counted either: a number is therefore at most that of its row, and larger than the one before.

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
    last, unnamed = -1, 0
    for row, (where, (usage, name, *cells)) in enumerate(tables.rows(path, COLUMNS)):
        if row < len(table.parts) and fer2013.USAGES.get(usage) != table.parts[row]:
            raise InputError(
                f"{where}: its Usage '{usage}' is not that of {table.where(row)}: "
                "the two files must have the same rows"
            )
        if not name:
            unnamed += 1
        else:
            number = int(name[3:-4]) if NAME.fullmatch(name) else -1
            if not max(last + 1, row - unnamed) <= number <= row:
                raise InputError(
                    f"{where}: {name} is not the picture of this row: "
                    "put the rows in the order in which they were given out"
                )
            last = number
        if not all(map(VOTE.fullmatch, cells)) or not any(map(int, cells)):
            raise InputError(f"{where}: votes must be whole numbers, not all 0: mend the row")
        votes.append([int(cell) for cell in cells])
    if len(votes) != len(table.parts):
        raise InputError(
            f"{path} has {len(votes)} rows and {table.path} {len(table.parts)}: "
            "the two files must have the same rows"
        )
    return np.array(votes, dtype=np.int64)


@register("ferplus-distribution", described="FER+", folder_variable="FERPLUS_DIR", get=GET)
def ferplus_distribution(root: Path) -> Listing:
    """List the pictures with each class's share of the votes, and the class that has most."""
    path = tables.first_there(root, fer2013.TABLES)
    if path is None or not (root / VOTES).is_file():
        missing = VOTES if path else fer2013.TABLES[0]
        raise InputError(f"{root} has no {missing}: both CSV files must be there, {GET}")
    table = fer2013.read_table(path)
    votes = read_votes(root / VOTES, table)
    chosen = votes.argmax(axis=1)
    rows = np.flatnonzero(chosen < len(CLASSES))
    shares = votes[rows, : len(CLASSES)].astype(np.float32)
    shares /= shares.sum(axis=1, keepdims=True)
    return dataclasses.replace(
        fer2013.listing(table, rows),
        labels=chosen[rows].tolist(),
        class_names=CLASSES,
        distribution=shares,
    )


@register(
    "ferplus",
    described="FER+",
    folder_variable="FERPLUS_DIR",
    looks_like=lambda root: (root / VOTES).is_file(),
    get=GET,
)
def ferplus(root: Path) -> Listing:
    """List the same pictures with the label that most annotators gave alone."""
    return dataclasses.replace(ferplus_distribution(root), distribution=None)
