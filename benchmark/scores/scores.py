"""What the answers of a row's runs score: read or computed once, for all that is made of them."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core.predictions import Predictions
from benchmark.scores import intervals, metrics


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of a row's runs, all to the same test pictures.

    Attributes
    ----------
    rows, labels, groups : ndarray of int64, shape (n,)
        As in `predictions.Predictions`.
    predicted : ndarray of int64, shape (repeats, n)
        The classes named.
    confidence : ndarray of float32, shape (repeats, n)
        Their probabilities.
    losses : ndarray of float64, shape (repeats, n)
        See `metrics.log_losses`.
    """

    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    losses: np.ndarray

    @classmethod
    def of(cls, runs: Sequence[Predictions]) -> Answers:
        """Collect the answers of runs, or raise ValueError if they are to other pictures."""
        first = runs[0]
        if any(not np.array_equal(run.rows, first.rows) for run in runs):
            raise ValueError("the repeats of a row were not scored on the same pictures")
        return cls(
            first.rows,
            first.labels,
            first.groups,
            np.stack([run.probabilities.argmax(axis=1) for run in runs]),
            np.stack([run.probabilities.max(axis=1) for run in runs]),
            np.stack([metrics.log_losses(run.labels, run.probabilities) for run in runs]),
        )


@dataclass(frozen=True, eq=False)
class Scores:
    """What follows from the answers of a row's runs.

    Attributes
    ----------
    values : list of dict
        Of each repeat its score by every metric.
    confusions : ndarray of int64, shape (repeats, n_classes, n_classes)
        Rows true, columns predicted.
    reliability : ndarray, shape (3, bins)
        Summed over repeats; see `metrics.reliability`.
    pictures : str
        Digest of the rows of the test pictures.
    n_people : int
        Who are on these; where the data do not say, each picture is one.
    knows_people : bool
        Whether they say.
    effective_people : float
        See `intervals.effective_people`.
    stamp : str
        Digest of what all this is computed from.
    read : callable
        Gives the answers, which are read when they are first asked for.
    """

    values: list[dict[str, float]]
    confusions: np.ndarray
    reliability: np.ndarray
    pictures: str
    n_people: int
    knows_people: bool
    effective_people: float
    stamp: str
    read: Callable[[], Answers] = field(repr=False)

    @classmethod
    def of(cls, runs: Sequence[Predictions], only_classes: bool = False) -> Scores:
        """Score the predictions of a row's runs, which may have named classes only.

        Raises
        ------
        ValueError
            If they are not of the same pictures.
        """
        answers = Answers.of(runs)
        stamp = hashlib.sha256(
            b"".join(array.tobytes() for run in runs for array in vars(run).values())
        )
        return cls.from_summary(
            summarised(runs, answers, only_classes), stamp.hexdigest(), lambda: answers
        )

    @classmethod
    def from_summary(
        cls, summary: Mapping[str, Any], stamp: str, read: Callable[[], Answers]
    ) -> Scores:
        """Make them of what `summarised` gives, which JSON may have kept."""
        return cls(
            summary["values"],
            np.array(summary["confusions"]),
            np.array(summary["reliability"]),
            summary["pictures"],
            summary["n_people"],
            summary["knows_people"],
            summary["effective_people"],
            stamp,
            read,
        )

    @functools.cached_property
    def answers(self) -> Answers:
        """The answers themselves."""
        return self.read()

    @property
    def n_test(self) -> int:
        """Test pictures."""
        return int(self.confusions[0].sum())

    @functools.cached_property
    def confusion(self) -> np.ndarray:
        """Summed over repeats."""
        return np.asarray(self.confusions.sum(axis=0))

    @property
    def tested(self) -> set[int]:
        """Classes of the test pictures."""
        return {*np.flatnonzero(self.confusions[0].sum(axis=1)).tolist()}

    @property
    def named(self) -> list[set[int]]:
        """Classes that each repeat names."""
        return [{*np.flatnonzero(each.sum(axis=0)).tolist()} for each in self.confusions]

    @functools.cached_property
    def by_repeat(self) -> pd.DataFrame:
        """A row a repeat, a column a metric."""
        return pd.DataFrame(self.values)

    def mean(self, metric: str) -> float:
        """Mean of the repeats."""
        return mean_of_known(each[metric] for each in self.values)

    def sd(self, metric: str) -> float | None:
        """Standard deviation from one repeat to the next; None of one."""
        return float(self.by_repeat[metric].std()) if len(self.by_repeat) > 1 else None


def summarised(runs: Sequence[Predictions], answers: Answers, only_classes: bool) -> dict[str, Any]:
    """What `Scores` tell of answers, as JSON has it."""
    people, pictures = np.unique(answers.groups, return_counts=True)
    reliability = [metrics.reliability(run.labels, run.probabilities) for run in runs]
    return {
        "values": [metrics.score(run.labels, run.probabilities, only_classes) for run in runs],
        "confusions": [metrics.confusion(run.labels, run.probabilities).tolist() for run in runs],
        "reliability": np.sum(reliability, axis=0).tolist(),
        "pictures": hashlib.sha256(answers.rows.tobytes()).hexdigest(),
        "n_people": len(people),
        "knows_people": not np.array_equal(answers.groups, answers.rows),
        "effective_people": intervals.effective_people(pictures),
    }


def known(values: Iterable[float]) -> list[float]:
    """Those that are not NaN."""
    return [value for value in values if not math.isnan(value)]


def mean_of_known(values: Iterable[float]) -> float:
    """Mean of those that are known; NaN if none is."""
    some = known(values)
    return float(np.mean(some)) if some else math.nan
