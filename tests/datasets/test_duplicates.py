"""Pictures that are there twice are found byte for byte, and can be left out."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import Dataset, InputError, derived
from datasets.duplicates import conflicting, identical, split_groups
from tests.conftest import REAL


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[..., None]) -> Path:
    """Two classes of four; ``a/copy`` is ``a/0``, and ``b/both`` is ``a/1`` under another label."""
    root = tmp_path / "twice"
    for i in range(4):
        picture(root / "a" / f"{i}.png", i)
        picture(root / "b" / f"{i}.png", 10 + i)
    shutil.copy(root / "a" / "0.png", root / "a" / "copy.png")
    shutil.copy(root / "a" / "1.png", root / "b" / "both.png")
    return root


def names(data: Dataset, groups: list[np.ndarray]) -> set[frozenset[str]]:
    return {frozenset(data.ids[row] for row in rows) for rows in groups}


def test_identical_files_are_found_whatever_their_names(folder: Path) -> None:
    data = datasets.load(folder)
    groups = identical(data)
    same, torn = frozenset({"a/0.png", "a/copy.png"}), frozenset({"a/1.png", "b/both.png"})
    assert names(data, groups) == {same, torn}
    assert names(data, [rows for rows in groups if conflicting(data, rows)]) == {torn}
    assert [rows[0] for rows in groups] == sorted(rows[0] for rows in groups)


def test_other_bytes_with_the_same_pixels_are_another_file(folder: Path) -> None:
    with (folder / "a" / "copy.png").open("ab") as file:
        file.write(b"a remark after the picture")
    data = datasets.load(folder)
    assert names(data, identical(data)) == {frozenset({"a/1.png", "b/both.png"})}


def test_pictures_in_no_file_are_compared_by_their_pixels(folder: Path) -> None:
    data = datasets.load(folder)
    groups = identical(dataclasses.replace(data, root=None))
    assert names(data, groups) == names(data, identical(data))


def test_a_file_that_went_away_is_named(folder: Path) -> None:
    data = datasets.load(folder)
    (folder / "a" / "copy.png").unlink()
    with pytest.raises(InputError, match=r"copy\.png cannot be read any more"):
        identical(data)


def test_people_who_share_a_picture_are_kept_together(folder: Path) -> None:
    data = datasets.load(folder)
    assert split_groups(data) is None
    row = {name: data.ids.index(name) for name in data.ids}
    people = np.arange(len(data))
    people[[row["a/2.png"], row["b/both.png"]]] = 70
    people[[row["a/3.png"], row["a/1.png"]]] = 80
    merged = split_groups(dataclasses.replace(data, groups=people))
    assert merged is not None
    one = [row[name] for name in ("a/1.png", "b/both.png", "a/2.png", "a/3.png")]
    assert len(set(merged[one])) == 1
    assert merged[row["a/0.png"]] == merged[row["a/copy.png"]]
    assert len(set(merged)) == len(data) - 4
    assert people[row["a/3.png"]] == 80, "the data set's own groups were changed"


def test_copies_are_kept_once_and_conflicting_ones_not_at_all(folder: Path) -> None:
    data = datasets.load(folder)
    clean = derived.without_duplicates(data)
    assert len(clean) == len(data) - 3
    assert identical(clean) == []
    assert not {"a/1.png", "b/both.png"} & set(clean.ids)
    assert len({"a/0.png", "a/copy.png"} & set(clean.ids)) == 1
    for row, name in enumerate(clean.ids):
        assert (clean.images[row] == data.images[data.ids.index(name)]).all()
        assert clean.labels[row] == data.labels[data.ids.index(name)]
    assert [name for name in data.ids if name in clean.ids] == list(clean.ids)


def test_the_clean_set_has_a_name_and_a_fingerprint_of_its_own(folder: Path) -> None:
    data = datasets.load(folder)
    clean = datasets.load(f"deduplicated:{folder}")
    assert clean.name == "twice-deduplicated"
    assert clean.fingerprint == derived.without_duplicates(data).fingerprint != data.fingerprint
    assert "3 duplicates left out" in clean.described


def test_a_class_that_only_had_copies_is_refused(tmp_path: Path, folder: Path) -> None:
    for i in range(2):
        (folder / "c").mkdir(exist_ok=True)
        shutil.copy(folder / "b" / "3.png", folder / "c" / f"{i}.png")
    (folder / "b" / "3.png").unlink()
    with pytest.raises(InputError, match="class 'c' has one picture only"):
        datasets.load(f"deduplicated:{folder}")


@pytest.mark.real
def test_of_the_real_pictures_eleven_go(real: Dataset) -> None:
    assert real.fingerprint.startswith("526250f6")
    clean = datasets.load(f"deduplicated:muxspace:{REAL}")
    # Seven of eight repeated names once, the eighth, with two labels, altogether, and two copies.
    assert len(clean) == len(real) - 7 - 2 - 2 == 13_679
    assert "Avinash_30.jpg" not in clean.ids
    assert identical(clean) == []
    assert len(set(clean.ids)) == len(clean)
    assert isinstance(clean.pixels.arrays[0], np.memmap), "the pictures are copied"
    assert clean.groups is not None
