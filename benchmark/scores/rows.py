"""What the stored predictions of a leaderboard row show: read once for all that is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core import store
from benchmark.core.runs import ACROSS, WITHIN, board_names
from benchmark.scores import metrics
from datasets import crops


@dataclass(frozen=True)
class Scored:
    """The answers of a row's runs, all to the same test pictures, and what follows from each.

    Attributes
    ----------
    rows, labels, groups : ndarray of int64, shape (n,)
        As in `store.Predictions`.
    predicted : ndarray of int64, shape (repeats, n)
        The classes named.
    scores : DataFrame
        See `metrics.score`; a row a repeat.
    confusion : ndarray of int64, shape (n_classes, n_classes)
        Summed over repeats; rows true, columns predicted.
    reliability : ndarray, shape (3, bins)
        Summed over repeats; see `metrics.reliability`.
    """

    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    predicted: np.ndarray
    scores: pd.DataFrame
    confusion: np.ndarray
    reliability: np.ndarray

    @property
    def knows_people(self) -> bool:
        """Whether the data say who is shown."""
        return not np.array_equal(self.groups, self.rows)


@dataclass(frozen=True)
class Evidence:
    """A row of the leaderboard: what it is of, what became of its runs, and their answers.

    Attributes
    ----------
    entry : dict
        The row in ``board.json``.
    board : str
        Name of the protocol and split in headings and file names, see `board_names`.
    records : list of dict
        ``run.json`` of its runs in order of their repeats, whole or not, each with its ``repeat``.
    scored : Scored or None
        Of the runs that are ``ok``; None if there are none.
    """

    entry: dict[str, Any]
    board: str
    records: list[dict[str, Any]]
    scored: Scored | None

    @property
    def good(self) -> list[dict[str, Any]]:
        """The records of the runs that are ``ok``."""
        return [record for record in self.records if record["status"] == "ok"]

    @property
    def bad(self) -> dict[str, Any] | None:
        """The first record that is not ``ok``, if any."""
        return next((record for record in self.records if record["status"] != "ok"), None)

    @property
    def class_names(self) -> list[str]:
        """All classes of the data set, in the order of their numbers."""
        return list(self.entry["dataset"]["class_counts"])

    @property
    def untrained(self) -> list[str]:
        """Classes with pictures that some run was not trained on, as far as its record says."""
        missing = set()
        for record in self.good:
            trained = record.get("trained_classes") or range(len(self.class_names))
            missing |= set(range(len(self.class_names))) - set(trained)
        counts = self.entry["dataset"]["class_counts"]
        return [name for i, name in enumerate(self.class_names) if i in missing and counts[name]]


def read(out: Path) -> list[Evidence]:
    """Read every row of a results folder."""
    entries = [*store.read_board(out).values()]
    names = board_names(entries)
    return [read_row(out, entry, board) for entry, board in zip(entries, names, strict=True)]


def data_name(name: str, generated: bool) -> str:
    """What a reader is told the data are: drawn faces never pass for a set of photographs."""
    said, crop = crops.parted(name)
    if generated:
        joined = "+" in said or "-on-" in said
        said = f"{said} (generated faces among them)" if joined else "generated faces"
    return said if crop == crops.NONE else f"{said}, {crops.WORDS[crop]}"


def about(entry: Mapping[str, Any]) -> str:
    """Say on which classes a row is, and what was done to its data; nothing of a set as it came."""
    remarks = entry["dataset"].get("remarks", [])
    shown = [name for name, count in entry["dataset"]["class_counts"].items() if count]
    return f"On {len(shown)} classes, {', '.join(shown)}: {'; '.join(remarks)}." if remarks else ""


def split_name(split: str) -> str:
    """What a reader is told the test pictures are."""
    return {WITHIN: "tested within the set", ACROSS: "tested across sets"}.get(
        split, f"{split} split"
    )


def read_row(out: Path, entry: dict[str, Any], board: str = "") -> Evidence:
    """Read the runs of one row of `store.read_board`, which has a name among others only."""
    records, good = [], []
    for repeat, key in enumerate(entry["keys"]):
        record = store.read(out, key)
        if record is None:
            record = {"status": "skipped", "reason": "not run yet"}
        elif record["status"] == "ok":
            predictions = store.read_predictions(out, key)
            if predictions is None:
                reason = "its predictions are damaged: run it again"
                record = {"status": "failed", "reason": reason}
            else:
                good.append(_of_row(entry, predictions))
        records.append({**record, "key": key, "repeat": repeat})
    return Evidence(entry, board, records, _score(good) if good else None)


def _of_row(entry: Mapping[str, Any], predictions: store.Predictions) -> store.Predictions:
    """Those of a run's predictions that a row is about."""
    split = entry["protocol"]["split"]
    if split not in (WITHIN, ACROSS):
        return predictions
    across = predictions.rows >= entry["dataset"]["across_from"]
    chosen = across if split == ACROSS else ~across
    return store.Predictions(*(column[chosen] for column in vars(predictions).values()))


def _score(runs: list[store.Predictions]) -> Scored:
    first = runs[0]
    if any(not np.array_equal(run.rows, first.rows) for run in runs):
        raise ValueError("the repeats of a row were not scored on the same pictures")
    return Scored(
        first.rows,
        first.labels,
        first.groups,
        np.stack([run.probabilities.argmax(axis=1) for run in runs]),
        pd.DataFrame([metrics.score(run.labels, run.probabilities) for run in runs]),
        np.sum([metrics.confusion(run.labels, run.probabilities) for run in runs], axis=0),
        np.sum([metrics.reliability(run.labels, run.probabilities) for run in runs], axis=0),
    )
