"""The audit command: what it finds, what it writes, and where its summary appears."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

import datasets
from benchmark import audit
from benchmark.core.protocols import Slides
from benchmark.core.store import Results
from benchmark.view import markdown
from benchmark.view.page import publish
from datasets import Dataset
from datasets.loaders.drawn import faces
from tests.conftest import Command, write_shapes


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes with a copy, a picture under two labels and a file that is no picture."""
    root = write_shapes(tmp_path_factory.mktemp("data") / "flawed", per_class=12)
    shutil.copy(root / "bar" / "bar_000.png", root / "bar" / "again.png")
    shutil.copy(root / "bar" / "bar_001.png", root / "disc" / "torn.png")
    (root / "ring" / "notes.txt").write_text("not a picture")
    return root


@pytest.fixture(scope="module")
def found(flawed: Path) -> dict[str, Any]:
    return audit.examine(datasets.load(flawed))


def test_copies_conflicts_and_unlisted_files_are_found(found: dict[str, Any]) -> None:
    assert [sorted(each["names"]) for each in found["conflicting_labels"]] == [
        ["bar/bar_001.png", "disc/torn.png"]
    ]
    assert sorted(sorted(each["names"]) for each in found["identical_files"]) == [
        ["bar/again.png", "bar/bar_000.png"],
        ["bar/bar_001.png", "disc/torn.png"],
    ]
    assert found["files"]["unlisted"] == ["ring/notes.txt"]
    assert found["files"]["missing"] == []
    assert found["repeated_names"] == []
    assert found["classes"] == {"bar": 13, "disc": 13, "ring": 12}


def test_a_name_that_cannot_be_seen_is_written_out(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "shapes", per_class=12)
    shutil.copy(root / "bar" / "bar_001.png", root / "disc" / os.fsdecode(b"\xff\x1b[31m.png"))
    (root / "bar" / "bar_001.png").rename(root / "bar" / "\x1b[31m.png")
    found = audit.examine(datasets.load(root))
    (conflict,) = found["conflicting_labels"]
    assert sorted(conflict["names"]) == [r"bar/\x1b[31m.png", r"disc/\xff\x1b[31m.png"]
    assert f"({conflict['names'][0]})" in found["summary"]


def test_every_split_is_counted_and_people_only_where_they_are_known(
    found: dict[str, Any],
) -> None:
    assert [each["split"] for each in found["splits"]] == ["fair random"]
    assert all(each["person"] is None for each in found["splits"])
    assert all(each["n_training"] + each["n_test"] == 38 for each in found["splits"])


def test_the_summary_says_what_was_found(found: dict[str, Any]) -> None:
    for text in (
        "0 file names repeated",
        "2 groups of different files byte for byte the same",
        "1 picture with conflicting labels (",
        "Under fair random",
    ):
        assert text in found["summary"]
    assert "\n" not in found["summary"]


def test_the_summary_names_the_classes_that_a_shortcut_tells_and_by_what() -> None:
    told = {"class_name": "sad", "recall": 0.2, "others": 0.01, "found": True}
    untold = {"class_name": "glad", "recall": 0.9, "others": 0.9, "found": False}
    usual = {"split": "fair random", "accuracy": 0.5, "majority": 0.5, "beats_majority": False}
    weak = {**usual, "columns": "file name", "classes": [{**told, "recall": 0.1}]}
    strong = {**usual, "columns": "picture size", "classes": [told, untold]}
    every = {**usual, "columns": "all of these", "classes": [{**told, "recall": 0.9}]}
    words = audit._shortcut_sentence([weak, strong, every], faces=True)
    assert "under fair" in words
    assert "sad by picture size (20 %, by chance 1.0 %)" in words
    assert "glad" not in words
    assert "file name" not in words

    winner = {**usual, "columns": "contributor", "classes": [], "beats_majority": True}
    assert "contributor alone scores 50 %" in audit._shortcut_sentence([winner], faces=True)
    untelling = [{**strong, "classes": [untold]}]
    assert audit._shortcut_sentence(untelling, faces=True) == "No shortcut found"


