"""From a picture file to RGB planes of one size."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})

PNG = b"\x89PNG\r\n\x1a\n"

# Part of the cache key: a change of it makes every packed set stale.
PREPARATION = "cv2 colour decode, stretched by area (linear where enlarged)"

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
    ndarray of uint8, shape (height, width, 3)
        RGB; grey pictures have three equal channels.

    Raises
    ------
    ValueError
        If the bytes are no picture or end early.
    """
    if not data:
        raise ValueError("the file is empty")
    if data.startswith(PNG):
        _check_png(data)
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ValueError(f"not a readable picture ({error.err})") from error
    if bgr is None:
        raise ValueError("not a readable picture (truncated, damaged or of an unknown format)")
    return bgr[:, :, ::-1]


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
    picture : ndarray of uint8, shape (height, width, 3)
        RGB, any size.
    size : int
        Width and height wanted, in pixels.

    Returns
    -------
    ndarray of uint8, shape (3, size, size)
        Red, green and blue planes.
    """
    if picture.shape[:2] != (size, size):
        shrinks = min(picture.shape[:2]) >= size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = cv2.resize(picture, (size, size), interpolation=how)
    return np.ascontiguousarray(picture.transpose(2, 0, 1))


def load(path: Path, size: int) -> np.ndarray:
    """Read one picture file as ``(3, size, size)`` planes of uint8.

    Raises
    ------
    ValueError
        If the file cannot be read as a picture; the message is the reason alone.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    return stretch(read(data), size)
