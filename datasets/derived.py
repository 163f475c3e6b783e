"""Sets made of others: joined, tested on another, without a class, without duplicates.

Each is a view, rows of the packed sets it is made of: no picture is copied.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from datasets.dataset import Dataset, Part, Pixels, finished, numbered
from datasets.duplicates import conflicting, identical, split_groups
from datasets.errors import InputError
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
    return finished(
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
    return finished(
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

    A single set stays as it is; of several, each must have a name of its own.

    Raises
    ------
    InputError
        If the sets share fewer than two classes, or one shows too few people to hold out some.
    """
    if len(sets) == 1:
        return sets[0]
    classes = shared_classes(sets)
    remarks = [_left_out(each, classes) for each in sets]
    if any(each.parts is not None for each in sets):
        sets, held_out = zip(*(_with_test_part(each, classes) for each in sets), strict=True)
        remarks += held_out
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
    its other rows are not used. Classes, people and votes are joined, and errors raised, as by
    `joined`.
    """
    classes = shared_classes([learned, tested])
    used = np.arange(len(tested))
    if tested.parts is not None and Part.TEST in tested.parts:
        used = np.flatnonzero(tested.parts == Part.TEST)
    remarks = [_left_out(learned, classes), _left_out(tested.select(used), classes)]
    learned, held_out = _with_test_part(learned, classes)
    rows, others = _showing(learned, classes), np.intersect1d(used, _showing(tested, classes))
    all_test = np.full(len(tested), Part.TEST, np.int8)
    return _together(
        f"{learned.name}-on-{tested.name}",
        f"{learned.described}, tested on {tested.described}",
        [
            (learned, rows),
            (dataclasses.replace(tested, parts=all_test), others),
        ],
        classes,
        [*remarks, held_out],
        other=np.repeat([False, True], [len(rows), len(others)]),
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


def _with_test_part(dataset: Dataset, classes: Collection[str]) -> tuple[Dataset, str]:
    """Hold out a third of the training that shows some classes where there is no test part.

    The text says so, and is empty where nothing is held out.
    """
    n = len(dataset)
    parts = np.full(n, Part.TRAINING, np.int8) if dataset.parts is None else dataset.parts.copy()
    rows = _showing(dataset, classes)
    if Part.TEST in parts[rows]:
        return dataset, ""
    rows = rows[parts[rows] == Part.TRAINING]
    people = split_groups(dataset)
    groups = None if people is None else people[rows]
    held = hold_out(dataset.labels[rows], groups, TEST_PARTS, seed=0)[1]
    parts[rows[held]] = Part.TEST
    by_person = "" if people is None else ", by person"
    remark = f"a third of {dataset.name} held out to test on{by_person}"
    return dataclasses.replace(dataset, parts=parts), remark


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
    people = any(each.groups is not None for each, _ in chosen)
    votes = any(each.distribution is not None for each, _ in chosen)
    sets, n_people = [], 0
    for each, rows in chosen:
        columns: dict[str, Any] = {}
        if people:
            groups = each.groups
            if groups is None:  # numbered in the order of text, as such sets have always been
                groups = numbered([*map(str, range(len(each)))])
            columns["groups"] = groups + n_people
            n_people += len(each)
        if votes and each.distribution is None:
            columns["distribution"] = np.eye(len(each.class_names), dtype=np.float32)[each.labels]
        sets.append(_of_classes(dataclasses.replace(each, **columns), rows, classes))
    before = (remark for each in sets for remark in each.remarks)
    return finished(
        Dataset(
            name=name,
            pixels=Pixels.joined([each.pixels for each in sets]),
            labels=np.concatenate([each.labels for each in sets]),
            class_names=classes,
            groups=_concatenated([each.groups for each in sets]),
            ids=tuple(f"{each.name}/{name}" for each in sets for name in each.ids),
            described=described,
            left_out=tuple(failure for each in sets for failure in each.left_out),
            generated=any(each.generated for each in sets),
            faces=all(each.faces for each in sets),
            may_embed=all(each.may_embed for each in sets),
            contributors=tuple(each.name for each in sets for _ in each.ids),
            parts=_concatenated([each.parts for each in sets]),
            other=other,
            distribution=_concatenated([each.distribution for each in sets]),
            remarks=(*before, *filter(None, remarks)),
            crop_found=_concatenated([each.crop_found for each in sets]),
        )
    )


def _concatenated(columns: Sequence[np.ndarray | None]) -> np.ndarray | None:
    present = [column for column in columns if column is not None]
    return np.concatenate(present) if present else None
