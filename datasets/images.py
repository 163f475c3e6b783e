"""From a picture file to RGB planes of one size."""

from __future__ import annotations

import re
import warnings
from io import BytesIO

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageOps

from datasets import limits, png

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
# What else Pillow and OpenCV know takes Pillow minutes to look at, or OpenCV more memory than
# Pillow tells: a tile of a TIFF may be larger than its picture.
FORMATS = ("JPEG", "WEBP", "BMP")  # beside PNG, whose size is read here

JPEG = b"\xff\xd8"
SCAN = b"\xff\xda"  # begins one of the passes over a JPEG's pixels

# Colours of JPEG files whose pixels simplejpeg and cv2 (both libjpeg-turbo) agree on, and to what
# simplejpeg decodes them.
PLAIN_COLOURS = {"Gray": "GRAY", "YCbCr": "RGB"}
APP1 = re.compile(b"\xff\xe1")  # finds it in half the time of `in`


cv2.setNumThreads(1)  # pictures are decoded side by side; threads within one only get in the way
# A picture that cannot be read is reported once, by us.
warnings.filterwarnings("ignore", module="PIL")
Image.MAX_IMAGE_PIXELS = None  # pixels are counted here
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
    if len(data) > limits.PICTURE_BYTES:
        raise ValueError(f"not a readable picture: {len(data):,} bytes are too many")
    if data.startswith(JPEG):
        picture = _read_jpeg(data)
        if picture is not None:
            return picture
    if data.startswith(png.BEGIN):
        _check_size(*png.size(data))
        data = png.plain(data)
    else:
        _check_header(data)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:  # which says nothing of the picture
            raise MemoryError(error.err) from error
        raise ValueError(f"not a readable picture ({error.err})") from error
    if picture is None:
        raise ValueError("not a readable picture (truncated or damaged)")
    return picture


def _check_header(data: bytes) -> None:
    """Raise ValueError for more pixels than are decoded, before any is."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
    except Image.UnidentifiedImageError:
        raise ValueError("not a readable picture (damaged, or no JPEG, PNG, WebP or BMP)") from None
    except MemoryError:
        raise
    except Exception as error:  # whatever else a damaged header makes Pillow say
        raise ValueError(f"not a readable picture ({error})") from error
    _check_size(width, height)


def _check_size(width: int, height: int) -> None:
    if width * height > limits.PIXELS:
        raise ValueError(f"not a readable picture: {width} x {height} pixels are too many")


def _read_jpeg(data: bytes) -> np.ndarray | None:
    """Decode a JPEG file as cv2 does but faster, or return None to leave it to cv2.

    cv2 keeps what simplejpeg treats otherwise: pictures that Exif data, an APP1 segment, may turn;
    CMYK; and rare forms.

    Raises
    ------
    ValueError
        If the data end early, are too damaged, or are of more pixels than are decoded.
    """
    if data.count(SCAN) > limits.SCANS:
        raise ValueError("not a readable picture: it goes over its pixels too often")
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return _read_damaged(data)
    except KeyError:  # it has no name for 4:4:1
        return None
    _check_size(width, height)
    try:
        picture = simplejpeg.decode_jpeg(data, PLAIN_COLOURS.get(colours, "CMYK"))
    except ValueError as error:
        if "premature end" in str(error).lower():
            raise ValueError("the picture is truncated") from error
        return _read_damaged(data)
    return None if colours not in PLAIN_COLOURS or APP1.search(data) else picture


def _read_damaged(data: bytes) -> np.ndarray:
    """Decode a JPEG file with a fault that leaves its picture whole, such as bytes too many.

    Pillow gives the pixels that cv2 does, which would write of the fault to standard error, and
    refuses pictures of which cv2 makes up a part; only CMYK they read otherwise.
    """
    _check_header(data)
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            if picture.mode != "CMYK":
                return np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    except MemoryError:
        raise
    except Exception as error:  # whatever damage makes Pillow say
        raise ValueError("not a readable picture (damaged)") from error
    raise ValueError("not a readable picture (damaged)")


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
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = cv2.resize(picture, (size, size), interpolation=interpolation)
    return picture.reshape(size, size, -1).transpose(2, 0, 1)
