"""PNG files, checked and without what their pixels do not need, so that libpng finds no fault.

It would write of each to standard error by itself. The format: https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

BEGIN = b"\x89PNG\r\n\x1a\n"
EXIF_BEGINS = (b"II*\0", b"MM\0*")
# By the number of a kind of colours: values of a pixel, and bits that each may have.
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PALETTE = 3  # the kind whose pixels are numbers of colours
FILTERS = 4  # the last way in which a row may be told by what is beside and above it
# Where pixels of the seven passes over an interlaced picture begin, and how far apart they are.
PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
PARTS = 100_000  # at most; usual are 4 to 10,000
DAMAGED = "the picture is damaged, not readable"
AT_ONCE = 1 << 26  # bytes that are unpacked


class _Chunk(NamedTuple):
    name: bytes
    body: memoryview
    whole: memoryview


def size(data: bytes) -> tuple[int, int]:
    """Width and height by the header; ValueError if that is none."""
    head = data[len(BEGIN) : len(BEGIN) + 16]
    if len(head) < 16:
        raise ValueError("the picture is truncated")
    width, height = struct.unpack(">II", head[8:])
    if head[:8] != b"\0\0\0\rIHDR" or not width or not height:
        raise ValueError(DAMAGED)
    return width, height


def plain(data: bytes) -> bytes:
    """Return a PNG with the parts alone that decide its pixels, those of the still picture.

    Raises
    ------
    ValueError
        If a part is missing, damaged or not where it must be.
    """
    chunks = [*_chunks(data)]
    names = [each.name for each in chunks]
    head, needed = chunks[0], [chunks[0]]
    (width, height), (depth, colours, *ways, interlaced) = size(data), head.body[8:]
    if depth not in DEPTHS.get(colours, ()) or any(ways) or interlaced > 1:
        raise ValueError(DAMAGED)
    first = names.index(b"IDAT") if b"IDAT" in names else len(names)
    last = next((i for i in range(first, len(names)) if names[i] != b"IDAT"), first)
    turned = False
    for i, each in enumerate(chunks):
        if each.name == b"PLTE" and colours == PALETTE and i < first:
            if len(each.body) % 3 or not 3 <= len(each.body) <= 3 << depth:
                raise ValueError(DAMAGED)
            needed.append(each)
        elif i and each.name[:1].isupper() and each.name not in (b"PLTE", b"IDAT", b"IEND"):
            raise ValueError("the picture has parts that are not known, not readable")
        elif each.name == b"eXIf" and bytes(each.body[:4]) in EXIF_BEGINS and not turned:
            needed.append(each)  # which may turn it
            turned = True
    if [each.name for each in needed].count(b"PLTE") != (colours == PALETTE):
        raise ValueError(DAMAGED)
    pixels = chunks[first:last]
    rows = _rows(width, height, depth * CHANNELS[colours], bool(interlaced))
    _check_pixels(b"".join(each.body for each in pixels), rows)
    return b"".join([BEGIN, *(each.whole for each in (*needed, *pixels, chunks[-1]))])


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Go through the parts of a PNG to its end; ValueError if one is not whole."""
    start, view = len(BEGIN), memoryview(data)
    for _ in range(PARTS):
        n = int.from_bytes(view[start : start + 4], "big")
        whole = view[start : start + 12 + n]
        if len(whole) < 12 + n:
            raise ValueError("the picture is truncated")
        if zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:], "big"):
            raise ValueError(DAMAGED)
        name = bytes(whole[4:8])
        yield _Chunk(name, whole[8:-4], whole)
        if name == b"IEND":
            return
        start += 12 + n
    raise ValueError("the picture is in too many parts, not readable")


def _rows(width: int, height: int, bits: int, interlaced: bool) -> list[tuple[int, int]]:
    """Bytes of a row, and how many rows there are, of each pass over a picture."""
    found = []
    for x, y, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -((x - width) // across), -((y - height) // down)
        if columns > 0 and rows > 0:
            found.append((1 + (columns * bits + 7) // 8, rows))
    return found


def _check_pixels(packed: bytes, rows: list[tuple[int, int]]) -> None:
    """Raise ValueError unless packed pixels are those of such rows."""
    unpack = zlib.decompressobj()
    try:
        for length, n in rows:
            for some in range(0, n, step := max(AT_ONCE // length, 1)):
                block = unpack.decompress(packed, length * min(step, n - some))
                packed = unpack.unconsumed_tail
                if len(block) < length * min(step, n - some):
                    raise ValueError("the picture is truncated")
                if max(block[::length]) > FILTERS:
                    raise ValueError(DAMAGED)
        if unpack.decompress(packed, 1) or not unpack.eof or unpack.unused_data:
            raise ValueError(DAMAGED)
    except zlib.error as error:
        raise ValueError(DAMAGED) from error
