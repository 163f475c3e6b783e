"""Sections on whole boards: every model side by side, on two test sets, and ranked."""

from __future__ import annotations

from functools import partial

import pandas as pd

from benchmark.core import runs
from benchmark.scores import leaderboard, published
from benchmark.scores.contrasts import COUNTS, Contrast
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS, Metric
from benchmark.view import plots, text
from benchmark.view.sections.section import Picture, Section
from benchmark.view.text import Facts, difference, number, score, with_interval

NOTES = "status and notes"
MEASURED = {
    "published_accuracy": "published %",
    "n_train": "training pictures",
    "n_test": "test pictures",
    "fit_seconds": "fit s",
    "predict_ms_per_image": "ms a picture",
}
DIGITS = {"n_train": 0, "n_test": 0, "fit_seconds": 1, "predict_ms_per_image": 2}


def tables(board: Leaderboard) -> list[Section]:
    """The tables over all data sets, as files."""
    files = {"leaderboard": board.file, "comparisons": board.pairs}
    files |= {kind.name: table[list(kind.columns)] for kind, table in board.contrasts.items()}
    if len(board.curves.points):
        files |= {"learning-curves": board.curves.points, "crossovers": board.curves.crossovers}
    data = {f"{name}.csv": text.csv(table) for name, table in files.items()}
    return [Section("", data=data, where="folder")]


def overviews(board: Leaderboard) -> list[Section]:
    """Pictures of each data set: all its boards, and how many pictures each class has."""
    sets = {row.place.dataset: row.entry.dataset for row in board.rows}
    whole = board.table[~board.table["is_step"]]
    sections = []
    for name, data in sets.items():
        said, size = text.data_name(name, data.generated, data.crop), data.size
        boards = sorted(
            whole[whole["dataset"] == name].groupby("board", sort=False),
            key=lambda item: (item[0] != "slides", item[0]),
        )
        pictures = f"{said}: {data.n:,} pictures"
        title = f"{pictures} at {size} x {size} pixels"
        drawn = [
            Picture(
                f"leaderboard.{name}.png",
                title,
                partial(plots.board, {str(key): part for key, part in boards}, title),
            ),
            Picture(
                f"classes.{name}.png",
                f"{pictures} by class",
                partial(plots.classes, data.class_counts, f"{pictures} by class"),
            ),
        ]
        sections.append(Section("", name, pictures=drawn, where="page"))
    return sections


def comparisons(board: Leaderboard) -> list[Section]:
    """Accuracy of every model side by side, published, reproduced and fair, by data set."""
    sets = {row.place.dataset: row.entry.dataset for row in board.rows}
    sections = []
    for dataset, wide in leaderboard.side_by_side(board.table).items():
        table = wide.map(score)
        ranks = published_ranks(dataset) if "published" in table else {}
        if ranks:
            table.insert(1, "its rank", [ranks.get(name, "") for name in table.index])
        said = text.data_name(dataset, sets[dataset].generated, sets[dataset].crop)
        title = f"{said}: accuracy in percent, side by side"
        after = [text.PUBLISHED_RANKS] if ranks else []
        sections.append(Section(title, dataset, table=table.reset_index(), after=after))
    return sections


def published_ranks(dataset: str) -> dict[str, str]:
    """Rank of each published figure beside others by model, as ``1= of 8 on 165 pictures``."""
    table = published.figures()
    table = table[table["dataset"] == dataset].dropna(subset=["rank"])
    table = table[table.duplicated("n_test", keep=False)]
    beside = table.groupby("n_test")["model"].transform("size")
    shared = table.duplicated(["n_test", "rank"], keep=False)
    return {
        row["model"]: f"{text.rank(row['rank'], tie)} of {n} on {row['n_test']:,} pictures"
        for row, n, tie in zip(table.to_dict(orient="records"), beside, shared, strict=True)
    }


def contrasts(board: Leaderboard) -> list[Section]:
    """Every model on two test sets, side by side, by data set and protocol."""
    sections = []
    for kind, whole in board.contrasts.items():
        for _, part in whole.groupby(["dataset", "protocol"], sort=False):
            dataset, protocol = part[["dataset", "protocol"]].iloc[0]
            data = text.data_name(dataset, *part[["generated_data", "crop"]].iloc[0])
            title = (
                f"{data} at {text.any_of(part['size'])} px, protocol {protocol}: {kind.question}"
            )
            remarks = _remarks(part)
            picture = Picture(
                f"{text.file_name(kind.name, dataset, protocol)}.png",
                "Both test sets side by side",
                partial(plots.contrast, part, kind, title, remarks),
            )
            table = _of_contrast(part, kind)
            sections.append(Section(title, dataset, remarks, table, [kind.how_to_read], [picture]))
    return sections


