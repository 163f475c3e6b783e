"""The audit measures what a model could know besides the faces."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import datasets
from benchmark.core.protocols import Slides
from datasets import Dataset, InputError, audit
from datasets.dataset import Pixels
from datasets.loaders.drawn import faces
from tests.conftest import write_picture


def noise(seed: int, shape: tuple[int, int] = (48, 40)) -> np.ndarray:
    picture = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    return cv2.blur(picture, (9, 9))


def save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def facts(**columns: np.ndarray) -> audit.Facts:
    n = len(next(iter(columns.values())))
    usual = {
        "width": np.full(n, 32),
        "height": np.full(n, 32),
        "aspect": np.ones(n),
        "colour": np.zeros(n, bool),
        "brightness": np.zeros(n),
    }
    return audit.Facts({**usual, **columns}, np.zeros((n, 4), np.uint64))


def recognised(shortcut: audit.Shortcut) -> dict[str, audit.ClassRecall]:
    return {each.class_name: each for each in shortcut.classes if each.found}


def made(labels: np.ndarray, **more: object) -> Dataset:
    n = len(labels)
    return Dataset(
        name="made",
        pixels=Pixels((np.zeros((n, 3, 8, 8), np.uint8),)),
        labels=labels,
        class_names=("no", "yes"),
        groups=None,
        ids=tuple(f"{i:05}.png" for i in range(n)),
        described="made for a test",
        fingerprint="0" * 64,
        **more,  # type: ignore[arg-type]
    )


def test_facts_are_those_of_the_original_files(tmp_path: Path) -> None:
    save(tmp_path / "a" / "wide.png", noise(0, (20, 60)))
    save(tmp_path / "a" / "dark.png", np.full((30, 30, 3), 7, np.uint8))
    save(tmp_path / "b" / "grey.jpg", noise(1)[..., 0])
    save(tmp_path / "b" / "tall.bmp", noise(2, (50, 25)))
    data = datasets.load(tmp_path)
    place = {name: data.ids.index(name) for name in data.ids}
    wide, dark, grey, tall = (
        place[name] for name in ("a/wide.png", "a/dark.png", "b/grey.jpg", "b/tall.bmp")
    )
    found = audit.measure(data).columns
    assert (found["width"][wide], found["height"][wide], found["aspect"][wide]) == (60, 20, 3)
    assert (found["width"][tall], found["height"][tall]) == (25, 50)
    assert found["colour"][[wide, dark, grey, tall]].tolist() == [True, False, False, True]
    assert found["brightness"][dark] == 7
    assert found["brightness"][wide] == pytest.approx(noise(0, (20, 60)).mean())


def test_pictures_in_no_file_are_measured_as_they_are(shapes: Dataset) -> None:
    data = dataclasses.replace(shapes, root=None)
    found = audit.measure(data).columns
    assert set(found["width"]) == set(found["height"]) == {32}
    assert found["brightness"][5] == pytest.approx(data.images[5].mean())
    assert audit.unlisted_and_missing(data) == ([], [])


def test_a_file_that_is_a_picture_no_more_is_named(tmp_path: Path) -> None:
    for i in range(4):
        write_picture(tmp_path / "ab"[i % 2] / f"{i}.png", i)
    data = datasets.load(tmp_path)
    (tmp_path / "a" / "0.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a/0\.png: not a readable picture"):
        audit.measure(data)


def test_the_same_picture_saved_anew_is_a_near_duplicate_and_others_are_not(
    tmp_path: Path,
) -> None:
    for i in range(6):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", noise(i))
    brighter = cv2.convertScaleAbs(cv2.resize(noise(0), (60, 72)), alpha=0.9, beta=12)
    save(tmp_path / "b" / "again.jpg", brighter)
    data = datasets.load(tmp_path)
    found = audit.measure(data)
    pairs = audit.near_duplicates(found.hashes, np.arange(len(data))).closest
    assert [{data.ids[row] for row in pair[:2]} for pair in pairs] == [{"a/0.png", "b/again.jpg"}]
    assert 0 <= pairs[0, 2] <= audit.NEAR


def test_the_search_finds_what_comparing_every_pair_finds() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, (20, 4)).astype(np.uint64)
    hashes = base[rng.integers(0, 20, 700)]
    hashes ^= np.uint64(1) << rng.integers(0, 64, hashes.shape).astype(np.uint64)
    training = np.arange(0, 700, 3)
    near = audit.near_duplicates(hashes, np.arange(700), [training], most=5, kept=20_000)
    every = {
        (i, j): bits
        for i in range(700)
        for j, bits in enumerate(np.bitwise_count(hashes[i] ^ hashes).sum(axis=1).tolist())
        if i < j and bits <= 5
    }
    assert {(int(i), int(j)): int(bits) for i, j, bits in near.closest} == every
    assert near.n == len(every)
    known = {*training.tolist()}
    expected = {j for pair in every for i, j in (pair, pair[::-1]) if i in known}
    assert {*np.flatnonzero(near.beside[0]).tolist()} == expected
    few = audit.near_duplicates(hashes, np.arange(700), most=5, kept=300)
    assert few.n == len(every)
    closest = sorted((bits, i, j) for (i, j), bits in every.items())[:300]
    assert [(int(bits), int(i), int(j)) for i, j, bits in few.closest] == closest


def test_pictures_that_are_all_alike_take_no_memory_for_each_pair() -> None:
    n = 3000
    tracemalloc.start()
    near = audit.near_duplicates(np.zeros((n, 4), np.uint64), np.arange(n), [np.arange(5)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert near.n == n * (n - 1) // 2
    assert len(near.closest) == audit.KEPT
    assert near.beside[0].all()
    assert peak < 24 * near.n, "a pair is three numbers of 8 bytes"


def test_copies_of_one_file_are_no_near_duplicates() -> None:
    hashes = np.zeros((4, 4), np.uint64)
    first = audit.firsts(4, [np.array([1, 3])])
    assert first.tolist() == [0, 1, 2, 1]
    pairs = audit.near_duplicates(hashes, first).closest
    assert pairs[:, :2].tolist() == [[0, 1], [0, 2], [1, 2]]


def test_files_nobody_listed_and_files_that_are_gone_are_named(
    tmp_path: Path, picture: Callable[..., None]
) -> None:
    faces.write(tmp_path, n=40, seed=0, size=32)
    picture(tmp_path / "images" / "more" / "extra.jpg")
    data = datasets.load(tmp_path)
    (tmp_path / "images" / data.ids[0]).unlink()
    assert audit.unlisted_and_missing(data) == (["more/extra.jpg"], [data.ids[0]])


def test_folders_are_entered_once_and_by_links_only_where_pictures_of_the_set_lie(
    tmp_path: Path, picture: Callable[..., None]
) -> None:
    root, other = tmp_path / "set", tmp_path / "other"
    for i in range(4):
        picture(root / "cat" / f"{i}.png", i)
        picture(other / f"{i}.png", 9 + i)
    (other / "notes.txt").write_text("of a class folder that is a link")
    (root / "dog").symlink_to(other)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "secret.txt").write_text("not of the set")
    (root / "cat" / "out").symlink_to(tmp_path / "private")
    for name in ("one", "another", "third"):
        (root / "cat" / name).symlink_to(".")
        (other / name).symlink_to(root)
    assert audit.unlisted_and_missing(datasets.load(root)) == (["dog/notes.txt"], [])


def test_a_picture_left_out_is_neither_missing_nor_unlisted(
    tmp_path: Path, picture: Callable[..., None]
) -> None:
    for i in range(4):
        picture(tmp_path / "ab"[i % 2] / f"{i}.png", i)
    (tmp_path / "a" / "odd\x1b.png").write_bytes(b"no picture")
    data = dataclasses.replace(
        made(np.array([0, 1, 0, 1])),
        ids=("a/0.png", "b/1.png", "a/2.png", "b/3.png"),
        left_out=((r"a/odd\x1b.png", "not a readable picture"),),
        root=tmp_path,
    )
    assert audit.unlisted_and_missing(data) == ([], [])


def test_overlap_counts_test_pictures_whose_copy_twin_or_person_is_in_training() -> None:
    people = np.array([0, 1, 2, 3, 0, 9, 9, 9])
    data = dataclasses.replace(made(np.zeros(8, np.int64)), groups=people)
    first = audit.firsts(8, [np.array([1, 5])])  # row 5 is row 1 again
    beside = np.arange(8) == 6  # row 6 is nearly row 2
    training, test = np.array([0, 1, 2, 3]), np.array([4, 5, 6, 7])
    found = audit.overlap(data, training, test, first, beside)
    assert found == audit.Overlap(n_training=4, n_test=4, identical=1, near=1, person=1)
    nobody = dataclasses.replace(data, groups=None)
    assert audit.overlap(nobody, training, test, first, beside).person is None


def test_a_label_that_goes_with_the_picture_size_is_found_by_that_alone() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(600) < 0.2).astype(np.int64)
    small = labels.astype(bool) ^ (rng.random(600) < 0.05)  # nearly always
    known = facts(width=np.where(small, 50, 90), brightness=rng.normal(100, 20, 600))
    found = audit.shortcuts(made(labels), known, np.arange(400), np.arange(400, 600))
    by_columns = {each.columns: each for each in found}
    # Colour and contributor say nothing here; the file names are all of one pattern.
    assert set(by_columns) == {
        *("picture size", "picture size and colour", "mean brightness", "all of these"),
    }
    size = by_columns["picture size"]
    assert size.beats_majority
    assert size.accuracy_lo > size.majority
    assert "yes" in recognised(size)
    assert not by_columns["mean brightness"].beats_majority
    assert not recognised(by_columns["mean brightness"])


def test_a_contributor_who_gave_one_label_is_found() -> None:
    labels = np.tile([0, 0, 1], 100)
    who = tuple(np.where(labels == 1, "ann", "bob").tolist())
    data = made(labels, contributors=who)
    found = audit.shortcuts(data, facts(width=np.full(300, 9)), np.arange(200), np.arange(200, 300))
    assert [each.columns for each in found] == ["contributor", "all of these"]
    assert found[0].accuracy == 1
    assert set(recognised(found[0])) == {"yes", "no"}


def test_a_few_lucky_hits_are_no_shortcut() -> None:
    # Four of four right and no false alarm: the intervals are apart, but that is too few to say.
    labels = np.r_[np.tile([0] * 49 + [1], 8), np.zeros(800, np.int64), [1] * 4]
    widths = np.where(labels == 1, 50, 90)
    found = audit.shortcuts(
        made(labels), facts(width=widths), np.arange(400), np.arange(400, len(labels))
    )
    (yes,) = [told for told in found[0].classes if told.class_name == "yes"]
    assert (yes.recall, yes.others, yes.found) == (1, 0, False)
    assert yes.recall_lo > yes.others_hi


def test_a_file_names_pattern_is_its_shape_without_the_folder() -> None:
    assert audit.name_pattern("Ann_Lee_0001.jpg") == "a_a_9999.a"
    assert audit.name_pattern("happy/108a.PNG") == audit.name_pattern("sad/415b.png") == "999a.a"
    assert audit.name_pattern("Zoë-1.jpg") == "a-9.a"


@pytest.mark.real
def test_the_real_sources_shortcut_is_found_without_any_pixel(real: Dataset) -> None:
    rows = Slides().rows(real, deep=False, repeat=0)
    known = audit.measure(real)
    found = {s.columns: s for s in audit.shortcuts(real, known, rows.training, rows.test["test"])}
    shortcut = found["picture size and colour"]
    told = recognised(shortcut)
    assert {"disgust", "sadness"} <= set(told)
    assert 0.17 < told["disgust"].recall < 0.27
    assert told["disgust"].others < 0.02
    assert told["disgust"].recall_lo > 0.10  # a forest on the pixels recalls 3 to 10 %
    assert told["sadness"].recall > 10 * told["sadness"].others
    assert found["contributor"].beats_majority