def test_the_command_writes_a_record_a_page_and_a_contact_sheet_the_same_twice(
    flawed: Path, tmp_path: Path, run_command: Command
) -> None:
    status, shown, err = run_command(audit.main, "--data", flawed, "--out", tmp_path / "one")
    assert (status, err) == (0, "")
    record = json.loads((tmp_path / "one" / "audit.json").read_text())
    assert record["summary"] in shown
    assert record["data"]["name"] == "flawed"
    page = (tmp_path / "one" / "audit.html").read_text()
    assert page.count("data:image/png;base64,") == 1
    assert "http" not in page
    for text in ("again.png", "torn.png", "notes.txt", "mean brightness"):
        assert text in page
    assert cv2.imread(str(tmp_path / "one" / "audit-pairs.png")).shape[1] > 1000

    assert run_command(audit.main, "--data", flawed, "--out", tmp_path / "two")[0] == 0
    names = {path.name for path in (tmp_path / "one").iterdir()} - {".lock", ".publishing"}
    assert names == {"audit.json", "audit.html", "audit-pairs.png", "SHA256SUMS"}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_file_names_of_any_bytes_are_written(
    flawed: Path, tmp_path: Path, run_command: Command
) -> None:
    folder = shutil.copytree(flawed, tmp_path / "odd")
    for name in (b"\xff_1.png", b"\xff_2.png", b"\xff.txt"):
        shutil.copy(folder / "bar" / "bar_002.png", folder / "bar" / os.fsdecode(name))
    assert run_command(audit.main, "--data", folder, "--out", tmp_path / "out")[0] == 0
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert "\\xff_1.png" in page
    assert "\\xff.txt" in page


