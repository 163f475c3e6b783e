"""Everything a reader opens: the tables, the pictures and the page, computed from stored runs."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable, Container, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import pandas as pd
from matplotlib.figure import Figure

from benchmark.core.files import DamagedError, reading
from benchmark.core.models import code_hash
from benchmark.core.store import Results
from benchmark.scores import metrics
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import drawing, markdown, plots, predictions, sections, text
from benchmark.view.explorer import Explorer
from benchmark.view.plots import fonts
from benchmark.view.sections import Picture, Section
from datasets import limits
from datasets.names import readable
from datasets.pictures import read_whole

logger = logging.getLogger(__name__)


SVG = "svg"  # folder of every picture as SVG, if asked for


def publish(
    results: Results,
    board: Leaderboard | None = None,
    with_predictions: bool = True,
    with_svg: bool = False,
) -> Leaderboard:
    """Write the leaderboard, the pictures, the page and the predictions of a results folder.

    Parameters
    ----------
    results : Results
    board : Leaderboard, optional
        Of these results as they are now, where it was computed before.
    with_predictions : bool
        Whether to write ``predictions/``; earlier ones are removed if not.
    with_svg : bool
        Whether to write every picture as SVG too, into ``svg/``; likewise.

    Returns
    -------
    Leaderboard
        What was published.
    """
    with results.publishing, results.together():
        board = board or Leaderboard.compute(results)
        shown = sections.every(board)
        if boxes := fonts.lacking("".join(name for row in board.rows for name in row.class_names)):
            logger.warning(
                "no font here has %s: in pictures they are boxes; %s", boxes, fonts.INSTALL
            )
        facts = text.Facts.of(board)
        warning = text.HOW_TO_GET_REAL if facts.generated else ""
        audit = _audit(board)
        results.write("leaderboard.md", markdown.leaderboard(shown, warning, audit))
        write(results, shown)
        opened = Explorer.of(board) if any(row.scores for row in board.rows) else None
        page = render(
            "report.html",
            results,
            sections=shown,
            warning=warning,
            audit=audit,
            answers=opened.packed(results.derived) if opened else "",
            opened=opened,
            people=facts.people,
        )
        results.write("report.html", page)
        results.remove_folder(SVG)
        if with_svg:
            for picture in (each for section in shown for each in section.kept):
                name = Path(SVG, picture.file).with_suffix("").as_posix()
                results.write(f"{name}.svg", plots.svg(picture.draw()))
        if with_predictions:
            predictions.write(board)
        else:
            results.remove_folder(predictions.FOLDER)
    return board


def write(results: Results, shown: Sequence[Section]) -> None:
    """Write the data of sections, draw the pictures that are not drawn yet, and remove others."""
    wanted = []
    for section in shown:
        for file, table in section.data.items():
            if isinstance(table, str):
                results.write(file, table)
            else:
                results.write_from(file, section.data_from, table)
        for picture in section.pictures:
            if picture not in section.kept:
                results.remove(picture.file)
            elif not _is_current(results, picture):
                wanted.append(picture)
    for picture, drawn in zip(wanted, drawing.png([*map(_marked, wanted)]), strict=True):
        results.write_from(picture.file, picture.made_from, partial(bytes, drawn))


def _is_current(results: Results, picture: Picture) -> bool:
    """Whether a picture is there as it would be drawn."""
    if results.is_from(picture.file, picture.made_from):
        return True
    mark = _mark(picture)
    current = bool(mark) and results.is_sound(picture.file)
    current = current and plots.is_current(results.path / picture.file, mark)
    if current:
        results.note_source(picture.file, picture.made_from)
    return current


def _marked(picture: Picture) -> tuple[Callable[[], Figure], str]:
    return picture.draw, _mark(picture)


def _mark(picture: Picture) -> str:
    """Digest of what a picture is drawn from and of the code that draws it."""
    if not picture.drawn_from:
        return ""
    files = sorted(map(str, Path(plots.__file__).parent.glob("*.py")))
    code = code_hash(*files, str(metrics.__file__), str(text.__file__))
    return hashlib.sha256(repr((code, picture.drawn_from)).encode()).hexdigest()


def audit_of(results: Results, fingerprints: Container[str]) -> str:
    """The line an audit of this folder left about data of one of these fingerprints, or none.

    Raises
    ------
    DamagedError
    """
    path = results.path / "audit.json"
    if not path.exists():
        return ""
    with reading(path):
        audit = json.loads(read_whole(path, limits.TABLE_BYTES))
        known = audit["data"]["fingerprint"] in fingerprints
        return readable(f"{audit['data']['name']}: {audit['summary']}") if known else ""


def _audit(board: Leaderboard) -> str:
    """The line an audit left about data on the leaderboard, or none; damage is told."""
    try:
        return audit_of(board.results, {row.fingerprint for row in board.rows})
    except DamagedError as error:
        logger.warning("%s: audit again", error)
        return ""


def render(template: str, results: Results, **values: Any) -> str:
    """Fill in one of this package's pages, with a filter to ``embed`` a picture of a folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embed"] = lambda file: (
        f"data:image/png;base64,{base64.b64encode((results.path / file).read_bytes()).decode()}"
    )
    environment.filters["percent"] = text.percent
    environment.filters["drawn"] = partial(_drawn, results)
    environment.filters["said_once"] = said_once
    return environment.get_template(template).render(**values)


def _drawn(results: Results, picture: Picture) -> markupsafe.Markup:
    """A picture as part of the page, or a link to it."""
    if picture.on_page:
        drawn = results.derived.from_(
            *("svg", picture.made_from), lambda: plots.inline(picture.draw(), picture.shows)
        )
        return markupsafe.Markup(drawn)
    return markupsafe.Markup('<a href="{}">{}</a>, a file beside this page').format(
        picture.file, picture.shows
    )


def said_once(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Take columns out of a table whose value is the same in all of at least three rows.

    Returns
    -------
    table : DataFrame
    constant : str
        Those columns and their values, without those that are empty.
    """
    if len(table) < 3:
        return table, ""
    same = [str(name) for name in table if name != "model" and len(table[name].unique()) == 1]
    values = {name: str(table[name].iloc[0]) for name in same}
    constant = ", ".join(f"{name} {value}" for name, value in values.items() if value)
    return table.drop(columns=same), constant
