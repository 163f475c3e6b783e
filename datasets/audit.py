"""What a data set gives away besides its faces: near-duplicates, leaks across a split, shortcuts.

Pure measuring: every function is given a data set and returns what it found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import imagehash
import numpy as np
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from statsmodels.stats.proportion import proportion_confint

from datasets import cache, images
from datasets.dataset import Dataset, numbered
from datasets.duplicates import content
from datasets.errors import InputError
from datasets.names import readable

HASH_SIDE = 16
BITS = HASH_SIDE**2
# Found by looking at the closest pairs of muxspace: up to here they are one photograph, cropped,
# scaled or lit anew; from about 44 on also other moments of one scene; unrelated faces start at 60.
NEAR = 40
KEPT = 1000  # pairs of near-duplicates that are listed
BLOCK = 256  # rows compared with all others at a time

SIZE = ("width", "height", "aspect")
GROUPS = {
    "picture size": SIZE,
    "colour or grey": ("colour",),
    "picture size and colour": (*SIZE, "colour"),
    "contributor": ("contributor",),
    "file name": ("file name",),
    "mean brightness": ("brightness",),
    "all of these": (*SIZE, "colour", "contributor", "file name", "brightness"),
}
# A class is recognised without the face if this many of its pictures are, and its name is given to
# its own pictures this many times as often as to others.
LEAST_HITS = 5
LEAST_RATIO = 2.0


@dataclass(frozen=True)
class Facts:
    """What is measured of each original picture, an entry a row.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (n,)
        Width, height and aspect before the picture was stretched; colour, whether red, green and
        blue differ anywhere; brightness, the mean of all pixels, 0 to 255.
    hashes : ndarray of uint64, shape (n, 4)
        The bits of ImageHash's ``phash``: signs of the low frequencies.
    """

    columns: dict[str, np.ndarray]
    hashes: np.ndarray


def measure(dataset: Dataset) -> Facts:
    """Read every original picture once.

    Raises
    ------
    InputError
        If a file went away or changed since the set was loaded.
    """
    rows = []
    for row in cache.show(range(len(dataset)), "measuring pictures"):
        picture = original(dataset, row)
        coloured = (picture != picture[..., :1]).any()
        grey = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
        bits = imagehash.phash(grey, hash_size=HASH_SIDE).hash
        words = np.packbits(bits.ravel()).view(np.uint64)
        rows.append((*picture.shape[:2], coloured, picture.mean(), words))
    height, width, colour, brightness, hashes = map(np.array, zip(*rows, strict=True))
    columns = {"width": width, "height": height, "aspect": width / height}
    return Facts({**columns, "colour": colour, "brightness": brightness}, hashes)


def original(dataset: Dataset, row: int) -> np.ndarray:
    """Picture of a row before it was stretched, ``(height, width, 1 or 3)`` of uint8.

    Raises
    ------
    InputError
        If its file went away or changed since the set was loaded.
    """
    if dataset.root is None:
        return dataset.take(np.array([row]))[0].transpose(1, 2, 0)
    try:
        return images.read(content(dataset, row))
    except ValueError as error:
        raise InputError(f"{Path(dataset.root, dataset.ids[row])}: {error}") from error


def unlisted_and_missing(dataset: Dataset) -> tuple[list[str], list[str]]:
    """Files in the set's folder that no row names, and names of rows without a file."""
    if dataset.root is None:
        return [], []
    named, left_out = set(dataset.ids), {name for name, _ in dataset.left_out}
    files = set(_files(dataset.root, named))
    missing = [name for name in named - files if not Path(dataset.root, name).exists()]
    unlisted = [name for name in files - named if readable(name) not in left_out]
    return sorted(unlisted), sorted(missing)


def _files(root: Path, named: Iterable[str]) -> Iterator[str]:
    """Files below a folder; links to folders are followed only to where files named lie."""
    homes = {PurePosixPath(name.rpartition("/")[0]) for name in named}
    followed = {str(each) for home in homes for each in (home, *home.parents)}
    entered: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        here, prefix = Path(folder).stat(), Path(folder).relative_to(root)
        if (here.st_dev, here.st_ino) in entered:  # by another way
            folders.clear()
            continue
        entered.add((here.st_dev, here.st_ino))
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and ((prefix / name).as_posix() in followed or not Path(folder, name).is_symlink())
        ]
        yield from ((prefix / name).as_posix() for name in files if not name.startswith("."))


