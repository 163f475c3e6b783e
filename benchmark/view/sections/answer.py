"""The answer, first of all that is shown: which model, is it really better, at what cost, and when.

In comes a leaderboard; out come sentences that its statistics carry, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from benchmark.core.records import CLASSICAL
from benchmark.scores import picks
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS, Metric
from benchmark.scores.rows import Row
from benchmark.view import text
from benchmark.view.sections.section import Section
from benchmark.view.text import score

CHEAPER = 3.0  # times, from which on a cheaper model is worth a mention


def answers(board: Leaderboard) -> list[Section]:
    """A few sentences on each data set; none where advice, which says more, was asked for."""
    if board.results.asked() is not None:
        return []
    said = [(rows, sentences(rows, board)) for rows in picks.by_set(board)]
    return [
        Section(
            f"The answer on {text.data_name(rows[0].entry.dataset)}",
            rows[0].place.dataset,
            before=[lines[0], " ".join(lines[1:])],
            where="document",
            leads=True,
        )
        for rows, lines in said
        if lines
    ]


def sentences(rows: Sequence[Row], board: Leaderboard) -> list[str]:
    """Answer from the rows of one data set; nothing if none of them has a rank."""
    found = picks.answer(rows, board)
    if found is None:
        return []
    if found.winners is not None:
        return _chosen(found, found.winners, board)
    on_test = found.row.entry.protocol.selected_on == "test"
    flatters = " Its training chose by the test pictures, so the figure flatters."
    return [
        f"Best of {len({row.place.model for row in rows if row.rank is not None})} models is "
        f"{_who(found.row)}: {_scored(found.row, board.metric)}.{flatters * on_test}"
    ]


def _chosen(found: picks.Answer, table: pd.DataFrame, board: Leaderboard) -> list[str]:
    """From a map of who wins: what wins with most pictures, and whether it does with fewer."""
    metric, most = board.metric, table["pictures"].max()
    last = table[table["pictures"] == most].iloc[-1]
    by_model = {row.place.model: row for row in found.beside}
    return [
        f"With {most:,} pictures use {_who(found.row)}: {_scored(found.row, metric)}.",
        _other_choice(last, metric) if found.instead else _really(last, metric),
        *_remarks(last, found.row, by_model, metric),
        *_cost(found.row, found.beside, board),
        *_would_change(table, last),
    ]


def _who(row: Row) -> str:
    return f"{row.place.model} ({row.entry.model.kind})"


def _value(row: Row, metric: Metric) -> str:
    return f"{score(row.mean(metric.name), metric.name)}{' %' * metric.is_share}"


def _scored(row: Row, metric: Metric) -> str:
    low, high = (score(end, metric.name) for end in row.intervals[metric.name])
    unseen = row.n_people is not None and row.place.split == "identity"
    of = f"{row.n_test:,} test pictures{' of people it never saw' * unseen}"
    value = f"{_value(row, metric)} (95 % interval {low} to {high})"
    if metric.name == "accuracy":
        return f"it is right on {value} of {of}"
    return f"its {metric.label} is {value} on {of}"


def _really(last: pd.Series, metric: Metric) -> str:
    """Whether it is better than the best of the other kinds."""
    if pd.isna(last["runner_up"]):
        return f"No other kind of model than {last['kind']} was tried."
    other = f"{last['runner_up']} ({last['runner_up_kind']})"
    by = f"{text.difference(last, 'difference', metric.name)} {metric.points}"
    if last["told_apart"]:
        return f"That is surely better than the best of the next kind, {other}: by {by}."
    return f"These pictures cannot tell it from the best of the next kind, {other}: {by}."


def _other_choice(last: pd.Series, metric: Metric) -> str:
    """That validation pictures chose a model which the test pictures show to be worse."""
    other = f"{last['model']} ({last['kind']}, {score(last['score'], metric.name)})"
    turned = {
        "difference": -last["difference"],
        "difference_lo": -last["difference_hi"],
        "difference_hi": -last["difference_lo"],
    }
    by = f"{text.difference(turned, 'difference', metric.name)} {metric.points}"
    return (
        f"The validation pictures chose {other}, but it is surely better than that: by {by}. "
        "Since the test pictures thus chose it, expect a little less of it on others."
    )


def _remarks(
    last: pd.Series, winner: Row, by_model: Mapping[str, Row], metric: Metric
) -> list[str]:
    """What to mind with one repeat, and where classical models on pixels stand."""
    lines = []
    if len(winner.good) == 1 and not pd.isna(last["runner_up"]):
        lines.append("These are two fitted models: trained again, either may score otherwise.")
    pixels = [each for each in by_model.values() if each.entry.model.kind == CLASSICAL]
    pixels = [each for each in pixels if each.validation]
    if pixels and CLASSICAL not in (last["kind"], last["runner_up_kind"]):
        best = max(pixels, key=lambda row: metric.goodness(row.validated(metric.name)))
        reaches = f"{best.place.model}, reaches {_value(best, metric)}"
        lines.append(f"The best classical model on pixels by validation, {reaches}.")
    return lines


def _cost(winner: Row, here: Sequence[Row], board: Leaderboard) -> list[str]:
    """Seconds of the winner, and of the best that is much cheaper and not told apart from it."""
    devices = {run.device for run in winner.measured}
    where = "one core" if devices == {"cpu"} else "one core and a card"
    line = f"Training it takes {_seconds(winner.training_seconds)} of {where}"
    name, pairs = winner.place.model, board.pairs_of(winner)
    level = pairs[~pairs["told_apart"].astype(bool)]
    others = {
        *level.loc[level["model_b"] == name, "model_a"],
        *level.loc[level["model_a"] == name, "model_b"],
    }
    cheaper = [
        row
        for row in here
        if _place(row) == _place(winner)
        and row.place.model in others
        and row.training_seconds * CHEAPER < winner.training_seconds
    ]
    if not cheaper:
        return [f"{line}."]
    best = max(cheaper, key=lambda row: board.metric.goodness(row.mean(board.metric.name)))
    scores = f"not told apart from it ({_value(best, board.metric)})"
    return [f"{line}; {_who(best)}, {scores}, takes {_seconds(best.training_seconds)}."]


def _place(row: Row) -> list[Any]:
    return [row.place.protocol, row.place.split, row.data, row.n_test]


def _seconds(seconds: float) -> str:
    if seconds >= 120:
        return f"{seconds / 60:,.0f} minutes"
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:,.1f} s"


def _would_change(table: pd.DataFrame, last: pd.Series) -> list[str]:
    """With how many pictures another kind wins or may."""
    ends = table.groupby("pictures").tail(1).sort_values("pictures")
    if len(ends) == 1:
        return ["One number of pictures was tried: with more or fewer the answer may be another."]
    ahead = METRICS[last["metric"]].goodness(ends["difference"]) > 0
    sure = (ends["kind"] == last["kind"]) & ends["told_apart"].eq(True) & ahead
    if sure.all():
        least = ends["pictures"].iloc[0]
        return [f"With {least:,} pictures already the best {last['kind']} is surely ahead."]
    unsure = ends[~sure]
    if unsure["pictures"].iloc[-1] == last["pictures"]:
        return ["With fewer pictures, too, the kinds of models are close: see the map."]
    others = {*unsure["kind"], *unsure["runner_up_kind"].dropna()} - {last["kind"]}
    named = " or a ".join(sorted(kind.replace("classical", "classical model") for kind in others))
    most = unsure["pictures"].iloc[-1]
    return [f"With {most:,} pictures or fewer a {named} may be as good or better."]
