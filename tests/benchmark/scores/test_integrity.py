"""Any changed byte of a stored run is found, and so is a run that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.core import store
from benchmark.scores import integrity
from tests.benchmark.conftest import change_a_byte, home

STORED = ("run.json", "predictions.npz", "history.csv", "model.skops", "model.safetensors")


def stored_failures(out: Path) -> list[str]:
    """Failures of what is stored, without drawing everything anew."""
    failures = list(integrity.check_board(out))
    return failures or list(integrity.check_runs(out, store.read_board(out), integrity.Findings()))


@pytest.mark.parametrize("where", [0, 0.3, 0.8, 1], ids=str)
@pytest.mark.parametrize("name", ["board.json", *STORED])
def test_a_changed_byte_of_what_is_stored_is_found(results: Path, name: str, where: float) -> None:
    path = results / name
    if name != "board.json":
        path = home(results, "decision-tree" if name == "model.skops" else "mobilenet") / name
    change_a_byte(path, where)
    (failure,) = stored_failures(results)
    assert failure.startswith(path.relative_to(results).as_posix())


def test_a_fitted_model_need_not_be_kept_but_all_else_must(results: Path) -> None:
    net = home(results, "mobilenet")
    (net / "model.safetensors").unlink()
    found = integrity.Findings()
    assert not list(integrity.check_runs(results, store.read_board(results), found))
    assert found.models_absent == 1
    (net / "notes.txt").write_text("mine")
    assert "notes.txt: not a file of this run" in stored_failures(results)[0]
    (net / "notes.txt").unlink()
    (net / "history.csv").unlink()
    assert "history.csv: missing" in stored_failures(results)[0]


def rewrite(out: Path, model: str, **changes: np.ndarray) -> None:
    """Store other predictions as if the run had made them, digests and all."""
    key = home(out, model).name
    predictions, record = store.read_predictions(out, key), store.read(out, key)
    assert predictions is not None
    assert record is not None
    store.write(out, record, store.Predictions(**{**vars(predictions), **changes}))


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("rows", lambda v: np.zeros_like(v), "rows that are not 30 different ones of 90"),
        ("rows", lambda v: v + 90, "rows that are not 30 different ones of 90"),
        ("labels", lambda v: v + 3, "labels that are not among 3 classes"),
        ("labels", lambda v: v[:-1], "not 30 predictions of 3 classes"),
        ("probabilities", lambda v: v[:, :2], "not 30 predictions of 3 classes"),
        ("probabilities", lambda v: v * np.nan, "negative or no numbers"),
        ("probabilities", lambda v: 1.1 * v, "do not sum to 1"),
        ("rows", lambda v: (v + 1) % 90, "other pictures than the protocol says"),
        ("labels", lambda v: 2 - v, "labels that are not those of the pictures"),
        ("groups", lambda v: v * 0, "people that are not those on the pictures"),
    ],
)
def test_predictions_that_cannot_be_are_found(
    results: Path,
    shapes_folder: Path,
    part: str,
    change: Callable[[Any], np.ndarray],
    words: str,
) -> None:
    predictions = store.read_predictions(results, home(results, "decision-tree").name)
    rewrite(results, "decision-tree", **{part: change(getattr(predictions, part))})
    found = integrity.Findings()
    board = store.read_board(results)
    failures = list(integrity.check_runs(results, board, found))
    failures += integrity.check_data(results, board, str(shapes_folder), True, found)
    assert len(failures) == 1
    assert words in failures[0]


def test_a_class_nothing_is_known_of_is_no_fault(results: Path) -> None:
    rewrite(results, "decision-tree", probabilities=np.zeros((30, 3), np.float32))
    assert not stored_failures(results)


def test_a_record_under_a_key_that_is_not_that_of_its_parts_is_found(results: Path) -> None:
    path = home(results, "decision-tree") / "run.json"
    record = json.loads(path.read_text())
    record["parts"]["threads"] = 2
    record["digest"] = store.digest({k: v for k, v in record.items() if k != "digest"})
    path.write_text(store.to_text(record))
    assert "the key is not that of its parts" in stored_failures(results)[0]


def test_a_row_that_names_another_rows_run_is_found(results: Path) -> None:
    board = store.read_board(results)
    tree, net = (next(row for row in board if f"/{name}" in row) for name in ("dec", "mob"))
    store.put_on_board(results, {tree: {**board[tree], "keys": board[net]["keys"]}})
    assert "a run of something else" in stored_failures(results)[0]
