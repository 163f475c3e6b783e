"""Sections on single rows of the leaderboard: what is taken for what, how surely, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from benchmark.core.files import digest
from benchmark.core.store import Results
from benchmark.scores import metrics
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import Row
from benchmark.scores.scores import Scores
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
        f"{scores.n_test:,} test pictures{repeats}"
        f"{', epoch chosen on the test set' if flatters else ''}"
    )
    title = f"{place.model}: {score(scores.mean('accuracy'))} % right"
    sure = f"{place.model}: calibration error {score(scores.mean('ece'), 'ece')}"
    file = text.file_name(place.dataset, row.board, place.model)
    of = (what, title, sure, [run.finished + run.key for run in runs])
    draw: dict[str, Callable[[], Figure]] = {
        "confusion": partial(
            plots.confusion, scores.confusion, row.class_names, title, what, row.untrained
        )
    }
    tables: dict[str, Callable[[], str]] = {
        "confusion": partial(_counts, row, scores),
        "classes": partial(_by_class, row, scores),
    }
    if not row.only_classes:
        draw["reliability"] = partial(plots.reliability, scores.reliability, sure, what)
        tables["reliability"] = partial(_reliability, scores)
    if in_epochs:
        keys = [run.key for run in runs]
        draw["curves"] = partial(_curves, results, keys, title, what, selected_on)
    return Section(
        f"{row.board} {place.model}",
        place.dataset,
        pictures=[Picture(f"{kind}/{file}.png", SHOWS[kind], draw[kind], of) for kind in draw],
        data={f"{kind}/{file}.csv": table for kind, table in tables.items()},
        data_from=digest([scores.stamp, [*data.class_counts.items()], row.untrained]),
        where="folder" if row.is_step else "files",
    )


def _curves(
    results: Results, keys: Sequence[str], title: str, what: str, selected_on: str
) -> Figure:
    """Training curves of a net's runs, as far as their epochs are stored."""
    read = (results.history(key) for key in keys)
    histories = [history for history in read if history is not None]
    return plots.curves(histories, title, what, selected_on)


def _counts(row: Row, scores: Scores) -> str:
    names = row.class_names
    return str(pd.DataFrame(scores.confusion, pd.Index(names, name="true"), names).to_csv())


def _reliability(scores: Scores) -> str:
    columns = ["pictures", "confidence", "right"]
    return text.csv(pd.DataFrame(scores.reliability.T, columns=columns))


def _by_class(row: Row, scores: Scores) -> str:
    """Scores of every class, repeats together, and whether all runs were trained on it."""
    table = metrics.by_class(scores.confusion)
    table.index = pd.Index(row.class_names, name="class")
    counts = row.entry.dataset.class_counts
    table["in_training"] = [
        bool(counts[name]) and name not in row.untrained for name in table.index
    ]
    return str(table.to_csv())
