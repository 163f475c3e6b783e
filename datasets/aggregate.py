"""Several data sets as one, on the classes that all of them show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets import subset
from datasets.dataset import Dataset, Listing, Part, assemble
from datasets.errors import InputError

# A data set and the rows of it that are used.
Chosen = tuple[Dataset, np.ndarray]


def aggregate(sets: Sequence[Dataset]) -> Dataset:
    """Join data sets of one picture size, one after the other, by the names of their classes.

    A class that a set shows no picture of is left out of all, since it could be told by the look of
    the sets that do; `Dataset.source` says what that leaves out. People and films of different sets
    are different ones; where one set tells them and another does not, each picture of the other is
    a person and a film of its own. Parts are kept if all sets have them. Where one set has votes, a
    row of another has all of them for its label. The contributor of a row is its set, so that an
    audit shows what the look of the sets tells of the labels.

    Parameters
    ----------
    sets : sequence of Dataset
        Two at least.

    Raises
    ------
    InputError
        If a set is named twice, or the sets share fewer than two classes.
    """
    classes = shared_classes(sets)
    chosen = [(each, _showing(each, classes)) for each in sets]
    parts = [each.parts[rows] for each, rows in chosen if each.parts is not None]
    return _joined(
        "+".join(each.name for each in sets),
        " and ".join(each.source for each in sets),
        chosen,
        classes,
        np.concatenate(parts) if len(parts) == len(sets) else None,
    )


def transfer(learned: Dataset, tested: Dataset) -> Dataset:
    """Join two data sets so that the official split learns from one and tests on the other.

    What is tested on is the test part of `tested`, or all of it where it has none. The test part of
    `learned`, if it has one, is left out: so the same pictures are learned from as under its own
    official split, and the two scores can be compared.

    Parameters
    ----------
    learned, tested : Dataset
        Joined as `aggregate` does.

    Raises
    ------
    InputError
        If both are one set, or they share fewer than two classes.
    """
    classes = shared_classes([learned, tested])
    chosen, parts = [], []
    for each, other in ((learned, Part.TRAINING), (tested, Part.TEST)):
        known = each.parts
        if known is None or not (known == other).any():
            known = np.full(len(each), other, np.int8)
        rows = _showing(each, classes)
        rows = rows[(known[rows] == Part.TEST) == (other is Part.TEST)]
        chosen.append((each, rows))
        parts.append(known[rows])
    return _joined(
        f"{learned.name}-on-{tested.name}",
        f"{learned.source}, tested on {tested.source}",
        chosen,
        classes,
        np.concatenate(parts),
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


def _showing(dataset: Dataset, classes: Sequence[str]) -> np.ndarray:
    """Rows of some classes."""
    wanted = [name in classes for name in dataset.class_names]
    return np.flatnonzero(np.array(wanted)[dataset.labels])


def _joined(
    name: str,
    source: str,
    chosen: Sequence[Chosen],
    classes: tuple[str, ...],
    parts: np.ndarray | None,
) -> Dataset:
    sets = [each for each, _ in chosen]
    if len({each.name for each in sets}) < len(sets):
        raise InputError(f"{name} names a set twice: name each once")
    left_out = [
        f"{count:,} {class_name} of {each.name}"
        for each in sets
        for class_name, count in each.class_counts.items()
        if count and class_name not in classes
    ]
    listings = [subset.listing(each, rows) for each, rows in chosen]
    distribution = None
    if any(each.distribution is not None for each in sets):
        distribution = np.concatenate([_shares(each, rows, classes) for each, rows in chosen])
    listing = Listing(
        [f"{each.name}/{each.ids[row]}" for each, rows in chosen for row in rows],
        [classes.index(one.class_names[label]) for one in listings for label in one.labels],
        classes,
        people=_told_apart([one.people for one in listings], chosen),
        contributors=[each.name for each, rows in chosen for _ in rows],
        parts=None if parts is None else parts.tolist(),
        sequences=_told_apart([one.sequences for one in listings], chosen),
        distribution=distribution,
    )
    return assemble(
        name,
        listing,
        subset.packed(chosen),
        f"{source} (left out, as not in all: {', '.join(left_out)})" if left_out else source,
        generated=any(each.generated for each in sets),
    )


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


def _shares(dataset: Dataset, rows: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Votes of some rows for some classes, which make up all of theirs."""
    votes = dataset.distribution
    if votes is None:
        votes = np.eye(len(dataset.class_names), dtype=np.float32)[dataset.labels]
    shares = votes[rows][:, [dataset.class_names.index(name) for name in classes]]
    return shares / shares.sum(axis=1, keepdims=True)
