"""Sets made of others: joined, tested on another, without a class, without duplicates.

Each is a view, rows of the packed sets it is made of: no picture is copied.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Sequence

import numpy as np

from datasets import cache
from datasets.dataset import TAKEN_AT_ONCE, Dataset, Part, Pixels, fingerprint
from datasets.duplicates import conflicting, identical, split_groups
from datasets.errors import InputError
from datasets.packing import check_classes, numbered, safe_name
from datasets.splits import TEST_PARTS, hold_out


def without_duplicates(dataset: Dataset) -> Dataset:
    """Keep every picture once, and none whose copies have different labels.

    Of copies with one label the first row is kept, with the person it is said to show.

    Raises
    ------
    InputError
        If what is left cannot be learned from, as where a class has one picture only.
    """
    keep = np.ones(len(dataset), dtype=bool)
    for group in identical(dataset):
        keep[group if conflicting(dataset, group) else group[1:]] = False
    n = int((~keep).sum())
    return _checked(
        dataclasses.replace(
            dataset.select(np.flatnonzero(keep)),
            name=f"{dataset.name}-deduplicated",
            described=f"{dataset.described}, {n} duplicate{'' if n == 1 else 's'} left out",
        )
    )


def without_class(dataset: Dataset, class_name: str) -> Dataset:
    """Leave a class out, as studies do that have no neutral faces; `Dataset.remarks` says so.

    Raises
    ------
    InputError
        If no picture is of that class, or fewer than two classes are left.
    """
    shown = {name: count for name, count in dataset.class_counts.items() if count}
    if class_name not in shown:
        raise InputError(
            f"{dataset.name} shows no class '{class_name}' that could be left out: "
            f"it shows {', '.join(shown)}"
        )
    classes = tuple(name for name in dataset.class_names if name != class_name)
    remark = f"without {shown[class_name]:,} {class_name}, as asked"
    return _checked(
        dataclasses.replace(
            _of_classes(dataset, _showing(dataset, classes), classes),
            name=f"{dataset.name}-without-{class_name}",
            remarks=(*dataset.remarks, remark),
        )
    )


def joined(sets: Sequence[Dataset]) -> Dataset:
    """Join data sets of one picture size, one after the other, by the names of their classes.

    - A class that a set shows no picture of is left out of all, since it could be told by the look
      of the sets that do; `Dataset.remarks` says what that leaves out.
    - People of different sets are different ones; where one set tells them and another does not,
      each picture of the other is a person of its own.
    - Parts are kept if a set has them; of a set that then has no test part a third is held out, by
      person where people are known.
    - Where one set has votes, a row of another has all of them for its label.
    - The contributor of a row is its set, so that an audit shows what the look of the sets tells of
      the labels.

    Parameters
    ----------
    sets : sequence of Dataset
        Two at least.

    Raises
    ------
    InputError
        If a set is named twice, the sets share fewer than two classes, or one shows too few people
        to hold out some.
    """
    classes = shared_classes(sets)
    remarks = [_left_out(each, classes) for each in sets]
    if any(each.parts is not None for each in sets):
        remarks += [_held_out(each, classes) for each in sets]
        sets = [_with_test_part(each, classes) for each in sets]
    return _together(
        "+".join(each.name for each in sets),
        " and ".join(each.described for each in sets),
        [(each, _showing(each, classes)) for each in sets],
        classes,
        remarks,
    )


def tested_on(learned: Dataset, tested: Dataset) -> Dataset:
    """Join two data sets to learn from one and test on both: within that set and across sets.

    The parts of `learned` are kept, and a third is held out as `joined` does where it has no test
    part. The test part of `tested`, or all of it where it has none, is marked by `Dataset.other`;
    its other rows are not used.

    Parameters
    ----------
    learned, tested : Dataset
        Joined as `joined` does.

    Raises
    ------
    InputError
        As `joined`.
    """
    classes = shared_classes([learned, tested])
    used = np.arange(len(tested))
    if tested.parts is not None and Part.TEST in tested.parts:
        used = np.flatnonzero(tested.parts == Part.TEST)
    remarks = [
        _left_out(learned, classes),
        _left_out(tested.select(used), classes),
        _held_out(learned, classes),
    ]
    own = _showing(learned, classes)
    others = np.intersect1d(used, _showing(tested, classes))
    all_test = np.full(len(tested), Part.TEST, np.int8)
    return _together(
        f"{learned.name}-on-{tested.name}",
        f"{learned.described}, tested on {tested.described}",
        [
            (_with_test_part(learned, classes), own),
            (dataclasses.replace(tested, parts=all_test), others),
        ],
        classes,
        remarks,
        other=np.repeat([False, True], [len(own), len(others)]),
    )


def shared_classes(sets: Sequence[Dataset]) -> tuple[str, ...]:
    """Classes that every set shows, in the order of the first.

    Raises
    ------
    InputError
        If there are fewer than two.
    """
    shown = [[name for name, count in each.class_counts.items() if count] for each in sets]
    classes = tuple(name for name in shown[0] if all(name in others for others in shown))
    if len(classes) < 2:
        each = "; ".join(
            f"{one.name} shows {', '.join(names)}" for one, names in zip(sets, shown, strict=True)
        )
        raise InputError(f"the sets have fewer than two classes in common: {each}")
    return classes


def _showing(dataset: Dataset, classes: Collection[str]) -> np.ndarray:
    """Rows of some classes, ascending, int64."""
    wanted = np.array([name in classes for name in dataset.class_names])
    return np.flatnonzero(wanted[dataset.labels])


def _of_classes(dataset: Dataset, rows: np.ndarray, classes: tuple[str, ...]) -> Dataset:
    """Rows that show some classes, numbered in this order; votes for them make up all."""
    number = np.array([classes.index(c) if c in classes else -1 for c in dataset.class_names])
    some = dataset.select(rows)
    votes = some.distribution
    if votes is not None:
        votes = votes[:, [dataset.class_names.index(name) for name in classes]]
        votes = votes / votes.sum(axis=1, keepdims=True)
    return dataclasses.replace(
        some, labels=number[some.labels], class_names=classes, distribution=votes
    )


def _has_test_part(dataset: Dataset, classes: Collection[str]) -> bool:
    parts = dataset.parts
    return parts is not None and Part.TEST in parts[_showing(dataset, classes)]


def _with_test_part(dataset: Dataset, classes: Collection[str]) -> Dataset:
    """Hold out a third of the training that shows some classes where there is no test part."""
    if _has_test_part(dataset, classes):
        return dataset
    n = len(dataset)
    parts = np.full(n, Part.TRAINING, np.int8) if dataset.parts is None else dataset.parts.copy()
    rows = _showing(dataset, classes)
    rows = rows[parts[rows] == Part.TRAINING]
    people = split_groups(dataset)
    groups = None if people is None else people[rows]
    held = hold_out(dataset.labels[rows], groups, TEST_PARTS, seed=0)[1]
    parts[rows[held]] = Part.TEST
    return dataclasses.replace(dataset, parts=parts)


def _held_out(dataset: Dataset, classes: Collection[str]) -> str:
    """Say that `_with_test_part` holds out a third, or nothing."""
    if _has_test_part(dataset, classes):
        return ""
    by_person = "" if dataset.groups is None else ", by person"
    return f"a third of {dataset.name} held out to test on{by_person}"


def _left_out(dataset: Dataset, classes: Collection[str]) -> str:
    """Say how many pictures are of other classes, or nothing."""
    others = [
        f"{count:,} {name}"
        for name, count in dataset.class_counts.items()
        if count and name not in classes
    ]
    return f"without {', '.join(others)} of {dataset.name}" if others else ""


def _together(
    name: str,
    described: str,
    chosen: Sequence[tuple[Dataset, np.ndarray]],
    classes: tuple[str, ...],
    remarks: Sequence[str],
    other: np.ndarray | None = None,
) -> Dataset:
    """Rows of sets that show some classes, one set after the other."""
    sets = [_of_classes(each, rows, classes) for each, rows in chosen]
    if len({each.name for each in sets}) < len(sets):
        raise InputError(f"{name} names a set twice: name each once")
    votes = any(each.distribution is not None for each in sets)
    before = (one for each in sets for one in each.remarks)
    return _checked(
        Dataset(
            name=name,
            pixels=Pixels.joined([each.pixels for each in sets]),
            labels=np.concatenate([each.labels for each in sets]),
            class_names=classes,
            groups=_people(chosen),
            ids=tuple(f"{each.name}/{one}" for each in sets for one in each.ids),
            described=described,
            fingerprint="",
            left_out=tuple(one for each in sets for one in each.left_out),
            generated=any(each.generated for each in sets),
            faces=all(each.faces for each in sets),
            contributors=tuple(each.name for each in sets for _ in each.ids),
            parts=_concatenated([each.parts for each in sets]),
            other=other,
            distribution=np.concatenate([_shares(each) for each in sets]) if votes else None,
            remarks=(*before, *filter(None, remarks)),
            crop_found=_concatenated([each.crop_found for each in sets]),
        )
    )


def _concatenated(columns: Sequence[np.ndarray | None]) -> np.ndarray | None:
    there = [column for column in columns if column is not None]
    return np.concatenate(there) if there else None


def _people(chosen: Sequence[tuple[Dataset, np.ndarray]]) -> np.ndarray | None:
    """Numbers that differ from set to set, or None where no set has any."""
    if all(each.groups is None for each, _ in chosen):
        return None
    columns: list[np.ndarray] = []
    for each, rows in chosen:
        # In the order of the rows' numbers as text, in which such sets have always been numbered.
        own = numbered([*map(str, rows)]) if each.groups is None else _ranks(each.groups[rows])
        columns.append(own + (columns[-1].max() + 1 if columns else 0))
    return np.concatenate(columns)


def _ranks(groups: np.ndarray) -> np.ndarray:
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def _shares(dataset: Dataset) -> np.ndarray:
    """Votes of each row; where there are none, all for its label."""
    if dataset.distribution is not None:
        return dataset.distribution
    return np.eye(len(dataset.class_names), dtype=np.float32)[dataset.labels]


def _checked(view: Dataset) -> Dataset:
    """Give a view a safe name, people numbered from 0, and its own fingerprint.

    Raises
    ------
    InputError
        If it cannot be learned from.
    """
    check_classes(view.described, view.labels, view.class_names, view.ids)
    groups = None if view.groups is None else _ranks(view.groups)
    own = fingerprint(
        _digest(view.pixels),
        view.labels,
        view.class_names,
        view.ids,
        groups,
        view.parts,
        view.distribution,
        view.other,
    )
    return dataclasses.replace(
        view, name=safe_name(view.name), source=None, groups=groups, fingerprint=own
    )


def _digest(pixels: Pixels) -> str:
    """SHA-256 of pictures in order, computed once for rows of the same packed sets."""

    def compute() -> str:
        digest = hashlib.sha256()
        for start in range(0, len(pixels), TAKEN_AT_ONCE):
            rows = np.arange(start, min(start + TAKEN_AT_ONCE, len(pixels)))
            digest.update(pixels.take(rows).data)
        return digest.hexdigest()

    if not all(pixels.digests):
        return compute()
    rows = b"" if pixels.rows is None else pixels.rows.tobytes()
    return cache.remembered(["rows of", pixels.digests, hashlib.sha256(rows).hexdigest()], compute)
