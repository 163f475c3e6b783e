"""FER+ is FER2013's rows with the labels that most of ten annotators gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import datasets
from tests.datasets import samples
from tests.datasets.samples import refused

ORDER = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
VOTES = [
    (4, 0, 0, 1, 3, 2, 0, 0, 0, 0),  # neutral
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 10),  # not a face
    (0, 1, 0, 0, 0, 0, 0, 6, 3, 0),  # contempt
    (2, 0, 0, 2, 0, 0, 0, 0, 6, 0),  # unknown
    (0, 0, 5, 0, 0, 0, 5, 0, 0, 0),  # surprise and fear
    (0, 0, 0, 9, 0, 0, 0, 0, 0, 0),  # sadness, by nine who voted
    (10, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 8, 1, 1),
    (0, 0, 9, 0, 0, 0, 0, 0, 0, 1),
    (0, 0, 0, 9, 0, 0, 0, 0, 0, 1),
]
NAMES = ["neutral", "contempt", "surprise", "sadness"] * 2
ROWS = [0, 2, 4, 5, 6, 7, 8, 9]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    samples.write_fer2013(tmp_path, n=20)
    samples.write_votes(tmp_path / "fer2013new.csv", VOTES + VOTES)
    return tmp_path


def test_most_votes_make_the_label_and_what_is_no_emotion_is_left_out(root: Path) -> None:
    data = datasets.load(f"ferplus:{root}", 48)
    assert data.class_names == ORDER
    assert [data.class_names[label] for label in data.labels] == NAMES + NAMES
    rows = ROWS + [10 + row for row in ROWS]
    assert data.ids == tuple(f"fer{row:07}.png" for row in rows)
    for row, planes in zip(rows, data.images, strict=True):
        assert (planes == samples.face(row)).all()
    whole = datasets.load(f"fer2013:{root}", 48)
    assert whole.parts is not None
    assert data.parts is not None
    assert (data.parts == whole.parts[rows]).all()
    assert data.distribution is None


def test_the_distribution_is_the_share_of_the_votes_for_an_emotion(root: Path) -> None:
    majority = datasets.load(f"ferplus:{root}")
    data = datasets.load(f"ferplus-distribution:{root}")
    assert data.distribution is not None
    assert data.distribution[0] == pytest.approx([0.4, 0, 0, 0.1, 0.3, 0.2, 0, 0])
    assert data.distribution[1] == pytest.approx([0, 1 / 7, 0, 0, 0, 0, 0, 6 / 7])
    assert (data.labels == majority.labels).all()
    assert np.array_equal(data.images, majority.images)
    assert data.name == "ferplus-distribution"
    assert data.fingerprint != majority.fingerprint


def test_without_duplicates_rows_keep_their_votes_and_parts(root: Path) -> None:
    path = root / "fer2013.csv"
    path.write_text(path.read_text().replace(samples.pixels(6), samples.pixels(0)))
    whole = datasets.load(f"ferplus-distribution:{root}")
    clean = datasets.load(f"deduplicated:ferplus-distribution:{root}")
    kept = [row for row, name in enumerate(whole.ids) if name != "fer0000006.png"]
    assert clean.ids == tuple(whole.ids[row] for row in kept)
    for name in ("parts", "distribution"):
        assert (getattr(clean, name) == getattr(whole, name)[kept]).all()


def test_without_it_the_answer_says_where_it_is_asked_for() -> None:
    refused("ferplus", "FERPLUS_DIR", "--data ferplus:FOLDER", "microsoft/FERPlus", "kaggle.com")


def test_each_file_that_is_not_there_is_named(root: Path) -> None:
    (root / "fer2013.csv").rename(root / "elsewhere.csv")
    refused(f"ferplus:{root}", "has no fer2013.csv", "microsoft/FERPlus")
    (root / "elsewhere.csv").rename(root / "fer2013.csv")
    (root / "fer2013new.csv").unlink()
    refused(f"ferplus:{root}", "has no fer2013new.csv", "microsoft/FERPlus")


def test_a_folder_of_both_has_to_be_named_by_its_set(root: Path) -> None:
    refused(root, "fer2013 and ferplus", f"fer2013:{root}")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Usage,Image", "Use,Image", ("Use,Image name", "must have Usage,Image name")),
        ("Training,fer0000002.png", "PublicTest,x", ("line 4", "'PublicTest'", "csv, line 4")),
        ("4,0,0,1,3,2,0,0,0,0", "4,0,0,1,3,2,0,0,0", ("line 2", "11 columns, must be 12")),
        ("4,0,0,1,3,2,0,0,0,0", "0,0,0,0,0,0,0,0,0,0", ("line 2", "not all 0")),
        ("4,0,0,1,3,2,0,0,0,0", "4,0,0,1,3,2,0,0,0,-1", ("line 2", "whole numbers")),
        ("4,0,0,1,3,2,0,0,0,0", "4,0,0,1,3,2,0,0,0,1.5", ("line 2", "whole numbers")),
        ("4,0,0,1,3,2,0,0,0,0", f"4,0,0,1,3,2,0,0,0,{'9' * 5000}", ("line 2", "whole numbers")),
        ("fer0000002.png", "fer0000003.png", ("line 4", "is not the picture of this row")),
        ("fer0000002.png", "face.png", ("line 4", "face.png is not the picture of this row")),
    ],
)
def test_a_row_that_is_wrong_is_named(root: Path, old: str, new: str, words: tuple[str]) -> None:
    path = root / "fer2013new.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    refused(f"ferplus:{root}", "fer2013new.csv", *words)


def test_rows_in_another_order_are_refused(root: Path) -> None:
    path = root / "fer2013new.csv"
    lines = path.read_text().split("\n")
    lines[7], lines[8] = lines[8], lines[7]  # both to train on
    path.write_text("\n".join(lines))
    refused(f"ferplus:{root}", "is not the picture of this row", "the order in which they were")


def test_a_row_without_a_picture_need_not_be_counted(root: Path) -> None:
    whole = datasets.load(f"ferplus:{root}")
    path = root / "fer2013new.csv"
    text = path.read_text()
    for row in range(2, 20):  # as in some of the real file: row 1 shows no face
        text = text.replace(f"fer{row:07}.png", f"fer{row - 1:07}.png")
    path.write_text(text)
    assert datasets.load(f"ferplus:{root}").fingerprint == whole.fingerprint


def test_another_number_of_rows_is_refused(root: Path) -> None:
    for votes in (VOTES, VOTES * 3):
        samples.write_votes(root / "fer2013new.csv", votes)
        refused(f"ferplus:{root}", f"{len(votes)} rows", "fer2013.csv 20", "the same rows")
