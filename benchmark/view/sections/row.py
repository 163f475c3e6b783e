"""Sections on single rows of the leaderboard: what is taken for what, how surely, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.figure import Figure

from benchmark.core.store import Results
from benchmark.scores import metrics
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import Row, Scores
from benchmark.view import plots, text
from benchmark.view.sections.section import Picture, Section
from benchmark.view.text import score

SHOWS = {
    "confusion": "Confusion matrix",
    "reliability": "Reliability",
    "curves": "Training curves",
}


def rows(board: Leaderboard) -> list[Section]:
    """Confusion matrix, reliability, scores by class and training curves of every row, as files."""
    sections = [
        _of_row(row, row.scores, board.results) for row in board.rows if row.scores is not None
    ]
    return sorted(sections, key=lambda each: each.title)


def _of_row(row: Row, scores: Scores, results: Results) -> Section:
    """One row, its repeats summed; of a curve's smaller sizes the tables only."""
    data, place, runs = row.entry.dataset, row.place, row.good
    selected_on = row.entry.protocol.selected_on
    repeats = f", {len(runs)} repeats" if len(runs) > 1 else ""
    in_epochs = any(run.epochs for run in row.measured)
    flatters = in_epochs and selected_on == "test"
    what = (
        f"{text.data_name(data)}, {data.size} px, "
        f"protocol {place.protocol}, {text.split_name(place.split)}, "
        f"{len(scores.rows):,} test pictures{repeats}"
        f"{', epoch chosen on the test set' if flatters else ''}"
    )
    title = f"{place.model}: {score(scores.mean('accuracy'))} % right"
    sure = f"{place.model}: calibration error {score(scores.mean('ece'), 'ece')}"
    file = text.file_name(place.dataset, row.board, place.model)
    of = (what, title, sure, [run.finished + run.key for run in runs])
    draw: dict[str, Callable[[], Figure]] = {
        "confusion": lambda: plots.confusion(
            scores.confusion, row.class_names, title, what, row.untrained
        )
    }
    if not row.only_classes:
        draw["reliability"] = lambda: plots.reliability(scores.reliability, sure, what)
    if in_epochs:
        keys = [run.key for run in runs]
        draw["curves"] = lambda: plots.curves(_histories(results, keys), title, what, selected_on)
    classes = _by_class(row, scores)
    counts = pd.DataFrame(scores.confusion, pd.Index(row.class_names, name="true"), row.class_names)
    tables = {"confusion": counts.to_csv(), "classes": classes.to_csv()}
    if not row.only_classes:
        bins = pd.DataFrame(scores.reliability.T, columns=["pictures", "confidence", "right"])
        tables["reliability"] = text.csv(bins)
    return Section(
        f"{row.board} {place.model}",
        place.dataset,
        pictures=[Picture(f"{kind}/{file}.png", SHOWS[kind], draw[kind], of) for kind in draw],
        data={f"{kind}/{file}.csv": table for kind, table in tables.items()},
        where="folder" if row.is_step else "files",
    )


def _histories(results: Results, keys: Sequence[str]) -> list[pd.DataFrame]:
    """Read the epochs of a net's runs, as far as they are stored."""
    read = (results.history(key) for key in keys)
    return [history for history in read if history is not None]


def _by_class(row: Row, scores: Scores) -> pd.DataFrame:
    """Scores of every class, repeats together, and whether all runs were trained on it."""
    table = metrics.by_class(scores.confusion)
    table.index = pd.Index(row.class_names, name="class")
    counts = row.entry.dataset.class_counts
    table["in_training"] = [
        bool(counts[name]) and name not in row.untrained for name in table.index
    ]
    return table
