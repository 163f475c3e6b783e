"""The leaderboard in words: headings, tables for people, and what to mind in reading them."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from benchmark.core import runs
from benchmark.scores import leaderboard, published, rows
from benchmark.scores.metrics import METRICS, Metric
from benchmark.view.numbers import number, score, with_interval
from datasets import crops

HOW_TO_GET_REAL = (
    "These are generated faces, drawn by this project, not photographs of people: the figures say "
    "nothing about real expressions. For the real pictures run 'make data', or set MUXSPACE_DIR to "
    "a clone of github.com/muxspace/facial_expressions."
)
HOW_TO_READ = (
    "A rank is one more than the number of models that are better and told apart; '1=' is a tie, "
    "shared by models between which these pictures cannot decide. Told apart are two models whose "
    "answers to the same pictures differ more than chance explains (McNemar's test, pictures of "
    "one person taken together, at 5 % for all pairs of a board after Holm; comparisons.csv has "
    "each pair). Intervals are 95 %, for other people and pictures drawn like these (bootstrap by "
    "person; where nobody says who is shown, by picture); those of balanced accuracy and macro-F1 "
    "are too short where a class has only a few test pictures. What training again changes is not "
    "in them: with repeats it is the '±' beside, the standard deviation from one to the next. "
    "Times leave out loading and warm-up."
)
PUBLISHED_RANKS = (
    "Published figures are ranked among those on as many pictures, all pairs by the test of two "
    "proportions after Holm: of them only the accuracies are known."
)


def heading(part: pd.DataFrame, protocol: str = "") -> str:
    """One line that says what a board is about: data, protocol, split, pictures, selection."""
    first = part.iloc[0]
    data = rows.data_name(first["dataset"], first["generated_data"])
    if not pd.isna(first["crop_found"]):
        crop = crops.parted(first["dataset"])[1]
        data += f" ({crops.said(crop, first['crop_found'])})"
    pixels = " or ".join(f"{size}" for size in sorted(part["size"].unique()))
    counts = " or ".join(f"{n:,}" for n in sorted(part["n_test"].dropna().unique()))
    people = " or ".join(f"{n:,}" for n in sorted(part["n_people"].dropna().unique()))
    shown = f" of {people} people" if people else ""
    tested = f", scored on {counts} pictures{shown}" if counts else ""
    left_out = f", {first['n_left_out']} unreadable left out" if first["n_left_out"] else ""
    return (
        f"{data} at {pixels} px, protocol {protocol or first['protocol']}, "
        f"{rows.split_name(first['split'])}, selection on {first['selected_on']}"
        f"{tested}{left_out}"
    )


def about(part: pd.DataFrame) -> list[str]:
    """Lines to stand above a board on what was done to its data: none or one."""
    return [*filter(None, part["about"].dropna().unique())]


NOTES = "status and notes"
MEASURED = {
    "published_accuracy": "published %",
    "n_train": "training pictures",
    "n_test": "test pictures",
    "fit_seconds": "fit s",
    "predict_ms_per_image": "ms a picture",
}
DIGITS = {"n_train": 0, "n_test": 0, "fit_seconds": 1, "predict_ms_per_image": 2}


def metric_heading(metric: Metric) -> str:
    """The column of a metric in a table for people; that of the ranks says what its interval is."""
    return f"{metric.heading} (95 % interval)" if metric.name == "accuracy" else metric.heading


def not_on_screen() -> list[str]:
    """Headings of the columns of `for_people` for which a terminal has no room."""
    shown = [each for each in METRICS.values() if each.on_page and not each.on_screen]
    return [*map(metric_heading, shown), MEASURED["predict_ms_per_image"]]


def _common(part: pd.DataFrame) -> dict[int, list[str]]:
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


def of_all_rows(part: pd.DataFrame) -> list[str]:
    """Lines to stand above a board on what holds for all its rows, or all on the same pictures."""
    return [
        f"All rows scored on {n_test:,} pictures: {'; '.join(notes)}."
        for n_test, notes in _common(part).items()
    ]


def for_people(part: pd.DataFrame) -> pd.DataFrame:
    """A board as text, with the columns a reader looks at first; see `of_all_rows` for the rest."""
    common = _common(part)
    lines = []
    shared = part.duplicated(["data", "n_test", "rank"], keep=False)
    for (_, row), tie in zip(part.iterrows(), shared, strict=True):
        line = {"rank": _rank_text(row["rank"], tie), "model": row["model"]}
        for name, metric in METRICS.items():
            if metric.on_page:
                text = with_interval(row, name) if metric.of_counts else score(row[name], name)
                line[metric_heading(metric)] = text
        if not pd.isna(row["accuracy_sd_of_repeats"]):
            spread = score(row["accuracy_sd_of_repeats"])
            line[metric_heading(METRICS["accuracy"])] += f", repeats ±{spread}"
        line[MEASURED["published_accuracy"]] = score(row["published_accuracy"])
        line |= {MEASURED[name]: number(row[name], digits) for name, digits in DIGITS.items()}
        trouble = "" if row["status"] == "ok" else f"{row['status']}: {row['reason']}"
        notes = [note for note in row["notes"] if note not in common.get(row["n_test"], ())]
        line[NOTES] = "; ".join(filter(None, [trouble, *notes]))
        lines.append(line)
    return pd.DataFrame(lines)


def _rank_text(rank: Any, tie: bool) -> str:
    return "" if pd.isna(rank) else f"{rank}=" if tie else f"{rank}"


def boards(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each data set, protocol and split with its heading; of a curve the largest size only."""
    whole = table[~table["is_step"]]
    return [(heading(part), part) for _, part in whole.groupby(leaderboard.BOARD, sort=False)]


def comparisons(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The side-by-side tables as percentages, with a title each."""
    result = []
    drawn = set(table.loc[table["generated_data"], "dataset"])
    for dataset, wide in leaderboard.side_by_side(table).items():
        text = wide.map(score)
        ranks = published_ranks(dataset)
        if "published" in text and ranks:
            text.insert(1, "its rank", [ranks.get(name, "") for name in text.index])
        data = rows.data_name(dataset, dataset in drawn)
        result.append((f"{data}: accuracy in percent, side by side", text.reset_index()))
    return result


def published_ranks(dataset: str) -> dict[str, str]:
    """Rank of each published figure beside others by model, as ``1= of 8 on 165 pictures``."""
    table = published.figures()
    table = table[table["dataset"] == dataset].dropna(subset=["rank"])
    table = table[table.duplicated("n_test", keep=False)]
    beside = table.groupby("n_test")["model"].transform("size")
    shared = table.duplicated(["n_test", "rank"], keep=False)
    return {
        row["model"]: f"{_rank_text(row['rank'], tie)} of {n} on {row['n_test']:,} pictures"
        for row, n, tie in zip(table.to_dict(orient="records"), beside, shared, strict=True)
    }


def picture_name(*words: str) -> str:
    """A file name of words that may hold any sign."""
    return re.sub(r"[^\w.=,:\[\]-]+", "-", ".".join(words))


def told_apart_name(part: pd.DataFrame) -> str | None:
    """File of the picture that shows which models of a board are told apart, if there are two."""
    first = part.iloc[0]
    ranked = part.dropna(subset=["rank"])
    if not ranked.duplicated(["data", "n_test"]).any():
        return None
    return f"told-apart/{picture_name(first['dataset'], first['board'])}.png"
