"""RAF-DB is read as given out and as class folders, with labels that start at 1."""

from __future__ import annotations

from pathlib import Path

import pytest

import datasets
from datasets.dataset import Part
from tests.datasets import samples
from tests.datasets.samples import refused

ORDER = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


@pytest.mark.parametrize("inside", ["", "basic"])
def test_the_list_gives_order_labels_and_parts(tmp_path: Path, inside: str) -> None:
    (tmp_path / inside).mkdir(exist_ok=True)
    samples.write_rafdb(tmp_path / inside)
    data = datasets.load(tmp_path)
    assert (data.name, data.class_names) == ("rafdb", ORDER)
    assert data.labels.tolist() == [*range(7), *range(7), *reversed(range(7))]
    assert data.parts is not None
    assert data.parts.tolist() == [Part.TRAINING] * 14 + [Part.TEST] * 7
    assert (data.ids[0], data.ids[-1]) == ("train_00000_aligned.jpg", "test_0006_aligned.jpg")
    assert data.root is not None
    for name, planes in zip(data.ids, data.images, strict=True):
        assert (planes == samples.as_read(data.root / name, 32)).all()


def test_the_folders_give_the_same(tmp_path: Path) -> None:
    samples.write_rafdb(tmp_path / "list")
    samples.write_rafdb_folders(tmp_path / "folders")
    contents = []
    for form in ("list", "folders", "folders/DATASET"):
        data = datasets.load(f"rafdb:{tmp_path / form}")
        assert data.class_names == ORDER
        assert data.parts is not None
        contents.append(
            {
                name.rpartition("/")[2]: (int(label), int(part), planes.tobytes())
                for name, label, part, planes in zip(
                    data.ids, data.labels, data.parts, data.images, strict=True
                )
            }
        )
    assert contents[0] == contents[1] == contents[2]


def test_without_it_the_answer_says_where_it_is_asked_for() -> None:
    refused("rafdb", "RAFDB_DIR", "--data rafdb:FOLDER", "e-mail", "whdeng.cn/RAF/model1.html")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("train_00003.jpg 4", "train_00003.jpg 0", ("line 4", "'0'", "1 (surprise) to 7")),
        ("train_00003.jpg 4", "train_00003.jpg 8", ("line 4", "'8'")),
        ("train_00003.jpg 4", "train_00003.jpg", ("line 4", "'train_00001.jpg 5'")),
        ("train_00003.jpg 4", "00003.jpg 4", ("line 4", "'train_00001.jpg 5'")),
        ("train_00003.jpg 4", "train_9.jpg 4", ("train_9_aligned.jpg is not there", "aligned.zip")),
    ],
)
def test_a_line_that_is_wrong_is_named(
    tmp_path: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    samples.write_rafdb(tmp_path)
    path = tmp_path / "EmoLabel" / "list_patition_label.txt"
    path.write_text(path.read_text().replace(old, new))
    refused(tmp_path, "list_patition_label.txt", *words)
    path.write_text("\n")
    refused(tmp_path, "names no picture")


def test_a_folder_that_is_no_number_of_an_emotion_is_named(tmp_path: Path) -> None:
    samples.write_rafdb_folders(tmp_path)
    (tmp_path / "DATASET" / "train" / "3").rename(tmp_path / "DATASET" / "train" / "8")
    refused(tmp_path, "folder 8", "1 (surprise) to 7 (neutral)")


def test_a_table_that_contradicts_the_folders_is_told(tmp_path: Path) -> None:
    samples.write_rafdb_folders(tmp_path)
    path = tmp_path / "test_labels.csv"
    text = path.read_text()
    path.write_text(text.replace("test_0002_aligned.jpg,5", "test_0002_aligned.jpg,4"))
    refused(tmp_path, "test_labels.csv, line 4", "labelled 4 but lies in folder 5")
    path.write_text(text.replace("test_0002_aligned.jpg,5", "test_9_aligned.jpg,5"))
    refused(tmp_path, "test_9_aligned.jpg", "is not in test")


def test_a_picture_that_is_listed_twice_is_told(tmp_path: Path) -> None:
    samples.write_rafdb(tmp_path)
    path = tmp_path / "EmoLabel" / "list_patition_label.txt"
    path.write_text(f"{path.read_text()}train_00003.jpg 2\n")
    refused(tmp_path, "line 22: train_00003.jpg is there twice")


def test_a_picture_in_another_part_than_its_table_says_is_told(tmp_path: Path) -> None:
    samples.write_rafdb_folders(tmp_path)
    first = next((tmp_path / "DATASET" / "train" / "1").iterdir())
    copy = tmp_path / "DATASET" / "test" / "1" / first.name
    copy.write_bytes(first.read_bytes())
    refused(tmp_path, f"test_labels.csv does not list {first.name}")
    first.unlink()
    refused(tmp_path, f"{first.name} is labelled 1 but is not in train")
    whole = tmp_path / "DATASET" / "train"
    (tmp_path / "DATASET" / "test").rename(tmp_path / "test")
    for number in [*whole.iterdir()]:
        number.rename(tmp_path / "DATASET" / number.name)
    whole.rmdir()
    refused(tmp_path, "but is not in train")
