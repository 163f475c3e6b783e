"""The leaderboard: one row per data set, protocol, split and model, computed from predictions."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark import comparison, evidence, learning_curve, recognition, statistics
from benchmark.evidence import Evidence
from benchmark.protocols import Curve

COLUMNS = (
    "dataset",
    "protocol",
    "split",
    "model",
    "family",
    "status",
    "reason",
    "n_train",
    "n_test",
    "repeats",
    "accuracy",
    "accuracy_lo",
    "accuracy_hi",
    "balanced_accuracy",
    "macro_f1",
    "log_loss",
    "ece",
    "majority_accuracy",
    "published_accuracy",
    "fit_seconds",
    "predict_ms_per_image",
    "peak_memory_mb",
    "parameters",
    "device",
    "rank",
    "selected_on",
    "n_validation",
    "n_left_out",
    "accuracy_sd_of_repeats",
    "generated_data",
    "size",
    "data",
    "note",
    "balanced_accuracy_lo",
    "balanced_accuracy_hi",
    "macro_f1_lo",
    "macro_f1_hi",
    "top2_accuracy",
    "n_people",
)
BOARD = ["dataset", "protocol", "split"]  # rows that agree in these are ranked together

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


@dataclass(frozen=True)
class Leaderboard:
    """The leaderboard, the pairs of models it rests on, its splits and curves, and its source."""

    table: pd.DataFrame
    pairs: pd.DataFrame
    recognised: pd.DataFrame
    points: pd.DataFrame
    crossovers: pd.DataFrame
    rows: list[Evidence]


def collect(out: Path) -> pd.DataFrame:
    """Compute the leaderboard of a results folder: the table of `compute`."""
    return compute(out).table


def compute(out: Path) -> Leaderboard:
    """Compute the leaderboard of a results folder, reading each stored file once.

    Parameters
    ----------
    out : Path
        The results folder.

    Returns
    -------
    Leaderboard
        ``table``: the columns `COLUMNS`, and ``board``, see `evidence.board_names`; best first.
        Times in seconds and milliseconds, memory in units of 10**6 bytes, scores as fractions,
        ``data`` the beginning of the data's fingerprint. Models are ranked among those scored on
        the same pictures of a board, and share a rank where these cannot tell them apart, see
        `comparison.compare`; a row that is not ``ok`` has no rank. Scores of repeats are averaged;
        the interval is that of the mean, for other test pictures drawn like these. ``pairs``: the
        columns `comparison.PAIRS`. ``recognised``: see `recognition.compute`.
        ``points`` and ``crossovers``: see `learning_curve`.
    """
    rows = evidence.read(out)
    compared = [(same, *comparison.compare(same)) for same in comparison.same_pictures(rows)]
    facts = {
        id(row): fact for same, found, _ in compared for row, fact in zip(same, found, strict=True)
    }
    described = [_row(row, facts.get(id(row), {})) for row in rows]
    table = pd.DataFrame(described, columns=[*COLUMNS, "board"])
    for name in ("rank", "n_train", "n_validation", "n_test", "n_people", "parameters"):
        table[name] = pd.to_numeric(table[name]).astype("Int64")
    order = table.assign(fewer=-table["n_test"], worse=-table["accuracy"]).sort_values(
        [*BOARD, "fewer", "rank", "worse", "model"]
    )
    table = order.drop(columns=["fewer", "worse"]).reset_index(drop=True)
    pairs = [found for _, _, found in compared if len(found)]
    return Leaderboard(
        table,
        pd.concat(pairs, ignore_index=True)
        if pairs
        else pd.DataFrame(columns=list(comparison.PAIRS)),
        recognition.compute(rows),
        learning_curve.points(table, rows),
        learning_curve.crossovers(rows),
        rows,
    )


def _row(row: Evidence, compared: Mapping[str, Any]) -> dict[str, Any]:
    entry, bad = row.entry, row.bad
    reason = ""
    if bad is not None:
        several = len(row.records) > 1
        which = f"repeat {bad['repeat'] + 1} of {len(row.records)}: " if several else ""
        reason = which + bad["reason"]
    about = {
        "dataset": entry["dataset"]["name"],
        "protocol": entry["protocol"]["label"],
        "split": entry["protocol"]["split"],
        "model": entry["model"]["label"],
        "family": entry["model"]["family"],
        "status": bad["status"] if bad else "ok",
        "reason": reason,
        "repeats": len(row.good),
        "published_accuracy": published(entry),
        "device": entry["device"],
        "selected_on": entry["protocol"]["selected_on"],
        "n_left_out": len(entry["dataset"]["left_out"]),
        "generated_data": entry["dataset"]["generated"],
        "size": entry["dataset"]["size"],
        "data": entry["dataset"]["fingerprint"][:12],
        "board": row.board,
    }
    if row.scored is None:
        return about
    about["device"] = " and ".join(sorted({record["device"] for record in row.good}))
    return {**about, **_scores(row, row.scored), **compared}


def _scores(row: Evidence, scored: evidence.Scored) -> dict[str, Any]:
    facts = pd.DataFrame(row.good)
    n_test = len(scored.rows)
    scores = scored.scores
    return {
        **{str(name): value for name, value in scores.mean().items()},
        "accuracy_sd_of_repeats": scores["accuracy"].std() if len(scores) > 1 else None,
        "n_train": row.good[0]["n_train"],
        "n_validation": row.good[0]["n_validation"],
        "n_test": n_test,
        "fit_seconds": facts["fit_seconds"].mean(),
        "predict_ms_per_image": facts["predict_seconds"].mean() / n_test * 1000,
        "peak_memory_mb": facts["peak_memory_mb"].max(),
        "parameters": row.good[0]["parameters"],
        "note": "; ".join(_notes(row, scored)),
    }


def _notes(row: Evidence, scored: evidence.Scored) -> list[str]:
    """What a reader of the row must know, most important first."""
    notes = []
    names = row.class_names
    always = [np.unique(predicted) for predicted in scored.predicted]
    single = [int(named[0]) for named in always if len(named) == 1]
    if single:
        said = sorted({names[label] for label in single})
        repeats = f" in {len(single)} of {len(always)} repeats" if len(always) > 1 else ""
        notes.append(f"only ever says {' or '.join(said)}{repeats}")
    notes.append(row.entry["protocol"]["note"])
    counts = row.entry["dataset"]["class_counts"]
    tested = set(scored.labels.tolist())
    untested = [name for i, name in enumerate(names) if i not in tested and counts[name]]
    for absent, where in ((row.untrained, "training"), (untested, "test")):
        notes.append(f"no {' or '.join(absent)} in {where}" if absent else "")
    notes.append(row.good[0]["note"] if len(row.good) == 1 else "")
    return [note for note in notes if note]


@functools.cache
def _published() -> pd.DataFrame:
    """Every figure a source document states, with its rank among those on as many pictures."""
    table = pd.read_csv(Path(__file__).with_name("published.csv"))
    table["rank"] = 0
    for _, part in table.groupby(["dataset", "protocol", "n_test"]):
        stated, n = part["accuracy"].to_numpy(), int(part["n_test"].iloc[0])
        pairs = zip(*np.triu_indices(len(stated), 1), strict=True)
        p = np.array([statistics.unpaired_p(stated[i], stated[j], n, n) for i, j in pairs])
        table.loc[part.index, "rank"] = statistics.shared_ranks(stated, statistics.holm(p))
    return table


def published(entry: dict[str, Any]) -> float | None:
    """Return the accuracy a source document states for this data set, protocol and model."""
    table = _published()
    found = table[
        (table["dataset"] == entry["dataset"]["name"])
        & (table["protocol"] == entry["protocol"]["label"])
        & (table["model"] == entry["model"]["label"])
    ]
    return float(found["accuracy"].iloc[0]) if len(found) else None


def side_by_side(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Published, reproduced and fair accuracy of every model, a table for each data set.

    Returns
    -------
    dict
        By data set: a row a model, best of the last protocol first; the column ``published`` where
        there are such figures, then one for each protocol and split, see `evidence.board_names`.
    """
    result = {}
    for dataset, part in table[~learning_curve.is_step(table)].groupby("dataset", sort=False):
        columns = sorted(part["board"].unique(), key=lambda name: (name != "slides", name))
        wide = part.pivot(index="model", columns="board", values="accuracy")
        wide = wide[columns].sort_values([*columns[::-1]], ascending=False)
        stated = dict(
            part.dropna(subset=["published_accuracy"])[["model", "published_accuracy"]].values
        )
        if len(stated):
            wide.insert(0, "published", [stated.get(name) for name in wide.index])
        wide.columns.name = None
        result[str(dataset)] = wide
    return result


