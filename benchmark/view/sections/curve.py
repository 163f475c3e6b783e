"""Sections on learning curves: scores by number of training pictures, and where nets overtake."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pandas as pd

from benchmark.core import protocols
from benchmark.scores import curves as learning_curves
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS, Metric, shown_with
from benchmark.scores.rows import Row, grouped
from benchmark.view import plots, text
from benchmark.view.sections.section import Picture, Section
from benchmark.view.text import score


def curves(board: Leaderboard) -> list[Section]:
    """Scores by number of training pictures, and where nets overtake, by data set and split."""
    metric = board.metric
    of_curves = grouped((row for row in board.rows if row.curve_size), lambda row: row.curve)
    names = Counter(rows[0].curve[:2] for rows in of_curves)
    sections = []
    for rows in of_curves:
        dataset, split, data = rows[0].curve
        points, crossovers = (
            table[(table[learning_curves.CURVE] == [dataset, split, data]).all(axis=1)]
            for table in (board.curves.points, board.curves.crossovers)
        )
        unusual = rows[0].board != rows[0].place.protocol
        several = names[dataset, split] > 1
        words = ["learning-curves", dataset, *[split] * unusual, *[data] * several]
        title = text.heading(rows, protocols.Curve.name)
        best = crossovers[crossovers["net"] == learning_curves.BEST_NET]
        picture = Picture(
            f"{text.file_name(*words)}.png",
            "Learning curves",
            partial(plots.learning_curves, points, best, shown_with(metric.name), title),
        )
        sections.append(
            Section(
                title,
                dataset,
                table=_by_size(rows, metric),
                after=_on_curves(rows, best),
                pictures=[picture] if len(points["size"].unique()) > 1 else [],
            )
        )
    return sections


def _by_size(rows: Sequence[Row], metric: Metric) -> pd.DataFrame:
    """Score as text, a row a model, best first, and a column a size."""
    columns: dict[str, dict[str, str]] = {}

    def good(row: Row) -> tuple[float, float]:
        known = row.scores is not None
        return row.curve_size or 0, metric.goodness(row.mean(metric.name)) if known else -math.inf

    best_last = sorted(rows, key=good)
    for same in grouped(best_last, lambda row: row.place.protocol):
        sizes = [row.size for row in same if row.scores is not None]
        name = f"{max(sizes):,} pictures" if sizes else ""
        name = same[0].place.protocol if not name or name in columns else name
        columns[name] = {row.place.model: _cell(row, metric.name) for row in same}
    models = [*dict.fromkeys(row.place.model for row in reversed(best_last))]
    wide = pd.DataFrame(columns, index=pd.Index(models, name="model"))
    return wide.fillna("").reset_index()


def _cell(row: Row, name: str) -> str:
    if row.scores is None:
        return row.bad.status if row.bad else ""
    spread = score(row.scores.sd(name) or math.nan, name)
    return f"{score(row.mean(name), name)}{spread and f' ±{spread}'}"


def _on_curves(rows: Sequence[Row], best: pd.DataFrame) -> list[str]:
    """Sentences on where nets overtake classical models, and on what to mind."""
    lines = [
        f"In {METRICS[each['score']].label} {each['verdict']}."
        for each in best.to_dict(orient="records")
    ]
    if lines:
        people = any(row.n_people is not None for row in rows)
        lines.append(
            "Pictures are those learnt from, a fifth of them to select on. The best at each size "
            f"are chosen on half of the {'people' if people else 'pictures'} and scored on the "
            "other half; every pair of models, and how the interval is made, is in crossovers.csv."
        )
    absent: dict[str, int] = {}
    for row in rows:
        if row.scores is not None:
            absent |= {name: max(absent.get(name, 0), row.size) for name in row.untrained}
    if absent:
        upto = ", ".join(f"{name} up to {size:,} pictures" for name, size in absent.items())
        lines.append(f"Not in every training set: {upto}; a model cannot name what it never saw.")
    return lines
