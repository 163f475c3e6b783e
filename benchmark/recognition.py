"""How much of the accuracy was recognising people: every model under both splits, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmark import comparison, evidence, statistics
from benchmark.evidence import Evidence, Scored

SCORES = ("accuracy", "macro_f1")
SPLITS = ("random", "identity")
COUNTS = {"n_test": "test pictures", "n_people": "of people", "n_train": "training pictures"}
COLUMNS = (
    *("dataset", "protocol", "model"),
    *(
        f"{score}_{what}"
        for score in SCORES
        for what in (*SPLITS, "difference", "difference_lo", "difference_hi")
    ),
    *(f"{count}_{split}" for count in COUNTS for split in SPLITS),
    *("generated_data", "size", "data"),
)

HOW_TO_READ = (
    "The difference is the score under the random split less that under the identity split: what "
    "a model loses where it is tested on nobody it learned from, so how much of its score was "
    "recognising people. Where its interval holds 0, these pictures cannot tell. The two test sets "
    "are different pictures of partly the same people; the intervals are 95 %, for other people "
    "and pictures drawn like these (bootstrap by person, both test sets together). What training "
    "again changes is not in them. Counts are random / identity."
)


def compute(rows: Sequence[Evidence]) -> pd.DataFrame:
    """Put the two splits of every data set, protocol and model side by side.

    Parameters
    ----------
    rows : sequence of Evidence
        Used are those that are ``ok`` under both splits of the same pictures.

    Returns
    -------
    DataFrame
        The columns `COLUMNS`; scores and differences, random less identity, as fractions;
        ``data`` the beginning of the data's fingerprint. The most accurate under the identity
        split first.
    """
    found: dict[tuple[str, ...], dict[str, Evidence]] = {}
    for row in rows:
        about, protocol = row.entry["dataset"], row.entry["protocol"]
        place = about["name"], protocol["label"], row.entry["model"]["label"], about["fingerprint"]
        if row.scored is not None and row.bad is None:
            found.setdefault(place, {})[protocol["split"]] = row
    both = [[each[split] for split in SPLITS] for each in found.values() if {*SPLITS} <= {*each}]
    described = [_row(*pair) for pair in both if _same_people(*pair)]
    order = ["dataset", "protocol", "accuracy_identity", "model"]
    return pd.DataFrame(described, columns=list(COLUMNS)).sort_values(
        order, ascending=[True, True, False, True], ignore_index=True
    )


def _same_people(random: Evidence, identity: Evidence) -> bool:
    """Whether both rows know people by the same numbers; old runs do not say who is shown."""
    one, other = random.scored, identity.scored
    return one is not None and other is not None and one.knows_people == other.knows_people


def _row(*pair: Evidence) -> dict[str, Any]:
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
    }
    for score in SCORES:
        random, identity = (float(each[score]) for each in means)
        low, high = statistics.shared_people_interval(
            (random, identity), (drawn[0][score], drawn[1][score]), effective
        )
        values = random, identity, random - identity, low, high
        names = *SPLITS, "difference", "difference_lo", "difference_hi"
        result |= {f"{score}_{name}": value for name, value in zip(names, values, strict=True)}
    for split, row, one in zip(SPLITS, pair, scored, strict=True):
        result[f"n_test_{split}"] = len(one.rows)
        result[f"n_people_{split}"] = len(np.unique(one.groups))
        result[f"n_train_{split}"] = row.good[0]["n_train"]
    return result


def _draws(scored: Sequence[Scored]) -> tuple[list[dict[str, np.ndarray]], tuple[float, float]]:
    """Scores of both test sets on the same draws of people, and how many people count in each."""
    _, people = np.unique(np.concatenate([one.groups for one in scored]), return_inverse=True)
    n_people = int(people.max()) + 1
    sides = np.split(people, [len(scored[0].rows)])
    drawn = [
        comparison.answers(one, who, n_people).draws for one, who in zip(scored, sides, strict=True)
    ]
    random, identity = (statistics.effective_people(np.bincount(who)) for who in sides)
    return drawn, (random, identity)


def boards(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each data set and protocol with a line that says what it is about."""
    result = []
    for _, part in table.groupby(["dataset", "protocol"], sort=False):
        first = part.iloc[0]
        data = evidence.data_name(first["dataset"], first["generated_data"])
        pixels = " or ".join(f"{size}" for size in sorted(part["size"].unique()))
        title = (
            f"{data} at {pixels} px, protocol {first['protocol']}: "
            "how much of the accuracy was recognising people"
        )
        result.append((title, part))
    return result


def for_people(part: pd.DataFrame) -> pd.DataFrame:
    """One of `boards` as text."""

    def difference(row: Mapping[Any, Any], score: str, scale: int, digits: int) -> str:
        value, low, high = (
            f"{scale * row[f'{score}_difference{end}']:+.{digits}f}" for end in ("", "_lo", "_hi")
        )
        return f"{value} ({low} to {high})"

    lines = []
    for row in part.to_dict(orient="records"):
        line = {"model": row["model"]}
        line |= {f"{split} %": f"{100 * row[f'accuracy_{split}']:.1f}" for split in SPLITS}
        line["difference, points (95 %)"] = difference(row, "accuracy", 100, 1)
        line["of macro-F1 (95 %)"] = difference(row, "macro_f1", 1, 3)
        line |= {
            name: " / ".join(f"{row[f'{count}_{split}']:,}" for split in SPLITS)
            for count, name in COUNTS.items()
        }
        lines.append(line)
    return pd.DataFrame(lines)
