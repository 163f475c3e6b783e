"""Everything a reader opens: the tables, the pictures and the page, computed from stored runs."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from benchmark.core.models import code_hash
from benchmark.core.store import Results
from benchmark.scores import metrics
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import markdown, plots, predictions, sections, text
from benchmark.view.sections import Picture, Section

logger = logging.getLogger(__name__)


def publish(
    results: Results, board: Leaderboard | None = None, with_predictions: bool = True
) -> Leaderboard:
    """Write the leaderboard, the pictures, the page and the predictions of a results folder.

    Parameters
    ----------
    results : Results
    board : Leaderboard, optional
        Of these results as they are now, where it was computed before.
    with_predictions : bool
        Whether to write ``predictions/``; earlier ones are removed if not.

    Returns
    -------
    Leaderboard
        What was published.
    """
    board = board or Leaderboard.compute(results)
    shown = sections.every(board)
    warning = text.HOW_TO_GET_REAL if text.Facts.of(board).generated else ""
    audit = _audit(results, board.table)
    results.write("leaderboard.md", markdown.leaderboard(shown, warning, audit))
    write(results, shown)
    page = render("report.html", results, sections=shown, warning=warning, audit=audit)
    results.write("report.html", page)
    if with_predictions:
        predictions.write(board)
    else:
        predictions.remove(results)
    return board


def write(results: Results, shown: Sequence[Section]) -> None:
    """Write the data of sections, draw the pictures that are not drawn yet, and remove others."""
    for section in shown:
        for file, csv in section.data.items():
            results.write(file, csv)
        for picture in section.pictures:
            if section.where == "folder":
                results.remove(picture.file)
                continue
            mark = _mark(picture)
            if not mark or not plots.is_current(results.path / picture.file, mark):
                results.write(picture.file, plots.png(picture.draw(), mark))


def _mark(picture: Picture) -> str:
    """Digest of what a picture is drawn from and of the code that draws it."""
    if not picture.drawn_from:
        return ""
    drawing = sorted(map(str, Path(plots.__file__).parent.glob("*.py")))
    code = code_hash(*drawing, str(metrics.__file__), str(text.__file__))
    return hashlib.sha256(repr((code, picture.drawn_from)).encode()).hexdigest()


def _audit(results: Results, table: pd.DataFrame) -> str:
    """The line an audit of this folder left about data on the leaderboard, or none."""
    path = results.path / "audit.json"
    if not path.is_file():
        return ""
    try:
        audit = json.loads(path.read_text())
        known = audit["data"]["fingerprint"][:12] in set(table["data"])
        return f"{audit['data']['name']}: {audit['summary']}" if known else ""
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("%s is damaged (%s): audit again", path, error)
        return ""


def render(template: str, results: Results, **values: Any) -> str:
    """Fill in one of this package's pages, with a filter to ``embed`` a picture of a folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embed"] = lambda file: (
        f"data:image/png;base64,{base64.b64encode((results.path / file).read_bytes()).decode()}"
    )
    environment.filters["percent"] = text.percent
    return environment.get_template(template).render(**values)
