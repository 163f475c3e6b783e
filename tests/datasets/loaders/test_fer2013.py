"""FER2013 is read from either CSV and from class folders, with the challenge's own parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import limits
from datasets.dataset import Part
from datasets.loaders import fer2013
from tests.datasets import samples
from tests.datasets.samples import refused

ORDER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
# As the folders that go round are called.
FOLDERS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def names(data: datasets.Dataset) -> list[str]:
    return [data.class_names[label] for label in data.labels]


@pytest.mark.parametrize("write", [samples.write_fer2013, samples.write_icml])
def test_both_csv_files_give_the_same_rows(write: object, tmp_path: Path) -> None:
    write(tmp_path)  # type: ignore[operator]
    data = datasets.load(f"fer2013:{tmp_path}", 48)
    assert data.class_names == ORDER
    assert names(data) == [ORDER[i % 7] for i in range(24)]
    for i, planes in enumerate(data.images):
        assert (planes == samples.face(i)).all()
    assert data.parts is not None
    parts = [Part.TRAINING] * 4 + [Part.VALIDATION, Part.TEST]
    assert data.parts.tolist() == [parts[i % 6] for i in range(24)]
    assert data.ids[:2] == ("fer0000000.png", "fer0000001.png")
    assert (data.groups, data.root) == (None, None)


def test_a_picture_is_stretched_as_one_from_a_file(tmp_path: Path) -> None:
    samples.write_fer2013(tmp_path)
    samples.write_face(tmp_path / "face.png", seed=3)
    data = datasets.load(f"fer2013:{tmp_path}", 32)
    assert (data.images[3] == samples.as_read(tmp_path / "face.png", 32)).all()


def test_windows_line_ends_a_byte_order_mark_and_blank_lines_are_read(tmp_path: Path) -> None:
    samples.write_fer2013(tmp_path)
    path = tmp_path / "fer2013.csv"
    plain = datasets.load(tmp_path).images.copy()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert (datasets.load(tmp_path).images == plain).all()


def test_the_second_opening_parses_no_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.write_fer2013(tmp_path)
    first = datasets.load(tmp_path)
    monkeypatch.setattr(fer2013, "picture", lambda pixels: pytest.fail("a row was parsed again"))
    assert (datasets.load(tmp_path).images == first.images).all()


@pytest.mark.parametrize("parts", [("train", "test"), ("train", "validation", "test")])
def test_class_folders_are_read_by_name(tmp_path: Path, parts: tuple[str, ...]) -> None:
    for part, name in enumerate(parts):
        for label, word in enumerate(FOLDERS):
            samples.write_face(tmp_path / name / word / "one.png", seed=10 * part + label)
    data = datasets.load(f"fer2013:{tmp_path}", 48)
    assert (data.name, data.class_names) == ("fer2013", ORDER)
    numbers = {"train": Part.TRAINING, "validation": Part.VALIDATION, "test": Part.TEST}
    assert data.parts is not None
    for row, name in enumerate(data.ids):
        part, word, _ = name.split("/")
        assert data.parts[row] == numbers[part]
        assert data.labels[row] == FOLDERS.index(word)
        assert (data.images[row] == samples.face(10 * parts.index(part) + data.labels[row])).all()


def test_the_variable_leads_to_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.write_fer2013(tmp_path)
    monkeypatch.setenv("FER2013_DIR", str(tmp_path))
    assert len(datasets.load("fer2013")) == 24


def test_without_it_the_answer_says_where_it_is_asked_for() -> None:
    refused("fer2013", "FER2013_DIR", "--data fer2013:FOLDER", "kaggle.com/c/challenges-in-")


def change(root: Path, line: int, old: str, new: str) -> None:
    path = root / "fer2013.csv"
    lines = path.read_text().split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("line", "old", "new", "words"),
    [
        (1, "pixels", "pixel", ("emotion,pixel,usage", "must have emotion,pixels,Usage")),
        (5, "3,", "7,", ("line 5", "no emotion has the number '7'", "0 (anger) to 6 (neutral)")),
        (5, "3,", "-1,", ("line 5", "'-1'")),
        (6, "PublicTest", "Public", ("line 6", "unknown Usage 'Public'", "PublicTest")),
        (6, ",PublicTest", "", ("line 6", "2 columns, must be 3")),
        (9, " ", "", ("line 9", "2303 pixels, must be 2304 (48 x 48)", "take it out")),
        (9, " ", " 7 ", ("line 9", "2305 pixels")),
        (9, " ", " x", ("line 9", "a pixel is no whole number")),
        (9, " ", " 1000", ("line 9", "a pixel is not from 0 to 255")),
        (9, " ", " 429496729", ("line 9", "a pixel is not from 0 to 255")),
        (9, " ", f" {'9' * 30}", ("line 9", "a pixel is not from 0 to 255")),
    ],
)
def test_a_row_that_is_wrong_is_named(
    tmp_path: Path, line: int, old: str, new: str, words: tuple[str, ...]
) -> None:
    samples.write_fer2013(tmp_path)
    change(tmp_path, line, old, new)
    refused(tmp_path, "fer2013.csv", *words)


def test_a_line_without_end_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.write_fer2013(tmp_path)
    change(tmp_path, 9, " ", " " * 20_000)
    monkeypatch.setattr(limits, "LINE", 20_000)
    refused(tmp_path, "line 9", "too long")


def test_an_empty_csv_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n")
    refused(tmp_path, "has no rows")


def test_one_bad_row_in_a_thousand_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fer2013, "SIDE", 2)
    rows = [f"{i % 7},1 2 3 {i % 256},Training" for i in range(1000)]
    rows[700] = "0,1 2 3,Training"
    (tmp_path / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *rows]))
    data = datasets.load(tmp_path, 8)
    assert len(data) == 999
    assert data.left_out == (("fer0000700.png", "3 pixels, must be 4 (2 x 2)"),)
    assert "fer2013.csv, line 702" in caplog.text
    assert data.labels[700] == 701 % 7
    assert data.images[700].max() == 701 % 256
    assert np.array_equal(data.images[700][0], data.images[700][2])


def test_a_folder_that_is_none_of_its_forms_is_named(tmp_path: Path) -> None:
    refused(f"fer2013:{tmp_path}", tmp_path.name, "0 class folders")
    for word in ("angry", "bored"):
        samples.write_face(tmp_path / "train" / word / "one.png", seed=1)
    refused(f"fer2013:{tmp_path}", "unknown label 'bored'")
