"""PNG files are read as OpenCV reads them, and what is wrong with one is ours alone to say."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from datasets import images, png
from tests.datasets.samples import png_of

ROWS = b"\0" * 25 * 8  # of 8 x 8 pixels in three colours
PALETTE = b"\0" * 9 * 8  # of as many numbers of colours


def made(
    *before: tuple[bytes, bytes],
    rows: bytes = ROWS,
    packed: bytes = b"",
    sides: tuple[int, int] = (8, 8),
    depth: int = 8,
    colours: int = 2,
    ways: tuple[int, int, int] = (0, 0, 0),
    after: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    head = struct.pack(">IIBBBBB", *sides, depth, colours, *ways)
    pixels = (b"IDAT", packed or zlib.compress(rows))
    return png_of((b"IHDR", head), *before, pixels, *after, (b"IEND", b""))


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(made((b"tRNS", b"abc"), (b"sRGB", b"\x09")), id="parts without sense"),
        pytest.param(made((b"iCCP", b"a\0\0" + zlib.compress(b"x" * 200))), id="profile"),
        pytest.param(made((b"tIME", b"a"), (b"zTXt", b"a\0\0b")), id="date and text"),
        pytest.param(made((b"eXIf", b"abcdef")), id="exif that is none"),
        pytest.param(made(*[(b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\0")] * 2), id="exif twice"),
        pytest.param(made(after=((b"tEXt", b"a\0b"), (b"IDAT", b"abc"))), id="pixels apart"),
        pytest.param(
            made((b"acTL", struct.pack(">II", 2, 0)), after=((b"fdAT", b"\0\0\0\1a"),)), id="film"
        ),
    ],
)
def test_what_its_pixels_do_not_need_is_passed_over_in_silence(
    picture: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert np.array_equal(images.read(picture), images.read(made()))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (png.BEGIN + b"\0" * 9, "truncated"),
        (made(sides=(0, 8)), "damaged"),
        (made(depth=3), "damaged"),
        (made(rows=ROWS[:-1]), "truncated"),
        (made(rows=ROWS + b"\0"), "damaged"),
        (made(rows=b"\x09" + ROWS[1:]), "damaged"),
        (made(packed=b"abc"), "damaged"),
        (made(packed=zlib.compress(ROWS)[:-4] + b"abcd"), "damaged"),
        (made(ways=(0, 0, 7)), "damaged"),
        (made(ways=(1, 0, 0)), "damaged"),
        (made(ways=(0, 0, 1)), "truncated"),
        (made(rows=PALETTE, colours=3), "damaged"),
        (made((b"PLTE", b"abcde"), rows=PALETTE, colours=3), "damaged"),
        (made((b"IHDR", b"")), "not known"),
        (made((b"ABCD", b"")), "not known"),
        (made(*[(b"PLTE", b"abc")] * 2, rows=PALETTE, colours=3), "damaged"),
        (made(*[(b"tEXt", b"")] * png.PARTS), "too many parts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_once(
    picture: bytes, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=words):
        images.read(picture)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 64)])
def test_pixels_are_those_of_opencv(mode: str, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    file = BytesIO()
    seen_through = {"transparency": 3} if mode in ("L", "P") else {}
    Image.fromarray(noise).convert(mode).save(file, "PNG", **seen_through)
    expected = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(images.read(file.getvalue()), expected)
