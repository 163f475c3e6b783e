"""Every model on two test sets, side by side: of either split, or within a set and across sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core.runs import ACROSS, WITHIN
from benchmark.scores import intervals, pairs
from benchmark.scores import rows as evidence
from benchmark.scores.rows import Evidence, Scored
from benchmark.view.numbers import difference, with_interval

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
}
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
        Of `metrics.OF_CLASSES`.
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
        values = [f"{side}{end}" for side in self.sides for end in ("", "_lo", "_hi")]
        values += [f"difference{end}" for end in ("", "_lo", "_hi")]
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
    "and pictures drawn like these (bootstrap by person, both test sets together). What training "
    "again changes is not in them. Counts are random / identity.",
)
TRANSFER = Contrast(
    "transfer",
    (WITHIN, ACROSS),
    ("accuracy", "balanced_accuracy"),
    "how much of the accuracy is lost on another set",
    "Each model is trained once, on the first set, and tested on pictures of that set (within) and "
    "of the other (across). The difference is the score within less that across: what is lost on "
    "pictures taken and labelled by others. Accuracy also differs because the sets show other "
    "shares of the classes, see what 'majority' loses; in balanced accuracy each class counts the "
    "same on both. Where an interval of a difference holds 0, these pictures cannot tell. The "
    "intervals are 95 %, for other people and pictures drawn like these (bootstrap by person; "
    "where nobody says who is shown, by picture). What training again changes is not in them. "
    "Counts are within / across.",
)
CONTRASTS = (SPLITS, TRANSFER)


def compute(
    rows: Sequence[Evidence], facts: Mapping[int, Mapping[str, Any]], contrast: Contrast
) -> pd.DataFrame:
    """Put both sides of every data set, protocol and model beside each other.

    Parameters
    ----------
    rows : sequence of Evidence
        Used are those that are ``ok`` on both sides of the same data.
    facts : mapping
        Intervals of the scores of each row, by its `id`: see `pairs.compare`.
    contrast : Contrast

    Returns
    -------
    DataFrame
        `Contrast.columns`, and ``about``, see `rows.about`; scores and differences as
        fractions; ``data`` the beginning of the data's fingerprint. The most accurate on the
        second side first.
    """
    found: dict[tuple[str, ...], dict[str, Evidence]] = {}
    for row in rows:
        about, protocol = row.entry["dataset"], row.entry["protocol"]
        place = about["name"], protocol["label"], row.entry["model"]["label"], about["fingerprint"]
        if row.scored is not None and row.bad is None:
            found.setdefault(place, {})[protocol["split"]] = row
    sides = contrast.sides
    both = [[each[side] for side in sides] for each in found.values() if {*sides} <= {*each}]
    described = [_row(pair, facts, contrast) for pair in both if _same_people(*pair)]
    order = ["dataset", "protocol", f"accuracy_{sides[1]}", "model"]
    return pd.DataFrame(described, columns=[*contrast.columns, "about"]).sort_values(
        order, ascending=[True, True, False, True], ignore_index=True
    )


def _same_people(a: Evidence, b: Evidence) -> bool:
    """Whether both rows know people by the same numbers; old runs do not say who is shown."""
    one, other = a.scored, b.scored
    return one is not None and other is not None and one.knows_people == other.knows_people


def _row(
    pair: Sequence[Evidence], facts: Mapping[int, Mapping[str, Any]], contrast: Contrast
) -> dict[str, Any]:
    entry = pair[0].entry
    scored = [row.scored for row in pair if row.scored is not None]
    means = [one.scores.mean() for one in scored]
    drawn, effective = _draws(scored)
    result: dict[str, Any] = {
        "dataset": entry["dataset"]["name"],
        "protocol": entry["protocol"]["label"],
        "model": entry["model"]["label"],
        "generated_data": entry["dataset"]["generated"],
        "size": entry["dataset"]["size"],
        "data": entry["dataset"]["fingerprint"][:12],
        "about": evidence.about(entry),
    }
    for score in contrast.scores:
        first, second = (float(each[score]) for each in means)
        low, high = intervals.shared_people_interval(
            (first, second), (drawn[0][score], drawn[1][score]), effective
        )
        values = first, second, first - second, low, high
        names = *contrast.sides, "difference", "difference_lo", "difference_hi"
        result |= {f"{score}_{name}": value for name, value in zip(names, values, strict=True)}
    for side, row, one in zip(contrast.sides, pair, scored, strict=True):
        for score in contrast.scores:
            for end in ("lo", "hi"):
                result[f"{score}_{side}_{end}"] = facts[id(row)][f"{score}_{end}"]
        result[f"n_test_{side}"] = len(one.rows)
        result[f"n_people_{side}"] = len(np.unique(one.groups))
        result[f"n_train_{side}"] = row.good[0]["n_train"]
    return result


def _draws(scored: Sequence[Scored]) -> tuple[list[dict[str, np.ndarray]], tuple[float, float]]:
    """Scores of both test sets on the same draws of people, and how many people count in each."""
    _, people = np.unique(np.concatenate([one.groups for one in scored]), return_inverse=True)
    n_people = int(people.max()) + 1
    sides = np.split(people, [len(scored[0].rows)])
    drawn = [
        pairs.answers(one, who, n_people).draws for one, who in zip(scored, sides, strict=True)
    ]
    first, second = (intervals.effective_people(np.bincount(who)) for who in sides)
    return drawn, (first, second)


def boards(table: pd.DataFrame, contrast: Contrast) -> list[tuple[str, pd.DataFrame]]:
    """Each data set and protocol with a line that says what it is about."""
    result = []
    for _, part in table.groupby(["dataset", "protocol"], sort=False):
        first = part.iloc[0]
        data = evidence.data_name(first["dataset"], first["generated_data"])
        pixels = " or ".join(f"{size}" for size in sorted(part["size"].unique()))
        title = f"{data} at {pixels} px, protocol {first['protocol']}: {contrast.question}"
        result.append((title, part))
    return result


def for_people(part: pd.DataFrame, contrast: Contrast) -> pd.DataFrame:
    """One of `boards` as text."""
    lines = []
    for row in part.to_dict(orient="records"):
        line = {"model": row["model"]}
        line |= {
            f"{side} % (95 %)": with_interval(row, f"accuracy_{side}", "accuracy")
            for side in contrast.sides
        }
        for score, name in zip(contrast.scores, ("difference, points", "of"), strict=True):
            name += "" if score == "accuracy" else f" {NAMES[score]}"
            line[f"{name} (95 %)"] = difference(row, f"{score}_difference", score)
        line |= {
            name: " / ".join(f"{row[f'{count}_{side}']:,}" for side in contrast.sides)
            for count, name in COUNTS.items()
        }
        lines.append(line)
    return pd.DataFrame(lines)
