"""Models side by side: the interval of every score and of every difference, and shared ranks.

In come the scores of leaderboard rows; out come intervals and differences by any metric that
follows from counts by class, people drawn anew, the same for all models, and with repeats the
noise of training too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmark.scores import intervals
from benchmark.scores.intervals import Noise, Repeats
from benchmark.scores.metrics import METRICS, counts_by_class
from benchmark.scores.rows import Row, Scores, grouped

COLUMNS = (
    *("dataset", "protocol", "split", "n_test", "n_people", "model_a", "model_b"),
    *("accuracy_a", "accuracy_b", "difference", "difference_lo", "difference_hi"),
    *("p", "p_adjusted", "told_apart", "data"),
)


class Difference(NamedTuple):
    """A difference of two scores, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


class Pairs:
    """Scores whose people are drawn together: the one door to intervals and differences.

    Parameters
    ----------
    scores : sequence of Scores
        Of one data set, on the same pictures, or on others of partly the same people.

    Attributes
    ----------
    n_people : int
        Those on any picture; where nobody says who is shown, each picture is one.
    people : list of ndarray of int64
        Who each picture shows, numbered from 0, for each of the scores.
    """

    def __init__(self, scores: Sequence[Scores]) -> None:
        self.scores = [*scores]
        groups = np.concatenate([each.groups for each in scores])
        known, people = np.unique(groups, return_inverse=True)
        self.n_people = len(known)
        self.people = np.split(people, np.cumsum([len(each.rows) for each in scores])[:-1])
        self._right: dict[int, np.ndarray] = {}
        self._draws: dict[int, dict[str, np.ndarray]] = {}

    def counts(self, i: int) -> np.ndarray:
        """Answers by person: ``(n_people, repeats, 3, n_classes)``, see `counts_by_class`."""
        scores, people = self.scores[i], self.people[i]
        counted = [
            counts_by_class(scores.labels, predicted, people, len(scores.confusion), self.n_people)
            for predicted in scores.predicted
        ]
        return np.stack(counted, axis=1)

    def draws(self, i: int, metric: str) -> np.ndarray:
        """Return a score of every repeat on each draw of people: ``(DRAWS, repeats)``.

        A draw in which nobody of the test set is has a score that is NaN.
        """
        if i not in self._draws:
            drawn = intervals.resample(self.counts(i))
            self._draws[i] = {
                each.name: each.of_counts(drawn) for each in METRICS.values() if each.of_counts
            }
        return self._draws[i][metric]

    def interval(self, i: int, metric: str = "accuracy") -> tuple[float, float]:
        """95 % interval of the mean of the repeats, see `intervals.interval`."""
        people, of_all = self._effective(i), self._repeats(i, metric)
        return intervals.interval(of_all.mean, intervals.noise(people, of_all), people)

    def difference(self, i: int, j: int, metric: str = "accuracy") -> Difference:
        """Compare two scores: that of `i` less that of `j`, with its 95 % interval.

        Parameters
        ----------
        i, j : int
            Places in `scores`.
        metric : str
            One that follows from counts by class.
        """
        means = self.scores[i].mean(metric), self.scores[j].mean(metric)
        value, spread = means[0] - means[1], self._noise(i, j, metric)
        if self._on_same_pictures(i, j):
            return Difference(value, value - spread.half_width, value + spread.half_width)
        people = self._effective(i), self._effective(j)
        return Difference(value, *intervals.shared_people_interval(*means, spread, people))

    def p(self, i: int, j: int) -> float:
        """Probability that two models right equally often differ as much on the same pictures.

        It is that of `intervals.paired_p`, which is exact for few people; where a model has
        repeats, no less than what other people and training runs together make likely.
        """
        for each in (i, j):
            if each not in self._right:
                self._right[each] = self.counts(each)[:, :, 0].sum(axis=(1, 2))
        # With other numbers of repeats each model's answers count as often as the other's.
        n_i, n_j = (len(self.scores[each].predicted) for each in (i, j))
        p = intervals.paired_p(n_j * self._right[i] - n_i * self._right[j])
        if max(n_i, n_j) == 1:
            return p
        spread = self._noise(i, j, "accuracy")
        value = self.scores[i].mean("accuracy") - self.scores[j].mean("accuracy")
        return max(p, spread.p(value)) if spread.error else p

    def _repeats(self, i: int, metric: str) -> Repeats:
        return Repeats(self.scores[i].by_repeat[metric].to_numpy(), self.draws(i, metric))

    def _noise(self, i: int, j: int, metric: str) -> Noise:
        """Of the difference; as many repeats are compared one by one, by their number."""
        one, other = self._repeats(i, metric), self._repeats(j, metric)
        people = min(self._effective(i), self._effective(j))
        if len(one.scores) != len(other.scores):
            return intervals.noise(people, one, other)
        apart = Repeats(one.scores - other.scores, one.draws - other.draws)
        return intervals.noise(people, apart)

    def _on_same_pictures(self, i: int, j: int) -> bool:
        return np.array_equal(self.scores[i].rows, self.scores[j].rows)

    def _effective(self, i: int) -> float:
        return intervals.effective_people(np.bincount(self.people[i]))


