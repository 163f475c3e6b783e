"""FER2013, the set of Kaggle's 2013 challenge: one CSV of pixels, or class folders made from it.

Goodfellow et al., "Challenges in representation learning", 2013. The CSV's PublicTest rows are the
validation part and its PrivateTest rows the test part. The folders known as FER2013 have no such
difference: their ``test`` is both.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from datasets import limits
from datasets.dataset import Part
from datasets.errors import InputError
from datasets.loaders import folder, tables
from datasets.loaders.labels import by_number, by_word
from datasets.packing import Listing
from datasets.pictures import Pictures, file_stamp
from datasets.registry import register

PAGE = "kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge"
TABLES = ("fer2013.csv", "icml_face_data.csv", "fer2013/fer2013.csv")
CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
COLUMNS = ("emotion", "pixels", "usage")
USAGES = {"Training": Part.TRAINING, "PublicTest": Part.VALIDATION, "PrivateTest": Part.TEST}
SIDE = 48
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Table(Pictures):
    """Rows of a FER2013 CSV, whose pixels stay in the file until they are asked for.

    Attributes
    ----------
    path : Path
    column : int
        Which cell of a row has the pixels.
    starts, lines : ndarray of int64, shape (n,)
        Where in the file each row begins, in bytes, and the number of its line, from 1.
    labels : ndarray of int64, shape (n,)
        Indices into `CLASSES`.
    parts : ndarray of int8, shape (n,)
    """

    mend: ClassVar[str] = "mend the row or take it out"

    path: Path
    column: int
    starts: np.ndarray
    lines: np.ndarray
    labels: np.ndarray
    parts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def select(self, rows: np.ndarray) -> Table:
        """Some rows, in their order."""
        columns = (self.starts, self.lines, self.labels, self.parts)
        return Table(self.path, self.column, *(column[rows] for column in columns))

    def where(self, row: int) -> str:
        """File and line of a row."""
        return f"{self.path}, line {self.lines[row]}"

    def stamp(self) -> object:
        """Size and times of the file, and which rows."""
        rows = hashlib.sha256(self.starts.tobytes()).hexdigest()
        return [str(self.path), *file_stamp(self.path, limits.PIXEL_TABLE_BYTES), rows]

    def content(self, row: int) -> bytes:
        """Text of a row's pixels."""
        with self.path.open("rb") as file:
            file.seek(self.starts[row])
            cells = _cells(file.readline(limits.LINE))
        return cells[self.column] if self.column < len(cells) else b""

    def decode(self, content: bytes) -> np.ndarray:
        """See `picture`."""
        return picture(content)


def read_table(path: Path) -> Table:
    """Read the labels and the parts of a FER2013 CSV, and where its pixels are.

    Raises
    ------
    InputError
        If the file is no such CSV or a row has a column too few or many, an unknown emotion or an
        unknown usage, or there are too many.
    """
    file_stamp(path, limits.PIXEL_TABLE_BYTES)
    rows: list[tuple[int, int, int, int]] = []
    with path.open("rb") as file:
        lines = tables.whole_lines(file, path)
        header = next(lines, b"")
        named = [c.decode(errors="replace").lower() for c in _cells(header.removeprefix(BOM))]
        if sorted(named) != sorted(COLUMNS):
            raise InputError(
                f"{path} has the columns {limits.cut(','.join(named)) or '(none)'}: "
                "it must have emotion,pixels,Usage"
            )
        emotions, pixels, usages = map(named.index, COLUMNS)
        start = len(header)
        for line, text in enumerate(lines, start=2):
            if not text.isspace():
                where = f"{path}, line {line}"
                cells = _cells(text)
                if len(cells) != len(COLUMNS):
                    raise InputError(f"{where}: {len(cells)} columns, must be 3")
                number, usage = (cells[i].decode(errors="replace") for i in (emotions, usages))
                if usage not in USAGES:
                    raise InputError(
                        f"{where}: unknown Usage '{usage}': use one of {', '.join(USAGES)}"
                    )
                rows.append((start, line, by_number(number, CLASSES, where), USAGES[usage]))
                tables.check_number(len(rows), path)
            start += len(text)
    if not rows:
        raise InputError(f"{path} has no rows: get it again from {PAGE}")
    starts, lines, labels, parts = np.array(rows, np.int64).T.copy()
    return Table(path, pixels, starts, lines, labels, parts.astype(np.int8))


def listing(table: Table, rows: np.ndarray) -> Listing:
    """List some rows, which are named as FER+ numbers them."""
    some = table.select(rows)
    ids = [f"fer{row:07}.png" for row in rows]
    return Listing(some, ids, some.labels.tolist(), CLASSES, parts=some.parts.tolist())


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
        numbers = np.fromstring(pixels, np.int64, sep=" ")  # int32 wraps round
    except ValueError as error:
        raise ValueError("a pixel is no whole number") from error
    if len(numbers) != SIDE**2:
        raise ValueError(f"{len(numbers)} pixels, must be {SIDE**2} ({SIDE} x {SIDE})")
    if numbers.min() < 0 or numbers.max() > 255:
        raise ValueError("a pixel is not from 0 to 255")
    return numbers.astype(np.uint8).reshape(SIDE, SIDE, 1)


@register(
    "fer2013",
    described="FER2013",
    folder_variable="FER2013_DIR",
    looks_like=lambda root: tables.first_there(root, TABLES) is not None,
    get=f"get them from {PAGE}",
)
def fer2013(root: Path) -> Listing:
    """List the CSV in its own order, or class folders.

    Either of ``fer2013.csv`` or ``icml_face_data.csv``, or of ``train/<class>/*`` and
    ``test/<class>/*`` (and ``validation/<class>/*``).
    """
    path = tables.first_there(root, TABLES)
    if path is not None:
        table = read_table(path)
        return listing(table, np.arange(len(table)))
    return folder.find(root, CLASSES, by_word)
