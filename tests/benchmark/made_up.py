"""Made-up rows, records and predictions for tests of what is computed from stored ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmark.core.predictions import Predictions
from benchmark.core.records import (
    TEST,
    BoardRow,
    DataFacts,
    Environment,
    Measured,
    ModelFacts,
    ProtocolFacts,
    Record,
)


def board_row(
    model: str = "knn",
    protocol: str = "fair",
    split: str = "random",
    usual_split: str = "random",
    dataset: str = "shapes",
    keys: tuple[str, ...] = ("k",),
    deep: bool = False,
    note: str = "",
    **data: Any,
) -> BoardRow:
    """A row of ``board.json`` on two classes; `data` are more facts of the data set."""
    name, _, size = protocol.partition("-")
    facts = {
        **{"described": dataset, "size": 32, "n": 1000, "splits": ("random",)},
        **{"class_counts": {"a": 600, "b": 400}, "fingerprint": "f" * 64},
        **data,
    }
    return BoardRow(
        ModelFacts(model, "f", deep),
        ProtocolFacts(
            *(name, protocol, int(size) if size.isdigit() else None, split, usual_split),
            *("test" if name == "slides" else "validation", note),
        ),
        DataFacts(name=dataset, **facts),
        "cpu",
        keys,
    )


def record(
    row: BoardRow,
    repeat: int = 0,
    status: str = "ok",
    parts: dict[str, Any] | None = None,
    **measured: Any,
) -> Record:
    """The record of a run of a row; `measured` is what is told of one that is ok."""
    usual = {
        **{"n_train": 80, "n_validation": 20, "n_test": 100, "fit_seconds": 1.0},
        **{"predict_seconds": 0.5, "peak_memory_mb": 100.0, "parameters": None, "epochs": 0},
        **{"device": "cpu", "note": "", "trained_classes": (0, 1)},
    }
    return Record(
        *(row.model, row.protocol, row.dataset, row.device, row.keys[repeat], status),
        *("" if status == "ok" else "it broke", repeat, parts or {}),
        Environment("", "", "made-up", 2, 1),
        "2000-01-01",
        measured=Measured(**{**usual, **measured}) if status == "ok" else None,
    )


def predictions(
    labels: np.ndarray,
    right: np.ndarray,
    rows: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    part: str = TEST,
) -> Predictions:
    """Sure answers on two classes, right where said so."""
    rows = np.arange(len(labels)) if rows is None else rows
    return Predictions(
        rows,
        labels,
        np.eye(2, dtype=np.float32)[np.where(right, labels, 1 - labels)],
        rows if groups is None else groups,
        np.full(len(labels), part),
    )
