"""What the page opens on a click: all answers, and of pictures only those that may be passed on."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import datasets
from benchmark import run
from benchmark.core.store import Results
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import explorer, thumbnails
from benchmark.view.explorer import Explorer
from datasets import images, png
from datasets.loaders.drawn import faces
from datasets.registry import LOADERS
from tests.conftest import Command
from tests.datasets.samples import png_of

MODELS = ("--model", "majority,decision-tree", "--train-size", "40", "--jobs", "1")
FREE = {"digits", "folder", "generated"}  # sets whose pictures anybody may pass on


def explored(out: Path) -> dict[str, Any]:
    packed = Explorer.of(Leaderboard.compute(Results(out))).packed()
    return dict(json.loads(gzip.decompress(base64.b64decode(packed))))


@pytest.mark.parametrize("name", sorted(LOADERS))
def test_only_pictures_that_anybody_may_pass_on_are_embedded(name: str) -> None:
    assert LOADERS[name].may_embed is (name in FREE)


def test_a_set_that_may_not_be_passed_on_is_shown_from_its_own_folder(
    tmp_path: Path, run_command: Command
) -> None:
    faces.write(tmp_path / "faces", n=90, seed=0, size=32)
    out = tmp_path / "results"
    status, _, err = run_command(run.main, *MODELS, "--data", tmp_path / "faces", "--out", out)
    assert status == 0, err
    (shown,) = explored(out)["sets"]
    assert shown["pictures"]["sheet"] == ""
    assert "image/" not in (out / "report.html").read_text()
    for name in shown["files"].values():
        assert (out / shown["pictures"]["folder"] / name).is_file()


def test_a_folder_of_pictures_is_embedded_the_surest_mistakes_first(
    tmp_path: Path, shapes_folder: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "results"
    status, _, err = run_command(run.main, *MODELS, "--data", shapes_folder, "--out", out)
    assert status == 0, err
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 10 * thumbnails.BYTES_A_PIXEL * 32**2)
    found = explored(out)
    pictures = found["sets"][0]["pictures"]
    assert len(pictures["rows"]) == 10, "no more than there is room for"
    encoded = base64.b64decode(pictures["sheet"].partition(",")[2])
    sheet = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert sheet.shape[:2] == (32, 32 * pictures["a_row"])
    test = found["tests"][0]
    wrong = {
        row
        for model in found["boards"][0]["models"]
        for row, label, said in zip(test["rows"], test["labels"], model["said"][0], strict=True)
        if label != said
    }
    assert {*pictures["rows"]} <= wrong, "mistakes come before right answers"
    first = datasets.load(shapes_folder, 32).take(np.array(pictures["rows"][:1]))[0]
    apart = sheet[:32, :32, ::-1].astype(int) - first.transpose(1, 2, 0)
    assert np.abs(apart).mean() < 12, "the picture of its row, but for packing"


def test_a_picture_whose_comment_is_too_long_has_no_size_that_is_known(tmp_path: Path) -> None:
    done, data = cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))
    assert done
    plain, comment = data.tobytes(), b"Comment\0\0" + zlib.compress(bytes(1 << 21))
    start = plain.index(b"IDAT") - 4
    path = tmp_path / "picture.png"
    path.write_bytes(plain)
    assert thumbnails._longer_side(path) == 30
    part = png_of((b"zTXt", comment)).removeprefix(png.BEGIN)
    path.write_bytes(plain[:start] + part + plain[start:])
    assert images.read(path.read_bytes()).shape == (20, 30, 3)
    assert thumbnails._longer_side(path) == 0


def test_answers_are_letters_and_confidence_is_finest_near_certainty() -> None:
    assert [ord(letter) - explorer.FIRST_LETTER for letter in explorer.letters(np.arange(4))] == [
        *(0, 1, 2, 3)
    ]
    confidence = np.linspace(0, 1, 1001)
    steps = explorer.levels(confidence)
    assert (np.diff(steps) >= 0).all()
    assert steps[[0, -1]].tolist() == [0, explorer.LEVELS]
    back = 1 - (1 - steps / explorer.LEVELS) ** 2
    assert np.abs(back - confidence)[confidence > 0.9].max() < 0.01
    assert np.abs(back - confidence).max() < 0.02


def test_verdicts_and_answers_are_those_of_the_board(
    tmp_path: Path, shapes_folder: Path, run_command: Command
) -> None:
    out = tmp_path / "results"
    run_command(run.main, *MODELS, "--data", shapes_folder, "--out", out)
    board = Leaderboard.compute(Results(out))
    (shown,) = explored(out)["boards"]
    rows = {row.place.model: row for row in board.rows}
    labels = explored(out)["tests"][0]["labels"]
    for model in shown["models"]:
        right = np.mean([a == b for a, b in zip(model["said"][0], labels, strict=True)])
        assert right == pytest.approx(rows[model["name"]].mean("accuracy"))
    (verdict,) = shown["verdicts"]
    better = shown["models"][verdict["better"]]["name"]
    assert better == board.pairs["model_a"].iloc[0]
    assert verdict["told_apart"] is bool(board.pairs["told_apart"].iloc[0])
