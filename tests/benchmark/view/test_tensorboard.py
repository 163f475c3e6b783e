"""The epochs of nets are there for TensorBoard, training beside validation."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from benchmark import run
from benchmark.core.store import Results
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import tensorboard as events
from datasets import InputError
from tests.benchmark.conftest import home
from tests.benchmark.made_up import board_row, record
from tests.conftest import Command

NEEDED = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="TensorBoard is not installed"
)


def points(folder: Path, tag: str) -> list[tuple[int, float]]:
    """Step and value of each point, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return [(point.step, point.value) for point in read.Scalars(tag)]


@NEEDED
def test_tensorboard_reads_the_epochs_of_runs_stored_before(
    results: Path, shapes_folder: Path, run_command: Command
) -> None:
    arguments = ("--model", "decision-tree", "--train-size", 40, "--device", "cpu", "--jobs", 1)
    status, stdout, err = run_command(
        run.main, *arguments, "--data", shapes_folder, "--out", results, "--tensorboard"
    )
    assert status == 0
    assert "used again" in err
    assert "tensorboard/" in stdout
    (row,) = (results / "tensorboard").iterdir()
    assert row.name == "shapes.fair-40.mobilenet[max_epochs=1]"
    history = pd.read_csv(home(results, "mobilenet") / "history.csv")
    for side, name in (("train", "training"), ("validation", "validation")):
        for score in ("loss", "accuracy"):
            steps, values = zip(*points(row / "1" / name, score), strict=True)
            assert steps == tuple(history["epoch"])
            assert values == pytest.approx(tuple(history[f"{side}_{score}"]))


@NEEDED
def test_writing_again_leaves_the_same_bytes(results: Path) -> None:
    found = Leaderboard.compute(Results(results))
    written = []
    for _ in range(2):
        events.write(Results(results), found.rows)
        files = [path for path in (results / "tensorboard").rglob("*") if path.is_file()]
        written.append({path: path.read_bytes() for path in files})
    assert written[0] == written[1]
    assert len(written[0]) == 2
    listed = {name for name in Results(results).sums() if name.startswith("tensorboard/")}
    assert listed == {path.relative_to(results).as_posix() for path in written[0]}


def test_without_tensorboard_nothing_is_fitted_and_the_remedy_is_named(
    tmp_path: Path, shapes_folder: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, _, err = run_command(
        run.main, "--data", shapes_folder, "--out", tmp_path / "out", "--tensorboard"
    )
    assert status == 2
    assert err.strip().count("\n") == 0
    assert "pip install 'classical-or-deep[tensorboard]'" in err
    assert not (tmp_path / "out").exists()


@NEEDED
def test_a_run_that_does_not_say_when_it_ended_is_told_in_a_line() -> None:
    ran = dataclasses.replace(record(board_row()), finished="")
    with pytest.raises(InputError, match="does not say when it ended"):
        events._events(ran, pd.DataFrame({"seconds": [1.0]}), "training")