def test_escape_codes_in_file_names_reach_no_terminal(
    flawed: Path, tmp_path: Path, run_command: Command
) -> None:
    folder = shutil.copytree(flawed, tmp_path / "odd")
    (folder / "disc" / "torn.png").unlink()
    # Of these names the first two are written alike.
    for name in ("a\x1b[31mRED\x07.png", "a\\x1b[31mRED\\x07.png"):
        shutil.copy(folder / "bar" / "bar_003.png", folder / "bar" / name)
        shutil.copy(folder / "bar" / "bar_003.png", folder / "disc" / name)
    (folder / "bar" / "bar_003.png").unlink()
    (folder / "ring" / "\x1b[2J.txt").write_text("not a picture")
    status, shown, _ = run_command(audit.main, "--data", folder, "--out", tmp_path / "out")
    assert status == 0
    assert r"conflicting labels (" in shown
    for text in (shown, (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")):
        assert not {"\x1b", "\x07"} & {*text}
        assert r"a\x1b[31mRED\x07.png" in text


def test_without_duplicates_nothing_is_left_to_find(
    flawed: Path, tmp_path: Path, run_command: Command
) -> None:
    (tmp_path / "audit-pairs.png").write_bytes(b"of an earlier audit")
    arguments = ("--data", flawed, "--drop-duplicates", "--out", tmp_path)
    assert run_command(audit.main, *arguments)[0] == 0
    record = json.loads((tmp_path / "audit.json").read_text())
    assert record["data"]["name"] == "flawed-deduplicated"
    assert record["data"]["n"] == 38 - 3
    assert record["identical_files"] == record["conflicting_labels"] == []
    drawn = (tmp_path / "audit-pairs.png").is_file()
    assert drawn == (record["near_duplicates"]["n"] > 0)


@pytest.fixture(scope="module")
def scored(flawed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of one model on the pictures without duplicates."""
    out = tmp_path_factory.mktemp("scored")
    command = [sys.executable, "-m", "benchmark.run", "--model", "majority", "--jobs", "1"]
    command += ["--data", str(flawed), "--drop-duplicates", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def test_scores_without_duplicates_are_of_a_data_set_of_its_own(scored: Path, flawed: Path) -> None:
    (row,) = pd.read_csv(scored / "leaderboard.csv").to_dict(orient="records")
    assert row["dataset"] == "flawed-deduplicated"
    assert row["status"] == "ok"
    assert row["n_train"] + row["n_validation"] + row["n_test"] == 38 - 3
    assert not datasets.load(flawed).fingerprint.startswith(row["data"])


def test_the_leaderboard_shows_the_audit_of_its_own_data_only(
    flawed: Path, scored: Path, tmp_path: Path, run_command: Command
) -> None:
    out = shutil.copytree(scored, tmp_path / "out")
    arguments = ("--data", flawed, "--out", out)
    assert run_command(audit.main, *arguments)[0] == 0
    assert "Audit:" not in (out / "leaderboard.md").read_text()
    assert "Audit:" not in (out / "report.html").read_text()

    assert run_command(audit.main, *arguments, "--drop-duplicates")[0] == 0
    line = "flawed-deduplicated: Audit: 0 file names repeated"
    assert line in (out / "leaderboard.md").read_text()
    assert line in (out / "report.html").read_text()


def test_a_file_name_is_no_markdown() -> None:
    assert r"\_a_b\*c\|d.png" in markdown.leaderboard([], audit="Audit: _a_b*c|d.png")


@pytest.mark.parametrize("text", ["{", "[]", '{"data": {}}'])
def test_a_damaged_record_does_not_keep_the_leaderboard_from_being_written(
    text: str, scored: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = shutil.copytree(scored, tmp_path / "out")
    (out / "audit.json").write_text(text)
    assert len(publish(Results(out)).table) == 1
    assert "Audit:" not in (out / "leaderboard.md").read_text()
    assert "audit.json is damaged" in caplog.text


def test_faces_with_people_are_audited_under_the_identity_split_too(tmp_path: Path) -> None:
    faces.write(tmp_path, n=240, seed=0, size=32)
    found = audit.examine(datasets.load(tmp_path))
    by_split = {each["split"]: each for each in found["splits"]}
    assert by_split["fair random"]["person"] > 0
    assert by_split["fair identity"]["person"] == 0
    assert found["data"]["generated"]


def test_the_parts_a_data_set_comes_with_are_audited_too(
    tmp_path: Path, picture: Callable[..., None]
) -> None:
    for seed, name in enumerate(["train/a/1", "train/a/2", "train/b/3", "train/b/4", "test/a/5"]):
        picture(tmp_path / f"{name}.png", seed)
    shutil.copytree(tmp_path / "train" / "b", tmp_path / "test" / "b")
    found = audit.examine(datasets.load(tmp_path))
    official = found["splits"][-1]
    assert (official["split"], official["n_training"]) == ("fair official", 4)
    assert (official["n_test"], official["identical"]) == (3, 2)
    assert "Under fair official 2 are in training byte for byte" in found["summary"]


def test_a_split_that_cannot_be_made_is_told_and_the_others_are_audited(shapes: Dataset) -> None:
    labels = np.zeros(len(shapes), np.int64)
    labels[Slides().rows(shapes, deep=False, repeat=0).scored[:9]] = 1  # none in training
    found = audit.examine(dataclasses.replace(shapes, labels=labels, faces=True))
    by_split = {each["split"]: each for each in found["splits"]}
    assert "one class only" in by_split["slides"]["impossible"]
    assert by_split["fair random"]["n_test"] == 30
    assert {each["split"] for each in found["shortcuts"]} == {"fair random"}


def test_wrong_input_is_one_line(tmp_path: Path, run_command: Command) -> None:
    status, _, err = run_command(audit.main, "--data", "nowhere", "--out", tmp_path)
    assert status == 2
    assert err.startswith("error: no data set or folder is called 'nowhere'")
    assert len(err.splitlines()) == 1


@pytest.fixture(scope="module")
def of_real(real: Dataset) -> dict[str, Any]:
    return audit.examine(real)


def split(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in found["splits"] if each["split"] == name)


@pytest.mark.real
def test_eight_real_names_are_repeated_and_one_has_two_labels(of_real: dict[str, Any]) -> None:
    assert len(of_real["repeated_names"]) == 8
    (torn,) = of_real["conflicting_labels"]
    assert set(torn["names"]) == {"Avinash_30.jpg"}
    assert set(torn["labels"]) == {"sadness", "surprise"}


@pytest.mark.real
def test_two_real_pairs_of_files_are_the_same_under_two_names(of_real: dict[str, Any]) -> None:
    assert [each["names"] for each in of_real["identical_files"]] == [
        ["Bart_Hendricks_0001.jpg", "Ricky_Ray_0001.jpg"],
        ["Carlos_Beltran_0001.jpg", "Raul_Ibanez_0001.jpg"],
    ]
    assert all(each["people"] == 2 for each in of_real["identical_files"])
    assert len(of_real["files"]["unlisted"]) == 36
    assert of_real["files"]["missing"] == []


@pytest.mark.real
def test_two_thirds_of_the_real_random_test_pictures_show_somebody_known(
    of_real: dict[str, Any],
) -> None:
    for name in ("slides", "slides, nets", "fair random"):
        share = split(of_real, name)["person"] / split(of_real, name)["n_test"]
        assert 0.6 < share < 0.7, name
    assert split(of_real, "slides")["identical"] == 4
    by_person = split(of_real, "fair identity")
    assert (by_person["identical"], by_person["person"]) == (0, 0)


@pytest.mark.real
def test_the_real_near_duplicates_are_few(of_real: dict[str, Any]) -> None:
    assert 20 <= of_real["near_duplicates"]["n"] <= 40
    names = [set(each["names"]) for each in of_real["near_duplicates"]["listed"]]
    assert {"Ari_Fleischer_0006.jpg", "Ari_Fleischer_0011.jpg"} in names


@pytest.mark.real
def test_the_real_summary_names_disgust_and_sadness(of_real: dict[str, Any]) -> None:
    assert "disgust by picture size" in of_real["summary"]
    assert "sadness by picture size" in of_real["summary"]
