"""Sets that come as arrays: scikit-learn's digits and the files of MedMNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import datasets
from datasets import InputError, limits
from datasets.dataset import Part
from tests.datasets.samples import face, write_medmnist


def test_digits_are_scikit_learns_own_at_their_own_size() -> None:
    data = datasets.load("digits", 8)
    bunch = load_digits()
    assert (data.labels == bunch.target).all()
    assert np.abs(data.images[:, 0] / 255 - bunch.images / 16).max() < 0.5 / 255 + 1e-9
    assert data.groups is None


def test_the_parts_of_medmnist_are_its_own(tmp_path: Path) -> None:
    write_medmnist(tmp_path)
    data = datasets.load(tmp_path, 28)
    assert data.name == "bloodmnist"
    assert data.parts is not None
    assert np.bincount(data.parts).tolist() == [12, 6, 6]
    assert (data.images[12, 1] == face(100, (28, 28))).all()
    assert data.parts[12] == Part.VALIDATION
    assert data.class_names == ("0", "1", "2")


def test_colour_pictures_keep_their_colours(tmp_path: Path) -> None:
    colours = {
        f"{part}_images": np.random.default_rng(0).integers(0, 256, (n, 28, 28, 3), np.uint8)
        for part, n in (("train", 12), ("val", 6), ("test", 6))
    }
    write_medmnist(tmp_path, **colours)
    data = datasets.load(f"medmnist:{tmp_path}", 28)
    assert (data.images[0] == colours["train_images"][0].transpose(2, 0, 1)).all()


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"test_images": np.zeros((6, 28, 28, 28), np.uint8)}, "no flat grey or colour"),
        ({"test_labels": np.zeros((6, 14), np.uint8)}, "several labels a picture"),
        ({"test_images": np.zeros((6, 28, 28), np.float32)}, "of 8 bits"),
        ({"test_labels": np.full((6, 1), 1 << 60)}, "no numbers of classes"),
        ({"test_labels": np.full((6, 1), -1)}, "no numbers of classes"),
        ({"test_labels": np.zeros((5, 1), np.uint8)}, "no whole number for each picture of test"),
        ({"test_labels": np.full((6, 1), "a")}, "no whole number for each picture of test"),
        ({"test_labels": np.float64(1)}, "no whole number for each picture of test"),
        ({"test_images": np.zeros((0, 28, 28), np.uint8)}, "no whole number"),
        ({"test_images": np.zeros((6, 0, 28), np.uint8)}, "no pictures in test"),
        ({"test_images": np.zeros((6, 28, 29), np.uint8)}, "several forms"),
        ({"test_images": np.zeros((6, 28, 28, 3), np.uint8)}, "several forms"),
    ],
)
def test_other_kinds_of_arrays_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], told: str
) -> None:
    write_medmnist(tmp_path, **arrays)
    with pytest.raises(InputError, match=told):
        datasets.load(f"medmnist:{tmp_path}")


def test_a_folder_of_several_or_a_damaged_file_is_refused(tmp_path: Path) -> None:
    write_medmnist(tmp_path)
    (tmp_path / "pathmnist.npz").write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"holds bloodmnist.npz, pathmnist.npz: put one"):
        datasets.load(f"medmnist:{tmp_path}")
    (tmp_path / "bloodmnist.npz").unlink()
    with pytest.raises(InputError, match="is no file of MedMNIST"):
        datasets.load(f"medmnist:{tmp_path}")


def test_a_file_of_more_pictures_than_are_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_medmnist(tmp_path)
    monkeypatch.setattr(limits, "PICTURES", 23)
    with pytest.raises(InputError, match="more than 23 pictures"):
        datasets.load(f"medmnist:{tmp_path}")


def test_a_file_that_unpacks_to_more_than_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_medmnist(tmp_path, train_images=np.zeros((12, 28, 28), np.uint8))
    file = tmp_path / "bloodmnist.npz"
    monkeypatch.setattr(limits, "ARRAY_BYTES", file.stat().st_size + 1)
    with pytest.raises(InputError, match="bytes unpacked, may be"):
        datasets.load(f"medmnist:{tmp_path}")