def heading(part: pd.DataFrame, protocol: str = "") -> str:
    """One line that says what a board is about: data, protocol, split, pictures, selection."""
    first = part.iloc[0]
    data = "generated faces" if first["generated_data"] else first["dataset"]
    pixels = " or ".join(f"{size}" for size in sorted(part["size"].unique()))
    counts = " or ".join(f"{n:,}" for n in sorted(part["n_test"].dropna().unique()))
    people = " or ".join(f"{n:,}" for n in sorted(part["n_people"].dropna().unique()))
    shown = f" of {people} people" if people else ""
    tested = f", scored on {counts} pictures{shown}" if counts else ""
    left_out = f", {first['n_left_out']} unreadable left out" if first["n_left_out"] else ""
    return (
        f"{data} at {pixels} px, protocol {protocol or first['protocol']}, "
        f"{first['split']} split, selection on {first['selected_on']}{tested}{left_out}"
    )


SHOWN = {
    "rank": "rank",
    "model": "model",
    "accuracy": "accuracy % (95 % interval)",
    "balanced_accuracy": "balanced accuracy %",
    "macro_f1": "macro-F1",
    "top2_accuracy": "top-2 %",
    "ece": "calibration error",
    "majority_accuracy": "majority %",
    "published_accuracy": "published %",
    "n_train": "training pictures",
    "n_test": "test pictures",
    "fit_seconds": "fit s",
    "predict_ms_per_image": "ms a picture",
    "note": "status and notes",
}


