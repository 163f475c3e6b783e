"""From Python it is as from the shell: the same runs, the same rows, the same answers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import benchmark
import datasets
from benchmark.api import Board
from datasets import Dataset, InputError


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api") / "results"


@pytest.fixture(scope="module")
def board(out: Path, shapes_folder: Path) -> Board:
    return benchmark.bench(
        shapes_folder, ["knn", "hog-svm", "majority"], out=out, train_size=40, repeats=2, jobs=1
    )


def test_it_is_the_leaderboard_of_its_folder(board: Board, out: Path) -> None:
    written = pd.read_csv(out / "leaderboard.csv")
    assert board.frame()["model"].tolist() == written["model"].tolist()
    assert board.frame()["repeats"].tolist() == [2, 2, 2]
    again = benchmark.board(out)
    pd.testing.assert_frame_equal(again.frame(), board.frame())
    assert again.winner == board.winner
    assert board.winner in ("knn", "hog-svm")
    assert repr(board.winner)[1:-1] in repr(board)


def test_mistakes_are_the_wrong_answers_the_surest_first(board: Board) -> None:
    wrong = board.mistakes("majority")
    assert len(wrong) == 20, "of 30 test pictures it has a third right"
    assert (wrong["true"] != wrong["said"]).all()
    assert wrong["confidence"].is_monotonic_decreasing
    assert (wrong["file"].str.split("/").str[0] == wrong["true"]).all()


def test_two_models_are_compared_as_in_the_table_of_pairs(board: Board, out: Path) -> None:
    pair = board.compare("majority", "knn")
    assert {pair["model_a"], pair["model_b"]} == {"majority", "knn"}
    stored = pd.read_csv(out / "comparisons.csv")
    same = stored[(stored["model_a"] == pair["model_a"]) & (stored["model_b"] == pair["model_b"])]
    assert same["difference"].tolist() == pytest.approx([pair["difference"]])
    with pytest.raises(InputError, match="same pictures"):
        board.compare("knn", "knn")


def test_a_model_answers_for_files_and_for_loaded_pictures(
    board: Board, shapes_folder: Path, shapes: Dataset
) -> None:
    model = board.model("hog-svm")
    table = model.predict(shapes_folder / "disc", shapes_folder / "ring")
    assert len(table) == 60
    assert (table["said"] == ["disc"] * 30 + ["ring"] * 30).mean() > 0.8
    probabilities = model.predict_proba(shapes.images)
    assert probabilities.shape == (len(shapes), len(model.class_names))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert model.answers(shapes.images).sets.any(axis=1).all()


def test_jupyter_shows_every_model_and_no_markup_of_names(board: Board) -> None:
    shown = board._repr_html_()
    assert all(name in shown for name in ("knn", "hog-svm", "majority"))
    assert "<table" in shown
    assert "<script" not in shown


def test_wrong_input_is_one_line(board: Board, tmp_path: Path, shapes_folder: Path) -> None:
    with pytest.raises(InputError, match=r"no row in .* is called 'vgg99'"):
        board.model("vgg99")
    with pytest.raises(InputError, match="holds no runs"):
        benchmark.board(tmp_path / "empty")
    with pytest.raises(InputError, match="knnn"):
        benchmark.bench(shapes_folder, "knnn", out=tmp_path / "out")
    with pytest.raises(TypeError, match="epochs"):
        benchmark.bench(shapes_folder, "knn", out=tmp_path / "out", epochs=3)


def test_a_script_needs_no_guard_and_an_import_brings_no_torch(
    tmp_path: Path, shapes_folder: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, benchmark\n"
        "assert not {'torch', 'pandas', 'matplotlib'} & {*sys.modules}\n"
        "print('once')\n"
        f"board = benchmark.bench({str(shapes_folder)!r}, 'knn', out='out', jobs=2, repeats=2)\n"
        "print(board.winner)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["once", "knn"]


def test_another_package_called_datasets_is_told_of_at_import(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("")
    root = str(Path(datasets.__file__).parents[1])
    shutil.copytree(Path(root, "benchmark"), tmp_path / "elsewhere" / "benchmark")
    path = os.pathsep.join([str(tmp_path), str(tmp_path / "elsewhere")])
    done = subprocess.run(
        [sys.executable, "-c", "import benchmark"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "is not the one of classical-or-deep" in done.stderr.splitlines()[-1]
