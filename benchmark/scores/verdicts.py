"""What became of published figures: whether the runs here repeat them, or by how far they do not.

In come the rows of a leaderboard; out goes a table with a row for each figure of the register,
`published.figures`. No verdict is written by hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from benchmark.core.protocols import Fair
from benchmark.core.records import WITHIN
from benchmark.scores import intervals, published
from benchmark.scores.metrics import with_ends
from benchmark.scores.rows import Row
from benchmark.scores.scores import Scores

REPRODUCED, CONTRADICTED, NOT_CHECKABLE = "reproduced", "contradicted", "not checkable"
COLUMNS = (
    *("dataset", "protocol", "model", "published_accuracy", "n_test", "verdict", "reason"),
    *("accuracy", "accuracy_lo", "accuracy_hi"),
    *("difference", "difference_lo", "difference_hi", "only_says"),
    *("fair_protocol", "fair_accuracy", "fair_accuracy_lo", "fair_accuracy_hi"),
    *("fault", "source", "evidence"),
)


def verdicts(rows: Sequence[Row]) -> pd.DataFrame:
    """What became of every published figure, by the rows of a leaderboard.

    A figure is reproduced if the 95 % interval of the difference to the row at its place holds 0,
    and contradicted if not. The interval is that of two test sets drawn apart, since of a published
    model nothing is known but how often it was right: it is wide rather than short.

    Returns
    -------
    DataFrame
        The columns `COLUMNS`, in the order of the register. ``difference`` is what is measured here
        less what was published; ``only_says`` is the class that the row here always answers, if it
        does; the columns ``fair_`` are of the same model where nothing is chosen on the test set,
        with about as many pictures to learn from.
    """
    whole = [row for row in rows if not row.is_step and row.place.split != WITHIN]
    figures = published.figures().rename(columns={"accuracy": "published_accuracy"})
    lines = [_of_figure(figure, whole) for figure in figures.to_dict(orient="records")]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"n_test": "Int64"})


def _of_figure(figure: Mapping[Any, Any], rows: Sequence[Row]) -> dict[Any, Any]:
    here = [row for row in rows if row.place.dataset == figure["dataset"]]
    same = sorted(
        (row for row in here if row.place.model == figure["model"]),
        key=lambda row: row.place.split != row.entry.protocol.usual_split,
    )
    repeated = next((row for row in same if row.place.protocol == figure["protocol"]), None)
    line = dict(figure)
    if not figure["protocol"].startswith(Fair.name):
        line |= _fair(same, repeated)
    scores = None if repeated is None else repeated.scores
    if repeated is None or scores is None:
        return {**line, "verdict": NOT_CHECKABLE, "reason": _why_not_run(figure, here, repeated)}
    line |= with_ends("accuracy", (repeated.mean("accuracy"), *repeated.intervals["accuracy"]))
    line["only_says"] = _only_says(scores, repeated.class_names)
    n = figure["n_test"]
    if pd.isna(n) or n != scores.n_test:
        stated = "unsaid" if pd.isna(n) else f"{n:,}"
        reason = f"published on {stated} test pictures, here on {scores.n_test:,}"
        return {**line, "verdict": NOT_CHECKABLE, "reason": reason}
    difference = _difference(figure["published_accuracy"], n, repeated)
    line |= with_ends("difference", difference)
    _, low, high = difference
    return {**line, "verdict": REPRODUCED if low <= 0 <= high else CONTRADICTED, "reason": ""}


def _why_not_run(figure: Mapping[Any, Any], here: Sequence[Row], repeated: Row | None) -> str:
    if not figure["protocol"]:
        return "neither its model nor its procedure is here"
    if not here:
        return "nothing was run on its pictures"
    return "not run" if repeated is None else f"its run: {repeated.reason}"


def _difference(stated: float, n: int, row: Row) -> tuple[float, float, float]:
    """What the row has less what was stated of `n` test pictures, and the ends of the interval."""
    measured, of_row = row.mean("accuracy"), row.intervals["accuracy"]
    of_stated = intervals.accuracy_interval(stated, n)
    return measured - stated, *intervals.unpaired_interval(stated, measured, of_stated, of_row)


def _only_says(scores: Scores, class_names: Sequence[str]) -> str:
    said = set().union(*scores.named)
    return class_names[said.pop()] if len(said) == 1 else ""


def _fair(same: Sequence[Row], repeated: Row | None) -> dict[str, Any]:
    """Score of the model under `Fair`, with about as many pictures as it learnt from when repeated.

    Where it was not, with as many as there are.
    """
    fair = [row for row in same if row.entry.protocol.name == Fair.name and row.scores is not None]
    fair = [row for row in fair if row.place.split == fair[0].place.split]
    if not fair:
        return {}
    size = max(row.size for row in fair)
    if repeated is not None and repeated.scores is not None:
        size = repeated.size
    best = min(fair, key=lambda row: abs(math.log(row.size / size)))
    score = (best.mean("accuracy"), *best.intervals["accuracy"])
    return {"fair_protocol": best.board, **with_ends("fair_accuracy", score)}
