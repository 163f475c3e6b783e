"""Some rows of loaded data sets, as a new set is made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from datasets import cache
from datasets.dataset import TAKEN_AT_ONCE, Dataset, Listing


def listing(dataset: Dataset, rows: np.ndarray) -> Listing:
    """All that is known of some rows but for their pictures."""
    who = dataset.contributors
    return Listing(
        [dataset.ids[row] for row in rows],
        dataset.labels[rows].tolist(),
        dataset.class_names,
        _names(dataset.groups, rows),
        None if who is None else [who[row] for row in rows],
        dataset.root,
        None if dataset.parts is None else dataset.parts[rows].tolist(),
        _names(dataset.sequences, rows),
        None if dataset.distribution is None else dataset.distribution[rows],
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
