"""What a user hands in, scene by scene: pictures, folders of them, films and cameras."""

from __future__ import annotations

import itertools
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmark.use.film import check_name
from datasets import InputError, images, limits
from datasets.names import readable, short
from datasets.pictures import read_whole
from datasets.registry import expanded

logger = logging.getLogger(__name__)

CAMERA = "camera"  # and "camera:1" is the second
SIDES = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
MOST_DIGITS = 3  # of a camera's number
# What FFmpeg may take a file for. Others are lists of files, and a picture of a numbered series: it
# would read what lies beside them, or anywhere.
FILMS = (
    *("asf", "avi", "dv", "flv", "gif", "h264", "hevc", "m4v", "matroska", "webm", "mjpeg", "mov"),
    *("mp4", "m4a", "3gp", "3g2", "mj2", "mpeg", "mpegts", "mpegvideo", "mxf", "ogg", "rm"),
    "yuv4mpegpipe",
)
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"format_whitelist;{','.join(FILMS)}"
os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # nothing: what is wrong with a film is told here
os.environ.pop("OPENCV_FFMPEG_DEBUG", None)
WHOLE = 0.9  # of the pictures that a film promises, which for some kinds is an estimate
USUAL_RATE = 25.0  # pictures a second, of a film that does not say


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, or one of a film.

    Attributes
    ----------
    name : str
        Of the file.
    picture : ndarray of uint8, shape (height, width, 1 or 3)
        RGB; empty where it could not be read.
    seconds : float or None
        From the beginning of the film; None of a picture.
    fault : str
        Why it could not be read, or nothing.
    """

    name: str
    picture: np.ndarray
    seconds: float | None = None
    fault: str = ""


@dataclass(frozen=True)
class Given:
    """Something to look at: a file, or a camera.

    Attributes
    ----------
    name : str
        Of the file from the folder that was named, or of the camera.
    path : Path or None
        None of a camera.
    is_film : bool
        Whether it has scenes one after another.
    number : int
        Of the camera.
    """

    name: str
    path: Path | None
    is_film: bool = False
    number: int = 0

    def scenes(self, every: int = 1) -> Iterator[Scene]:
        """Read its scenes, of a film one of every so many.

        Raises
        ------
        InputError
            If the film or the camera cannot be opened, or shows nothing.
        """
        if self.is_film:
            yield from self._of_film(every)
            return
        assert self.path is not None
        try:
            yield Scene(self.name, images.read(read_whole(self.path, limits.PICTURE_BYTES)))
        except (OSError, ValueError) as error:
            yield Scene(self.name, np.empty((0, 0, 3), np.uint8), fault=readable(str(error)))

    def rate(self) -> float:
        """Pictures a second of a film; of a camera the usual number."""
        if self.path is None:
            return USUAL_RATE
        film = self._opened()
        rate = film.get(cv2.CAP_PROP_FPS)
        film.release()
        return rate if 0 < rate < 1000 else USUAL_RATE

    def _of_film(self, every: int) -> Iterator[Scene]:
        film, rate, begun = self._opened(), self.rate(), time.monotonic()
        try:
            number = 0
            while film.grab():
                if number % every == 0:
                    there, picture = film.retrieve()
                    if not there or picture.shape[0] * picture.shape[1] > limits.PIXELS:
                        break
                    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
                    seconds = number / rate if self.path else time.monotonic() - begun
                    yield Scene(self.name, rgb, seconds)
                number += 1
            name = readable(str(self.path or self.name))
            if not number:
                raise InputError(f"{name}: not one picture of it can be read: is it whole?")
            if number < WHOLE * (promised := film.get(cv2.CAP_PROP_FRAME_COUNT)):
                logger.warning(
                    "%s says that it has %.0f pictures, and %d can be read: is it whole?",
                    *(name, promised, number),
                )
        finally:
            film.release()

    def _opened(self) -> cv2.VideoCapture:
        if self.path is None:
            film = cv2.VideoCapture(self.number)
        else:
            check_name(self.path, "rename it")
            film = cv2.VideoCapture(str(self.path.absolute()), cv2.CAP_FFMPEG)
        if not film.isOpened():
            kinds = ", ".join(sorted(images.SUFFIXES))
            no_film = f"it cannot be opened as a film, and is no picture by its name ({kinds})"
            what = "no camera answers" if self.path is None else no_film
            raise InputError(f"{self.path or self.name}: {what}")
        width, height = (int(film.get(side)) for side in SIDES)
        if width * height > limits.PIXELS:  # before any is decoded
            film.release()
            raise InputError(f"{self.path or self.name}: {width} x {height} pixels are too many")
        return film


def given(what: str) -> list[Given]:
    """List what a path or ``camera`` names; of a folder the pictures in it, however deep.

    Raises
    ------
    InputError
        If it is not there, or a folder without pictures.
    """
    name, _, number = what.partition(":")
    if name == CAMERA and (not number or (number.isdecimal() and len(number) <= MOST_DIGITS)):
        return [Given(what, None, True, int(number or 0))]
    path = expanded(what)
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if _is_picture(each))
        if not files:
            raise InputError(f"{path} holds no pictures ({', '.join(sorted(images.SUFFIXES))})")
        return [Given(each.relative_to(path).as_posix(), each) for each in files]
    if not path.is_file():
        raise InputError(f"{path} is not there: name a picture, a folder, a film or '{CAMERA}'")
    return [Given(path.name, path, not _is_picture(path))]


def several(what: Sequence[str]) -> list[Given]:
    """List all that is handed in, see `given`; what is called alike is called by its path.

    What then still is, such as ``a/b.png`` and ``a_b.png`` in a folder, is numbered.
    """
    found = [each for one in what for each in given(one)]
    called = Counter(file_name(each.name) for each in found)
    names = [
        str(each.path) if each.path is not None and called[file_name(each.name)] > 1 else each.name
        for each in found
    ]
    taken: set[str] = set()
    for i, name in enumerate(names):
        tries = itertools.chain([name], (f"{name} ({n})" for n in itertools.count(2)))
        names[i] = next(each for each in tries if file_name(each) not in taken)
        taken.add(file_name(names[i]))
    return [replace(each, name=name) for each, name in zip(found, names, strict=True)]


def first(found: Iterator[Scene], seconds: float | None) -> Iterator[Scene]:
    """Scenes of so many seconds; all without a number."""
    return itertools.takewhile(
        lambda scene: seconds is None or (scene.seconds or 0) < seconds, found
    )


def file_name(name: str) -> str:
    """What is handed in as a file's name beside the others."""
    return short(re.sub(r"[/\\:]", "_", name), 200)  # a file may have 255


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in images.SUFFIXES
