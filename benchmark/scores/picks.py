"""Which model a leaderboard names: the winner of its map, or the one that is advised.

All that tells of it or uses it asks here: the answer, the advice, prediction, export.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from benchmark.core.records import Asked
from benchmark.scores import intervals
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import Metric
from benchmark.scores.pairs import Pairs
from benchmark.scores.rows import Row, grouped
from benchmark.scores.winners import SAME_MAP

BASELINE = "majority"  # no model is advised that is not surely better
PICTURES_ANSWERED = 10_000  # of a model in use, whose seconds count in what it costs
COST_STEP = 60.0  # seconds, up to whole multiples of which costs are rounded


@dataclass(frozen=True, eq=False)
class Answer:
    """The model that the rows of one data set name.

    Attributes
    ----------
    row : Row
    beside : list of Row
        It and the others with as many pictures, if it is of a map of winners.
    winners : DataFrame or None
        That map, see `winners.winners`; None where models were not chosen on validation pictures.
    instead : bool
        Whether the test pictures show the model that validation chose to be surely worse, so that
        this one, the best of another kind, is named in its place.
    """

    row: Row
    beside: Sequence[Row] = ()
    winners: pd.DataFrame | None = None
    instead: bool = False


def answer(rows: Sequence[Row], board: Leaderboard) -> Answer | None:
    """Find the model that the rows of one data set name; None if none of them has a rank.

    With most pictures and without a limit of time, that of a map of winners.
    """
    table, metric = board.winners, board.metric
    ours = table[table["data"] == rows[0].data]
    if not len(ours):
        ranked = [row for row in rows if row.rank is not None]
        best = max(ranked, key=lambda row: metric.goodness(row.mean(metric.name)), default=None)
        return None if best is None else Answer(best)
    of_one = ours[(ours[SAME_MAP] == ours[SAME_MAP].iloc[0]).all(axis=1)]
    most = of_one["pictures"].max()
    last = of_one[of_one["pictures"] == most].iloc[-1]
    beside = [
        row
        for row in rows
        if row.scores is not None and row.curve[1] == last["split"] and row.size == most
    ]
    by_model = {row.place.model: row for row in beside}
    surely = not pd.isna(last["told_apart"]) and bool(last["told_apart"])
    behind = surely and metric.goodness(last["difference"]) < 0
    return Answer(by_model[last["runner_up" if behind else "model"]], beside, of_one, behind)


@dataclass(frozen=True, eq=False)
class Advice:
    """The model that is advised.

    Attributes
    ----------
    pick : Row
    as_good : list of Row
        Those that the test pictures do not tell from the best, of which it is the cheapest.
    best_first : list of Row
        All that were considered.
    is_useless : bool
        Whether even the best is not surely better than always saying the commonest class.
    """

    pick: Row
    as_good: list[Row]
    best_first: list[Row]
    is_useless: bool


def advice(board: Leaderboard, asked: Asked) -> Advice | None:
    """Find the model to advise, on all the pictures; None if none has a result."""
    best_first = considered(board, asked)
    if not best_first:
        return None
    first = [row for row in best_first if row.rank == 1]
    useless = any(row.place.model == BASELINE for row in first)
    as_good = [row for row in first if _as_good(row, best_first[0], board.metric)]
    pick = best_first[0] if useless else min(as_good, key=_cost)
    return Advice(pick, as_good, best_first, useless)


def considered(board: Leaderboard, asked: Asked) -> list[Row]:
    """The ranked rows on all the pictures, the best first."""
    whole = [row for row in of_advice(board, asked) if row.place.protocol == asked.protocols[-1]]
    metric = board.metric
    return sorted(whole, key=lambda row: metric.goodness(row.mean(metric.name)), reverse=True)


def of_advice(board: Leaderboard, asked: Asked) -> list[Row]:
    """The ranked rows that advice was asked on, with fewer pictures too."""
    return [
        row
        for row in board.rows
        if row.rank is not None
        and row.fingerprint == asked.fingerprint
        and row.place.split == asked.split
        and row.place.protocol in asked.protocols
    ]


def winner(board: Leaderboard) -> Row | None:
    """The model that a results folder names: that advised, or that of the set with most rows."""
    asked = board.results.asked()
    if asked is not None:
        advised = advice(board, asked)
        return None if advised is None else advised.pick
    for rows in by_set(board):
        found = answer(rows, board)
        if found is not None:
            return found.row
    return None


def by_set(board: Leaderboard) -> list[list[Row]]:
    """Rows by data set, the set with most of them first."""
    return sorted(grouped(board.rows, lambda row: row.fingerprint), key=len, reverse=True)


def _as_good(row: Row, best: Row, metric: Metric) -> bool:
    """Whether a row may be as good as the best, the two compared on their own.

    A rank is also shared with much worse models whose repeats differ much, since these are told
    apart from few where all pairs of a board are judged.
    """
    scores = [each.scores for each in (best, row) if each.scores is not None]
    return row is best or Pairs(scores).p(0, 1, metric.name) >= 1 - intervals.LEVEL


def _cost(row: Row) -> int:
    """Seconds to train and to answer, as a number of `COST_STEP`."""
    values = row.columns
    answering = values["predict_ms_per_image"] / 1000 * PICTURES_ANSWERED
    return math.ceil((values["fit_seconds"] + answering) / COST_STEP)
