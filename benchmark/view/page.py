"""Everything a reader opens: the tables, the pictures and the page, computed from stored runs."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from benchmark.core.models import code_hash
from benchmark.core.records import DataFacts
from benchmark.core.store import Results, write_file
from benchmark.scores import contrasts as contrast
from benchmark.scores import leaderboard, metrics
from benchmark.scores import rows as evidence
from benchmark.scores.contrasts import Contrast
from benchmark.scores.curves import BEST_NET
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import Row, Scores
from benchmark.view import markdown, plots, sections
from benchmark.view import text as words
from benchmark.view.numbers import score
from benchmark.view.sections import CurveSection, SearchSection

logger = logging.getLogger(__name__)


DIGITS = "%.10g"  # the last of sixteen differ between processors


@dataclass(frozen=True)
class Pictures:
    """The pictures of one leaderboard row, the curves for nets only, and its scores by class."""

    name: str
    confusion: Path
    reliability: Path
    curves: Path | None
    classes: pd.DataFrame


def publish(out: Path) -> Leaderboard:
    """Write the leaderboard, the pictures and the page of a results folder.

    Parameters
    ----------
    out : Path
        The results folder.

    Returns
    -------
    Leaderboard
        What was published.
    """
    found = Leaderboard.compute(out)
    table = found.table
    write_table(out / "leaderboard.csv", found.file)
    audit = _audit(out, table)
    curves = sections.curves(found)
    searched = sections.searches(found)
    text = markdown.leaderboard(table, audit, found.contrasts, curves, searched)
    Results(out).write_text("leaderboard.md", text)
    write_table(out / "comparisons.csv", found.pairs)
    if curves:
        write_table(out / "learning-curves.csv", found.curves.points)
        write_table(out / "crossovers.csv", found.curves.crossovers)
    pictures, datasets = [], {}
    for row in found.rows:
        datasets[row.place.dataset] = row.entry.dataset
        if row.scores is not None:
            classes = _write_counts(out, row, row.scores)
            if row.is_step:
                _remove_pictures(out, row)
            else:
                pictures.append(_draw_row(out, row, row.scores, classes))
    overviews = [path for about in datasets.values() for path in _draw_overview(out, table, about)]
    apart = [_draw_told_apart(out, part, found.pairs) for _, part in words.boards(table)]
    contrasts = []
    for kind, whole in found.contrasts.items():
        write_table(out / f"{kind.name}.csv", whole[list(kind.columns)])
        for title, part in contrast.boards(whole, kind):
            picture = _draw_contrast(out, title, part, kind)
            rows = contrast.for_people(part, kind)
            contrasts.append((title, words.about(part), rows, picture, kind.how_to_read))
    for section in curves:
        _draw_curves(out, section)
    for each in searched:
        write_table(out / f"{each.file}.csv", each.search.table)
        plots.save(plots.search(each.search, each.title), out / f"{each.file}.png")
    page = _page(out, table, audit, overviews, contrasts, curves, searched, apart, pictures)
    Results(out).write_text("report.html", page)
    return found


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table whole or not at all, to as many digits as processors agree in."""
    write_file(path, table.to_csv(index=False, float_format=DIGITS))


def _draw_contrast(out: Path, title: str, part: pd.DataFrame, kind: Contrast) -> Path:
    """Draw what the models of a protocol score on both sides."""
    first = part.iloc[0]
    name = words.picture_name(kind.name, first["dataset"], first["protocol"])
    plots.save(plots.contrast(part, kind, title, words.about(part)), out / f"{name}.png")
    return out / f"{name}.png"


def _audit(out: Path, table: pd.DataFrame) -> str:
    """The line an audit of this folder left about data on the leaderboard, or none."""
    path = out / "audit.json"
    if not path.is_file():
        return ""
    try:
        found = json.loads(path.read_text())
        known = found["data"]["fingerprint"][:12] in set(table["data"])
        return f"{found['data']['name']}: {found['summary']}" if known else ""
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("%s is damaged (%s): audit again", path, error)
        return ""


def _mark(*parts: object) -> str:
    """What a picture is drawn from: the runs' predictions, the words on it and the drawing code."""
    drawing = sorted(map(str, Path(plots.__file__).parent.glob("*.py")))
    code = code_hash(*drawing, str(metrics.__file__), __file__)
    return hashlib.sha256(repr((code, parts)).encode()).hexdigest()


def _file_name(row: Row) -> str:
    return words.picture_name(row.place.dataset, row.board, row.place.model)


def _write_counts(out: Path, row: Row, scores: Scores) -> pd.DataFrame:
    """Write the confusion matrix of one row, its repeats summed, and return its scores by class."""
    classes, names, file = _by_class(row, scores), row.class_names, f"{_file_name(row)}.csv"
    counts = pd.DataFrame(scores.confusion, pd.Index(names, name="true"), names)
    Results(out).write_text(f"confusion/{file}", counts.to_csv())
    Results(out).write_text(f"classes/{file}", classes.to_csv())
    return classes


def _remove_pictures(out: Path, row: Row) -> None:
    """Remove the pictures of a curve's row that was of the largest size, and is no more."""
    for folder in ("confusion", "reliability", "curves"):
        (out / folder / f"{_file_name(row)}.png").unlink(missing_ok=True)
    board = words.picture_name(row.place.dataset, row.board)
    (out / "told-apart" / f"{board}.png").unlink(missing_ok=True)


