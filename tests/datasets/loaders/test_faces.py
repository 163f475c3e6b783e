"""What the generated faces promise: how they are drawn and written."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

import datasets
from datasets import InputError
from datasets.loaders.drawn import faces
from datasets.loaders.drawn.sampling import CLASS_NAMES


@pytest.fixture(scope="module")
def few() -> faces.FaceSample:
    return faces.sample(300, seed=3)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(few):
    again, other = faces.sample(300, seed=3), faces.sample(300, seed=4)
    assert np.array_equal(few.labels, again.labels)
    drawn = faces.draw(few, slice(0, 40))
    assert np.array_equal(drawn, faces.draw(again, slice(0, 40)))
    assert not np.array_equal(drawn, faces.draw(other, slice(0, 40)))


def test_a_face_does_not_depend_on_those_drawn_with_it(few):
    whole = faces.draw(few, slice(None))
    assert np.array_equal(faces.draw(few, slice(100, 200)), whole[100:200])
    assert np.array_equal(faces.draw(few, np.array([299, 7, 7])), whole[[299, 7, 7]])
    for row in (0, 255, 256):
        assert np.array_equal(faces.draw(few, [row])[0], whole[row])


@pytest.mark.parametrize("size", [16, 32, 47, 224])
def test_pictures_are_contiguous_bytes_in_planes(few, size):
    pictures = faces.draw(few, slice(0, 5), size)
    assert pictures.shape == (5, 3, size, size)
    assert pictures.dtype == np.uint8
    assert pictures.flags.c_contiguous
    assert pictures.std(axis=(1, 2, 3)).min() > 5


def test_no_rows_give_no_pictures(few):
    assert faces.draw(few, slice(0, 0)).shape == (0, 3, 32, 32)


def test_grey_pictures_have_three_equal_planes_and_others_do_not(few):
    pictures = faces.draw(few, slice(None))
    grey = (pictures == pictures[:, :1]).all(axis=(1, 2, 3))
    assert np.array_equal(grey, few.parameters["colour"] == 0)


@pytest.mark.parametrize("size", [0, 15, 225])
def test_sizes_out_of_range_are_refused(few, size):
    with pytest.raises(ValueError, match="must lie in 16"):
        faces.draw(few, slice(0, 1), size)


def test_generated_faces_say_which_sizes_they_can_be_drawn_at():
    with pytest.raises(InputError, match="made at 16 to 224 pixels, not 8: change --size"):
        datasets.load("generated", 8)


def test_rows_out_of_range_are_refused(few):
    with pytest.raises(IndexError):
        faces.draw(few, np.array([300]))


def test_file_names_number_the_pictures_of_each_person(few):
    names = faces.ids(few)
    assert len(set(names)) == 300
    for name, person in zip(names, few.people, strict=True):
        stem, number = name.removesuffix(".jpg").rsplit("_", 1)
        assert stem == f"generated-person-{person:04d}"
        assert 1 <= int(number) <= np.sum(few.people == person)


def test_a_written_data_set_reads_back_in_row_order(tmp_path):
    faces.write(tmp_path / "new" / "sampled", n=20, seed=5, size=64)
    sampled = faces.sample(20, seed=5)
    with (tmp_path / "new" / "sampled" / "data" / "legend.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["user.id", "image", "emotion"]
    assert [row[1] for row in rows[1:]] == faces.ids(sampled)
    assert [row[2] for row in rows[1:]] == [CLASS_NAMES[label] for label in sampled.labels]
    for (_, name, _), drawn in zip(rows[1:], faces.draw(sampled, slice(None), 64), strict=True):
        stored = cv2.imread(str(tmp_path / "new" / "sampled" / "images" / name))
        planes = stored[..., ::-1].transpose(2, 0, 1).astype(float)
        assert np.abs(planes - drawn).mean() < 12  # JPEG is lossy; a swapped plane is far worse


def test_that_faces_are_drawn_is_told_by_who_labelled_them_not_by_their_names(tmp_path):
    faces.write(tmp_path / "faces", n=40, size=16)
    assert datasets.load(tmp_path / "faces").generated
    legend = tmp_path / "faces" / "data" / "legend.csv"
    legend.write_text(legend.read_text().replace("generated,", "7,"))
    assert not datasets.load(tmp_path / "faces").generated


def test_writing_fills_an_empty_folder_and_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "sampled").mkdir()
    faces.write(tmp_path / "sampled", n=2, size=16)
    assert [path.name for path in tmp_path.iterdir()] == ["sampled"]
    assert len(list((tmp_path / "sampled" / "images").iterdir())) == 2


def test_writing_over_something_is_refused_and_changes_nothing(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="not an empty folder") as refusal:
        faces.write(tmp_path, n=2, size=16)
    assert "\n" not in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(cv2, "imwrite", lambda *_: False)
    with pytest.raises(OSError, match="could not write"):
        faces.write(tmp_path / "sampled", n=2, size=16)
    assert list(tmp_path.iterdir()) == []


def test_a_model_learns_the_expressions_from_the_pixels():
    sampled = faces.sample(1500)
    pixels = faces.draw(sampled, slice(None))[:, 0].reshape(1500, -1) / 255
    model = make_pipeline(PCA(80, whiten=True, random_state=0), SVC(gamma=0.002, C=3))
    accuracy = model.fit(pixels[:1000], sampled.labels[:1000]).score(
        pixels[1000:], sampled.labels[1000:]
    )
    majority = np.mean(sampled.labels[1000:] == CLASS_NAMES.index("neutral"))
    assert majority + 0.08 < accuracy < 0.95
