"""The map of who wins, its sentences and its table, by data set and split."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from benchmark.scores import leaderboard
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS
from benchmark.scores.winners import SAME_MAP
from benchmark.view import plots, text
from benchmark.view.sections.section import Picture, Section

A_MINUTE = 60.0
HOW = (
    "Of each kind of model the one that is best on the validation pictures is chosen, among those "
    "trained in the time, and of the kinds the best likewise; scores are of the test pictures. "
    "Seconds are those of {where} to train the chosen model, not of the others tried."
)
NEXT, BY, SURE = "best of the next kind", "ahead of it by (95 %)", "surely better"
MAP = "Which kind of model wins, by number of pictures and seconds of training"
COSTS = "Scores of all models against their seconds of training"
ONE_CORE, AND_A_CARD = "one core", "one core and, for models that can use it, a card"


def winners(board: Leaderboard) -> list[Section]:
    """Which kind of model wins, by pictures and seconds, where at least two kinds have results."""
    sections = []
    for _, table in board.winners.groupby(SAME_MAP, sort=True):
        if table["runner_up"].isna().all():
            continue
        dataset, split, data = (str(table[name].iloc[0]) for name in SAME_MAP)
        here = dataset, split, data
        rows = [row for row in board.rows if row.curve == here and row.scores is not None]
        about = text.data_name(rows[0].entry.dataset)
        title = (
            f"Who wins on {about}: {METRICS[board.metric.name].label} on {rows[0].n_test:,} test "
            f"pictures, split {split}"
        )
        several = board.winners.loc[board.winners["dataset"] == dataset, SAME_MAP]
        words = ["winners", dataset, *[split, data] * (len(several.drop_duplicates()) > 1)]
        shows, draw = MAP, partial(plots.winners, table, title)
        if len(table["pictures"].unique()) == 1:
            ranked = leaderboard.table([row for row in rows if row.rank is not None])
            shows, draw = COSTS, partial(plots.costs, ranked, board.metric, title)
        picture = Picture(f"{text.file_name(*words)}.png", shows, draw)
        on_cpu = table["devices"].eq("cpu").all()
        how = HOW.format(where=ONE_CORE if on_cpu else AND_A_CARD)
        sections.append(Section(title, dataset, [how], _by_time(table), pictures=[picture]))
    return sections


def _by_time(table: pd.DataFrame) -> pd.DataFrame:
    """What wins with each number of pictures, in a minute and in all the time tried."""
    lines = []
    for pictures, by_time in table.groupby("pictures"):
        stretches = by_time.to_dict(orient="records")
        last = stretches[-1]
        in_time = [each for each in stretches if each["seconds_from"] <= A_MINUTE]
        said = [("a minute", in_time[-1])] if in_time else []
        if not in_time or in_time[-1] is not last:
            said.append((f"{last['seconds_from']:,.0f} s", last))
        lines += [{"pictures": f"{pictures:,}", "in": time, **_line(row)} for time, row in said]
    return pd.DataFrame(lines)


def _line(row: Mapping[Any, Any]) -> dict[str, str]:
    metric = METRICS[row["metric"]]
    line = {
        "model": row["model"],
        "kind": row["kind"],
        f"{metric.heading} (95 % interval)": text.with_interval(row, "score", metric.name),
    }
    if pd.isna(row["runner_up"]):
        return {**line, NEXT: "none tried", BY: "", SURE: ""}
    ahead = metric.goodness(row["difference"]) > 0
    sure = "yes" if row["told_apart"] and ahead else "no"
    return {
        **line,
        NEXT: f"{row['runner_up']} ({row['runner_up_kind']})",
        BY: text.difference(row, "difference", metric.name),
        SURE: "no, it is behind" if row["told_apart"] and not ahead else sure,
    }
