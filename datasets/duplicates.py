"""Pictures that are in a data set more than once, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from datasets.dataset import TAKEN_AT_ONCE, Dataset
from datasets.errors import InputError


def content(dataset: Dataset, row: int) -> bytes:
    """Return a picture's file, or its pixels where the set lies in no files.

    Raises
    ------
    InputError
        If the file went away since the set was loaded.
    """
    if dataset.root is None:
        return dataset.take(np.array([row])).tobytes()
    path = Path(dataset.root, dataset.ids[row])
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read any more: {error.strerror}") from error


def identical(dataset: Dataset) -> list[np.ndarray]:
    """Rows whose pictures are the same byte for byte.

    Returns
    -------
    list of ndarray of int64
        Each at least two rows, ascending; in the order of their first.
    """
    # The same file gives the same pixels, so only files with the same pixels need be compared.
    alike = _alike(_pixels(dataset), range(len(dataset)))
    if dataset.root is None:
        return alike
    groups = [
        group for rows in alike for group in _alike((content(dataset, row) for row in rows), rows)
    ]
    return sorted(groups, key=lambda rows: rows[0])


def _alike(contents: Iterable[bytes], rows: Iterable[int]) -> list[np.ndarray]:
    by_digest: dict[bytes, list[int]] = {}
    for data, row in zip(contents, rows, strict=True):
        by_digest.setdefault(hashlib.sha256(data).digest(), []).append(int(row))
    return [np.array(found) for found in by_digest.values() if len(found) > 1]


def _pixels(dataset: Dataset) -> Iterator[bytes]:
    for start in range(0, len(dataset), TAKEN_AT_ONCE):
        for picture in dataset.take(np.arange(start, min(start + TAKEN_AT_ONCE, len(dataset)))):
            yield picture.tobytes()


def split_groups(dataset: Dataset) -> np.ndarray | None:
    """Who is shown, for a split: `Dataset.groups`, with people who share a picture counted as one.

    Of two names under one picture one at least is wrong; a split between them would test on what
    was learned.
    """
    if dataset.groups is None:
        return None
    groups = dataset.groups.copy()
    for rows in identical(dataset):
        groups[np.isin(groups, groups[rows])] = groups[rows[0]]
    return groups


def conflicting(dataset: Dataset, rows: np.ndarray) -> bool:
    """Whether rows of one picture have different labels."""
    return len(np.unique(dataset.labels[rows])) > 1
