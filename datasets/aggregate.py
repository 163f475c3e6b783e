"""Several data sets as one, on the classes that all of them show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets import subset
from datasets.dataset import Dataset, Listing, assemble
from datasets.errors import InputError


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
    names = [each.name for each in sets]
    if len(set(names)) < len(names):
        raise InputError(f"{'+'.join(names)} names a set twice: name each once")
    classes = shared_classes(sets)
    chosen = [(each, rows_of(each, classes)) for each in sets]
    parts = [subset.listing(each, rows) for each, rows in chosen]
    left_out = [
        f"{count:,} {class_name} of {each.name}"
        for each in sets
        for class_name, count in each.class_counts.items()
        if count and class_name not in classes
    ]
    source = " and ".join(each.source for each in sets)
    distribution = None
    if any(each.distribution is not None for each in sets):
        distribution = np.concatenate([_shares(each, rows, classes) for each, rows in chosen])
    listing = Listing(
        [
            f"{each.name}/{name}"
            for each, part in zip(sets, parts, strict=True)
            for name in part.ids
        ],
        [classes.index(part.class_names[label]) for part in parts for label in part.labels],
        classes,
        people=_joined([part.people for part in parts], parts),
        contributors=[each.name for each, rows in chosen for _ in rows],
        parts=None
        if any(part.parts is None for part in parts)
        else [each for part in parts for each in part.parts or ()],
        sequences=_joined([part.sequences for part in parts], parts),
        distribution=distribution,
    )
    return assemble(
        "+".join(names),
        listing,
        subset.packed(chosen),
        f"{source} (left out, as not in all: {', '.join(left_out)})" if left_out else source,
        generated=any(each.generated for each in sets),
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


def rows_of(dataset: Dataset, classes: Sequence[str]) -> np.ndarray:
    """Rows of some classes."""
    wanted = [name in classes for name in dataset.class_names]
    return np.flatnonzero(np.array(wanted)[dataset.labels])


def _joined(columns: Sequence[Sequence[str] | None], parts: Sequence[Listing]) -> list[str] | None:
    if all(column is None for column in columns):
        return None
    return [
        f"{i} {name}"
        for i, (column, part) in enumerate(zip(columns, parts, strict=True))
        for name in (column or map(str, range(len(part.ids))))
    ]


def _shares(dataset: Dataset, rows: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Votes of some rows for some classes, which make up all of theirs."""
    votes = dataset.distribution
    if votes is None:
        votes = np.eye(len(dataset.class_names), dtype=np.float32)[dataset.labels]
    shares = votes[rows][:, [dataset.class_names.index(name) for name in classes]]
    return shares / shares.sum(axis=1, keepdims=True)
