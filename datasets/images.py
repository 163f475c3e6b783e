"""From a picture file to RGB planes of one size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})

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
    # libpng writes to standard error by itself, so a cut PNG is caught before it sees one.
    if data.startswith(b"\x89PNG") and b"IEND" not in data[-32:]:
        raise ValueError("the picture is truncated")
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("not a readable picture (truncated, damaged or of an unknown format)")
    return bgr[:, :, ::-1]


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
