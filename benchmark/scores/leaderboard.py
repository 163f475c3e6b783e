"""The leaderboard: one row per data set, protocol, split and model, computed from predictions."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core import runs
from benchmark.scores import contrasts as contrast
from benchmark.scores import curves, intervals
from benchmark.scores import pairs as comparison
from benchmark.scores import rows as evidence
from benchmark.scores import searches as trials
from benchmark.scores.rows import Evidence
from benchmark.scores.searches import Search

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
    "search_trials",
    "search_seconds",
)
WHOLE = ("rank", "n_train", "n_validation", "n_test", "n_people", "parameters", "search_trials")
BOARD = ["dataset", "protocol", "split"]  # rows that agree in these are ranked together


@dataclass(frozen=True)
class Leaderboard:
    """The leaderboard, the pairs it rests on, contrasts, curves and searches, and its source."""

    table: pd.DataFrame
    pairs: pd.DataFrame
    contrasts: dict[contrast.Contrast, pd.DataFrame]
    points: pd.DataFrame
    crossovers: pd.DataFrame
    searches: list[Search]
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
        ``table``: the columns `COLUMNS`; ``board`` and ``about``, see `rows`; and
        ``crop_found``, the share of pictures in which what they are cropped to was found. Best
        first.
        Times in seconds and milliseconds, memory in units of 10**6 bytes, scores as fractions,
        ``data`` the beginning of the data's fingerprint. Models are ranked among those scored on
        the same pictures of a board, and share a rank where these cannot tell them apart, see
        `pairs.compare`; a row that is not ``ok`` has no rank. Scores of repeats are averaged;
        the interval is that of the mean, for other test pictures drawn like these. ``pairs``: the
        columns `pairs.PAIRS`. ``contrasts``: those that there are, see `contrasts.compute`.
        ``points`` and ``crossovers``: see `curves`. ``searches``: see `searches`; the row of
        a winner says how many trials it was the best of and how many seconds they took, its own
        run not counted.
    """
    rows = evidence.read(out)
    compared = [(same, *comparison.compare(same)) for same in comparison.same_pictures(rows)]
    facts = {
        id(row): fact for same, found, _ in compared for row, fact in zip(same, found, strict=True)
    }
    searches = trials.read(out)
    described = [
        _row(row, facts.get(id(row), {}), [each for each in searches if each.won_by(row)])
        for row in rows
    ]
    table = pd.DataFrame(described, columns=[*COLUMNS, "board", "about", "crop_found"])
    for name in (
        "rank",
        "n_train",
        "n_validation",
        "n_test",
        "n_people",
        "parameters",
        "search_trials",
    ):
        table[name] = pd.to_numeric(table[name]).astype("Int64")
    order = table.assign(fewer=-table["n_test"], worse=-table["accuracy"]).sort_values(
        [*BOARD, "fewer", "rank", "worse", "model"]
    )
    table = order.drop(columns=["fewer", "worse"]).reset_index(drop=True)
    pairs = [found for _, _, found in compared if len(found)]
    contrasts = {kind: contrast.compute(rows, facts, kind) for kind in contrast.CONTRASTS}
    return Leaderboard(
        table,
        pd.concat(pairs, ignore_index=True)
        if pairs
        else pd.DataFrame(columns=list(comparison.PAIRS)),
        {kind: found for kind, found in contrasts.items() if len(found)},
        curves.points(table, rows),
        curves.crossovers(rows),
        searches,
        rows,
    )


def _row(row: Evidence, compared: Mapping[str, Any], won: Sequence[Search]) -> dict[str, Any]:
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
        **_cost_of_search(won),
        "about": evidence.about(entry),
        "crop_found": entry["dataset"].get("crop_found"),
    }
    if row.scored is None:
        return about
    about["device"] = " and ".join(sorted({record["device"] for record in row.good}))
    return {**about, **_scores(row, row.scored, won), **compared}


def _cost_of_search(won: Sequence[Search]) -> dict[str, Any]:
    """Trials that a row was chosen from and their seconds, those of two searches counted once."""
    if not won:
        return {}
    tried = pd.concat([search.table for search in won]).drop_duplicates("run")
    return {"search_trials": len(tried), "search_seconds": tried["seconds"].sum()}


def _scores(row: Evidence, scored: evidence.Scored, won: Sequence[Search]) -> dict[str, Any]:
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
        "predict_ms_per_image": (facts["predict_seconds"] / facts["n_test"]).mean() * 1000,
        "peak_memory_mb": facts["peak_memory_mb"].max(),
        "parameters": row.good[0]["parameters"],
        "note": "; ".join(_notes(row, scored, won)),
    }


def _notes(row: Evidence, scored: evidence.Scored, won: Sequence[Search]) -> list[str]:
    """What a reader of the row must know, most important first."""
    notes = []
    names = row.class_names
    always = [np.unique(predicted) for predicted in scored.predicted]
    single = [int(named[0]) for named in always if len(named) == 1]
    if single:
        said = sorted({names[label] for label in single})
        repeats = f" in {len(single)} of {len(always)} repeats" if len(always) > 1 else ""
        notes.append(f"only ever says {' or '.join(said)}{repeats}")
    if pretrained_on := row.entry["model"].get("pretrained_on"):
        notes.append(f"pre-trained on {pretrained_on}")
    notes.append(row.entry["protocol"]["note"])
    for search in won:
        of = f"best of {len(search.table):,} trials on validation"
        notes.append(f"{of}, which took {search.seconds:,.1f} s")
    counts = row.entry["dataset"]["class_counts"]
    tested = set(scored.labels.tolist())
    untested = [name for i, name in enumerate(names) if i not in tested and counts[name]]
    for absent, where in ((row.untrained, "training"), (untested, "test")):
        notes.append(f"no {' or '.join(absent)} in {where}" if absent else "")
    notes.append(row.good[0]["note"] if len(row.good) == 1 else "")
    return [note for note in notes if note]


@functools.cache
def published_figures() -> pd.DataFrame:
    """Every figure a source document states, with its rank among those on as many pictures.

    One whose document does not say on how many has no rank.
    """
    table = pd.read_csv(Path(__file__).with_name("published.csv"), dtype={"n_test": "Int64"})
    table["rank"] = pd.array([pd.NA] * len(table), "Int64")
    for _, part in table.groupby(["dataset", "protocol", "n_test"]):
        stated, n = part["accuracy"].to_numpy(), int(part["n_test"].iloc[0])
        pairs = zip(*np.triu_indices(len(stated), 1), strict=True)
        p = np.array([intervals.unpaired_p(stated[i], stated[j], n, n) for i, j in pairs])
        table.loc[part.index, "rank"] = intervals.shared_ranks(stated, intervals.holm(p))
    return table


def published(entry: Mapping[str, Any]) -> float | None:
    """Return the accuracy a source document states for this data set, protocol and model."""
    if entry["protocol"]["split"] == runs.WITHIN:
        return None  # a transfer is published by its score across sets
    table = published_figures()
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
        there are such figures, then one for each protocol and split, see `runs.board_names`.
    """
    result = {}
    for dataset, part in table[~curves.is_step(table)].groupby("dataset", sort=False):
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
