"""A film is one file: nothing that lies beside it is read, and nothing huge is decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmark.use.scenes import Scene, given
from datasets import InputError, limits


def write_film(path: Path, code: str, n: int = 5) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 25, (64, 48))
    for _ in range(n):
        writer.write(np.full((48, 64, 3), 99, np.uint8))
    writer.release()


def scenes(path: Path) -> list[Scene]:
    (one,) = given(str(path))
    return [*one.scenes()]


@pytest.mark.parametrize(
    ("suffix", "code"),
    [("avi", "MJPG"), ("mp4", "mp4v"), ("mkv", "mp4v"), ("mov", "mp4v"), ("webm", "VP80")],
)
def test_films_of_usual_kinds_are_read(suffix: str, code: str, tmp_path: Path) -> None:
    write_film(tmp_path / f"100%.{suffix}", code)
    assert len(scenes(tmp_path / f"100%.{suffix}")) == 5


def series(folder: Path, suffix: str, name: str) -> Path:
    """A file with nothing in it, whose name may stand for the pictures beside it."""
    for i in range(1, 4):
        done, data = cv2.imencode(".tiff", np.full((20, 30, 3), 40 * i, np.uint8))
        assert done
        (folder / f"scan0{i}.{suffix}").write_bytes(data.tobytes())
    if "%" in name:
        (folder / name).write_bytes(b"")
    return folder / name


def listing(folder: Path, name: str, text: str) -> Path:
    """A file that names a film elsewhere."""
    write_film(folder / "other.mp4", "mp4v")
    (folder / "lists").mkdir()
    (folder / "lists" / name).write_text(text.format(folder / "other.mp4"))
    return folder / "lists" / name


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: series(folder, "tif", "scan01.tif"),
        lambda folder: series(folder, "tif", "scan%02d.tif"),
        lambda folder: series(folder, "xyz", "scan%02d.xyz"),
        lambda folder: listing(
            folder,
            "list.m3u8",
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        ),
        lambda folder: listing(folder, "list.mp4", "ffconcat version 1.0\nfile ../other.mp4\n"),
    ],
    ids=["numbered", "tif", "xyz", "playlist", "list"],
)
def test_what_stands_for_other_files_is_no_film(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot be opened as a film"):
        scenes(make(tmp_path))


def test_a_film_of_huge_pictures_is_refused_before_one_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_film(tmp_path / "film.avi", "MJPG")
    monkeypatch.setattr(limits, "PIXELS", 64 * 48 - 1)
    with pytest.raises(InputError, match="64 x 48 pixels are too many"):
        scenes(tmp_path / "film.avi")
