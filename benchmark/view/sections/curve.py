"""Sections on learning curves: scores by number of training pictures, and where nets overtake."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from benchmark.core import protocols
from benchmark.scores import curves as learning_curves
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS
from benchmark.scores.rows import Row
from benchmark.view import plots, text
from benchmark.view.sections.section import Picture, Section
from benchmark.view.text import score


def curves(board: Leaderboard) -> list[Section]:
    """Accuracy by number of training pictures, and where nets overtake, by data set and split."""
    of_curves = board.table[board.table["curve_size"].notna()]
    sets = of_curves.drop_duplicates(learning_curves.CURVE)
    several = set(sets.loc[sets.duplicated(["dataset", "split"], keep=False), "data"])
    sections = []
    for _, part in of_curves.groupby(learning_curves.CURVE, sort=False):
        dataset, split, data = part[learning_curves.CURVE].iloc[0]
        points, crossovers = (
            table[(table[learning_curves.CURVE] == [dataset, split, data]).all(axis=1)]
            for table in (board.curves.points, board.curves.crossovers)
        )
        unusual = part["board"].iloc[0] != part["protocol"].iloc[0]
        words = ["learning-curves", dataset, *[split] * unusual, *[data] * (data in several)]
        title = text.heading(part, protocols.Curve.name)
        best = crossovers[crossovers["net"] == learning_curves.BEST_NET]
        rows = [row for row in board.rows if row.curve_size and row.curve == (dataset, split, data)]
        picture = Picture(
            f"{text.file_name(*words)}.png",
            "Learning curves",
            partial(plots.learning_curves, points, best, title),
        )
        sections.append(
            Section(
                title,
                dataset,
                table=_by_size(part, points),
                after=_on_curves(rows, best, bool(part["n_people"].notna().any())),
                pictures=[picture] if len(points["size"].unique()) > 1 else [],
            )
        )
    return sections


def _by_size(part: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Accuracy as text, a row a model, best first, and a column a size."""

    def cell(row: pd.Series) -> str:
        spread = score(row["accuracy_sd_of_repeats"])
        return (score(row["accuracy"]) or str(row["status"])) + (spread and f" ±{spread}")

    labels = [*part.sort_values("curve_size")["protocol"].unique()]
    texts = part.assign(text=part.apply(cell, axis=1))
    best_first = texts.sort_values("accuracy", ascending=False)
    models = best_first.loc[best_first["protocol"] == labels[-1], "model"]
    wide = texts.pivot_table(index="model", columns="protocol", values="text", aggfunc="first")
    wide = wide.reindex([*dict.fromkeys([*models, *best_first["model"]])])[labels].fillna("")
    sizes = points.groupby("protocol")["size"].max()
    wide.columns = pd.Index(
        [f"{sizes[label]:,} pictures" if label in sizes else label for label in labels]
    )
    return wide.reset_index()


def _on_curves(rows: Sequence[Row], best: pd.DataFrame, people: bool) -> list[str]:
    """Sentences on where nets overtake classical models, and on what to mind."""
    lines = [
        f"In {METRICS[each['score']].label} {each['verdict']}."
        for each in best.to_dict(orient="records")
    ]
    if lines:
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
