"""What every data set is, once loaded: labelled pictures of one size."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import mmap
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets import cache, limits
from datasets.errors import InputError
from datasets.names import short

TAKEN_AT_ONCE = 1000  # pictures; each may bring sixteen pages of the map into memory


class Part(enum.IntEnum):
    """Part of the official split of a data set that a row is in."""

    TRAINING = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True, eq=False)
class Pixels:
    """Pictures as rows of packed arrays, of which none is copied until it is taken.

    Attributes
    ----------
    arrays : tuple of ndarray of uint8, each of shape (n_i, 3, size, size)
        Read-only memory maps, or arrays.
    digests : tuple of str
        SHA-256 of each array; empty for one that it is not known of.
    rows : ndarray of int64, shape (n,), or None
        Which pictures, counted through all arrays; None is every one in order.
    """

    arrays: tuple[np.ndarray, ...]
    digests: tuple[str, ...] = ("",)
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return sum(map(len, self.arrays)) if self.rows is None else len(self.rows)

    def select(self, rows: np.ndarray) -> Pixels:
        """Some rows, in their order, without copying a picture."""
        return Pixels(self.arrays, self.digests, rows if self.rows is None else self.rows[rows])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Copy some rows, ``(len(rows), 3, size, size)`` of uint8.

        Pages of a memory map that this touches are given back, so that a process holds the pictures
        it uses and not the whole set besides.
        """
        wanted = rows if self.rows is None else self.rows[rows]
        taken = np.empty((len(rows), *self.arrays[0].shape[1:]), np.uint8)
        for start in range(0, len(rows), TAKEN_AT_ONCE):
            some = slice(start, start + TAKEN_AT_ONCE)
            first = 0
            for array in self.arrays:
                here = (wanted[some] >= first) & (wanted[some] < first + len(array))
                taken[some][here] = array[wanted[some][here] - first]
                first += len(array)
                if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                    array.base.madvise(mmap.MADV_DONTNEED)
        return taken

    @property
    def digest(self) -> str:
        """SHA-256 of the pictures in order, computed once for rows of the same packed arrays."""
        if self.rows is None and len(self.digests) == 1 and self.digests[0]:
            return self.digests[0]

        def compute() -> str:
            digest = hashlib.sha256()
            for start in range(0, len(self), TAKEN_AT_ONCE):
                rows = np.arange(start, min(start + TAKEN_AT_ONCE, len(self)))
                digest.update(self.take(rows).data)
            return digest.hexdigest()

        if not all(self.digests):
            return compute()
        rows = b"" if self.rows is None else self.rows.tobytes()
        return cache.remembered(
            ["rows of", self.digests, hashlib.sha256(rows).hexdigest()], compute
        )

    @staticmethod
    def joined(several: list[Pixels]) -> Pixels:
        """Rows of several, one after the other, without copying a picture."""
        rows, first = [], 0
        for one in several:
            rows.append(first + (np.arange(len(one)) if one.rows is None else one.rows))
            first += sum(map(len, one.arrays))
        arrays = tuple(array for one in several for array in one.arrays)
        digests = tuple(digest for one in several for digest in one.digests)
        return Pixels(arrays, digests, np.concatenate(rows))


