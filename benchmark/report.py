"""Everything a reader opens: the tables, the pictures and the page, computed from stored runs.

``python -m benchmark.report --out results`` writes them anew without fitting anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import jinja2
import numpy as np
import pandas as pd

from benchmark import leaderboard, metrics, plots, store
from benchmark.command import OUT, command
from benchmark.models import code_hash

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pictures:
    """The pictures of one leaderboard row, the curves for nets only."""

    name: str
    confusion: Path
    curves: Path | None


def publish(out: Path) -> pd.DataFrame:
    """Write the leaderboard, the pictures and the page of a results folder.

    Parameters
    ----------
    out : Path
        The results folder.

    Returns
    -------
    DataFrame
        The leaderboard, see `leaderboard.collect`.
    """
    table = leaderboard.collect(out)
    store.write_text(out / "leaderboard.csv", table.to_csv(index=False))
    audit = _audit(out, table)
    store.write_text(out / "leaderboard.md", leaderboard.markdown(table, audit))
    by_row = {
        (row["dataset"], row["protocol"], row["split"], row["model"]): row
        for row in table.to_dict(orient="records")
    }
    pictures, datasets = [], {}
    for entry in store.read_board(out).values():
        datasets[entry["dataset"]["name"]] = entry["dataset"]
        good = [record for record in leaderboard.runs(out, entry) if record["status"] == "ok"]
        if good:
            protocol = entry["protocol"]
            place = (
                entry["dataset"]["name"],
                protocol["label"],
                protocol["split"],
                entry["model"]["label"],
            )
            pictures.append(_draw_row(out, by_row[place], entry, good))
    overviews = [path for about in datasets.values() for path in _draw_overview(out, table, about)]
    store.write_text(out / "report.html", _page(table, audit, overviews, pictures))
    return table


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
    code = code_hash(str(plots.__file__), str(metrics.__file__), __file__)
    return hashlib.sha256(repr((code, parts)).encode()).hexdigest()


def _draw_row(
    out: Path, row: Mapping[Any, Any], entry: dict[str, Any], records: list[dict[str, Any]]
) -> Pictures:
    """Draw the confusion matrix, its repeats summed, and a net's curves, where not current."""
    about = entry["dataset"]
    label = row["protocol"] if row["split"] == "random" else f"{row['protocol']}-{row['split']}"
    name = re.sub(r"[^\w.=,:\[\]-]+", "-", f"{row['dataset']}.{label}.{row['model']}")
    data = "generated faces" if row["generated_data"] else row["dataset"]
    repeats = f", {len(records)} repeats" if len(records) > 1 else ""
    what = (
        f"{data}, {about['size']} px, protocol {row['protocol']}, {row['split']} split, "
        f"{row['n_test']:,} test pictures{repeats}"
    )
    deep = entry["model"]["deep"]
    if row["selected_on"] == "test" and deep:
        what += ", epoch chosen on the test set"
    title = f"{row['model']}: {100 * row['accuracy']:.1f} % right"
    mark = _mark(what, title, [record["finished"] + record["key"] for record in records])
    result = Pictures(
        f"{label} {row['model']}",
        out / "confusion" / f"{name}.png",
        out / "curves" / f"{name}.png" if deep else None,
    )
    table = result.confusion.with_name(f"{name}.csv")
    if not (plots.is_current(result.confusion, mark) and table.is_file()):
        stored = [store.read_predictions(out, record["key"]) for record in records]
        matrices = [metrics.confusion(p.labels, p.probabilities) for p in stored if p is not None]
        counts = np.sum(matrices, axis=0)
        class_names = list(about["class_counts"])
        frame = pd.DataFrame(counts, pd.Index(class_names, name="true"), class_names)
        store.write_text(table, frame.to_csv())
        plots.save(plots.confusion(counts, class_names, title, what), result.confusion, mark)
    if result.curves is not None and not plots.is_current(result.curves, mark):
        histories = [store.read_history(out, record["key"]) for record in records]
        figure = plots.curves(
            [history for history in histories if history is not None],
            title,
            what,
            row["selected_on"],
        )
        plots.save(figure, result.curves, mark)
    return result


def _draw_overview(out: Path, table: pd.DataFrame, about: dict[str, Any]) -> tuple[Path, Path]:
    """Draw the leaderboard and the class distribution of one data set."""
    part = table[table["dataset"] == about["name"]]
    data = "generated faces" if about["generated"] else about["name"]
    boards = {
        name if split == "random" else f"{name}, {split} split": rows
        for (name, split), rows in part.groupby(["protocol", "split"], sort=False)
    }
    boards = dict(sorted(boards.items(), key=lambda item: (item[0] != "slides", item[0])))
    stated = part.dropna(subset=["published_accuracy"]).set_index("model")["published_accuracy"]
    pixels = f"{about['size']} x {about['size']} pixels"
    title = f"{data}: {about['n']:,} pictures at {pixels}"
    board, classes = out / f"leaderboard.{about['name']}.png", out / f"classes.{about['name']}.png"
    plots.save(plots.board(boards, stated, title), board)
    title = f"{data}: {about['n']:,} pictures by class"
    plots.save(plots.classes(about["class_counts"], title), classes)
    return board, classes


def _page(table: pd.DataFrame, audit: str, overviews: list[Path], pictures: list[Pictures]) -> str:
    return render(
        "report.html",
        warning=leaderboard.HOW_TO_GET_REAL if table["generated_data"].any() else "",
        audit=audit,
        comparisons=leaderboard.comparisons(table),
        boards=[
            (title, leaderboard.for_people(part), list(part["status"]))
            for title, part in leaderboard.boards(table)
        ],
        overviews=overviews,
        pictures=sorted(pictures, key=lambda row: row.name),
    )


def render(template: str, **values: Any) -> str:
    """Fill in one of this package's pages; its filter ``embed`` puts a PNG file into the page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
    )
    environment.filters["embed"] = lambda path: (
        f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    )
    return environment.get_template(template).render(**values)


@command
@OUT
def main(out: Path) -> None:
    """Write the leaderboard, the pictures and the page of OUT from its stored runs."""
    if not store.read_board(out):
        raise click.UsageError(f"{out} holds no runs: make some with 'python -m benchmark.run'")
    table = publish(out)
    click.echo(f"{len(table)} rows: {out / 'leaderboard.md'}, {out / 'report.html'}")


if __name__ == "__main__":
    main()