def firsts(n: int, copies: list[np.ndarray]) -> np.ndarray:
    """Of each of n rows the first row with the same picture, by groups of identical ones."""
    first = np.arange(n)
    for rows in copies:
        first[rows] = rows[0]
    return first


@dataclass(frozen=True)
class Near:
    """Near-duplicates: all are counted, and the closest kept.

    Attributes
    ----------
    n : int
        Pairs.
    closest : ndarray of int64, shape (n_kept, 3)
        Two rows and the number of bits that differ, closest first.
    beside : list of ndarray of bool, shape (n,)
        For each training set that was asked about, whether a row has a near-duplicate in it.
    """

    n: int
    closest: np.ndarray
    beside: list[np.ndarray]


def near_duplicates(
    hashes: np.ndarray,
    first: np.ndarray,
    trainings: Sequence[np.ndarray] = (),
    most: int = NEAR,
    kept: int = KEPT,
) -> Near:
    """Find pictures whose hashes differ in few bits, but not copies of one file.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n, words)
    first : ndarray of int64, shape (n,)
        See `firsts`.
    trainings : sequence of ndarray of int64
        Row numbers of training sets.
    most : int
        Bits that may differ.
    kept : int
        Pairs to keep; there may be as many as the square of the pictures.
    """
    rows = np.unique(first)
    words = hashes[rows].T
    learned = [_learned(first, training) for training in trainings]
    beside = [np.zeros(len(first), dtype=bool) for _ in trainings]
    n, closest = 0, np.empty((0, 3), np.int64)
    for start in cache.show(range(0, len(rows), BLOCK), "comparing pictures"):
        differing = np.zeros((min(BLOCK, len(rows) - start), len(rows) - start), np.uint16)
        for word in words:
            differing += np.bitwise_count(word[start : start + BLOCK, None] ^ word[None, start:])
        here, there = np.nonzero(np.triu(differing <= most, k=1))
        bits, one, other = differing[here, there], rows[start + here], rows[start + there]
        for known, found in zip(learned, beside, strict=True):
            found[other[known[one]]] = True
            found[one[known[other]]] = True
        n += len(bits)
        few = np.argsort(bits, kind="stable")[:kept]
        closest = np.concatenate([closest, np.stack([one[few], other[few], bits[few]], axis=1)])
        # Of equally close pairs those of the first rows, which came first, come first.
        closest = closest[np.argsort(closest[:, 2], kind="stable")[:kept]]
    return Near(n, closest, beside)


