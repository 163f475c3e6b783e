"""A film is one file: nothing that lies beside it is read, and nothing huge is decoded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmark.use.film import Film
from benchmark.use.scenes import Scene, given
from datasets import InputError, limits


def write_film(path: Path, code: str, n: int = 5) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 25, (64, 48))
    noise = np.random.default_rng(0)
    for _ in range(n):
        writer.write(noise.integers(0, 256, (48, 64, 3), np.uint8))
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


def test_a_film_without_a_picture_is_refused_and_one_that_ends_early_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    write_film(tmp_path / "film.avi", "MJPG", n=30)
    whole = (tmp_path / "film.avi").read_bytes()
    (tmp_path / "empty.avi").write_bytes(whole[: whole.index(b"movi") + 4])
    with pytest.raises(InputError, match="not one picture of it can be read"):
        scenes(tmp_path / "empty.avi")
    assert len(scenes(tmp_path / "film.avi")) == 30
    assert not caplog.records
    (tmp_path / "half.avi").write_bytes(whole[: len(whole) // 2])
    assert 5 < len(scenes(tmp_path / "half.avi")) < 25
    assert "says that it has 30 pictures" in caplog.text
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "asked", [{}, {"OPENCV_FFMPEG_LOGLEVEL": "56"}, {"OPENCV_FFMPEG_DEBUG": "1"}]
)
def test_of_what_is_damaged_in_a_film_ffmpeg_writes_nothing(
    asked: dict[str, str], tmp_path: Path
) -> None:
    write_film(tmp_path / "film.avi", "MJPG", n=30)
    damaged = bytearray((tmp_path / "film.avi").read_bytes())
    for place in range(damaged.index(b"movi") + 700, len(damaged) - 700, 97):
        damaged[place] ^= 0x5A
    (tmp_path / "film.avi").write_bytes(damaged)
    read = "import sys; from benchmark.use.scenes import given\n"
    read += "for one in given(sys.argv[1])[0].scenes(): print('one')"
    done = subprocess.run(
        [sys.executable, "-c", read, str(tmp_path / "film.avi")],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert {*done.stdout.split()} == {"one"}
    assert all("is it whole?" in line for line in done.stderr.splitlines()), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are UTF-8")
def test_no_film_is_written_where_the_path_is_not_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    with (
        Film(folder / "film.mp4", 25) as film,
        pytest.raises(InputError, match="name another --to"),
    ):
        film.add(np.zeros((48, 64, 3), np.uint8))
    assert not [*folder.iterdir()]
