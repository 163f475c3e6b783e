"""muxspace's pictures come in legend order with clean labels, or one line says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import Dataset, InputError
from datasets.loaders import muxspace
from tests.datasets import samples
from tests.datasets.samples import refused

LEGEND = """user.id,image,emotion
628,Bob_Smith_0002.jpg,HAPPINESS
628,Ann_Lee_0001.jpg, neutral
9,Bob_Smith_0001.jpg,happiness
628,Ann_Lee_0001.jpg,Neutral
"""


@pytest.fixture
def clone(tmp_path: Path, picture: Callable[..., None]) -> Path:
    for i, name in enumerate(["Bob_Smith_0002", "Ann_Lee_0001", "Bob_Smith_0001"]):
        picture(tmp_path / "images" / f"{name}.jpg", i)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "legend.csv").write_text(LEGEND)
    return tmp_path


def change_legend(clone: Path, old: str, new: str) -> None:
    legend = clone / "data" / "legend.csv"
    legend.write_text(legend.read_text().replace(old, new))


def test_rows_keep_the_legends_order_and_labels_lose_case_and_blanks(clone: Path) -> None:
    data = datasets.load(clone)
    assert data.name == "muxspace"
    assert data.ids[:2] == ("Bob_Smith_0002.jpg", "Ann_Lee_0001.jpg")
    names = [data.class_names[label] for label in data.labels]
    assert names == ["happiness", "neutral", "happiness", "neutral"]
    assert len(data.class_names) == 8
    assert (data.images[0] == samples.as_read(clone / "images" / data.ids[0], 32)).all()


def test_who_gave_each_label_is_kept(clone: Path) -> None:
    assert datasets.load(clone).contributors == ("628", "628", "9", "628")


def test_windows_line_ends_and_a_byte_order_mark_are_read(clone: Path) -> None:
    legend = clone / "data" / "legend.csv"
    legend.write_bytes(b"\xef\xbb\xbf" + LEGEND.replace("\n", "\r\n").encode())
    assert len(datasets.load(clone)) == 4


def test_the_variable_leads_to_the_pictures(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUXSPACE_DIR", str(clone))
    assert datasets.default() == "muxspace"
    assert len(datasets.load("muxspace")) == len(datasets.load()) == 4


def test_people_are_told_apart_by_file_name(clone: Path) -> None:
    groups = datasets.load(clone).groups
    assert groups is not None
    assert groups[0] == groups[2] != groups[1] == groups[3]
    assert muxspace.person("AJ_Cook_0001.jpg") == "AJ_Cook"
    assert muxspace.person("108a.jpg") == muxspace.person("108b.jpg") == "108"
    assert muxspace.person("facial-expressions_2868588k.jpg") == "facial-expressions"


def test_an_unknown_label_is_named_with_its_line(clone: Path) -> None:
    change_legend(clone, "9,Bob_Smith_0001.jpg,happiness", "9,Bob_Smith_0001.jpg,happyness")
    refused(clone, "line 4", "'happyness'", "did you mean 'happiness'?")


def test_a_legend_row_without_its_file_is_named(clone: Path) -> None:
    (clone / "images" / "Ann_Lee_0001.jpg").unlink()
    refused(clone, "Ann_Lee_0001.jpg", "is not there: ", "make data")
    (clone / "images" / "Bob_Smith_0001.jpg").unlink()
    refused(clone, "Ann_Lee_0001.jpg", "is not there (1 more like it)")


def test_other_columns_are_refused(clone: Path) -> None:
    change_legend(clone, "user.id,image,emotion", "id,file,label")
    refused(clone, "id,file,label", "user.id,image,emotion")


def test_a_short_row_is_named(clone: Path) -> None:
    change_legend(clone, "9,Bob_Smith_0001.jpg,happiness", "9,Bob_Smith_0001.jpg")
    refused(clone, "line 4", "2 columns")


def test_an_empty_legend_is_refused(clone: Path) -> None:
    (clone / "data" / "legend.csv").write_text("user.id,image,emotion\n")
    refused(clone, "names no picture")


def test_a_variable_that_leads_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUXSPACE_DIR", "/no/such/folder")
    with pytest.raises(InputError, match="MUXSPACE_DIR is '/no/such/folder'"):
        datasets.load()


def test_without_the_pictures_the_answer_says_how_to_get_them() -> None:
    with pytest.raises(InputError, match="make data"):
        datasets.load("muxspace")


@pytest.mark.real
def test_the_real_pictures_are_as_known(real: Dataset) -> None:
    assert len(real) == 13_690
    assert real.class_counts == {
        "anger": 252,
        "contempt": 9,
        "disgust": 208,
        "fear": 21,
        "happiness": 5696,
        "neutral": 6868,
        "sadness": 268,
        "surprise": 368,
    }
    assert len(set(real.ids)) == 13_682
    assert real.left_out == ()
    assert real.groups is not None
    assert 5_500 < len(np.unique(real.groups)) < 5_700
    grey = (real.images[:, 0] == real.images[:, 1]).all(axis=(1, 2))
    assert 0.9 < grey.mean() < 0.96
