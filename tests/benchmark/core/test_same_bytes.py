"""The same runs give the same bytes, whatever runs beside them and in whatever order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmark.core import execute as execution
from benchmark.core import models, pool
from benchmark.core import runs as work
from benchmark.core.memory import Limits
from benchmark.core.progress import Display
from benchmark.core.protocols import Fair
from benchmark.core.store import Results
from datasets import Dataset, Source
from tests.benchmark.made_up import board_row, predictions, record

NAMES = list(models.models())


def stored(runs: Sequence[work.Run], out: Path, jobs: int) -> dict[str, bytes]:
    """Make runs in new processes, in the order given; their prediction files by model."""
    with Display(Console(stderr=True)) as display, pool.start_workers(jobs, runs) as workers:
        display.begin(runs, reused=0, jobs=jobs)
        records = workers.make(runs, Results(out), Limits(), display)
    assert [each.reason for each in records.values() if each.status != "ok"] == []
    return {
        run.model.name: (Results(out).run_folder(run.key) / "predictions.npz").read_bytes()
        for run in runs
    }


@pytest.fixture(scope="module")
def runs(shapes: Dataset, vgg16_weights: Path) -> list[work.Run]:
    """Every registered model on 16 pictures, nets for one epoch."""
    about = work.describe(shapes)
    return [
        work.Run(
            *(Source.parse(shapes.source), about, 32, Fair(train_size=20), model),
            settings={
                **({"max_epochs": 1} if model.is_trained_in_epochs else {}),
                **({"weights": str(vgg16_weights)} if model.needs_download else {}),
            },
        )
        for model in models.models().values()
    ]


@pytest.fixture(scope="module")
def twice(
    runs: list[work.Run], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """One at a time in one order, and two at a time in the other."""
    out = tmp_path_factory.mktemp("same")
    return stored(runs, out / "one", 1), stored(runs[::-1], out / "two", 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_gives_the_same_bytes_alone_and_beside_others_in_any_order(
    name: str, twice: tuple[dict[str, bytes], dict[str, bytes]]
) -> None:
    assert twice[0][name] == twice[1][name]


def test_another_repeat_gives_other_bytes(
    runs: list[work.Run], twice: tuple[dict[str, bytes], dict[str, bytes]], tmp_path: Path
) -> None:
    """Otherwise the test above could not fail."""
    forest = next(run for run in runs if run.model.name == "random-forest")
    other = dataclasses.replace(forest, repeat=1)
    record = execution.execute(other, Results(tmp_path))
    assert record.status == "ok"
    path = Results(tmp_path).run_folder(other.key) / "predictions.npz"
    assert path.read_bytes() != twice[0]["random-forest"]


def test_the_number_of_threads_is_part_of_the_key(runs: list[work.Run]) -> None:
    for run in runs:
        assert dataclasses.replace(run, threads=2).key != run.key


def test_stored_predictions_hold_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = predictions(np.arange(3) % 2, np.ones(3, bool))
    for key, now in (("a", 0.0), ("b", 2e9)):
        with monkeypatch.context() as patch:
            patch.setattr("time.time", lambda now=now: now)
            Results(tmp_path).put(record(board_row(keys=(key,))), stored)
    one, other = (Results(tmp_path).run_folder(key) / "predictions.npz" for key in "ab")
    assert one.read_bytes() == other.read_bytes()
