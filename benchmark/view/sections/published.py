"""Sections on published figures: what became of each, and what is wrong with how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.verdicts import CONTRADICTED, NOT_CHECKABLE, REPRODUCED, verdicts
from benchmark.view import text
from benchmark.view.sections.board import NOTES
from benchmark.view.sections.section import Section
from benchmark.view.text import Facts, difference, number, score, with_interval

FILE = "published-figures.csv"
HOW_TO_READ = (
    "A figure is reproduced where the 95 % interval of the difference to the run here holds 0, and "
    "contradicted where it does not. Of the published model only its accuracy is known, so its "
    "test pictures count as drawn apart from those here and the interval is wide: if the figure "
    "is right, it leaves out 0 less than once in twenty. Few test pictures contradict little, and "
    "a figure may be reproduced and still say little: see what is noted of its procedure, and the "
    "score of the same model under fair, where nothing is chosen on the test set. "
    "docs/published-figures.md says how to add a figure."
)


def published_figures(board: Leaderboard) -> list[Section]:
    """What became of the published figures of each data set, and those of other sets of faces."""
    sets = {row.place.dataset: row.entry.dataset for row in board.rows}
    table = verdicts(board.rows)
    sections = []
    for dataset in table["dataset"].unique():
        if dataset in sets:
            ours = table[table["dataset"] == dataset]
            title = f"{text.data_name(sets[dataset])}: what became of published figures"
            after = [_counts(ours), HOW_TO_READ]
            sections.append(
                Section(title, dataset, table=_as_text(ours), after=after, where="document")
            )
    others = table[~table["dataset"].isin(sets)].sort_values("dataset", kind="stable")
    if Facts.of(board).faces and len(others):
        title = "Published figures on other sets of faces, and what is known of them"
        shown = _as_text(others)
        shown.insert(0, "data set", [*others["dataset"]])
        sections.append(Section(title, table=shown, where="page"))
    if sections:
        sections.append(Section("", data={FILE: text.csv(table)}, where="folder"))
    return sections


def _counts(table: pd.DataFrame) -> str:
    """How many figures are what."""
    n = table["verdict"].value_counts()
    told = ", ".join(f"{n.get(each, 0)} {each}" for each in (REPRODUCED, CONTRADICTED))
    return f"Of {len(table)} published figures: {told}, {n.get(NOT_CHECKABLE, 0)} {NOT_CHECKABLE}."


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for row in table.to_dict(orient="records"):
        fair = with_interval(row, "fair_accuracy", "accuracy")
        notes = [row["fault"], f"stated by {row['source']}"]
        notes += [f"see {row['evidence']}"] if row["evidence"] else []
        lines.append(
            {
                "model": row["model"],
                "published %": score(row["published_accuracy"]),
                "test pictures": number(row["n_test"], 0),
                "what became of it": _verdict(row),
                "here % (95 %)": with_interval(row, "accuracy"),
                "here less published, points (95 %)": difference(row, "difference", "accuracy"),
                "fair % (95 %)": fair and f"{fair}, {row['fair_protocol']}",
                NOTES: "; ".join(filter(None, notes)),
            }
        )
    return pd.DataFrame(lines)


def _verdict(row: Mapping[Any, Any]) -> str:
    if row["verdict"] == NOT_CHECKABLE:
        return f"{row['verdict']}: {row['reason']}"
    only = f"; here it only ever says {row['only_says']}" if row["only_says"] else ""
    return f"{row['verdict']}{only}"
