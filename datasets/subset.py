"""Some rows of loaded data sets, as a new set is made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from datasets import cache
from datasets.dataset import TAKEN_AT_ONCE, Dataset, Listing


def showing(dataset: Dataset, classes: Collection[str]) -> np.ndarray:
    """Rows of some classes, ascending, int64."""
    wanted = [name in classes for name in dataset.class_names]
    return np.flatnonzero(np.array(wanted)[dataset.labels])


def listing(dataset: Dataset, rows: np.ndarray, classes: tuple[str, ...] | None = None) -> Listing:
    """All that is known of some rows but for their pictures.

    Parameters
    ----------
    dataset : Dataset
    rows : ndarray of int64
    classes : tuple of str, optional
        The classes that the rows show, to be numbered in this order; votes for them make up all.
    """
    who, votes = dataset.contributors, dataset.distribution
    votes = None if votes is None else votes[rows]
    if classes is None:
        classes = dataset.class_names
    elif votes is not None:
        votes = votes[:, [dataset.class_names.index(name) for name in classes]]
        votes = votes / votes.sum(axis=1, keepdims=True)
    return Listing(
        [dataset.ids[row] for row in rows],
        [classes.index(dataset.class_names[label]) for label in dataset.labels[rows]],
        classes,
        _names(dataset.groups, rows),
        None if who is None else [who[row] for row in rows],
        dataset.root,
        None if dataset.parts is None else dataset.parts[rows].tolist(),
        _names(dataset.sequences, rows),
        votes,
    )


def _names(numbers: np.ndarray | None, rows: np.ndarray) -> list[str] | None:
    # Of one length, so that they are numbered again in the order they had.
    return None if numbers is None else [f"{number:020}" for number in numbers[rows].tolist()]


def packed(chosen: Sequence[tuple[Dataset, np.ndarray]]) -> cache.Packed:
    """Copy rows of data sets of one picture size, one set after the other, to the cache.

    Parameters
    ----------
    chosen : sequence of (Dataset, ndarray of int64)
        Each set and its row numbers.
    """

    def produce() -> Iterator[cache.Chunk]:
        for dataset, rows in chosen:
            for start in range(0, len(rows), TAKEN_AT_ONCE):
                part = rows[start : start + TAKEN_AT_ONCE]
                yield dataset.take(part), [], None if dataset.found is None else dataset.found[part]

    key = {
        "rows of": [
            [dataset.fingerprint, hashlib.sha256(rows.tobytes()).hexdigest()]
            for dataset, rows in chosen
        ]
    }
    return cache.packed(key, chosen[0][0].size, produce)
