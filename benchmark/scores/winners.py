"""Which kind of model wins, by the number of pictures to learn from and the seconds to learn in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core.derived import Derived
from benchmark.core.protocols import Curve, Fair
from benchmark.scores.metrics import Metric
from benchmark.scores.pairs import Pairs
from benchmark.scores.rows import Row, grouped

WINNERS = (
    *("dataset", "split", "pictures", "seconds_from", "seconds_to", "metric"),
    *("kind", "model", "validation", "score", "score_lo", "score_hi"),
    *("runner_up_kind", "runner_up", "runner_up_score"),
    *("difference", "difference_lo", "difference_hi", "told_apart", "devices", "data"),
)
SAME_MAP = ["dataset", "split", "data"]  # rows that agree in these are of one picture


def winners(rows: Sequence[Row], metric: Metric, derived: Derived | None = None) -> pd.DataFrame:
    """Find the kind of model that wins with so many pictures and so many seconds.

    Of each kind the model is chosen that is best on the validation pictures, among those that are
    trained in the time, and of the kinds that whose model is best on them. It is told apart from
    the runner-up, the chosen model of the next kind, if the 95 % interval of their difference on
    the test pictures does not hold 0.

    Returns
    -------
    DataFrame
        The columns `WINNERS`: for each number of pictures a row for each stretch of time in which
        winner and runner-up stay the same. Seconds are those of one core to train the winner and to
        choose its parameters, if that was done, not those of other models; the last stretch has no
        end (infinite). ``pictures`` counts those to select on too, and ``devices``
        says where models were trained: seconds are of a card too where it names ``cuda``.
    """
    found: list[dict[str, Any]] = []
    for same in _comparable(rows):
        pairs = Pairs([row.scores for row in same if row.scores is not None], derived)
        candidates = [Candidate(i, row, metric) for i, row in enumerate(same)]
        for alike in grouped(candidates, lambda each: each.row.size):
            found += _stretches(alike, pairs, metric)
    table = pd.DataFrame(found, columns=list(WINNERS))
    return table.sort_values([*SAME_MAP, "pictures", "seconds_from"], ignore_index=True)


def _comparable(rows: Sequence[Row]) -> list[list[Row]]:
    """Put together whole rows on the same test pictures, of models chosen on validation ones."""
    return grouped(
        (
            row
            for row in rows
            if row.entry.protocol.name in (Fair.name, Curve.name)
            and row.scores is not None
            and row.bad is None
            and row.validation
        ),
        lambda row: (row.curve, row.scores and row.scores.pictures),
    )


@dataclass(frozen=True)
class Candidate:
    """A row that may win: its place among the `Pairs`, and what it is chosen by."""

    place: int
    row: Row
    metric: Metric

    @property
    def validation(self) -> float:
        """Score on the validation pictures."""
        return self.row.validated(self.metric.name)

    @property
    def seconds(self) -> float:
        """Seconds of one core to train it, and to choose its parameters if that was done."""
        return self.row.training_seconds

    @property
    def kind(self) -> str:
        """One of `records.KINDS`."""
        return self.row.entry.model.kind

    @property
    def good(self) -> tuple[float, float, str]:
        """What the best has most of: of models as good, the quicker is better."""
        model = self.row.place.model
        return self.metric.goodness(self.validation), -self.seconds, model


def _stretches(
    candidates: Sequence[Candidate], pairs: Pairs, metric: Metric
) -> Iterator[dict[str, Any]]:
    """The rows of `winners` for one number of pictures."""
    by_time = sorted({each.seconds for each in candidates})
    chosen = [
        (seconds, *_first_two([each for each in candidates if each.seconds <= seconds]))
        for seconds in by_time
    ]
    changes = [next(same) for _, same in itertools.groupby(chosen, key=lambda each: each[1:])]
    devices = {run.device for each in candidates for run in each.row.measured}
    ends = [*(seconds for seconds, *_ in changes[1:]), np.inf]
    for (seconds, first, second), end in zip(changes, ends, strict=True):
        place = first.row.place
        yield {
            "dataset": place.dataset,
            "split": place.split,
            "data": first.row.data,
            "devices": " and ".join(sorted(devices)),
            "pictures": first.row.size,
            "seconds_from": seconds,
            "seconds_to": end,
            "metric": metric.name,
            "kind": first.kind,
            "model": place.model,
            "validation": first.validation,
            "score": first.row.mean(metric.name),
            "score_lo": first.row.intervals[metric.name][0],
            "score_hi": first.row.intervals[metric.name][1],
            **(_against(first, second, pairs, metric) if second is not None else {}),
        }


def _first_two(candidates: Sequence[Candidate]) -> tuple[Candidate, Candidate | None]:
    """The winner, and the best of another kind if there is one."""
    best = max(candidates, key=lambda each: each.good)
    others = [each for each in candidates if each.kind != best.kind]
    return best, max(others, key=lambda each: each.good, default=None)


def _against(first: Candidate, second: Candidate, pairs: Pairs, metric: Metric) -> dict[str, Any]:
    difference = pairs.difference(first.place, second.place, metric.name)
    return {
        "runner_up_kind": second.kind,
        "runner_up": second.row.place.model,
        "runner_up_score": second.row.mean(metric.name),
        "difference": difference.value,
        "difference_lo": difference.low,
        "difference_hi": difference.high,
        "told_apart": difference.low > 0 or difference.high < 0,
    }