def for_people(part: pd.DataFrame) -> pd.DataFrame:
    """A board as text, with the columns a reader looks at first."""

    def percent(value: float) -> str:
        return "" if pd.isna(value) else f"{100 * value:.1f}"

    def number(value: float, digits: int) -> str:
        return "" if pd.isna(value) else f"{value:,.{digits}f}"

    def with_interval(row: pd.Series, name: str, text: Callable[[float], str]) -> str:
        score = text(row[name])
        return score and f"{score} ({text(row[f'{name}_lo'])}-{text(row[f'{name}_hi'])})"

    lines = []
    shared = part.duplicated(["data", "n_test", "rank"], keep=False)
    for (_, row), tie in zip(part.iterrows(), shared, strict=True):
        accuracy = with_interval(row, "accuracy", percent)
        if not pd.isna(row["accuracy_sd_of_repeats"]):
            accuracy += f", repeats ±{100 * row['accuracy_sd_of_repeats']:.1f}"
        trouble = "" if row["status"] == "ok" else f"{row['status']}: {row['reason']}"
        note = row["note"] if isinstance(row["note"], str) else ""
        lines.append(
            {
                "rank": _rank_text(row["rank"], tie),
                "model": row["model"],
                "accuracy": accuracy,
                "balanced_accuracy": with_interval(row, "balanced_accuracy", percent),
                "macro_f1": with_interval(row, "macro_f1", lambda value: number(value, 3)),
                "top2_accuracy": percent(row["top2_accuracy"]),
                "ece": number(row["ece"], 3),
                "majority_accuracy": percent(row["majority_accuracy"]),
                "published_accuracy": percent(row["published_accuracy"]),
                "n_train": number(row["n_train"], 0),
                "n_test": number(row["n_test"], 0),
                "fit_seconds": number(row["fit_seconds"], 1),
                "predict_ms_per_image": number(row["predict_ms_per_image"], 2),
                "note": "; ".join(filter(None, [trouble, note])),
            }
        )
    return pd.DataFrame(lines).rename(columns=SHOWN)


def _rank_text(rank: Any, tie: bool) -> str:
    return "" if pd.isna(rank) else f"{rank}=" if tie else f"{rank}"


