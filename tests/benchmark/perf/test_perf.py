"""The measurements are of what they say, and their tables say what was measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.perf import __main__ as perf
from benchmark.perf import loops, sections
from datasets import Dataset, images
from tests.conftest import Command


def test_ours_and_the_peers_take_turns() -> None:
    order: list[str] = []
    ways = {"ours": lambda: order.append("ours"), "theirs": lambda: order.append("theirs")}
    taken = sections.in_turn(ways, 2)
    assert order == ["ours", "theirs", "ours", "theirs"]
    assert [len(seconds) for seconds in taken.values()] == [2, 2]


@pytest.fixture
def task(shapes: Dataset) -> loops.Training:
    X, y = shapes.images, shapes.labels
    return loops.Training("poster-baseline", {}, X[:60], y[:60], X[60:], y[60:], 6, 20, seed=0)


def test_the_loop_we_are_measured_against_learns(task: loops.Training) -> None:
    assert loops.loader_loop(task) > 0.6


def test_timms_benchmark_tells_images_a_second(task: loops.Training) -> None:
    assert loops.timm_steps(task, n_steps=1) > 0


def test_the_cv2_loop_reads_what_we_read(shapes_folder: Path) -> None:
    paths = sorted(str(path) for path in shapes_folder.glob("*/*.png"))[:5]
    ours = np.stack([images.stretch(images.read(Path(path).read_bytes()), 16) for path in paths])
    assert (loops.cv2_loop(paths, 16)[..., ::-1].transpose(0, 3, 1, 2) == ours).all()


def test_the_neighbours_we_are_measured_against_are_scikit_learns(shapes: Dataset) -> None:
    known = loops.scikit_learn_neighbours(
        shapes.images[:60], shapes.labels[:60], shapes.images[60:]
    )
    assert known.shape == (30, 3)
    assert np.allclose(known.sum(axis=1), 1)


def test_every_section_leaves_its_rows(
    tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch, shapes_folder: Path
) -> None:
    for name, value in {
        **{"N_TRAIN": 30, "N_VALIDATION": 10, "EPOCHS": 1, "BATCH": 10, "N_DRAWN": 30},
        "GRID_EPOCHS": 1,
    }.items():
        monkeypatch.setattr(sections, name, value)
    status, out, _ = run_command(
        perf.main,
        *("--data", shapes_folder, "--model", "knn,majority,poster-baseline", "--rounds", 1),
        *("--out", tmp_path),
    )
    assert status == 0
    table = pd.read_csv(tmp_path / "perf.csv")
    assert list(dict.fromkeys(table["section"])) == [*("engine", "grid", "loading", "classical")]
    measured = table[table["unit"] != "accuracy"]
    assert (measured["ours"] > 0).all()
    compared = table[table["peer"].notna()]
    assert len(compared) == 8
    assert "0 of 30 predictions differ" in table.set_index("section")["note"]["classical"]
    page = (tmp_path / "perf.md").read_text()
    assert "pictures in shapes/" in page
    assert "no CUDA device was there" in page
    assert "perf.md" in out
    again = (*("--data", shapes_folder), "--rounds", 1, "--out", tmp_path, "--only", "classical")
    assert run_command(perf.main, *again)[0] == 0
    later = pd.read_csv(tmp_path / "perf.csv")
    assert later["section"].tolist() == table["section"].tolist(), "one section measured again"
    kept = later["section"] != "classical"
    assert later[kept].equals(table[kept])


def test_trainings_are_measured_in_processes_of_the_command(tmp_path: Path) -> None:
    """As ``make perf`` starts it, since only then other processes have to find its functions."""
    asked = ("--only", "engine", "--data", "digits", "--model", "poster-baseline", "--rounds", "1")
    call = [sys.executable, "-m", "benchmark.perf", *asked, "--out", str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "perf.csv")
    assert table["unit"].tolist() == ["images/s", "images/s", "accuracy", "%"]
    assert table["ours"].min() >= 0


def test_an_unknown_section_is_one_line(tmp_path: Path, run_command: Command) -> None:
    status, _, err = run_command(perf.main, "--only", "speed", "--out", tmp_path)
    assert status == 2
    assert err.startswith("error: ")
    assert "'speed' is not one of engine, grid, loading, classical, card" in err
