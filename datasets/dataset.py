"""What every data set is, once loaded, and the register of the sets that can be."""

from __future__ import annotations

import enum
import hashlib
import mmap
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.cache import Packed
from datasets.errors import InputError

TAKEN_AT_ONCE = 1000  # pictures; each may bring sixteen pages of the map into memory


class Part(enum.IntEnum):
    """Part of the official split of a data set that a row is in.

    Rows `ACROSS` are of another set than the others, and only tested on.
    """

    TRAINING = 0
    VALIDATION = 1
    TEST = 2
    ACROSS = 3


@dataclass(frozen=True, eq=False)  # one is equal to itself alone, and can be a cache's key
class Dataset:
    """Labelled pictures of one size.

    Attributes
    ----------
    name : str
        Short name, used in file names and on the leaderboard.
    images : ndarray of uint8, shape (n, 3, size, size)
        Red, green and blue planes, 0 to 255; may be a read-only memory map.
        ``images.reshape(n, -1)`` is the flat form the classical models use.
    labels : ndarray of int64, shape (n,)
        Indices into `class_names`.
    class_names : tuple of str
        Every class the set knows, present or not.
    groups : ndarray of int64, shape (n,), or None
        Who is shown; None where the set does not say.
    ids : tuple of str
        File name of each row; not always unique.
    source : str
        Where the pictures come from, in words for a reader.
    fingerprint : str
        SHA-256 over everything above that can change a result.
    left_out : tuple of (str, str)
        File name and reason of each picture that could not be read.
    generated : bool
        True for drawn faces, which no reader may mistake for real ones.
    root : Path or None
        Folder that `ids` are files of; None where the pictures lie in no files of their own.
    contributors : tuple of str, or None
        Who gave each row its label; None where the set does not say.
    parts : ndarray of int8, shape (n,), or None
        `Part` of the official split; None where the set comes undivided.
    sequences : ndarray of int64, shape (n,), or None
        Which film a row is a frame of; None where the pictures are single.
    distribution : ndarray of float32, shape (n, n_classes), or None
        Share of each class in the votes of a row's annotators; None where a row has but its label.
    remarks : tuple of str
        What was done to the set or sets it is made of, in words for a reader of the scores.
    found : ndarray of bool, shape (n,), or None
        Whether what a picture was cropped to was found in it, see `crops.cut`; None where pictures
        are not cropped.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    groups: np.ndarray | None
    ids: tuple[str, ...]
    source: str
    fingerprint: str
    left_out: tuple[tuple[str, str], ...] = ()
    generated: bool = False
    root: Path | None = None
    contributors: tuple[str, ...] | None = None
    parts: np.ndarray | None = None
    sequences: np.ndarray | None = None
    distribution: np.ndarray | None = None
    remarks: tuple[str, ...] = ()
    found: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """Width and height of a picture in pixels."""
        return self.images.shape[-1]

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Copy the pictures of some rows, ``(len(rows), 3, size, size)`` of uint8.

        Pages of a memory map that this touches are given back, so that a process holds the pictures
        it uses and not the whole set besides.
        """
        taken = np.empty((len(rows), *self.images.shape[1:]), np.uint8)
        pages = self.images.base
        for start in range(0, len(rows), TAKEN_AT_ONCE):
            part = slice(start, start + TAKEN_AT_ONCE)
            taken[part] = self.images[rows[part]]
            if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                pages.madvise(mmap.MADV_DONTNEED)
        return taken

    @property
    def class_counts(self) -> dict[str, int]:
        """Number of pictures per class, in the order of `class_names`."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))


@dataclass(frozen=True)
class Listing:
    """What a loader knows about the pictures before any is decoded, a row a picture."""

    ids: Sequence[str]
    labels: Sequence[int]
    class_names: tuple[str, ...]
    people: Sequence[str] | None = None
    contributors: Sequence[str] | None = None
    root: Path | None = None
    parts: Sequence[int] | None = None
    sequences: Sequence[str] | None = None
    distribution: np.ndarray | None = None


def assemble(
    name: str,
    listing: Listing,
    packed: Packed,
    source: str,
    *,
    generated: bool = False,
    remarks: tuple[str, ...] = (),
) -> Dataset:
    """Join a listing with its packed pictures into a checked data set.

    Parameters
    ----------
    name : str
        Turned into a form that is safe in a file name.
    listing : Listing
        One entry for every picture asked for, readable or not.
    packed : Packed
        The readable pictures, and which ones were not.
    source : str
        Where the pictures come from, in words.
    generated : bool
        Whether the faces are drawn.
    remarks : tuple of str
        See `Dataset`.

    Raises
    ------
    InputError
        If a class has a single picture, or fewer than two classes have any.
    """
    reasons = dict(packed.unreadable)
    kept = [row for row in range(len(listing.ids)) if row not in reasons]
    labels = np.asarray(listing.labels, dtype=np.int64)[kept]
    ids = tuple(listing.ids[row] for row in kept)
    groups = _numbered(listing.people, kept)
    sequences = _numbered(listing.sequences, kept)
    parts = None if listing.parts is None else np.asarray(listing.parts, dtype=np.int8)[kept]
    distribution = None if listing.distribution is None else listing.distribution[kept]
    contributors = None
    if listing.contributors is not None:
        contributors = tuple(listing.contributors[row] for row in kept)
    counts = np.bincount(labels, minlength=len(listing.class_names))
    for class_name, count in zip(listing.class_names, counts, strict=True):
        if count == 1:
            only = ids[int(np.flatnonzero(labels == listing.class_names.index(class_name))[0])]
            raise InputError(
                f"class '{class_name}' has one picture only ({only}), which cannot be both learned "
                "from and tested on: add pictures of it or remove it"
            )
    if (counts > 0).sum() < 2:
        raise InputError(f"{source} shows fewer than two classes: add pictures of another class")
    digest = hashlib.sha256(packed.digest.encode())
    for part in (labels.tobytes(), repr(listing.class_names), repr(ids), repr(groups is None)):
        digest.update(part if isinstance(part, bytes) else os.fsencode(part))
    if groups is not None:
        digest.update(groups.tobytes())
    for name_of, column in (("parts", parts), ("distribution", distribution)):
        if column is not None:  # sets without it keep the fingerprint they have always had
            digest.update(name_of.encode())
            digest.update(column.tobytes())
    return Dataset(
        name=re.sub(r"[^\w+-]+", "-", name).strip("-") or "pictures",
        images=packed.images,
        labels=labels,
        class_names=listing.class_names,
        groups=groups,
        ids=ids,
        source=source,
        fingerprint=digest.hexdigest(),
        left_out=tuple((listing.ids[row], reason) for row, reason in packed.unreadable),
        generated=generated,
        root=listing.root,
        contributors=contributors,
        parts=parts,
        sequences=sequences,
        distribution=distribution,
        remarks=remarks,
        found=packed.found,
    )


def _numbered(names: Sequence[str] | None, kept: Sequence[int]) -> np.ndarray | None:
    """Give each name a number, in the order of the names."""
    if names is None:
        return None
    chosen = [names[row] for row in kept]
    number = {name: i for i, name in enumerate(sorted(set(chosen)))}
    return np.array([number[name] for name in chosen], dtype=np.int64)


Load = Callable[[Path | None, int, str], Dataset]


@dataclass(frozen=True)
class Loader:
    """How one data set is found and read.

    Attributes
    ----------
    load : callable
        Takes a folder, or None to look in the usual places, the picture size and the crop.
    recognises : callable
        Whether a folder is laid out as this set is.
    """

    load: Load
    recognises: Callable[[Path], bool]


LOADERS: dict[str, Loader] = {}


def register(
    name: str, recognises: Callable[[Path], bool] = lambda folder: False
) -> Callable[[Load], Load]:
    """Make a loader available under a name (a decorator)."""

    def add(load: Load) -> Load:
        if name in LOADERS:
            raise ValueError(f"two data sets are called '{name}'")
        LOADERS[name] = Loader(load, recognises)
        return load

    return add