def _learned(first: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Of which rows the picture is in training, among those that are the first with theirs."""
    learned = np.zeros(len(first), dtype=bool)
    learned[first[training]] = True
    return learned


@dataclass(frozen=True)
class Overlap:
    """How many test pictures a model may know from training.

    Attributes
    ----------
    n_training, n_test : int
        Rows.
    identical : int
        Test rows whose picture is in training byte for byte.
    near : int
        Test rows with a near-duplicate in training that is not identical.
    person : int or None
        Test rows that show a person who is in training; None where the set does not say.
    """

    n_training: int
    n_test: int
    identical: int
    near: int
    person: int | None


def overlap(
    dataset: Dataset, training: np.ndarray, test: np.ndarray, first: np.ndarray, beside: np.ndarray
) -> Overlap:
    """Count the test rows whose picture or person is in training.

    `training` and `test` are row numbers; `first` is what `firsts` gives and `beside` what
    `near_duplicates` gives for the training rows.
    """
    learned = _learned(first, training)
    tested = first[test]
    person = None
    if dataset.groups is not None:
        person = int(np.isin(dataset.groups[test], dataset.groups[training]).sum())
    return Overlap(
        len(training),
        len(test),
        int(learned[tested].sum()),
        int((beside & ~learned)[tested].sum()),
        person,
    )


@dataclass(frozen=True)
class ClassRecall:
    """How a class fares with a classifier that sees no face.

    Attributes
    ----------
    class_name : str
    n : int
        Test pictures of the class.
    recall, recall_lo, recall_hi : float
        Share of them that get its name, with a 95 % interval (Wilson).
    others, others_lo, others_hi : float
        Share of the other test pictures that get it too: what chance would give.
    found : bool
        Whether the recall is clear of chance: intervals apart, `LEAST_RATIO` times as
        high, and of `LEAST_HITS` pictures at least.
    """

    class_name: str
    n: int
    recall: float
    recall_lo: float
    recall_hi: float
    others: float
    others_lo: float
    others_hi: float
    found: bool


@dataclass(frozen=True)
class Shortcut:
    """What a group of columns that are not the face tells of the labels of a test set.

    Attributes
    ----------
    columns : str
        A key of `GROUPS`.
    accuracy, accuracy_lo, accuracy_hi : float
        Share of right answers, with a 95 % interval (Wilson).
    majority : float
        What always naming the test set's commonest class would score.
    beats_majority : bool
        Whether the interval is clear of that.
    classes : tuple of ClassRecall
        The classes of the test set, those that are found first, the best first.
    """

    columns: str
    accuracy: float
    accuracy_lo: float
    accuracy_hi: float
    majority: float
    beats_majority: bool
    classes: tuple[ClassRecall, ...]


def name_pattern(name: str) -> str:
    """Shape of a file name without its folder: ``Ann_Lee_0001.jpg`` is ``a_a_9999.a``.

    The folder is left out because it is the label in a set with one folder a class.
    """
    plain = re.sub(r"[0-9]", "9", name.rpartition("/")[2])
    return re.sub(r"[^\W\d_]+", "a", plain)


def columns(dataset: Dataset, facts: Facts) -> dict[str, np.ndarray]:
    """Whatever is not the face, a number a row; columns that never vary are left out."""
    words = {"file name": [*map(name_pattern, dataset.ids)], "contributor": dataset.contributors}
    numbers = {name: numbered(word) for name, word in words.items() if word is not None}
    every = {**facts.columns, **numbers}
    return {name: values for name, values in every.items() if len(np.unique(values)) > 1}


def shortcuts(
    dataset: Dataset, facts: Facts, training: np.ndarray, test: np.ndarray
) -> list[Shortcut]:
    """Fit a small forest to each group of columns and score it on the test rows.

    A hundred trees, every split free to use every column, five pictures a leaf at least, no class
    weights: it names a rare class only where that class is the likelier one. The results are in the
    order of `GROUPS`; groups without a column that varies are left out.
    """
    varying = columns(dataset, facts)
    labels = dataset.labels[test]
    majority = float(np.bincount(labels).max() / len(labels))
    results = []
    for group, names in GROUPS.items():
        features = [varying[name] for name in names if name in varying]
        if not features:
            continue
        X = np.stack(features, axis=1).astype(np.float64)
        forest = RandomForestClassifier(100, min_samples_leaf=5, max_features=None, random_state=0)
        predicted = forest.fit(X[training], dataset.labels[training]).predict(X[test])
        accuracy, low, high = _share(predicted == labels)
        recalls = [
            _recall(dataset.class_names[label], labels == label, predicted == label)
            for label in np.unique(labels)
            if (labels != label).any()
        ]
        recalls.sort(key=lambda each: (not each.found, -each.recall))
        beats_majority = bool(low > majority)
        results.append(
            Shortcut(group, accuracy, low, high, majority, beats_majority, tuple(recalls))
        )
    return results


def _recall(name: str, true: np.ndarray, predicted: np.ndarray) -> ClassRecall:
    recall, low, high = _share(predicted[true])
    others, others_low, others_high = _share(predicted[~true])
    found = low > others_high and recall > LEAST_RATIO * others
    found = found and int(predicted[true].sum()) >= LEAST_HITS
    n = int(true.sum())
    return ClassRecall(name, n, recall, low, high, others, others_low, others_high, found)


def _share(named: np.ndarray) -> tuple[float, float, float]:
    """Share of rows that are True, with a 95 % interval (Wilson)."""
    low, high = proportion_confint(named.sum(), len(named), alpha=0.05, method="wilson")
    return float(named.mean()), float(low), float(high)
