"""Small pictures for the page: of what may be passed on, the most telling, as one image.

In come data sets and what models said of their test pictures; out come bytes for the page.
"""

from __future__ import annotations

import base64
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import datasets
from benchmark.core.records import DataFacts
from benchmark.scores.scores import Scores
from datasets import Dataset, InputError

MOST_SIDE = 64  # pixels of a thumbnail
A_ROW = 40  # thumbnails
QUALITY = 70  # of 100
BYTES_A_PIXEL = 0.45  # of WebP at that quality, measured on photographs of 32 and 64 pixels
MOST_BYTES = 2_500_000  # of one data set's thumbnails
ALL_BYTES = 5_000_000  # of those of all
A_CELL = 12  # surest answers of each cell of a confusion matrix come first


@dataclass(frozen=True)
class Thumbnails:
    """Pictures of a data set within the page, and where the others lie.

    Attributes
    ----------
    sheet : str
        All of them as one image, as the ``src`` of the page; empty where none may be embedded.
    side : int
        Pixels of each.
    a_row : int
        Thumbnails beside each other on the sheet.
    rows : list of int
        Rows of the data set, in the sheet's order.
    folder : str
        The pictures' own folder as seen from the results, or empty.
    contributors : list of str
        Who labelled each row of the data set, if that is known.
    grey : list of int
        Whether each row's picture has no colour; empty where the pictures are not here.
    sides : list of int
        Pixels of the longer side of each row's file, 0 where that is not known; or empty.
    found : list of int
        Whether what a picture was cropped to was found in it; empty where none is cropped.
    """

    sheet: str = ""
    side: int = 0
    a_row: int = A_ROW
    rows: list[int] = field(default_factory=list)
    folder: str = ""
    contributors: list[str] = field(default_factory=list)
    grey: list[int] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)
    found: list[int] = field(default_factory=list)


def find(facts: DataFacts) -> Dataset | None:
    """Load the data set that results were made on, or None where it is not here as it was."""
    try:
        dataset = datasets.load(facts.source or facts.name, facts.size, facts.crop)
    except InputError:
        return None
    return dataset if dataset.fingerprint == facts.fingerprint else None


def make(
    dataset: Dataset | None, tests: Sequence[Sequence[Scores]], out: Path, sets: int = 1
) -> Thumbnails:
    """Make the thumbnails of a data set.

    Parameters
    ----------
    dataset : Dataset or None
    tests : sequence of sequences of Scores
        Of every board of this data set, the best model first.
    out : Path
        The results folder, in which the page is opened.
    sets : int
        Data sets that share the room there is.
    """
    if dataset is None:
        return Thumbnails()
    tested = np.unique(np.concatenate([one[0].answers.rows for one in tests]))
    grey, sides = np.zeros(len(dataset), np.int64), np.zeros(len(dataset), np.int64)
    grey[tested] = _is_grey(dataset.take(tested))
    if dataset.root is not None:
        sides[tested] = [_longer_side(dataset.root / dataset.ids[row]) for row in tested]
    known = Thumbnails(
        folder="" if dataset.root is None else _seen_from(out, dataset.root),
        contributors=[*(dataset.contributors or ())],
        grey=grey.tolist(),
        sides=sides.tolist() if sides.any() else [],
        found=[] if dataset.crop_found is None else dataset.crop_found.astype(int).tolist(),
    )
    if not dataset.may_embed:
        return known
    side = min(dataset.size, MOST_SIDE)
    most = int(min(MOST_BYTES, ALL_BYTES / sets) / (BYTES_A_PIXEL * side**2))
    rows = list(itertools.islice(dict.fromkeys(telling(tests)), most))
    return replace(known, sheet=_sheet(dataset.take(np.array(rows)), side), side=side, rows=rows)


def telling(tests: Iterable[Sequence[Scores]]) -> Iterator[int]:
    """Rows of test pictures, the most telling first; some come more than once.

    These are, of each cell of every model's confusion matrix, the answers that the model is surest
    of, mistakes before right answers; then all others.
    """
    tests = [*tests]
    for mistakes in (True, False):
        for one in itertools.chain.from_iterable(tests):
            answers, named = one.answers, one.answers.predicted[0]
            order = np.argsort(-answers.confidence[0], kind="stable")
            order = order[(named != answers.labels)[order] == mistakes]
            cell = answers.labels[order] * len(one.confusion) + named[order]
            for each in np.unique(cell):
                yield from answers.rows[order[cell == each][:A_CELL]].tolist()
    for scores in tests:
        yield from scores[0].answers.rows.tolist()


def _sheet(images: np.ndarray, side: int) -> str:
    """Put ``(n, 3, size, size)`` pictures into one, as a data URL."""
    n_rows = -(-len(images) // A_ROW)
    sheet = np.full((n_rows * side, A_ROW * side, 3), 255, np.uint8)
    for i, image in enumerate(images):
        small = cv2.resize(image.transpose(1, 2, 0), (side, side), interpolation=cv2.INTER_AREA)
        top, left = i // A_ROW * side, i % A_ROW * side
        sheet[top : top + side, left : left + side] = small
    _, encoded = cv2.imencode(".webp", sheet[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return f"data:image/webp;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def _is_grey(images: np.ndarray) -> np.ndarray:
    """Which of ``(n, 3, size, size)`` pictures have the same values in all three planes."""
    same: np.ndarray = (images == images[:, :1]).all(axis=(1, 2, 3))
    return same


def _longer_side(path: Path) -> int:
    """Pixels, as the file's first bytes say; 0 of one that cannot be read."""
    try:
        with Image.open(path) as picture:
            return max(picture.size)
    except Exception:  # whatever parts that reading passes over make Pillow say
        return 0


def _seen_from(out: Path, root: Path) -> str:
    """A folder relative to the page, with slashes."""
    try:
        seen = Path(os.path.relpath(root.resolve(), out.resolve())).as_posix()
        seen.encode()
    except ValueError:  # another drive, or not UTF-8, which no browser finds
        return ""
    return seen
