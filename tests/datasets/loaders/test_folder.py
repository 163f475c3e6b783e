"""Any folder with a folder a class is a data set from day one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.dataset import Part
from tests.datasets.samples import refused


@pytest.fixture
def root(tmp_path: Path, picture: Callable[..., None]) -> Path:
    for label, name in enumerate(["cats", "dogs"]):
        for i in range(4):
            picture(tmp_path / "my pets" / name / f"{i}.jpg", seed=10 * label + i)
    return tmp_path / "my pets"


def test_classes_are_the_folders_and_rows_are_mixed(root: Path) -> None:
    pets = datasets.load(root)
    assert pets.name == "my-pets"
    assert pets.class_names == ("cats", "dogs")
    assert pets.class_counts == {"cats": 4, "dogs": 4}
    assert [pets.class_names[label] for label in pets.labels] == [
        name.split("/")[0] for name in pets.ids
    ]
    assert np.abs(np.diff(pets.labels)).sum() > 0, "all of one class before the other"


def test_a_new_picture_leaves_the_order_of_the_others(
    root: Path, picture: Callable[..., None]
) -> None:
    before = datasets.load(root).ids
    picture(root / "cats" / "new.png", seed=77)
    after = datasets.load(root).ids
    assert tuple(name for name in after if name != "cats/new.png") == before


def test_every_suffix_is_read_and_other_files_are_let_be(
    root: Path, picture: Callable[..., None]
) -> None:
    for i, suffix in enumerate(["png", "webp", "bmp", "JPEG"]):
        picture(root / "cats" / f"more.{suffix}", seed=50 + i)
    (root / "cats" / "notes.txt").write_text("not a picture")
    (root / "readme.txt").write_text("not a class")
    (root / ".git").mkdir()
    (root / "cats" / "Thumbs.db").touch()
    assert datasets.load(root).class_counts == {"cats": 8, "dogs": 4}


def test_what_lies_among_the_pictures_and_is_not_read_is_told(
    root: Path, picture: Callable[..., None]
) -> None:
    assert datasets.load(root).remarks == ()
    (root / "cats" / "scan.tif").touch()
    assert datasets.load(root).remarks == ("1 file or folder is not read, such as cats/scan.tif",)
    picture(root / "cats" / "more" / "1.jpg", seed=1)
    picture(root / "loose.jpg", seed=2)
    (remark,) = datasets.load(root).remarks
    assert remark.startswith("3 files and folders are not read, such as cats/")
    for part in ("train", "test"):
        picture(root / "divided" / part / "cats" / "1.jpg", seed=1)
        picture(root / "divided" / part / "dogs" / "1.jpg", seed=2)
    picture(root / "divided" / "train" / "loose.jpg", seed=3)
    assert datasets.load(root / "divided").remarks == (
        "1 file or folder is not read, such as train/loose.jpg",
    )


@pytest.mark.parametrize("parts", [("train", "val"), ("val", "test"), ("val", "testing")])
def test_a_division_without_training_or_test_pictures_is_refused(
    parts: tuple[str, ...], tmp_path: Path, picture: Callable[..., None]
) -> None:
    for i, part in enumerate(parts):
        for label, name in enumerate(["cats", "dogs"]):
            for number in range(3):
                seed = 100 * i + 10 * label + number
                picture(tmp_path / part / name / f"{number}.jpg", seed=seed)
    refused(tmp_path, "is divided into", "needs training and test")
    assert len(datasets.load(tmp_path / parts[0])) == 6


@pytest.mark.parametrize(
    ("one", "other"), [("caf\u00e9", "cafe\u0301"), ("dog", "dog "), ("a b", "a  b")]
)
def test_classes_that_look_alike_are_refused(
    one: str, other: str, tmp_path: Path, picture: Callable[..., None]
) -> None:
    for label, name in enumerate([one, other]):
        for i in range(3):
            picture(tmp_path / "pets" / name / f"{i}.jpg", seed=10 * label + i)
    refused(tmp_path / "pets", "2 classes are written")


def test_the_fingerprint_follows_content_and_labels_not_the_place(
    root: Path, tmp_path: Path
) -> None:
    first = datasets.load(root).fingerprint
    moved = root.rename(tmp_path / "moved")
    assert datasets.load(moved).fingerprint == first
    (moved / "cats" / "0.jpg").rename(moved / "dogs" / "9.jpg")
    assert datasets.load(moved).fingerprint != first


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", "testing")])
def test_a_divided_folder_keeps_its_division(
    tmp_path: Path, picture: Callable[..., None], names: tuple[str, ...]
) -> None:
    for part, name in enumerate(names):
        for i in range(4 - part):
            picture(tmp_path / name / "cats" / f"{i}.png", seed=10 * part + i)
            picture(tmp_path / name / "dogs" / f"{i}.png", seed=50 + 10 * part + i)
    data = datasets.load(tmp_path)
    assert data.class_counts == {"cats": 9, "dogs": 9}
    assert data.parts is not None
    assert data.parts.dtype == np.int8
    assert [names[part] for part in data.parts] == [name.split("/")[0] for name in data.ids]
    assert np.bincount(data.parts[data.labels == 1]).tolist() == [4, 3, 2]
    assert datasets.load(tmp_path / names[0]).parts is None


def test_a_class_may_be_absent_from_a_part(tmp_path: Path, picture: Callable[..., None]) -> None:
    for i, name in enumerate(["train/cats", "train/dogs", "test/dogs"]):
        picture(tmp_path / name / "0.png", seed=i)
        picture(tmp_path / name / "1.png", seed=10 + i)
    data = datasets.load(tmp_path)
    assert data.class_names == ("cats", "dogs")
    assert data.parts is not None
    assert data.labels[data.parts == Part.TEST].tolist() == [1, 1]


def test_a_part_without_class_folders_is_named(root: Path, picture: Callable[..., None]) -> None:
    root.rename(root.parent / "train")
    picture(root.parent / "test" / "unlabelled.png")
    refused(root.parent, "test has 0 class folders", "<class>")


def test_an_empty_class_is_named(root: Path) -> None:
    (root / "birds").mkdir()
    refused(root, "birds", "holds no pictures", "remove the folder")


def test_a_class_with_one_picture_is_named(root: Path, picture: Callable[..., None]) -> None:
    picture(root / "birds" / "only.png")
    refused(root, "birds", "only.png", "one picture")


def test_an_unreadable_picture_among_few_is_an_error(root: Path) -> None:
    (root / "cats" / "0.jpg").write_bytes(b"")
    refused(root, "cats/0.jpg", "empty", "replace the picture or remove it")


def test_a_truncated_picture_among_few_is_an_error(root: Path) -> None:
    path = root / "dogs" / "1.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    refused(root, "dogs/1.jpg", "replace the picture or remove it")


def test_one_bad_picture_among_a_thousand_is_left_out_and_told(
    tmp_path: Path, picture: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    picture(tmp_path / "one.png")
    data = (tmp_path / "one.png").read_bytes()
    for name in ("a", "b"):
        (tmp_path / "many" / name).mkdir(parents=True)
        for i in range(505):
            (tmp_path / "many" / name / f"{i}.png").write_bytes(data)
    (tmp_path / "many" / "a" / "7.png").write_bytes(b"broken")
    many = datasets.load(tmp_path / "many")
    assert len(many) == 1009
    assert [name for name, _ in many.left_out] == ["a/7.png"]
    assert "a/7.png" in caplog.text
    (tmp_path / "many" / "b" / "8.png").write_bytes(b"broken")
    refused(tmp_path / "many", "1 more like it")


@pytest.mark.parametrize("name", ["rafdb", "muxspace eyes", "fer2013-deduplicated"])
def test_a_folder_cannot_pass_for_a_known_set(tmp_path: Path, root: Path, name: str) -> None:
    data = datasets.load(root.rename(tmp_path / name))
    assert data.name == f"{name.replace(' ', '-')}-folder"


def test_what_is_not_there_or_no_class_folder_is_named(tmp_path: Path, root: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere", "is not there")
    refused("no-such-set", "no-such-set", "muxspace", "generated")
    refused(root / "cats" / "0.jpg", "is a file")
    refused(root / "cats", "0 class folders", "<class>")
    refused("folder", "--data")
