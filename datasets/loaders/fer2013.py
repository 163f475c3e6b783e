"""FER2013, the set of Kaggle's 2013 challenge: one CSV of pixels, or class folders made from it.

Goodfellow et al., "Challenges in representation learning", 2013. The CSV's PublicTest rows are the
validation part and its PrivateTest rows the test part. The folders known as FER2013 have no such
difference: their ``test`` is both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from datasets import cache, crops, images
from datasets.dataset import Dataset, Listing, Part, assemble, register
from datasets.errors import InputError
from datasets.loaders import folder, places
from datasets.loaders.labels import emotion, numbered

VARIABLE = "FER2013_DIR"
ASKED = "kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge"
TABLES = ("fer2013.csv", "icml_face_data.csv", "fer2013/fer2013.csv")
CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
COLUMNS = ("emotion", "pixels", "usage")
USAGES = {"Training": Part.TRAINING, "PublicTest": Part.VALIDATION, "PrivateTest": Part.TEST}
SIDE = 48


@dataclass(frozen=True)
class Table:
    """A FER2013 CSV without its pixels, an entry a row.

    Attributes
    ----------
    path : Path
    lines : list of int
        In the file, from 1.
    labels : list of int
        Indices into `CLASSES`.
    parts : list of Part
    """

    path: Path
    lines: list[int]
    labels: list[int]
    parts: list[Part]

    def place(self, row: int) -> str:
        """File and line of a row, for a message."""
        return f"{self.path}, line {self.lines[row]}"


def find_table(root: Path) -> Path | None:
    """Return the CSV of a folder, or None."""
    return next((root / name for name in TABLES if (root / name).is_file()), None)


def names(rows: np.ndarray) -> list[str]:
    """Names of rows of the CSV, as FER+ gives them."""
    return [f"fer{row:07}.png" for row in rows]


def read_table(path: Path) -> Table:
    """Read the labels and the parts of a FER2013 CSV.

    Raises
    ------
    InputError
        If the file is no such CSV or a row has a column too few or many, an unknown emotion or an
        unknown usage.
    """
    table = Table(path, [], [], [])
    for line, number, _, usage in _rows(path):
        if usage not in USAGES:
            raise InputError(
                f"{path}, line {line}: unknown Usage '{usage}': use one of {', '.join(USAGES)}"
            )
        table.lines.append(line)
        table.labels.append(numbered(number, CLASSES, 0, f"{path}, line {line}"))
        table.parts.append(USAGES[usage])
    if not table.lines:
        raise InputError(f"{path} has no rows: get it again from {ASKED}")
    return table


def _rows(path: Path) -> Iterator[tuple[int, str, bytes, str]]:
    """Line, emotion, pixels and usage of each row; the pixels are most of a large file."""
    with path.open("rb") as lines:
        header = _cells(next(lines, b"").removeprefix(b"\xef\xbb\xbf"))
        named = [cell.decode(errors="replace").lower() for cell in header]
        if sorted(named) != sorted(COLUMNS):
            raise InputError(
                f"{path} has the columns {','.join(named) or '(none)'}: "
                "it must have emotion,pixels,Usage"
            )
        emotions, pixels, usages = map(named.index, COLUMNS)
        for line, text in enumerate(lines, start=2):
            if text.isspace():
                continue
            cells = _cells(text)
            if len(cells) != len(COLUMNS):
                raise InputError(f"{path}, line {line}: {len(cells)} columns, must be 3")
            number, usage = (cells[i].decode(errors="replace") for i in (emotions, usages))
            yield line, number, cells[pixels], usage


def _cells(text: bytes) -> list[bytes]:
    # No cell holds a comma, and the csv module takes four times as long.
    return [cell.strip(b' "\r\n') for cell in text.split(b",")]


def picture(pixels: bytes) -> np.ndarray:
    """Turn the text of a row's pixels into a picture.

    Returns
    -------
    ndarray of uint8, shape (48, 48, 1)

    Raises
    ------
    ValueError
        If it is not 2304 whole numbers of 0 to 255; the message is the reason alone.
    """
    try:
        numbers = np.fromstring(pixels, np.int32, sep=" ")
    except ValueError as error:
        raise ValueError("a pixel is no whole number") from error
    if len(numbers) != SIDE**2:
        raise ValueError(f"{len(numbers)} pixels, must be {SIDE**2} ({SIDE} x {SIDE})")
    if numbers.min() < 0 or numbers.max() > 255:
        raise ValueError("a pixel is not from 0 to 255")
    return numbers.astype(np.uint8).reshape(SIDE, SIDE, 1)


def packed(table: Table, rows: np.ndarray, size: int, crop: str) -> cache.Packed:
    """Packed pictures of some rows of a CSV, grey in three equal planes.

    Parameters
    ----------
    table : Table
    rows : ndarray of int64
        Ascending.
    size : int
        Width and height in pixels, 8 to 1024.
    crop : str
        One of `crops.CROPS`.

    Raises
    ------
    InputError
        If the pixels of more than one row in a thousand are no picture.
    """
    places.check_size(size)

    def produce() -> Iterator[cache.Chunk]:
        wanted = np.zeros(len(table.lines), bool)
        wanted[rows] = True
        texts = compress((pixels for _, _, pixels, _ in _rows(table.path)), wanted)
        for start in cache.show(range(0, len(rows), cache.BATCH), "reading pictures"):
            read, failures = [], []
            for row in range(start, min(start + cache.BATCH, len(rows))):
                try:
                    read.append(picture(next(texts)))
                except ValueError as error:
                    failures.append((row, str(error)))
            parts, found = crops.cut_all(read, crop)
            planes = np.empty((len(read), 3, size, size), np.uint8)
            for row, part in enumerate(parts):
                planes[row] = images.stretch(part, size)
            yield planes, failures, found

    key = {
        "table": cache.contents([table.path]),
        "rows": rows.tolist(),
        "size": size,
        "preparation": images.PREPARATION,
        **crops.key(crop),
    }
    return places.borne(
        cache.packed(key, size, produce),
        len(rows),
        lambda row: table.place(rows[row]),
        "mend the row or take it out",
    )


@register("fer2013", recognises=lambda root: find_table(root) is not None)
def load(root: Path | None, size: int, crop: str) -> Dataset:
    """Load the CSV in its own order, or class folders.

    Parameters
    ----------
    root : Path or None
        Folder of ``fer2013.csv`` or ``icml_face_data.csv``, or of ``train/<class>/*`` and
        ``test/<class>/*`` (and ``validation/<class>/*``); None looks in ``$FER2013_DIR``.
    size : int
        Width and height in pixels.
    crop : str
        One of `crops.CROPS`.

    Raises
    ------
    InputError
        If nothing is there or what is cannot be used.
    """
    root = places.on_request(root, "fer2013", VARIABLE, ASKED)
    path = find_table(root)
    if path is not None:
        table = read_table(path)
        rows = np.arange(len(table.lines))
        listing = Listing(names(rows), table.labels, CLASSES, parts=table.parts)
        pictures = packed(table, rows, size, crop)
    else:
        found = folder.find(root)
        labels = [emotion(word, CLASSES, f"{root}, folder {word}") for word in found.classes]
        listing = Listing(found.ids, labels, CLASSES, root=root, parts=found.parts)
        pictures = folder.packed(root, found, size, crop)
    return assemble("fer2013", listing, pictures, "FER2013")
