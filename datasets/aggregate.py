"""Several data sets as one, on the classes that all of them show."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from datasets import subset
from datasets.dataset import Dataset, Listing, Part, assemble
from datasets.duplicates import sides
from datasets.errors import InputError
from datasets.splits import TEST_PARTS, hold_out

# A data set and the rows of it that are used.
Chosen = tuple[Dataset, np.ndarray]


def aggregate(sets: Sequence[Dataset]) -> Dataset:
    """Join data sets of one picture size, one after the other, by the names of their classes.

    A class that a set shows no picture of is left out of all, since it could be told by the look of
    the sets that do; `Dataset.remarks` says what that leaves out. People and films of different
    sets are different ones; where one set tells them and another does not, each picture of the
    other is a person and a film of its own. Parts are kept if a set has them; of a set that then
    has no test part a third is held out, by person where people are known. Where one set has votes,
    a row of another has all of them for its label. The contributor of a row is its set, so that an
    audit shows what the look of the sets tells of the labels.

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
    chosen = [(each, subset.showing(each, classes)) for each in sets]
    remarks = [_left_out((each, np.arange(len(each))), classes) for each in sets]
    parts = None
    if any(each.parts is not None for each in sets):
        parts = np.concatenate([_parts(each) for each in chosen])
        remarks += [_held_out(each) for each in chosen]
    return _joined(
        "+".join(each.name for each in sets),
        " and ".join(each.source for each in sets),
        chosen,
        classes,
        parts,
        remarks,
    )


def transfer(learned: Dataset, tested: Dataset) -> Dataset:
    """Join two data sets to learn from one and test on both: within that set and across sets.

    The parts of `learned` are kept, and a third is held out as `aggregate` does where it has no
    test part. The test part of `tested`, or all of it where it has none, is `Part.ACROSS`; its
    other rows are not used.

    Parameters
    ----------
    learned, tested : Dataset
        Joined as `aggregate` does.

    Raises
    ------
    InputError
        As `aggregate`.
    """
    classes = shared_classes([learned, tested])
    whole = [(each, np.arange(len(each))) for each in (learned, tested)]
    if _has_test_part(whole[1]):
        whole[1] = tested, np.flatnonzero(tested.parts == Part.TEST)
    own, other = (
        (each, np.intersect1d(rows, subset.showing(each, classes))) for each, rows in whole
    )
    across = np.full(len(other[1]), Part.ACROSS, np.int8)
    return _joined(
        f"{learned.name}-on-{tested.name}",
        f"{learned.source}, tested on {tested.source}",
        [own, other],
        classes,
        np.concatenate([_parts(own), across]),
        [*(_left_out(each, classes) for each in whole), _held_out(own)],
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


def _has_test_part(chosen: Chosen) -> bool:
    dataset, rows = chosen
    return dataset.parts is not None and Part.TEST in dataset.parts[rows]


def _parts(chosen: Chosen) -> np.ndarray:
    """Part of each row, int8; a third of the training is held out where there is no test part."""
    dataset, rows = chosen
    whole = (
        np.full(len(dataset), Part.TRAINING, np.int8) if dataset.parts is None else dataset.parts
    )
    parts = whole[rows]
    if _has_test_part(chosen):
        return parts
    places = np.flatnonzero(parts == Part.TRAINING)
    people = sides(dataset)
    groups = None if people is None else people[rows[places]]
    held = hold_out(dataset.labels[rows[places]], groups, TEST_PARTS, seed=0)[1]
    parts[places[held]] = Part.TEST
    return parts


def _held_out(chosen: Chosen) -> str:
    """Say that `_parts` held out a third, or nothing."""
    if _has_test_part(chosen):
        return ""
    by_person = "" if chosen[0].groups is None else ", by person"
    return f"a third of {chosen[0].name} held out to test on{by_person}"


def _left_out(chosen: Chosen, classes: Sequence[str]) -> str:
    """Say how many pictures are of other classes, or nothing."""
    dataset, rows = chosen
    counts = np.bincount(dataset.labels[rows], minlength=len(dataset.class_names))
    others = [
        f"{count:,} {name}"
        for name, count in zip(dataset.class_names, counts, strict=True)
        if count and name not in classes
    ]
    return f"without {', '.join(others)} of {dataset.name}" if others else ""


def _joined(
    name: str,
    source: str,
    chosen: Sequence[Chosen],
    classes: tuple[str, ...],
    parts: np.ndarray | None,
    remarks: Sequence[str],
) -> Dataset:
    sets = [each for each, _ in chosen]
    if len({each.name for each in sets}) < len(sets):
        raise InputError(f"{name} names a set twice: name each once")
    listings = [subset.listing(each, rows, classes) for each, rows in chosen]
    distribution = None
    if any(one.distribution is not None for one in listings):
        distribution = np.concatenate([_shares(one) for one in listings])
    listing = Listing(
        [f"{each.name}/{each.ids[row]}" for each, rows in chosen for row in rows],
        [label for one in listings for label in one.labels],
        classes,
        people=_told_apart([one.people for one in listings], chosen),
        contributors=[each.name for each, rows in chosen for _ in rows],
        parts=None if parts is None else parts.tolist(),
        sequences=_told_apart([one.sequences for one in listings], chosen),
        distribution=distribution,
    )
    joined = assemble(
        name,
        listing,
        subset.packed(chosen),
        source,
        generated=any(each.generated for each in sets),
        remarks=(*(each for one in sets for each in one.remarks), *filter(None, remarks)),
    )
    return dataclasses.replace(joined, left_out=tuple(e for one in sets for e in one.left_out))


def _told_apart(
    columns: Sequence[Sequence[str] | None], chosen: Sequence[Chosen]
) -> list[str] | None:
    """Names that differ from set to set, or None where no set has any."""
    if all(column is None for column in columns):
        return None
    return [
        f"{i} {name}"
        for i, (column, (_, rows)) in enumerate(zip(columns, chosen, strict=True))
        for name in (column or map(str, rows))
    ]


def _shares(listing: Listing) -> np.ndarray:
    """Votes of each row; where there are none, all for its label."""
    if listing.distribution is not None:
        return listing.distribution
    return np.eye(len(listing.class_names), dtype=np.float32)[listing.labels]