def same_pictures(rows: Sequence[Row]) -> list[list[Row]]:
    """Put together the rows of a board that were scored on the same pictures."""
    return grouped(
        (row for row in rows if row.scores is not None),
        lambda row: (*row.place[:3], row.fingerprint, row.scores and row.scores.rows.tobytes()),
    )


def rank(rows: Sequence[Row]) -> tuple[list[Row], pd.DataFrame]:
    """Give the rows of one of `same_pictures` their intervals and ranks.

    Parameters
    ----------
    rows : sequence of Row
        Those that are not ``ok`` are given intervals and no rank.

    Returns
    -------
    rows : list of Row
        In the same order.
    pairs : DataFrame
        Every pair of ranked models, the more accurate first: the columns `COLUMNS`. The interval
        of the difference is of that pair alone, the adjusted p-value for all pairs together.
    """
    scores = [row.scores for row in rows if row.scores is not None]
    pairs = Pairs(scores)
    n_people = pairs.n_people if scores[0].knows_people else None
    accuracies = [each.mean("accuracy") for each in scores]
    ranked = sorted(
        (i for i, row in enumerate(rows) if row.bad is None),
        key=lambda i: (-accuracies[i], rows[i].place.model),
    )
    compared = []
    for position, i in enumerate(ranked):
        for j in ranked[position + 1 :]:
            difference = pairs.difference(i, j)
            names = rows[i].place.model, rows[j].place.model
            compared.append((*names, accuracies[i], accuracies[j], *difference, pairs.p(i, j)))
    table = pd.DataFrame(compared, columns=list(COLUMNS[5:13]))
    table["p_adjusted"] = intervals.holm(table["p"].to_numpy(np.float64))
    table["told_apart"] = table["p_adjusted"] < 1 - intervals.LEVEL
    board = (*rows[0].place[:3], len(scores[0].rows), n_people, rows[0].data)
    for name, value in zip((*COLUMNS[:5], "data"), board, strict=True):
        table[name] = value
    ranks = intervals.shared_ranks(
        np.array([accuracies[i] for i in ranked]), table["p_adjusted"].to_numpy(np.float64)
    )
    by_row = dict(zip(ranked, map(int, ranks), strict=True))
    judged = [
        replace(
            row,
            intervals={
                name: pairs.interval(i, name)
                for name, metric in METRICS.items()
                if metric.of_counts
            },
            rank=by_row.get(i),
            n_people=n_people,
        )
        for i, row in enumerate(rows)
    ]
    return judged, table[list(COLUMNS)].astype({"n_people": "Int64"})
