"""CK+ gives the last three frames of each labelled film, with who is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import datasets
from benchmark.core.protocols import Fair
from tests.datasets import samples
from tests.datasets.samples import refused


def known(data: datasets.Dataset) -> dict[str, tuple[str, int]]:
    """Emotion and person of each frame by its name."""
    assert data.groups is not None
    columns = zip(data.ids, data.labels, data.groups, strict=True)
    return {
        name.rpartition("/")[2]: (data.class_names[label], int(person))
        for name, label, person in columns
    }


def test_both_forms_give_the_same_frames(tmp_path: Path) -> None:
    samples.write_ck48(tmp_path / "small" / "CK+48")
    samples.write_ckplus(tmp_path / "films")
    small, films = (datasets.load(f"ckplus:{tmp_path / name}") for name in ("small", "films"))
    assert known(small) == known(films)
    assert len(small) == 12
    assert known(small)["S010_004_00000007.png"] == ("anger", 1)
    assert known(small)["S010_006_00000009.png"] == ("surprise", 1)
    assert known(small)["S005_001_00000008.png"] == ("anger", 0)
    assert known(small)["S999_003_00000008.png"] == ("surprise", 2)
    assert small.class_names == (
        *("neutral", "anger", "contempt", "disgust"),
        *("fear", "happiness", "sadness", "surprise"),
    )
    assert (small.parts, films.parts) == (None, None)


def test_pixels_are_those_of_the_files(tmp_path: Path) -> None:
    samples.write_ck48(tmp_path)
    data = datasets.load(f"ckplus:{tmp_path}", 48)
    films = list(samples.FILMS)
    for name, planes in zip(data.ids, data.images, strict=True):
        stem = Path(name).stem
        seed = 10 * films.index(stem[:8]) + int(stem[-1])
        assert (planes == samples.face(seed)).all()


@pytest.mark.parametrize("inside", ["", "CK+48"])
def test_its_folders_are_known_by_the_names_of_the_frames(tmp_path: Path, inside: str) -> None:
    samples.write_ck48(tmp_path / "pictures" / inside)
    assert datasets.load(tmp_path / "pictures").name == "ckplus"


def test_nobody_is_on_both_sides_of_an_identity_split(tmp_path: Path) -> None:
    for person in range(12):
        for film, word in enumerate(["happy", "sadness"]):
            name = f"S{person:03}_{film:03}_00000009.png"
            samples.write_face(tmp_path / word / name, seed=2 * person + film)
    data = datasets.load(f"ckplus:{tmp_path}")
    assert data.groups is not None
    rows = Fair(split="identity").rows(data, deep=False, repeat=0)
    assert len(rows.test["test"]) == 8
    assert not set(data.groups[rows.test["test"]]) & set(
        data.groups[np.concatenate([rows.training, rows.selection])]
    )


def test_without_it_the_answer_says_where_it_is_asked_for() -> None:
    refused("ckplus", "CKPLUS_DIR", "--data ckplus:FOLDER", "Pittsburgh", "jeffcohn.net")


def test_a_label_that_is_no_emotion_is_named(tmp_path: Path) -> None:
    samples.write_ckplus(tmp_path)
    (path,) = (tmp_path / "Emotion" / "S005").glob("*/*.txt")
    path.write_text("   8.0000000e+00\n")
    refused(tmp_path, "S005_001_00000009_emotion.txt", "0 (neutral) to 7 (surprise)")
    path.unlink()
    assert len(datasets.load(tmp_path)) == 9


def test_a_labelled_film_that_is_not_there_is_named(tmp_path: Path) -> None:
    samples.write_ckplus(tmp_path)
    (tmp_path / "cohn-kanade-images" / "S005").rename(tmp_path / "S005")
    refused(tmp_path, "cohn-kanade-images/S005/001 has no frames", "S005_001_00000009_emotion.txt")


def test_a_frame_among_those_of_somebody_else_is_named(tmp_path: Path) -> None:
    samples.write_ckplus(tmp_path)
    film = tmp_path / "cohn-kanade-images" / "S010" / "004"
    (film / "S010_004_00000009.png").rename(film / "S999_001_00000009.png")
    refused(tmp_path, "S010/004/S999_001_00000009.png is named as a frame of another film")


@pytest.mark.parametrize("other", ["S005/004", "S010/006"])
def test_a_label_in_the_folder_of_another_film_is_named(tmp_path: Path, other: str) -> None:
    samples.write_ckplus(tmp_path)
    name = "S010_004_00000009_emotion.txt"
    (tmp_path / "Emotion" / other).mkdir(parents=True, exist_ok=True)
    (tmp_path / "Emotion/S010/004" / name).rename(tmp_path / "Emotion" / other / name)
    refused(tmp_path, f"{other}/{name} lies in the folder of another film: move it to S010/004")


def test_labels_that_were_not_unpacked_are_asked_for(tmp_path: Path) -> None:
    samples.write_ckplus(tmp_path)
    (tmp_path / "Emotion").rename(tmp_path / "labels")
    refused(tmp_path, "has no labels in Emotion/", "Emotion_labels.zip")


def test_a_picture_whose_name_tells_nobody_is_named(tmp_path: Path) -> None:
    samples.write_ck48(tmp_path)
    samples.write_face(tmp_path / "anger" / "me.png", seed=1)
    refused(tmp_path, "anger/me.png", "S010_004_00000017.png", "who is shown")


def test_a_film_that_is_labelled_twice_is_named(tmp_path: Path) -> None:
    samples.write_ckplus(tmp_path)
    name = "S010_004_00000009_emotion.txt"
    there = tmp_path / "Emotion/S010/004" / name
    (tmp_path / "Emotion" / name).write_bytes(there.read_bytes())
    refused(tmp_path, "labels a film that", name)
