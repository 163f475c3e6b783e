"""What runs said of pictures: all that is shown is computed from this."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.core.records import ACROSS, SELECTION, TEST, WITHIN, DataFacts, Record
from datasets import InputError, limits

SUM_TOLERANCE = 1e-3  # of the probabilities of a picture, as float32

OF_A_PICTURE = 3 * 8 + 4 * len(SELECTION)  # bytes besides probabilities: numbers and a part
HEADERS = 1024  # bytes, generous


@dataclass(frozen=True)
class Predictions:
    """What a run said of the pictures it did not learn from; all scores are computed from these.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Row numbers in the data set.
    labels : ndarray of int64, shape (n,)
        True classes.
    probabilities : ndarray of float32, shape (n, n_classes)
        One column for every class of the data set, 0 for those never trained on.
    groups : ndarray of int64, shape (n,)
        Who is shown; the row number where the data set does not say.
    part : ndarray of str, shape (n,)
        ``test``, or ``within`` and ``across``; ``selection`` for pictures that epochs were chosen
        by and that are in no test set.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray
    part: np.ndarray

    def of(self, part: str) -> Predictions:
        """Return those of one part."""
        return self._where(self.part == part)

    @property
    def scored(self) -> Predictions:
        """Those of all test pictures."""
        return self._where(self.part != SELECTION)

    def _where(self, chosen: np.ndarray) -> Predictions:
        return Predictions(*(column[chosen] for column in vars(self).values()))

    def check(self, record: Record) -> None:
        """See that these can be the predictions of a run.

        Raises
        ------
        ValueError
            What is wrong with them.
        """
        n, n_classes = len(self.rows), record.dataset.n_classes
        whole = all(each.shape == (n,) for each in (self.rows, self.labels, self.groups, self.part))
        numbers = all(each.dtype == np.int64 for each in (self.rows, self.labels, self.groups))
        kinds = self.probabilities.dtype == np.float32 and self.part.dtype.kind == "U"
        if not (whole and numbers and kinds) or self.probabilities.shape != (n, n_classes):
            raise ValueError(f"not predictions of {n_classes} classes")
        n_test = record.measured.n_test if record.measured else n
        n_scored = int(np.sum(self.part != SELECTION))
        if n_scored != n_test:
            raise ValueError(f"{n_scored} test pictures, {n_test} in run.json")
        if not set(self.part.tolist()) <= {SELECTION, TEST, WITHIN, ACROSS}:
            raise ValueError("pictures of no known part")
        if len(np.unique(self.rows)) < n or not _below(self.rows, record.dataset.n):
            raise ValueError(f"rows that are not {n} different ones of {record.dataset.n}")
        if not _below(self.labels, n_classes):
            raise ValueError(f"labels that are not among {n_classes} classes")
        if not np.isfinite(self.probabilities).all() or (self.probabilities < 0).any():
            raise ValueError("probabilities that are negative or no numbers")
        sums = self.probabilities.sum(axis=1, dtype=np.float64)
        if (np.abs(sums[sums > 0] - 1) > SUM_TOLERANCE).any():
            raise ValueError("probabilities that do not sum to 1")


def n_bytes(n_pictures: int, n_classes: int) -> int:
    """How many bytes those of so many pictures have in their file, unpacked, at most."""
    return n_pictures * (OF_A_PICTURE + 4 * n_classes) + HEADERS


def check_room(n_pictures: int, about: DataFacts) -> None:
    """Refuse predictions that would be too large to be read again."""
    asked = n_bytes(n_pictures, about.n_classes)
    if asked > limits.TABLE_BYTES:
        raise InputError(
            f"{about.name}: predictions of {n_pictures:,} pictures of {about.n_classes:,} classes "
            f"take {asked / 1e9:.1f} GB, and may take {limits.TABLE_BYTES / 1e9:.1f}: more with "
            "--larger"
        )


def probability_column(class_name: str) -> str:
    """Name of the column of a class's probabilities in a table of predictions."""
    return f"p_{class_name}"  # a class may itself be called true, or file


def _below(numbers: np.ndarray, n: int) -> bool:
    return bool((numbers >= 0).all() and (numbers < n).all())
