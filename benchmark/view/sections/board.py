"""Sections on whole boards: every model side by side, on two test sets, and ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from benchmark.scores import leaderboard, published
from benchmark.scores.contrasts import COUNTS, Contrast
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS, RANKED_BY, Metric
from benchmark.scores.rows import Row, by_board, grouped
from benchmark.view import latex, plots, text
from benchmark.view.sections.section import Picture, Section
from benchmark.view.text import Facts, difference, number, score, with_interval

NOTES = "status and notes"
BEST = "best in % of draws"
FLOOR = "majority"  # the family of what always gives the classes' shares
BY_CLASS = "balanced_accuracy"
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
    files = {"leaderboard": board.table, "comparisons": board.pairs}
    files |= {kind.name: table for kind, table in board.contrasts.items()}
    if len(board.curves.points):
        files |= {"learning-curves": board.curves.points, "crossovers": board.curves.crossovers}
    if len(sets := leaderboard.over_sets(board.rows)):
        files["over-sets"] = sets
    if board.winners["runner_up"].notna().any():
        files["winners"] = board.winners
    data = {f"{name}.csv": text.csv(table) for name, table in files.items()}
    data["leaderboard.tex"] = latex.boards(board)
    return [Section("", data=data, where="folder")]


def overviews(board: Leaderboard) -> list[Section]:
    """Pictures of each data set: all its boards, and how many pictures each class has."""
    sections = []
    for same in grouped(board.rows, lambda row: row.place.dataset):
        data, name = same[0].entry.dataset, same[0].place.dataset
        pictures = f"{text.data_name(data)}: {data.n:,} pictures"
        title = f"{pictures} at {data.size} x {data.size} pixels"
        shown = by_board(row for row in same if not row.is_step)
        tables = {rows[0].board: leaderboard.table(rows) for rows in shown}
        drawn = [
            Picture(
                f"leaderboard.{name}.png",
                title,
                partial(plots.board, tables, board.metric, title),
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
    """Score of every model side by side, published, reproduced and fair, by data set."""
    sets = {row.place.dataset: row.entry.dataset for row in board.rows}
    sections = []
    for dataset, wide in leaderboard.side_by_side(board.rows, board.metric).items():
        table = wide.map(partial(score, name=board.metric.name))
        ranks = published_ranks(dataset) if "published" in table else {}
        if ranks:
            table.insert(1, "its rank", [ranks.get(name, "") for name in table.index])
        unit = " in percent" if board.metric.is_share else ""
        title = f"{text.data_name(sets[dataset])}: {board.metric.label}{unit}, side by side"
        after = [text.PUBLISHED_RANKS] if ranks else []
        sections.append(Section(title, dataset, table=table.reset_index(), after=after))
    return sections


def published_ranks(dataset: str) -> dict[str, str]:
    """Rank of each published figure beside others by model, as ``1-8 of 8 on 165 pictures``."""
    table = published.figures()
    table = table[table["dataset"] == dataset].dropna(subset=["rank"])
    table = table[table.duplicated("n_test", keep=False)]
    beside = table.groupby("n_test")["model"].transform("size")
    return {
        row["model"]: f"{text.ranks(row['rank'], row['last_rank'])} of {n} on {row['n_test']:,} "
        "pictures"
        for row, n in zip(table.to_dict(orient="records"), beside, strict=True)
    }


def over_sets(board: Leaderboard) -> list[Section]:
    """Mean rank of every model over the data sets, by protocol."""
    table = leaderboard.over_sets(board.rows)
    sections = []
    for protocol, same in table.groupby("protocol"):
        shown = pd.DataFrame(
            {
                "model": same["model"],
                "mean rank": [number(rank, 1) for rank in same["mean_rank"]],
                "in the first rank on": [
                    f"{n} of {same['sets'].iloc[0]} sets" for n in same["first"]
                ],
            }
        )
        sections.append(Section(f"Over all data sets, protocol {protocol}", table=shown))
    return sections


def contrasts(board: Leaderboard) -> list[Section]:
    """Every model on two test sets, side by side, by data set and protocol."""
    sections = []
    for kind, whole in board.contrasts.items():
        for of, part in whole.groupby(["dataset", "protocol"], sort=False):
            dataset, protocol = map(str, of)
            rows = [
                row
                for row in board.rows
                if row.place[:2] == (dataset, protocol) and row.place.split in kind.sides
            ]
            title = (
                f"{text.data_name(rows[0].entry.dataset)} at {text.any_of(part['size'])} px, "
                f"protocol {protocol}: {kind.question}"
            )
            remarks = text.remarks(rows)
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


def warnings(board: Leaderboard) -> list[Section]:
    """A warning of each data set that is drawn by this project."""
    sets = {row.place.dataset for row in board.rows if row.entry.dataset.generated}
    return [
        Section("", name, after=[text.HOW_TO_GET_REAL], where="screen") for name in sorted(sets)
    ]


def how_to_read(board: Leaderboard) -> list[Section]:
    """What to mind in reading the boards."""
    before = text.how_to_read(Facts.of(board))
    return [Section("How to read this", before=before, where="document")]


def boards(board: Leaderboard) -> list[Section]:
    """Each data set, protocol and split with its models, best first; of a curve the whole size."""
    sections = []
    for rows in board.boards:
        common = _common_notes(rows)
        held = [
            f"All rows scored on {n:,} pictures: {'; '.join(notes)}." for n, notes in common.items()
        ]
        sections.append(
            Section(
                text.heading(rows),
                rows[0].place.dataset,
                [*text.remarks(rows), *_ranked_by(rows, board.metric), *held],
                _of_board(rows, common),
                pictures=_told_apart(rows, board),
                bad_rows=[i for i, row in enumerate(rows) if row.bad is not None],
                off_screen=off_screen(board.metric),
                board=text.file_name(rows[0].place.dataset, rows[0].board),
                where="folder" if all(row.is_step for row in rows) else "everywhere",
            )
        )
    return sections


def metric_heading(metric: Metric) -> str:
    """The column of a metric; that of the accuracy says what is behind it."""
    return f"{metric.heading} (95 % interval)" if metric.name == "accuracy" else metric.heading


def off_screen(ranked_by: Metric) -> list[str]:
    """Columns for which a terminal has no room."""
    unseen = [each for each in METRICS.values() if each.on_page and not each.on_screen]
    unseen = [each for each in unseen if each.name != ranked_by.name]
    return [BEST, *map(metric_heading, unseen), MEASURED["predict_ms_per_image"]]


def _ranked_by(rows: Sequence[Row], metric: Metric) -> list[str]:
    """By what models are ranked if not by the usual, and who is best where each class counts."""
    lines = []
    if metric.name != RANKED_BY[0]:
        lines.append(f"Ranked and compared by {metric.label}.")
    if metric.name != BY_CLASS:
        for same in grouped((row for row in rows if row.rank), lambda row: row.n_test):
            first, best = same[0], max(same, key=lambda row: row.mean(BY_CLASS))
            if best.mean(BY_CLASS) > first.mean(BY_CLASS):
                values = [f"{score(row.mean(BY_CLASS), BY_CLASS)} %" for row in (best, first)]
                lines.append(
                    f"On {first.n_test:,} pictures {best.place.model} is best where each class "
                    f"counts the same ({METRICS[BY_CLASS].label} {values[0]}; "
                    f"{first.place.model} {values[1]})."
                )
    return lines


def _common_notes(rows: Sequence[Row]) -> dict[int, list[str]]:
    """Notes that two rows or more on the same pictures all have, by the number of pictures.

    Not what a protocol says of its rows, which each is to say of itself.
    """
    result = {}
    for same in grouped((row for row in rows if row.n_test), lambda row: row.n_test):
        first, *others = (row.notes for row in same)
        ours = [note for note in first if all(note in other for other in others)]
        ours = [note for note in ours if note != same[0].entry.protocol.note]
        if others and ours:
            result[same[0].n_test or 0] = ours
    return result


def _of_board(rows: Sequence[Row], common: Mapping[int, list[str]]) -> pd.DataFrame:
    lines = []
    sets = {row.data for row in rows}
    floors = {  # without such a row, the shares of the test set are taken
        (row.data, row.n_test): row.mean("log_loss")
        for row in rows
        if row.entry.model.family == FLOOR
    }
    for row, values in zip(rows, leaderboard.table(rows).to_dict(orient="records"), strict=True):
        line = {"rank": text.ranks(row.rank, row.last_rank), "model": row.place.model}
        for name, metric in METRICS.items():
            if metric.on_page:
                shown = (
                    with_interval(values, name) if metric.of_counts else score(values[name], name)
                )
                floor = floors.get((row.data, row.n_test), values["majority_log_loss"])
                worse = name == "log_loss" and values[name] > floor
                line[metric_heading(metric)] = shown + text.WORSE_ODDS * worse
        if spread := score(values["accuracy_sd_of_repeats"]):
            line[metric_heading(METRICS["accuracy"])] += f", repeats ±{spread}"
        line[BEST] = score(values["share_best"])
        line[MEASURED["published_accuracy"]] = score(values["published_accuracy"])
        line |= {MEASURED[name]: number(values[name], digits) for name, digits in DIGITS.items()}
        trouble = "" if row.bad is None else f"{row.bad.status}: {row.reason}"
        notes = [note for note in row.notes if note not in common.get(row.n_test or 0, ())]
        if len(sets) > 1:
            size = row.entry.dataset.size
            notes = [f"on pictures {row.data} of {size} px, ranked among these alone", *notes]
        lines.append({**line, NOTES: "; ".join(filter(None, [trouble, *notes]))})
    return pd.DataFrame(lines)


def _told_apart(rows: Sequence[Row], board: Leaderboard) -> list[Picture]:
    """Which models of a board are told apart, if it has two on the same pictures."""
    place, data, pairs = rows[0].place, rows[0].entry.dataset, board.pairs
    ours = pairs[(pairs[leaderboard.BOARD] == [*place[:3]]).all(axis=1)]
    panels = []
    for (n_test, _), same in ours.groupby(["n_test", "data"], sort=False):
        people = text.any_of(same["n_people"].dropna())
        panels.append((f"{n_test:,} test pictures{people and f' of {people} people'}", same))
    if not panels:
        return []
    unit = f"{'points of ' * board.metric.is_share}{board.metric.label}"
    title = (
        f"{text.data_name(data)}, protocol {place.protocol}, {text.split_name(place.split)}:\n"
        f"by how much the row is better than the column, in {unit}"
    )
    return [
        Picture(
            f"told-apart/{text.file_name(place.dataset, rows[0].board)}.png",
            "Which of these models are told apart",
            partial(plots.told_apart, panels, title),
            on_page=False,
        )
    ]