def boards(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each data set, protocol and split with its heading; of a curve the largest size only."""
    whole = table[~learning_curve.is_step(table)]
    return [(heading(part), part) for _, part in whole.groupby(BOARD, sort=False)]


@dataclass(frozen=True)
class CurveSection:
    """What is shown of the learning curves of one data set and split, at one size in pixels.

    Attributes
    ----------
    title : str
    table : DataFrame
        Accuracy in percent as text, a row a model and a column a size.
    lines : list of str
        Sentences on where nets overtake classical models, and on what to mind.
    points, crossovers : DataFrame
        Those of this section, see `learning_curve`.
    picture : str or None
        Its file, if it has two sizes.
    """

    title: str
    table: pd.DataFrame
    lines: list[str]
    points: pd.DataFrame
    crossovers: pd.DataFrame
    picture: str | None


def curves(found: Leaderboard) -> list[CurveSection]:
    """Return the learning curves, a section for each data set, split and kind of pictures."""
    of_curves = found.table[found.table["protocol"].map(Curve.size).notna()]
    sets = of_curves.drop_duplicates(learning_curve.CURVE)
    several = set(sets.loc[sets.duplicated(["dataset", "split"], keep=False), "data"])
    sections = []
    for (dataset, split, data), part in of_curves.groupby(learning_curve.CURVE, sort=False):
        points, crossovers = (
            table[(table[learning_curve.CURVE] == [dataset, split, data]).all(axis=1)]
            for table in (found.points, found.crossovers)
        )
        named = part["board"].iloc[0] != part["protocol"].iloc[0]  # not the usual split
        words = [dataset, *[split] * bool(named), *[data] * (data in several)]
        picture = f"learning-curves.{picture_name(*map(str, words))}.png"
        sections.append(_curve_section(part, points, crossovers, picture))
    return sections


def _curve_section(
    part: pd.DataFrame, points: pd.DataFrame, crossovers: pd.DataFrame, picture: str
) -> CurveSection:
    def cell(row: pd.Series) -> str:
        if pd.isna(row["accuracy"]):
            return str(row["status"])
        spread = row["accuracy_sd_of_repeats"]
        repeats = "" if pd.isna(spread) else f" ±{100 * spread:.1f}"
        return f"{100 * row['accuracy']:.1f}{repeats}"

    labels = sorted(part["protocol"].unique(), key=lambda label: Curve.size(label) or 0)
    texts = part.assign(text=part.apply(cell, axis=1))
    best_first = texts.sort_values("accuracy", ascending=False)
    models = best_first.loc[best_first["protocol"] == labels[-1], "model"]
    wide = texts.pivot_table(index="model", columns="protocol", values="text", aggfunc="first")
    wide = wide.reindex([*dict.fromkeys([*models, *best_first["model"]])])[labels].fillna("")
    sizes = points.groupby("protocol")["size"].max()
    wide.columns = pd.Index(
        [f"{sizes[label]:,} pictures" if label in sizes else label for label in labels]
    )

    lines = []
    best = crossovers[crossovers["net"] == learning_curve.BEST_NET]
    for row in best.to_dict(orient="records"):
        lines.append(f"In {learning_curve.SCORES[row['score']]} {row['verdict']}.")
    if lines:
        lines.append(
            "Pictures are those learnt from, a fifth of them to select on. The best at each size "
            "are chosen on half of the people and scored on the other half; every pair of models, "
            "and how the interval is made, is in crossovers.csv."
        )
    absent: dict[str, int] = {}
    for point in points.to_dict(orient="records"):
        for name in filter(None, point["not_in_training"].split("; ")):
            absent[name] = max(absent.get(name, 0), point["size"])
    if absent:
        upto = ", ".join(f"{name} up to {size:,} pictures" for name, size in absent.items())
        lines.append(f"Not in every training set: {upto}; a model cannot name what it never saw.")
    title = heading(part, Curve.name)
    drawn = picture if len(sizes) > 1 else None
    return CurveSection(title, wide.reset_index(), lines, points, crossovers, drawn)


def comparisons(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The side-by-side tables as percentages, with a title each."""
    result = []
    drawn = set(table.loc[table["generated_data"], "dataset"])
    for dataset, wide in side_by_side(table).items():
        text = wide.map(lambda value: "" if pd.isna(value) else f"{100 * value:.1f}")
        if "published" in text:
            ranks = published_ranks(dataset)
            text.insert(1, "its rank", [ranks.get(name, "") for name in text.index])
        data = "generated faces" if dataset in drawn else dataset
        result.append((f"{data}: accuracy in percent, side by side", text.reset_index()))
    return result


def published_ranks(dataset: str) -> dict[str, str]:
    """Rank of each published figure by model, such as ``1= of 8 on 165 pictures``."""
    table = _published()
    table = table[table["dataset"] == dataset]
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


def markdown(
    table: pd.DataFrame,
    audit: str = "",
    recognised: pd.DataFrame | None = None,
    sections: Sequence[CurveSection] = (),
) -> str:
    """The leaderboard as Markdown, with what an audit said and what splits and curves show."""
    parts = ["# Leaderboard"]
    if table["generated_data"].any():
        parts.append(f"**{HOW_TO_GET_REAL}**")
    if audit:
        parts.append(re.sub(r"([\\`*_<|])", r"\\\1", audit))  # file names are no Markdown
    for title, text in comparisons(table):
        parts += [f"## {title}", text.to_markdown(index=False, disable_numparse=True)]
        if "published" in text:
            parts.append(PUBLISHED_RANKS)
    for title, part in [] if recognised is None else recognition.boards(recognised):
        text = recognition.for_people(part)
        parts += [f"## {title}", text.to_markdown(index=False, disable_numparse=True)]
        parts.append(recognition.HOW_TO_READ)
    for section in sections:
        wide = section.table.to_markdown(index=False, disable_numparse=True)
        parts += [f"## {section.title}", wide, " ".join(section.lines)]
        if section.picture:
            parts.append(f"![Learning curves](<{section.picture}>)")
    for title, part in boards(table):
        text = for_people(part)
        parts += [f"## {title}", text.to_markdown(index=False, disable_numparse=True)]
        picture = told_apart_name(part)
        if picture:
            parts.append(f"![Which of these models are told apart](<{picture}>)")
    parts.append(HOW_TO_READ)
    return "\n\n".join(parts) + "\n"
