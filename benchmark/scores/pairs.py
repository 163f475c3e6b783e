"""Models side by side: the interval of every score and of every difference, and shared ranks.

In come the scores of leaderboard rows; out come intervals and differences by any metric that
follows from counts by class, people drawn anew, the same for all models, and with repeats the
noise of training too.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmark.core.derived import Derived
from benchmark.core.files import digest
from benchmark.scores import intervals
from benchmark.scores.intervals import Noise, Repeats
from benchmark.scores.metrics import METRICS, Metric, counts_by_class
from benchmark.scores.rows import Row, grouped
from benchmark.scores.scores import Scores

COLUMNS = (
    *("dataset", "protocol", "split", "n_test", "n_people", "model_a", "model_b"),
    *("metric", "score_a", "score_b", "difference", "difference_lo", "difference_hi"),
    *("p", "p_adjusted", "told_apart", "data"),
)


HALVINGS = 100  # of the people, see `Pairs.expected_of_best`


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
    derived : Derived, optional
        Where differences are remembered.
    """

    def __init__(self, scores: Sequence[Scores], derived: Derived | None = None) -> None:
        self.scores = [*scores]
        self._derived = derived or Derived()
        self._right: dict[int, np.ndarray] = {}
        self._draws: dict[int, dict[str, np.ndarray]] = {}
        self._noises: dict[tuple[int, int, str], Noise] = {}

    @functools.cached_property
    def people(self) -> list[np.ndarray]:
        """Who each picture shows, numbered from 0, for each of the scores."""
        groups = [each.answers.groups for each in self.scores]
        _, people = np.unique(np.concatenate(groups), return_inverse=True)
        return np.split(people, np.cumsum([len(each) for each in groups])[:-1])

    @functools.cached_property
    def n_people(self) -> int:
        """Those on any picture; where nobody says who is shown, each picture is one."""
        return 1 + max(int(each.max()) for each in self.people)

    def counts(self, i: int) -> np.ndarray:
        """Answers by person: ``(n_people, repeats, 4, n_classes)``, see `counts_by_class`."""
        answers, people = self.scores[i].answers, self.people[i]
        n_classes = len(self.scores[i].confusion)
        counted = [
            counts_by_class(answers.labels, *said, people, n_classes, self.n_people)
            for said in zip(answers.predicted, answers.losses, strict=True)
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
        spread = intervals.noise(people, of_all)
        return intervals.interval(of_all.mean, spread, people, METRICS[metric].most)

    def difference(self, i: int, j: int, metric: str = "accuracy") -> Difference:
        """Compare two scores: that of `i` less that of `j`, with its 95 % interval.

        Parameters
        ----------
        i, j : int
            Places in `scores`.
        metric : str
            One that follows from counts by class.
        """
        return Difference(
            *self._derived.of(self._key(i, j, metric), lambda: self._compare(i, j, metric))
        )

    def _key(self, i: int, j: int, metric: str) -> str:
        """What decides a difference: both scores, and all people that are drawn with them."""
        beside = {each.pictures: each.stamp for each in self.scores}
        drawn = "" if len(beside) == 1 else digest(sorted(beside.values()))
        return f"{metric} {self.scores[i].stamp} less {self.scores[j].stamp} {drawn}"

    def _compare(self, i: int, j: int, metric: str) -> Difference:
        means = self.scores[i].mean(metric), self.scores[j].mean(metric)
        value, spread = means[0] - means[1], self._noise(i, j, metric)
        if self._on_same_pictures(i, j):
            return Difference(value, value - spread.half_width, value + spread.half_width)
        people = self._effective(i), self._effective(j)
        return Difference(value, *intervals.shared_people_interval(*means, spread, people))

    def p(self, i: int, j: int, metric: str = "accuracy") -> float:
        """Probability that two models equally good differ as much on the same pictures.

        By accuracy it is that of `intervals.paired_p`, which is exact for few people; where a model
        has repeats, no less than what other people and training runs together make likely. By
        another metric it is the latter alone, if draws of people tell anything.
        """
        of_people = self._p_of_people(i, j)
        spread = self._noise(i, j, metric)
        if not spread.error or (metric == "accuracy" and not self._repeated(i, j)):
            return of_people
        of_both = spread.p(self.scores[i].mean(metric) - self.scores[j].mean(metric))
        return max(of_people, of_both) if metric == "accuracy" else of_both

    def adjusted_p(
        self, those: Sequence[int], p: np.ndarray, metric: str = "accuracy"
    ) -> np.ndarray:
        """Adjust the p-values of all pairs of some models for their number.

        Without repeats by Holm's method. With repeats they are those of `intervals.all_pairs_p`,
        and no less than a pair's own; by accuracy, nor than Holm makes of the answers by person.

        Parameters
        ----------
        those : sequence of int
            Places in `scores`, on the same pictures.
        p : ndarray, shape (n * (n - 1) / 2,)
            See `p`; in the order of ``np.triu_indices(n, 1)``, as is what returns.
        metric : str
        """
        if len(those) < 2 or not self._repeated(*those):
            return intervals.holm(p)
        repeats = [self._repeats(i, metric) for i in those]
        adjusted = np.maximum(p, intervals.all_pairs_p(repeats, self._effective(those[0])))
        if metric != "accuracy":
            return adjusted
        of_people = [self._p_of_people(i, j) for i, j in itertools.combinations(those, 2)]
        return np.maximum(adjusted, intervals.holm(np.array(of_people)))

    def share_best(self, those: Sequence[int], metric: Metric) -> np.ndarray:
        """Share of draws, of people and with repeats of these too, in which each is the best.

        Equals share a draw.
        """
        if not len(those):
            return np.empty(0)
        drawn = [intervals.draw_repeats(self.draws(i, metric.name)) for i in those]
        good = metric.goodness(np.stack(drawn))
        best = good == good.max(axis=0)
        return (best / best.sum(axis=0)).mean(axis=1)

    def expected_of_best(self, metric: Metric) -> float:
        """Score to expect of the best of these models on pictures that did not choose it.

        The highest of many scores on one test set flatters. Chosen on half of the people and scored
        on the other half, it does not; this is the mean over `HALVINGS` halvings, each both ways.
        """
        rng = np.random.default_rng(self.n_people)
        half = np.stack([rng.permutation(self.n_people) % 2 for _ in range(HALVINGS)])
        halves = np.concatenate([half, 1 - half]).astype(np.float64)
        by_half = [
            _score(metric, np.tensordot(halves, self.counts(i), axes=1))
            for i in range(len(self.scores))
        ]
        values = np.stack(by_half)  # (models, halves); a half's other half is HALVINGS further on
        best = np.nan_to_num(metric.goodness(values), nan=-np.inf).argmax(axis=0)
        return float(np.nanmean(values[np.roll(best, HALVINGS), np.arange(len(halves))]))

    def _p_of_people(self, i: int, j: int) -> float:
        """Of accuracy, see `intervals.paired_p`."""
        for each in (i, j):
            if each not in self._right:
                self._right[each] = self.counts(each)[:, :, 0].sum(axis=(1, 2))
        # With other numbers of repeats each model's answers count as often as the other's.
        n_i, n_j = (len(self.scores[each].confusions) for each in (i, j))
        return intervals.paired_p(n_j * self._right[i] - n_i * self._right[j])

    def _repeated(self, *those: int) -> bool:
        return any(len(self.scores[i].confusions) > 1 for i in those)

    def _repeats(self, i: int, metric: str) -> Repeats:
        return Repeats(self.scores[i].by_repeat[metric].to_numpy(), self.draws(i, metric))

    def _noise(self, i: int, j: int, metric: str) -> Noise:
        """Of the difference; as many repeats are compared one by one, by their number."""
        if (i, j, metric) not in self._noises:
            self._noises[i, j, metric] = self._noise_of(i, j, metric)
        return self._noises[i, j, metric]

    def _noise_of(self, i: int, j: int, metric: str) -> Noise:
        one, other = self._repeats(i, metric), self._repeats(j, metric)
        people = min(self._effective(i), self._effective(j))
        if len(one.scores) != len(other.scores):
            return intervals.noise(people, one, other)
        apart = Repeats(one.scores - other.scores, one.draws - other.draws)
        return intervals.noise(people, apart)

    def _on_same_pictures(self, i: int, j: int) -> bool:
        return self.scores[i].pictures == self.scores[j].pictures

    def _effective(self, i: int) -> float:
        return self.scores[i].effective_people


def _score(metric: Metric, counts: np.ndarray) -> np.ndarray:
    """A metric of counts ``(n, repeats, 4, n_classes)``, the mean of the repeats: ``(n,)``."""
    assert metric.of_counts is not None
    return metric.of_counts(counts).mean(axis=1)


def same_pictures(rows: Sequence[Row]) -> list[list[Row]]:
    """Put together the rows of a board that were scored on the same pictures."""
    return grouped(
        (row for row in rows if row.scores is not None),
        lambda row: (*row.place[:3], row.fingerprint, row.scores and row.scores.pictures),
    )


def rank(
    rows: Sequence[Row], metric: Metric, derived: Derived | None = None
) -> tuple[list[Row], pd.DataFrame]:
    """Give the rows of one of `same_pictures` their intervals and ranks.

    Parameters
    ----------
    rows : sequence of Row
        Those that are not ``ok`` are given intervals and no rank.
    metric : Metric
        By which they are ranked.
    derived : Derived, optional
        Where it is remembered.

    Returns
    -------
    rows : list of Row
        In the same order.
    pairs : DataFrame
        Every pair of ranked models, the better first: the columns `COLUMNS`. The interval
        of the difference is of that pair alone, the adjusted p-value for all pairs together.
    """
    derived = derived or Derived()
    scores = [row.scores for row in rows if row.scores is not None]
    pairs = Pairs(scores)
    n_people = scores[0].n_people if scores[0].knows_people else None
    means = [each.mean(metric.name) for each in scores]
    ranked = sorted(
        (i for i, row in enumerate(rows) if row.bad is None),
        key=lambda i: (-metric.goodness(means[i]), rows[i].place.model),
    )
    of_board = _compared(
        pairs, ranked, metric, derived, " ".join([*rows[0].place[:3], rows[0].data])
    )
    names, of_both = [rows[i].place.model for i in ranked], [means[i] for i in ranked]
    table = pd.DataFrame(
        [
            (names[i], names[j], metric.name, of_both[i], of_both[j], *compared)
            for (i, j), compared in zip(
                itertools.combinations(range(len(ranked)), 2), of_board["pairs"], strict=True
            )
        ],
        columns=list(COLUMNS[5:14]),
    )
    adjusted = np.array(of_board["p_adjusted"], np.float64)
    table["p_adjusted"] = adjusted
    table["told_apart"] = table["p_adjusted"] < 1 - intervals.LEVEL
    board = (*rows[0].place[:3], scores[0].n_test, n_people, rows[0].data)
    for name, value in zip((*COLUMNS[:5], "data"), board, strict=True):
        table[name] = value
    good = metric.goodness(np.array([means[i] for i in ranked]))
    of_ranked = zip(
        intervals.shared_ranks(good, adjusted).tolist(),
        intervals.last_ranks(good, adjusted).tolist(),
        of_board["share_best"],
        strict=True,
    )
    ranks = dict(zip(ranked, of_ranked, strict=True))
    judged = [
        replace(
            row,
            intervals=_intervals(pairs, i, derived),
            rank=ranks[i][0] if i in ranks else None,
            last_rank=ranks[i][1] if i in ranks else None,
            share_best=ranks[i][2] if i in ranks else None,
            n_people=n_people,
        )
        for i, row in enumerate(rows)
    ]
    return judged, table[list(COLUMNS)].astype({"n_people": "Int64"})


def _intervals(pairs: Pairs, i: int, derived: Derived) -> dict[str, tuple[float, float]]:
    """Ends of the interval of every metric that has one."""
    names = [name for name, metric in METRICS.items() if metric.of_counts]
    found = derived.of(
        f"intervals {pairs.scores[i].stamp}", lambda: [pairs.interval(i, name) for name in names]
    )
    return {name: (low, high) for name, (low, high) in zip(names, found, strict=True)}


def _compared(
    pairs: Pairs, ranked: Sequence[int], metric: Metric, derived: Derived, board: str
) -> dict[str, Any]:
    """Every pair of a board, and what follows from all of them together.

    Pairs that were on the board before are not computed again.

    Returns
    -------
    dict
        ``models``, the stamps of their scores; in the order of ``np.triu_indices(n, 1)`` ``pairs``,
        each its `Difference` and p, and ``p_adjusted``; and ``share_best`` of each.
    """
    key = f"board {metric.name} {board} {pairs.scores[0].pictures}"
    stamps = [pairs.scores[i].stamp for i in ranked]
    found = derived.before(key)
    if found is None or found["models"] != stamps:
        known = {}
        if found is not None:
            both = itertools.combinations(found["models"], 2)
            known = dict(zip(both, found["pairs"], strict=True))
        compared = [
            known.get((pairs.scores[i].stamp, pairs.scores[j].stamp))
            or [*pairs.difference(i, j, metric.name), pairs.p(i, j, metric.name)]
            for i, j in itertools.combinations(ranked, 2)
        ]
        p = np.array([each[-1] for each in compared])
        found = {
            "models": stamps,
            "pairs": compared,
            "p_adjusted": pairs.adjusted_p(ranked, p, metric.name).tolist(),
            "share_best": pairs.share_best(ranked, metric).tolist(),
        }
    derived.put(key, found)
    return dict(found)
