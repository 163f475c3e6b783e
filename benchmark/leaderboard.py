"""The leaderboard: one row per data set, protocol, split and model, computed from predictions."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark import metrics, statistics, store

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
)
BOARD = ["dataset", "protocol", "split"]  # rows that agree in these are ranked together

HOW_TO_GET_REAL = (
    "These are generated faces, drawn by this project, not photographs of people: the figures say "
    "nothing about real expressions. For the real pictures run 'make data', or set MUXSPACE_DIR to "
    "a clone of github.com/muxspace/facial_expressions."
)


def collect(out: Path) -> pd.DataFrame:
    """Compute the leaderboard of a results folder.

    Parameters
    ----------
    out : Path
        The results folder.

    Returns
    -------
    DataFrame
        The columns `COLUMNS`, best accuracy first; times in seconds and milliseconds, memory in
        units of 10**6 bytes, scores as fractions, ``data`` the beginning of the data's fingerprint.
        Models are ranked among those scored on the same pictures of a board; a row that is not
        ``ok`` has no rank. Scores of repeats are averaged; the interval is that of the mean, for
        other test pictures drawn like these.
    """
    rows = [_row(out, entry) for entry in store.read_board(out).values()]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    ranked = table["accuracy"].where(table["status"] == "ok")
    table["rank"] = (
        ranked.groupby([table[name] for name in [*BOARD, "data", "n_test"]])
        .rank(ascending=False, method="min")
        .astype("Int64")
    )
    for name in ("n_train", "n_validation", "n_test", "parameters"):
        table[name] = pd.to_numeric(table[name]).astype("Int64")
    order = table.assign(fewer=-table["n_test"]).sort_values([*BOARD, "fewer", "rank", "model"])
    return order.drop(columns="fewer").reset_index(drop=True)


def runs(out: Path, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the records of a row's runs, in order of their repeats, whole or not."""
    records = []
    for repeat, key in enumerate(entry["keys"]):
        record = store.read(out, key)
        if record is None:
            record = {"status": "skipped", "reason": "not run yet"}
        elif record["status"] == "ok" and store.read_predictions(out, key) is None:
            record = {"status": "failed", "reason": "its predictions are damaged: run it again"}
        records.append({**record, "key": key, "repeat": repeat})
    return records


def _row(out: Path, entry: dict[str, Any]) -> dict[str, Any]:
    records = runs(out, entry)
    good = [record for record in records if record["status"] == "ok"]
    bad = next((record for record in records if record["status"] != "ok"), None)
    reason = ""
    if bad is not None:
        which = f"repeat {bad['repeat'] + 1} of {len(records)}: " if len(records) > 1 else ""
        reason = which + bad["reason"]
    row = {
        "dataset": entry["dataset"]["name"],
        "protocol": entry["protocol"]["label"],
        "split": entry["protocol"]["split"],
        "model": entry["model"]["label"],
        "family": entry["model"]["family"],
        "status": bad["status"] if bad else "ok",
        "reason": reason,
        "repeats": len(good),
        "published_accuracy": published(entry),
        "device": entry["device"],
        "selected_on": entry["protocol"]["selected_on"],
        "n_left_out": len(entry["dataset"]["left_out"]),
        "generated_data": entry["dataset"]["generated"],
        "size": entry["dataset"]["size"],
        "data": entry["dataset"]["fingerprint"][:12],
    }
    if good:
        row["device"] = " and ".join(sorted({record["device"] for record in good}))
        row |= _scores(out, entry, good)
    return row


def _scores(out: Path, entry: dict[str, Any], records: list[dict[str, Any]]) -> dict[str, Any]:
    stored = [store.read_predictions(out, record["key"]) for record in records]
    predictions = [each for each in stored if each is not None]
    scores = pd.DataFrame([metrics.score(p.labels, p.probabilities) for p in predictions])
    facts = pd.DataFrame(records)
    n_test = len(predictions[0].labels)
    low, high = statistics.accuracy_interval(scores["accuracy"].mean(), n_test)
    return {
        **{str(name): value for name, value in scores.mean().items()},
        "accuracy_lo": low,
        "accuracy_hi": high,
        "accuracy_sd_of_repeats": scores["accuracy"].std() if len(records) > 1 else None,
        "n_train": records[0]["n_train"],
        "n_validation": records[0]["n_validation"],
        "n_test": n_test,
        "fit_seconds": facts["fit_seconds"].mean(),
        "predict_ms_per_image": facts["predict_seconds"].mean() / n_test * 1000,
        "peak_memory_mb": facts["peak_memory_mb"].max(),
        "parameters": records[0]["parameters"],
        "note": "; ".join(_notes(entry, records, predictions)),
    }