def _of_contrast(part: pd.DataFrame, kind: Contrast) -> pd.DataFrame:
    lines = []
    for row in part.to_dict(orient="records"):
        line = {"model": row["model"]}
        for side in kind.sides:
            line[f"{side} % (95 %)"] = with_interval(row, f"accuracy_{side}", "accuracy")
        for name, said in zip(kind.scores, ("difference, points", "of"), strict=True):
            said += "" if name == "accuracy" else f" {METRICS[name].label}"
            line[f"{said} (95 %)"] = difference(row, f"{name}_difference", name)
        for count, said in COUNTS.items():
            line[said] = " / ".join(f"{row[f'{count}_{side}']:,}" for side in kind.sides)
        lines.append(line)
    return pd.DataFrame(lines)


def _remarks(part: pd.DataFrame) -> list[str]:
    """What was done to the data of a board: one line or none."""
    return [*filter(None, part["about"].dropna().unique())]


def warnings(board: Leaderboard) -> list[Section]:
    """A warning of each data set that is drawn by this project."""
    sets = board.table.loc[board.table["generated_data"], "dataset"].unique()
    return [Section("", name, after=[text.HOW_TO_GET_REAL], where="screen") for name in sets]


def how_to_read(board: Leaderboard) -> list[Section]:
    """What to mind in reading the boards."""
    before = text.how_to_read(Facts.of(board))
    return [Section("How to read this", before=before, where="document")]


def boards(board: Leaderboard) -> list[Section]:
    """Each data set, protocol and split with its models, best first; of a curve the whole size."""
    sections = []
    for _, part in board.table.groupby(leaderboard.BOARD, sort=False):
        title, common = text.heading(part), _common_notes(part)
        held = [
            f"All rows scored on {n:,} pictures: {'; '.join(notes)}." for n, notes in common.items()
        ]
        sections.append(
            Section(
                title,
                part["dataset"].iloc[0],
                [*_remarks(part), *held],
                _of_board(part, common),
                pictures=_told_apart(part, board.pairs),
                bad_rows=(part["status"] != "ok").to_numpy().nonzero()[0],
                off_screen=off_screen(),
                where="folder" if part["is_step"].all() else "everywhere",
            )
        )
    return sections


def metric_heading(metric: Metric) -> str:
    """The column of a metric; that of the accuracy says what is behind it."""
    return f"{metric.heading} (95 % interval)" if metric.name == "accuracy" else metric.heading


def off_screen() -> list[str]:
    """Columns for which a terminal has no room."""
    unseen = [each for each in METRICS.values() if each.on_page and not each.on_screen]
    return [*map(metric_heading, unseen), MEASURED["predict_ms_per_image"]]


def _common_notes(part: pd.DataFrame) -> dict[int, list[str]]:
    """Notes that two rows or more on the same pictures all have, by the number of pictures.

    Not what a protocol says of its rows, which each is to say of itself.
    """
    result = {}
    for n_test in part["n_test"].dropna().unique():
        first, *others = part.loc[part["n_test"] == n_test, "notes"]
        ours = [note for note in first if all(note in other for other in others)]
        ours = [note for note in ours if note not in runs.NOTES.values()]
        if others and ours:
            result[int(n_test)] = ours
    return result


def _of_board(part: pd.DataFrame, common: dict[int, list[str]]) -> pd.DataFrame:
    lines = []
    shared = part.duplicated(["data", "n_test", "rank"], keep=False)
    for row, tie in zip(part.to_dict(orient="records"), shared, strict=True):
        line = {"rank": text.rank(row["rank"], tie), "model": row["model"]}
        for name, metric in METRICS.items():
            if metric.on_page:
                shown = with_interval(row, name) if metric.of_counts else score(row[name], name)
                line[metric_heading(metric)] = shown
        if spread := score(row["accuracy_sd_of_repeats"]):
            line[metric_heading(METRICS["accuracy"])] += f", repeats ±{spread}"
        line[MEASURED["published_accuracy"]] = score(row["published_accuracy"])
        line |= {MEASURED[name]: number(row[name], digits) for name, digits in DIGITS.items()}
        trouble = "" if row["status"] == "ok" else f"{row['status']}: {row['reason']}"
        notes = [note for note in row["notes"] if note not in common.get(row["n_test"], ())]
        lines.append({**line, NOTES: "; ".join(filter(None, [trouble, *notes]))})
    return pd.DataFrame(lines)


def _told_apart(part: pd.DataFrame, pairs: pd.DataFrame) -> list[Picture]:
    """Which models of a board are told apart, if it has two on the same pictures."""
    first = part.iloc[0]
    if not part.dropna(subset=["rank"]).duplicated(["data", "n_test"]).any():
        return []
    ours = pairs[(pairs[leaderboard.BOARD] == first[leaderboard.BOARD]).all(axis=1)]
    panels = []
    for (n_test, _), same in ours.groupby(["n_test", "data"], sort=False):
        people = text.any_of(same["n_people"])
        panels.append((f"{n_test:,} test pictures{people and f' of {people} people'}", same))
    title = (
        f"{text.data_name(*first[['dataset', 'generated_data', 'crop']])}, protocol "
        f"{first['protocol']}, {text.split_name(first['split'])}:\n"
        "by how many points of accuracy the row is better than the column"
    )
    return [
        Picture(
            f"told-apart/{text.file_name(first['dataset'], first['board'])}.png",
            "Which of these models are told apart",
            partial(plots.told_apart, panels, title),
        )
    ]
