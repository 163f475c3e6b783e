"""What chose a row's parameters on validation: the settings tried, and the one in each repeat."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmark.core.records import BoardRow, Record
from benchmark.core.store import Results
from benchmark.scores.metrics import Metric

# By repeat the score of each metric on the pictures selected on.
Validation = Mapping[int, Mapping[str, float]]


@dataclass(frozen=True)
class Choice:
    """What chose a row's parameters on the validation pictures.

    Attributes
    ----------
    seconds : mapping
        By key those that each run took to fit and to predict.
    n : int
        Settings chosen from.
    what : {"trials", "settings"}
        Of a search, whose winner was then fitted; or of a portfolio, where it is one of them.
    """

    seconds: Mapping[str, float]
    n: int
    what: Literal["trials", "settings"]

    @property
    def total(self) -> float:
        """Seconds of all runs together, as far as they are known."""
        return float(np.nansum([*self.seconds.values()]))

    @property
    def note(self) -> str:
        """What a reader of the row must know."""
        return f"best of {self.n:,} {self.what} on validation, which took {self.total:,.1f} s"


def of_settings(runs: Iterable[Record], n: int) -> Choice:
    """Return the choice from the runs of `n` settings."""
    seconds = {run.key: math.nan if run.took is None else run.took for run in runs}
    return Choice(seconds, n, "settings")


def chosen_keys(
    results: Results, settings: Sequence[BoardRow], validations: Sequence[Validation], by: Metric
) -> tuple[str, ...]:
    """Keys by repeat of the runs of the setting that is best on validation, the first of equals.

    A repeat of which a setting is still to be run is not run yet: its key is that of such a run.

    Parameters
    ----------
    settings : sequence of BoardRow
        See `BoardRow.settings`.
    validations : sequence of mapping
        Of each of them.
    by : Metric
        What the best is best in.
    """
    chosen = []
    for repeat, tried in enumerate(zip(*(each.keys for each in settings), strict=True)):
        waiting = [key for key in tried if results.record(key) is None]
        good = [
            by.goodness(each[repeat][by.name]) if repeat in each else -math.inf
            for each in validations
        ]
        chosen.append((waiting or [tried[max(range(len(tried)), key=good.__getitem__)]])[0])
    return tuple(chosen)
