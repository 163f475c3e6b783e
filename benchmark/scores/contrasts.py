"""Every model on two test sets, side by side: of either split, or within a set and across sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmark.core.derived import Derived
from benchmark.core.runs import ACROSS, WITHIN
from benchmark.scores.intervals import OF_TRAINING
from benchmark.scores.metrics import with_ends
from benchmark.scores.pairs import Pairs
from benchmark.scores.rows import Row
from benchmark.scores.scores import Scores

COUNTS = {"n_test": "test pictures", "n_people": "of people", "n_train": "training pictures"}


@dataclass(frozen=True)
class Contrast:
    """Two splits of a data set whose scores are put side by side.

    Attributes
    ----------
    name : str
        Of its table and its pictures.
    sides : (str, str)
        Splits on the leaderboard; a difference is the first less the second.
    scores : (str, str)
        Names of metrics that have intervals.
    question : str
        What the difference answers.
    how_to_read : str
    """

    name: str
    sides: tuple[str, str]
    scores: tuple[str, str]
    question: str
    how_to_read: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of its table."""
        values = [
            name for side in (*self.sides, "difference") for name in with_ends(side, (0,) * 3)
        ]
        return (
            *("dataset", "protocol", "model"),
            *(f"{score}_{what}" for score in self.scores for what in values),
            *(f"{count}_{side}" for count in COUNTS for side in self.sides),
            *("generated_data", "size", "data"),
        )


SPLITS = Contrast(
    "splits",
    ("random", "identity"),
    ("accuracy", "macro_f1"),
    "how much of the accuracy was recognising people",
    "The difference is the score under the random split less that under the identity split: what "
    "a model loses where it is tested on nobody it learned from, so how much of its score was "
    "recognising people. Where its interval holds 0, these pictures cannot tell. The two test sets "
    "are different pictures of partly the same people; the intervals are 95 %, for other people "
    "and pictures drawn like these (bootstrap by person, both test sets together). "
    f"{OF_TRAINING} Counts are random / identity.",
)
TRANSFER = Contrast(
    "transfer",
    (WITHIN, ACROSS),
    ("accuracy", "balanced_accuracy"),
    "how much of the accuracy is lost on another set",
    "Each model is trained on the first set, and tested on pictures of that set (within) and "
    "of the other (across). The difference is the score within less that across: what is lost on "
    "pictures taken and labelled by others. Accuracy also differs because the sets show other "
    "shares of the classes, see what 'majority' loses; in balanced accuracy each class counts the "
    "same on both. Where an interval of a difference holds 0, these pictures cannot tell. The "
    "intervals are 95 %, for other people and pictures drawn like these (bootstrap by person; "
    "where nobody says who is shown, by picture). "
    f"{OF_TRAINING} Counts are within / across.",
)
CONTRASTS = (SPLITS, TRANSFER)


def compute(
    rows: Sequence[Row], contrast: Contrast, derived: Derived | None = None
) -> pd.DataFrame:
    """Put both sides of every data set, protocol and model beside each other.

    Parameters
    ----------
    rows : sequence of Row
        With their intervals. Used are those that are ``ok`` on both sides of the same data.
    contrast : Contrast
    derived : Derived, optional
        Where differences are remembered.

    Returns
    -------
    DataFrame
        `Contrast.columns`; scores and differences as fractions; ``data`` the beginning of the
        data's fingerprint. The most accurate on the second side first.
    """
    found: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        if row.scores is not None and row.bad is None:
            dataset, protocol, split, model = row.place
            found.setdefault((dataset, protocol, model, row.fingerprint), {})[split] = row
    sides = contrast.sides
    both = [(each[sides[0]], each[sides[1]]) for each in found.values() if {*sides} <= {*each}]
    order = ["dataset", "protocol", f"accuracy_{sides[1]}", "model"]
    table = pd.DataFrame(
        [_columns(pair, contrast, derived) for pair in both], columns=[*contrast.columns]
    )
    return table.sort_values(order, ascending=[True, True, False, True], ignore_index=True)


def _columns(pair: tuple[Row, Row], contrast: Contrast, derived: Derived | None) -> dict[str, Any]:
    scores: list[Scores] = [row.scores for row in pair if row.scores is not None]
    pairs = Pairs(scores, derived)
    entry, place = pair[0].entry, pair[0].place
    result: dict[str, Any] = {
        "dataset": place.dataset,
        "protocol": place.protocol,
        "model": place.model,
        "generated_data": entry.dataset.generated,
        "size": entry.dataset.size,
        "data": pair[0].data,
    }
    for metric in contrast.scores:
        result |= with_ends(f"{metric}_difference", pairs.difference(0, 1, metric))
        for side, row, one in zip(contrast.sides, pair, scores, strict=True):
            result |= with_ends(f"{metric}_{side}", (one.mean(metric), *row.intervals[metric]))
    for side, row, one in zip(contrast.sides, pair, scores, strict=True):
        result[f"n_test_{side}"] = one.n_test
        result[f"n_people_{side}"] = one.n_people
        result[f"n_train_{side}"] = row.measured[0].n_train
    return result
