"""Names stay one readable line whatever they hold, and what is readable stays as it is."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import datasets
from datasets import Source, limits
from datasets.names import readable, short
from tests.datasets import samples


@pytest.mark.parametrize(
    "name", ["happy", "Glück", "表情", "नमस्ते", r"a\b", "1=1", "-1", "=", "<b>"]
)
def test_what_can_be_read_stays_as_it_is(name: str) -> None:
    assert readable(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines", r"two\nlines"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        (os.fsdecode(b"\xff\xfe"), r"\xff\xfe"),
        ("a\0b", r"a\x00b"),
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
    ],
)
def test_what_cannot_be_seen_is_written_out(name: str, shown: str) -> None:
    assert readable(name) == shown
    assert readable(shown) == shown


@pytest.mark.parametrize("letter", ["a", "\u8868", os.fsdecode(b"\xff")])
def test_a_long_name_is_cut_and_told_from_others(letter: str) -> None:
    names = [f"{letter * 300}{end}" for end in "xy"]
    cut = [short(name, 100) for name in names]
    assert len({*cut}) == 2
    assert all(90 < len(os.fsencode(each)) <= 100 or letter == "\udcff" for each in cut)
    assert short(letter * 10, 100) == letter * 10


def test_whatever_a_set_is_made_of_its_name_fits_in_that_of_a_file(tmp_path: Path) -> None:
    long = "x" * 90
    for word in (long, "anger", "fear"):
        for i in range(2):
            samples.write_face(tmp_path / ("a" * 90) / word / f"{i}.png", seed=i)
    shutil.copytree(tmp_path / ("a" * 90), tmp_path / ("b" * 90))
    a, b = (f"folder:{tmp_path / (letter * 90)}" for letter in "ab")
    made = [f"eyes:{a}", f"without:{long}:{a}", f"eyes:without:{long}:{a}", f"{a}+{b}"]
    names = [datasets.load(each, 8).name for each in [*made, f"eyes:{a}+{b}", f"{a}-on-{b}"]]
    assert len({*names}) == len(names)
    assert max(map(len, names)) == limits.NAME


def test_a_set_has_readable_names_and_still_finds_its_files(tmp_path: Path) -> None:
    for word in (os.fsdecode(b"\xff\xfe"), "\x1b[31m"):
        folder = tmp_path / word
        folder.mkdir()
        for i in range(3):
            done, data = cv2.imencode(".png", np.full((16, 16, 3), 40 * i, np.uint8))
            assert done
            (folder / f"{i}\x07.png").write_bytes(data.tobytes())
    dataset = Source.parse(str(tmp_path)).load(16)
    assert dataset.class_names == (r"\x1b[31m", r"\xff\xfe")
    assert all((tmp_path / name).is_file() for name in dataset.ids)