def _notes(
    entry: dict[str, Any], records: list[dict[str, Any]], predictions: list[store.Predictions]
) -> list[str]:
    """What a reader of the row must know, most important first."""
    notes = []
    always = [metrics.only_class(p.probabilities) for p in predictions]
    if any(single is not None for single in always):
        names = list(entry["dataset"]["class_counts"])
        said = sorted({names[single] for single in always if single is not None})
        n_times = sum(single is not None for single in always)
        repeats = f" in {n_times} of {len(always)} repeats" if len(always) > 1 else ""
        notes.append(f"only ever says {' or '.join(said)}{repeats}")
    notes.append(entry["protocol"]["note"])
    notes.append(records[0]["note"] if len(records) == 1 else "")
    return [note for note in notes if note]


@functools.cache
def _published() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).with_name("published.csv"))


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
        there are such figures, then one for each protocol and split, named ``fair-500`` or
        ``fair-500 identity``.
    """
    result = {}
    for dataset, part in table.groupby("dataset", sort=False):
        protocol = part["protocol"] + part["split"].map({"identity": " identity"}).fillna("")
        columns = sorted(protocol.unique(), key=lambda name: (name != "slides", name))
        wide = part.assign(column=protocol).pivot(
            index="model", columns="column", values="accuracy"
        )
        wide = wide[columns].sort_values([*columns[::-1]], ascending=False)
        stated = dict(
            part.dropna(subset=["published_accuracy"])[["model", "published_accuracy"]].values
        )
        if len(stated):
            wide.insert(0, "published", [stated.get(name) for name in wide.index])
        wide.columns.name = None
        result[str(dataset)] = wide
    return result


def heading(part: pd.DataFrame) -> str:
    """One line that says what a board is about: data, protocol, split, pictures, selection."""
    first = part.iloc[0]
    data = "generated faces" if first["generated_data"] else first["dataset"]
    pixels = " or ".join(f"{size}" for size in sorted(part["size"].unique()))
    counts = " or ".join(f"{n:,}" for n in sorted(part["n_test"].dropna().unique()))
    tested = f", scored on {counts} pictures" if counts else ""
    left_out = f", {first['n_left_out']} unreadable left out" if first["n_left_out"] else ""
    return (
        f"{data} at {pixels} px, protocol {first['protocol']}, {first['split']} split, "
        f"selection on {first['selected_on']}{tested}{left_out}"
    )


SHOWN = {
    "rank": "rank",
    "model": "model",
    "accuracy": "accuracy % (95 % interval)",
    "balanced_accuracy": "balanced accuracy %",
    "macro_f1": "macro-F1",
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

    lines = []
    for _, row in part.iterrows():
        accuracy = percent(row["accuracy"])
        if accuracy:
            accuracy += f" ({percent(row['accuracy_lo'])}-{percent(row['accuracy_hi'])})"
        if not pd.isna(row["accuracy_sd_of_repeats"]):
            accuracy += f", repeats ±{100 * row['accuracy_sd_of_repeats']:.1f}"
        trouble = "" if row["status"] == "ok" else f"{row['status']}: {row['reason']}"
        note = row["note"] if isinstance(row["note"], str) else ""
        lines.append(
            {
                "rank": "" if pd.isna(row["rank"]) else str(row["rank"]),
                "model": row["model"],
                "accuracy": accuracy,
                "balanced_accuracy": percent(row["balanced_accuracy"]),
                "macro_f1": number(row["macro_f1"], 3),
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


def boards(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each data set, protocol and split with its heading."""
    return [(heading(part), part) for _, part in table.groupby(BOARD, sort=False)]


def comparisons(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The side-by-side tables as percentages, with a title each."""
    result = []
    drawn = set(table.loc[table["generated_data"], "dataset"])
    for dataset, wide in side_by_side(table).items():
        text = wide.map(lambda value: "" if pd.isna(value) else f"{100 * value:.1f}")
        data = "generated faces" if dataset in drawn else dataset
        result.append((f"{data}: accuracy in percent, side by side", text.reset_index()))
    return result


def markdown(table: pd.DataFrame, audit: str = "") -> str:
    """The leaderboard for people, as Markdown, with what an audit said of its data."""
    parts = ["# Leaderboard"]
    if table["generated_data"].any():
        parts.append(f"**{HOW_TO_GET_REAL}**")
    if audit:
        parts.append(re.sub(r"([\\`*_<|])", r"\\\1", audit))  # file names are no Markdown
    for title, text in comparisons(table):
        parts += [f"## {title}", text.to_markdown(index=False, disable_numparse=True)]
    for title, part in boards(table):
        text = for_people(part)
        parts += [f"## {title}", text.to_markdown(index=False, disable_numparse=True)]
    parts.append(
        "Intervals are 95 % (Wilson), for other test pictures drawn like these; the training "
        "itself adds to them. Times leave out loading and warm-up."
    )
    return "\n\n".join(parts) + "\n"
