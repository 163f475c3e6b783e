"""From a picture file to RGB planes of one size."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from datasets import crops

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})

PNG = b"\x89PNG\r\n\x1a\n"

# Part of the cache key: a change of it makes every packed set stale.
PREPARATION = "cv2 colour decode, stretched by area (linear where enlarged)"

# Colours of JPEG files whose pixels simplejpeg and cv2 (both libjpeg-turbo) agree on, and to what
# simplejpeg decodes them.
PLAIN = {"Gray": "GRAY", "YCbCr": "RGB"}
APP1 = re.compile(b"\xff\xe1")  # finds it in half the time of `in`
MOST_PIXELS = 1 << 30  # cv2 refuses more

cv2.setNumThreads(1)  # pictures are decoded side by side; threads within one only get in the way
# A picture that cannot be read is reported once, by us.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def read(data: bytes) -> np.ndarray:
    """Decode a picture, whatever its name says it is.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3) or (height, width, 1)
        RGB; one channel only for most grey JPEG files, three equal ones for other grey pictures.

    Raises
    ------
    ValueError
        If the bytes are no picture or end early.
    """
    if not data:
        raise ValueError("the file is empty")
    picture = _read_plain_jpeg(data)
    if picture is not None:
        return picture
    if data.startswith(PNG):
        _check_png(data)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise ValueError(f"not a readable picture ({error.err})") from error
    if picture is None:
        raise ValueError("not a readable picture (truncated, damaged or of an unknown format)")
    return picture


def _read_plain_jpeg(data: bytes) -> np.ndarray | None:
    """Decode a JPEG file as cv2 does but faster, or return None to leave it to cv2.

    cv2 keeps what simplejpeg treats otherwise (pictures that Exif data, an APP1 segment, may turn;
    CMYK) and the last word on whatever is damaged or odd.
    """
    if not data.startswith(b"\xff\xd8") or APP1.search(data):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in PLAIN or height * width > MOST_PIXELS:
            return None
        return simplejpeg.decode_jpeg(data, PLAIN[colours])
    except (ValueError, KeyError):  # KeyError: it has no name for 4:4:1
        return None


def _check_png(data: bytes) -> None:
    """Raise ValueError unless all chunks of a PNG are there and whole.

    libpng would find the same faults, but writes them to standard error by itself.
    """
    place = len(PNG)
    while True:
        head = data[place : place + 8]
        if len(head) < 8:
            raise ValueError("the picture is truncated")
        n = int.from_bytes(head[:4], "big")
        body, stored = data[place + 4 : place + 8 + n], data[place + 8 + n : place + 12 + n]
        if len(stored) < 4:
            raise ValueError("the picture is truncated")
        if zlib.crc32(body) != int.from_bytes(stored, "big"):
            raise ValueError("the picture is damaged, not readable")
        if head[4:] == b"IEND":
            return
        place += 12 + n


def stretch(picture: np.ndarray, size: int) -> np.ndarray:
    """Stretch a picture to a square, as the slides do, and split it into planes.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width) or (height, width, 1 to 4)
        Any size.
    size : int
        Width and height wanted, in pixels.

    Returns
    -------
    ndarray of uint8, shape (channels, size, size)
        A plane for each channel.
    """
    if picture.shape[:2] != (size, size):
        shrinks = min(picture.shape[:2]) >= size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = cv2.resize(picture, (size, size), interpolation=how)
    return picture.reshape(size, size, -1).transpose(2, 0, 1)


def load(path: str | Path, size: int) -> np.ndarray:
    """Read one picture file as ``(3, size, size)`` planes of uint8.

    Raises
    ------
    ValueError
        If the file cannot be read as a picture; the message is the reason alone.
    """
    pictures, reasons, _ = load_all([path], size)
    if reasons:
        raise ValueError(reasons[0])
    return pictures[0]


def load_all(
    paths: Sequence[str | Path], size: int, crop: str = crops.NONE
) -> tuple[np.ndarray, dict[int, str], np.ndarray | None]:
    """Read picture files as `load` does, cropped if asked.

    Grey pictures of one shape are stretched four at a time, as the channels of one picture: that
    gives each the same pixels and, where the stretch is no whole number, takes cv2 half the time.

    Returns
    -------
    pictures : ndarray of uint8, shape (len(paths), 3, size, size)
        Undefined where a file cannot be read.
    reasons : dict of int to str
        Why not, by the place in `paths`.
    found : ndarray of bool, shape (len(paths),), or None
        See `crops.cut`; None without a crop.
    """
    pictures = np.empty((len(paths), 3, size, size), np.uint8)
    found = None if crop == crops.NONE else np.zeros(len(paths), bool)
    reasons: dict[int, str] = {}
    waiting: dict[tuple[int, ...], dict[int, np.ndarray]] = defaultdict(dict)

    def finish(greys: dict[int, np.ndarray]) -> None:
        planes = stretch(cv2.merge(list(greys.values())), size)
        for row, plane in zip(greys, planes, strict=True):
            pictures[row] = plane

    for row, path in enumerate(paths):
        try:
            with Path(path).open("rb", buffering=0) as file:  # a buffer only copies it again
                picture = read(file.read())
        except OSError as error:
            reasons[row] = error.strerror or str(error)
            continue
        except ValueError as error:
            reasons[row] = str(error)
            continue
        if found is not None:
            picture, found[row] = crops.cut(picture, crop)
        height, width, channels = picture.shape
        if channels == 3 or (height % size == width % size == 0):
            pictures[row] = stretch(picture, size)
        else:
            waiting[picture.shape][row] = picture
            if len(waiting[picture.shape]) == 4:
                finish(waiting.pop(picture.shape))
    for greys in waiting.values():
        finish(greys)
    return pictures, reasons, found