def _draw_row(out: Path, row: Row, scores: Scores, classes: pd.DataFrame) -> Pictures:
    """Draw and write the pictures of one row, its repeats summed, where not current."""
    about, place, name = row.entry.dataset, row.place, _file_name(row)
    selected_on = row.entry.protocol.selected_on
    data = evidence.data_name(place.dataset, about.generated)
    repeats = f", {len(row.good)} repeats" if len(row.good) > 1 else ""
    what = (
        f"{data}, {about.size} px, protocol {place.protocol}, "
        f"{evidence.split_name(place.split)}, "
        f"{len(scores.rows):,} test pictures{repeats}"
    )
    if selected_on == "test" and row.is_deep:
        what += ", epoch chosen on the test set"
    title = f"{place.model}: {score(scores.mean('accuracy'))} % right"
    sure = f"{place.model}: calibration error {score(scores.mean('ece'), 'ece')}"
    mark = _mark(what, title, sure, [run.finished + run.key for run in row.good])
    result = Pictures(
        f"{row.board} {place.model}",
        out / "confusion" / f"{name}.png",
        out / "reliability" / f"{name}.png",
        out / "curves" / f"{name}.png" if row.is_deep else None,
        classes,
    )
    if not plots.is_current(result.confusion, mark):
        figure = plots.confusion(scores.confusion, row.class_names, title, what, row.untrained)
        plots.save(figure, result.confusion, mark)
    if not plots.is_current(result.reliability, mark):
        plots.save(plots.reliability(scores.reliability, sure, what), result.reliability, mark)
    if result.curves is not None and not plots.is_current(result.curves, mark):
        histories = [Results(out).history(run.key) for run in row.good]
        drawn = [history for history in histories if history is not None]
        plots.save(plots.curves(drawn, title, what, selected_on), result.curves, mark)
    return result


def _by_class(row: Row, scores: Scores) -> pd.DataFrame:
    """Scores of every class, repeats together, and whether all runs were trained on it."""
    table = metrics.by_class(scores.confusion)
    table.index = pd.Index(row.class_names, name="class")
    counts = row.entry.dataset.class_counts
    table["in_training"] = [
        bool(counts[name]) and name not in row.untrained for name in table.index
    ]
    return table


def _draw_told_apart(out: Path, part: pd.DataFrame, pairs: pd.DataFrame) -> Path | None:
    """Draw which models of a board are told apart, if it has two on the same pictures."""
    name = words.told_apart_name(part)
    if name is None:
        return None
    first = part.iloc[0]
    mine = pairs[(pairs[leaderboard.BOARD] == first[leaderboard.BOARD]).all(axis=1)]
    panels = []
    for _, same in mine.groupby(["n_test", "data"], sort=False):
        who = same["n_people"].iloc[0]
        shown = "each taken as of a person of its own" if pd.isna(who) else f"of {who:,} people"
        panels.append((f"{same['n_test'].iloc[0]:,} test pictures {shown}", same))
    data = evidence.data_name(first["dataset"], first["generated_data"])
    title = (
        f"{data}, protocol {first['protocol']}, {evidence.split_name(first['split'])}:\n"
        "by how many points of accuracy the row is better than the column"
    )
    plots.save(plots.told_apart(panels, title), out / name)
    return out / name


def _draw_curves(out: Path, section: CurveSection) -> None:
    """Draw the learning curves of a data set and split, if there are two sizes."""
    if section.picture is None:
        return
    title, _, what = section.title.partition(", ")
    best = section.crossovers[section.crossovers["net"] == BEST_NET]
    figure = plots.learning_curves(section.points, best, title, what)
    plots.save(figure, out / section.picture)


def _draw_overview(out: Path, table: pd.DataFrame, about: DataFacts) -> tuple[Path, Path]:
    """Draw the leaderboard and the class distribution of one data set."""
    part = table[(table["dataset"] == about.name) & ~table["is_step"]]
    data = evidence.data_name(about.name, about.generated)
    boards = sorted(
        part.groupby("board", sort=False), key=lambda item: (item[0] != "slides", item[0])
    )
    pixels = f"{about.size} x {about.size} pixels"
    title = f"{data}: {about.n:,} pictures at {pixels}"
    board, classes = out / f"leaderboard.{about.name}.png", out / f"classes.{about.name}.png"
    plots.save(plots.board({str(name): part for name, part in boards}, title), board)
    title = f"{data}: {about.n:,} pictures by class"
    plots.save(plots.classes(about.class_counts, title), classes)
    return board, classes


def _page(
    out: Path,
    table: pd.DataFrame,
    audit: str,
    overviews: list[Path],
    contrasts: list[tuple[str, list[str], pd.DataFrame, Path, str]],
    curves: list[CurveSection],
    searched: list[SearchSection],
    apart: list[Path | None],
    pictures: list[Pictures],
) -> str:
    return render(
        "report.html",
        warning=words.HOW_TO_GET_REAL if table["generated_data"].any() else "",
        audit=audit,
        comparisons=words.comparisons(table),
        curves=[(each, out / each.picture if each.picture else None) for each in curves],
        searches=[(each, out / f"{each.file}.png") for each in searched],
        boards=[
            (
                title,
                [*words.about(part), *words.of_all_rows(part)],
                words.for_people(part),
                list(part["status"]),
                picture,
            )
            for (title, part), picture in zip(words.boards(table), apart, strict=True)
        ],
        contrasts=contrasts,
        how_to_read=words.HOW_TO_READ,
        published_ranks=words.PUBLISHED_RANKS,
        overviews=overviews,
        pictures=sorted(pictures, key=lambda row: row.name),
    )


def render(template: str, **values: Any) -> str:
    """Fill in one of this package's pages, with filters to ``embed`` a PNG and show a ``share``."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
    )
    environment.filters["embed"] = lambda path: (
        f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    )
    environment.filters["share"] = score
    return environment.get_template(template).render(**values)