@dataclass(frozen=True, eq=False)  # one is equal to itself alone, and can be a cache's key
class Dataset:
    """Labelled pictures of one size.

    Attributes
    ----------
    name : str
        Short name, used in file names and on the leaderboard.
    pixels : Pixels, n pictures of ``(3, size, size)`` of uint8
        Red, green and blue planes, 0 to 255; `images` is all of them as one array.
    labels : ndarray of int64, shape (n,)
        Indices into `class_names`.
    class_names : tuple of str
        Every class the set knows, present or not.
    groups : ndarray of int64, shape (n,), or None
        Who is shown; None where the set does not say.
    ids : tuple of str
        File name of each row; not always unique.
    described : str
        Where the pictures come from, in words for a reader.
    fingerprint : str
        SHA-256 over everything that can change a result; empty until it is `finished`.
    source : str
        What `datasets.load` takes to load it again; empty for one that was put together.
    crop : {"none", "eyes", "mouth", "face"}
        Part of each picture that it shows.
    joined : bool
        Whether it is of several sets, to learn from or to test on.
    left_out : tuple of (str, str)
        File name and reason of each picture that could not be read.
    generated : bool
        True for drawn faces, which no reader may mistake for real ones.
    faces : bool
        Whether the set is one of faces; False where that is not known.
    may_embed : bool
        Whether its pictures may be shown in a page that is passed on.
    root : Path or None
        Folder that `ids` are files of; None where the pictures lie in no files of their own.
    contributors : tuple of str, or None
        Who gave each row its label; None where the set does not say.
    parts : ndarray of int8, shape (n,), or None
        `Part` of the official split; None where the set comes undivided.
    other : ndarray of bool, shape (n,), or None
        Rows of a second set, which are only tested on; None where there is no such set.
    distribution : ndarray of float32, shape (n, n_classes), or None
        Share of each class in the votes of a row's annotators; None where a row has but its label.
    remarks : tuple of str
        What was done to the set or sets it is made of, in words for a reader of the scores.
    crop_found : ndarray of bool, shape (n,), or None
        Whether what a picture was cropped to was found in it, see `crops.cut`; None where pictures
        are not cropped.
    """

    name: str
    pixels: Pixels
    labels: np.ndarray
    class_names: tuple[str, ...]
    groups: np.ndarray | None
    ids: tuple[str, ...]
    described: str
    fingerprint: str = ""
    source: str = ""
    crop: str = "none"
    joined: bool = False
    left_out: tuple[tuple[str, str], ...] = ()
    generated: bool = False
    faces: bool = False
    may_embed: bool = False
    root: Path | None = None
    contributors: tuple[str, ...] | None = None
    parts: np.ndarray | None = None
    other: np.ndarray | None = None
    distribution: np.ndarray | None = None
    remarks: tuple[str, ...] = ()
    crop_found: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """Width and height of a picture in pixels."""
        return self.pixels.arrays[0].shape[-1]

    @property
    def images(self) -> np.ndarray:
        """All pictures, ``(n, 3, size, size)`` of uint8.

        A read-only memory map where the set is as it lies on disk, else a copy: see `take`.
        ``images.reshape(n, -1)`` is the flat form that the classical models use.
        """
        if self.pixels.rows is None and len(self.pixels.arrays) == 1:
            return self.pixels.arrays[0]
        return self.take(np.arange(len(self)))

    @property
    def class_counts(self) -> dict[str, int]:
        """Number of pictures per class, in the order of `class_names`."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Copy the pictures of some rows, ``(len(rows), 3, size, size)`` of uint8."""
        return self.pixels.take(rows)

    def select(self, rows: np.ndarray) -> Dataset:
        """Keep some rows, in their order, as a view: no picture is copied.

        The fingerprint and the words are those of the whole: `datasets.derived` sees to them.
        """
        columns: dict[str, Any] = {
            name: None if (column := getattr(self, name)) is None else column[rows]
            for name in ("groups", "parts", "other", "distribution", "crop_found")
        }
        who = self.contributors
        return dataclasses.replace(
            self,
            pixels=self.pixels.select(rows),
            labels=self.labels[rows],
            ids=tuple(self.ids[row] for row in rows),
            contributors=None if who is None else tuple(who[row] for row in rows),
            **columns,
        )


def finished(dataset: Dataset) -> Dataset:
    """Complete a data set that was put together: a name for files, people from 0, its fingerprint.

    Raises
    ------
    InputError
        If fewer than two classes have pictures, or one a single picture.
    """
    counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
    for label in np.flatnonzero(counts == 1).tolist():
        only = dataset.ids[int(np.flatnonzero(dataset.labels == label)[0])]
        raise InputError(
            f"class '{dataset.class_names[label]}' has one picture only ({only}), which cannot be "
            "both learned from and tested on: add pictures of it or remove it"
        )
    if (counts > 0).sum() < 2:
        raise InputError(
            f"{dataset.described} shows fewer than two classes: add pictures of another class"
        )
    groups = None if dataset.groups is None else numbered(dataset.groups)
    name = safe_name(short(dataset.name, limits.NAME))
    whole = dataclasses.replace(dataset, name=name, groups=groups, source="")
    return dataclasses.replace(whole, fingerprint=_fingerprint(whole))


def safe_name(name: str) -> str:
    """Turn a name into a form that is safe in a file name, and no formula of a spreadsheet."""
    return re.sub(r"[^\w+-]+", "-", name).rstrip("-").lstrip("+-") or "pictures"


def numbered(names: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Give each name its place among the different ones in order, int64.

    An array of texts would be as wide as the longest in each row.
    """
    places = {name: place for place, name in enumerate(sorted({*names}))}
    return np.array([places[name] for name in names], np.int64)


def _fingerprint(dataset: Dataset) -> str:
    """SHA-256 over everything of a data set that can change a result."""
    groups, parts = dataset.groups, dataset.parts
    digest = hashlib.sha256(dataset.pixels.digest.encode())
    digest.update(dataset.labels.tobytes())
    for words in (dataset.class_names, dataset.ids, groups is None):
        digest.update(os.fsencode(repr(words)))
    if groups is not None:
        digest.update(groups.tobytes())
    if parts is not None and dataset.other is not None:
        parts = np.where(dataset.other, np.int8(len(Part)), parts)  # a part of its own
    for name, column in (("parts", parts), ("distribution", dataset.distribution)):
        if column is not None:  # sets without it keep the fingerprint they have always had
            digest.update(name.encode())
            digest.update(column.tobytes())
    return digest.hexdigest()
