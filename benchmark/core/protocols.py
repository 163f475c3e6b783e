"""Who sees which rows: what a model may learn from, select on, and is scored on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.model_selection import train_test_split

from benchmark.core.records import ACROSS, SELECTION, TEST, WITHIN
from datasets import Dataset, InputError
from datasets.dataset import Part
from datasets.duplicates import split_groups
from datasets.splits import TEST_PARTS, hold_out, stratified_order

logger = logging.getLogger(__name__)

Split = Literal["random", "identity", "official", "across", "slides"]


def possible_splits(dataset: Dataset) -> list[Split]:
    """Splits that a data set allows, the soundest first."""
    if dataset.other is not None:
        return ["across"]
    parted = dataset.parts is not None and {Part.TRAINING, Part.TEST} <= {*dataset.parts}
    official: list[Split] = ["official"] if parted else []
    identity: list[Split] = ["identity"] if dataset.groups is not None else []
    return [*official, *identity, "random"]


def derive_seed(*parts: object) -> int:
    """Return a seed below 2**32 that depends on what a run is, not on when it runs."""
    digest = hashlib.sha256("\0".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:4], "little")


@dataclass(frozen=True)
class Rows:
    """Row numbers of a data set, each an ndarray of int64."""

    training: np.ndarray
    selection: np.ndarray  # what epochs are chosen and training is stopped on; may be empty
    test: dict[str, np.ndarray]  # by name: ``test``, or ``within`` and ``across``

    @property
    def scored(self) -> np.ndarray:
        """All test rows."""
        return np.concatenate([*self.test.values()])

    def by_part(self) -> dict[str, np.ndarray]:
        """Return the rows to predict: the test sets, then those selected on in none of them."""
        left = self.selection[~np.isin(self.selection, self.scored)]
        return {**self.test, SELECTION: left} if len(left) else self.test


@dataclass(frozen=True)
class Protocol(ABC):
    """Which rows a model may train on, what it may select on, how often, and what it is scored on.

    The split ``identity`` keeps each person, and a picture under two people's names, on one side;
    ``official`` takes the parts that the data set comes with; ``across`` takes those of two sets,
    to learn from one and be tested on both (see `datasets.derived.tested_on`); ``slides`` takes the
    test set of the slides, whoever is shown.
    """

    split: Split = "random"
    repeats: int = 1  # runs of each model, with seeds of their own
    train_size: int | None = None  # pictures to learn from, those to select on included; None: all

    name: ClassVar[str]
    selected_on: ClassVar[str]
    keeps_models: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """Name on the leaderboard and in file names, such as ``fair-500``."""
        return self.name if self.train_size is None else f"{self.name}-{self.train_size}"

    @classmethod
    def usual_split(cls, possible: Sequence[Split]) -> Split:
        """Return the split where none is asked for, of those of `possible_splits`."""
        return "random"

    @abstractmethod
    def rows(self, dataset: Dataset, deep: bool, repeat: int) -> Rows:
        """Row numbers for one run; `deep` is whether it is a net's, and `repeat` counts from 0.

        Raises
        ------
        InputError
            If the data set cannot be divided so.
        """

    def series(self, dataset: Dataset) -> list[Self]:
        """Return the protocols a user means by this one: itself, unless it is one of several."""
        return [self]

    def settings(self, model: str, in_epochs: bool) -> Mapping[str, Any]:
        """Parameters of a model that belong to the procedure rather than to the model."""
        return {}

    def key_parts(self) -> dict[str, Any]:
        """Everything that decides a run's rows, but for the repeat, where it is not the usual."""
        usual = {each.name: each.default for each in fields(self)}
        usual["repeats"] = self.repeats
        return {"name": self.name, **{k: v for k, v in vars(self).items() if v != usual[k]}}


@dataclass(frozen=True)
class Slides(Protocol):
    """The published procedure, its faults included.

    A third of the rows in the legend's order is drawn by scikit-learn with seed 0; classical models
    get all rows, nets the first 500; a net stops after three rises of the *test* loss and is scored
    by its best epoch on that same test set.
    """

    name: ClassVar[str] = "slides"
    selected_on: ClassVar[str] = "test"

    NET_ROWS: ClassVar[int] = 500
    NETS: ClassVar[Mapping[str, Any]] = {"stop": "rises", "patience": 3}
    # Ten trees were scikit-learn's default when the slides were made, and give their figure. VGG is
    # published without the batch normalisation that it needs to learn from few pictures here.
    SETTINGS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "random-forest": {"n_estimators": 10},
        **{f"vgg{depth}": {"batch_norm": False} for depth in (11, 13, 16, 19)},
    }

    def __post_init__(self) -> None:
        if self.train_size is not None or self.split != "random":
            raise InputError(
                "the slides protocol has a split and a size of its own: "
                "use --protocol fair with --train-size or --split"
            )

    def rows(self, dataset: Dataset, deep: bool, repeat: int) -> Rows:
        """Rows as published; the same for every repeat."""
        _check_split(dataset, self.split)
        training, test = _of_slides(min(self.NET_ROWS, len(dataset)) if deep else len(dataset))
        rows = Rows(training, test if deep else test[:0], {TEST: test})
        return _two_classes(rows, dataset, "use --protocol fair")

    def settings(self, model: str, in_epochs: bool) -> Mapping[str, Any]:
        """Return the parameters the slides state, or that their date implies."""
        return {**(self.NETS if in_epochs else {}), **self.SETTINGS.get(model, {})}


@dataclass(frozen=True)
class Fair(Protocol):
    """The same pictures for every model, and a test set that nothing is chosen on.

    A third of all pictures is the test set, whatever the training size, the same in every repeat.
    Of the others a repeat draws `train_size`, four fifths to train on and one fifth to select on.
    Under the official split the set's own test part is the test set, and what is selected on comes
    from its validation part if it has one. So it does across sets, where the test set is that part
    and the other set.
    """

    name: ClassVar[str] = "fair"
    selected_on: ClassVar[str] = "validation"

    VALIDATION_PARTS: ClassVar[int] = 5
    NETS: ClassVar[Mapping[str, Any]] = {"recipe": "house"}

    def settings(self, model: str, in_epochs: bool) -> Mapping[str, Any]:
        """Return the recipe of nets, with the same budget for each."""
        return self.NETS if in_epochs else {}

    @classmethod
    def usual_split(cls, possible: Sequence[Split]) -> Split:
        """The first: as others did, or by person, since who knows a face need not read it."""
        return possible[0]

    def rows(self, dataset: Dataset, deep: bool, repeat: int) -> Rows:
        """Rows of one repeat; those of a smaller `train_size` are among those of a larger."""
        rows = _divided(dataset, self.split, repeat)
        if self.train_size is not None:
            training, selection = rows.training, rows.selection
            n_pool = len(training) + len(selection)
            if self.train_size > n_pool:
                raise InputError(
                    f"--train-size {self.train_size} is more than the {n_pool} pictures that "
                    "are left beside the test set: use a smaller number, or all"
                )
            # An official validation part may be smaller or larger than a fifth.
            n_selection = min(
                max(round(self.train_size / self.VALIDATION_PARTS), 1), len(selection)
            )
            n_selection = max(n_selection, self.train_size - len(training))
            training, selection = training[: self.train_size - n_selection], selection[:n_selection]
            rows = replace(rows, training=training, selection=selection)
        return _two_classes(rows, dataset, "raise --train-size")


def _of_slides(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and to be scored on, of the first `n`, as published."""
    return train_test_split(np.arange(n), test_size=0.33, random_state=0)


@functools.lru_cache(maxsize=16)  # keeping people together takes a second
def _divided(dataset: Dataset, split: Split, repeat: int) -> Rows:
    """All rows to train on, to select on and to be scored on."""
    _check_split(dataset, split)
    groups = split_groups(dataset) if split in ("identity", "across") else None
    selection = np.empty(0, np.int64)
    if split in ("official", "across"):
        pool, selection, tested = (np.flatnonzero(dataset.parts == part) for part in Part)
    elif split == "slides":
        pool, tested = _of_slides(len(dataset))
    else:
        seed = derive_seed("test set", split)
        pool, tested = hold_out(dataset.labels, groups, TEST_PARTS, seed)
    test = {TEST: tested}
    if dataset.other is not None:
        test = {WITHIN: tested[~dataset.other[tested]], ACROSS: tested[dataset.other[tested]]}
    if len(selection):
        rng = np.random.default_rng(derive_seed("order", split, repeat))
        training, selection = (
            rows[stratified_order(dataset.labels[rows], rng)] for rows in (pool, selection)
        )
        return Rows(training, selection, test)
    kept, held = hold_out(
        dataset.labels[pool],
        None if groups is None else groups[pool],
        Fair.VALIDATION_PARTS,
        derive_seed("validation", split, repeat),
    )
    return Rows(pool[kept], pool[held], test)


def _two_classes(rows: Rows, dataset: Dataset, remedy: str) -> Rows:
    """The rows, if those to train on show two classes at least."""
    if len(np.unique(dataset.labels[rows.training])) < 2:
        raise InputError(
            f"the {len(rows.training)} training pictures show one class only: {remedy}"
        )
    return rows


def _check_split(dataset: Dataset, split: Split) -> None:
    possible = possible_splits(dataset)
    if split in possible or (split == "slides" and "across" not in possible):
        return
    if "across" in possible:
        raise InputError(
            f"{dataset.name} learns from one set and is tested on both: "
            "leave out --split, and use --protocol fair or curve"
        )
    raise InputError(
        f"{dataset.described} "
        + {
            "identity": "does not say who is shown: use --split random",
            "official": "comes without a training and a test part: use another --split",
            "across": "is one set: name another with --test-data, or use another --split",
        }[split]
    )


@dataclass(frozen=True)
class Whole(Fair):
    """Fair with nothing selected: models learn from the validation pictures too.

    For what was chosen before on validation pictures, under fair. Nets make all their epochs and
    keep the last weights, so their schedule should end low.
    """

    name: ClassVar[str] = "whole"
    selected_on: ClassVar[str] = "nothing"

    def rows(self, dataset: Dataset, deep: bool, repeat: int) -> Rows:
        """Rows of fair, those to select on among those to train on."""
        rows = super().rows(dataset, deep, repeat)
        everything = np.concatenate([rows.training, rows.selection])
        return replace(rows, training=everything, selection=everything[:0])


@dataclass(frozen=True)
class Curve(Fair):
    """Fair at one of several training sizes: how much a model gains from more pictures.

    The sizes double from `FIRST` up to `train_size`, and that itself is the last. Within a repeat
    every training set holds the smaller ones, and the test set is the same for all.
    """

    name: ClassVar[str] = "curve"

    FIRST: ClassVar[int] = 100
    APART: ClassVar[float] = 1.1  # a size nearer to the last than this would show nothing new

    @property
    def label(self) -> str:
        """Name on the leaderboard and in file names: ``curve-100``, ``curve-all``."""
        return f"{self.name}-{self.train_size or 'all'}"

    def n_pictures(self, dataset: Dataset) -> int:
        """Return how many pictures a model may learn from, those to select on included."""
        rows = self.rows(dataset, deep=False, repeat=0)
        return len(rows.training) + len(rows.selection)

    def series(self, dataset: Dataset) -> list[Self]:
        """Return the curve: this protocol at every size, the smallest first.

        A size at which some repeat would be shown one class only is left out, with a warning.

        Raises
        ------
        InputError
            If fewer than two sizes are left.
        """
        n = self.n_pictures(dataset)
        doublings = [self.FIRST * 2**i for i in range(n.bit_length())]
        steps = [replace(self, train_size=size) for size in doublings if size * self.APART <= n]
        seen = [step for step in steps if step.shows_two_classes(dataset)]
        if not seen:
            raise InputError(
                f"a curve needs two training sizes, {self.FIRST} and more than that, of two "
                f"classes each, and there are {n} pictures to train on: use --protocol fair"
            )
        if len(seen) < len(steps):
            left_out = ", ".join(f"{step.train_size}" for step in steps if step not in seen)
            logger.warning("left out of the curve, as they show one class only: %s", left_out)
        return [*seen, self]

    def shows_two_classes(self, dataset: Dataset) -> bool:
        """Whether every repeat has two classes to learn from, at a size the data set has."""
        with contextlib.suppress(InputError):  # as the size is not too large, it is that
            for repeat in range(self.repeats):
                self.rows(dataset, deep=False, repeat=repeat)
            return True
        return False


@dataclass(frozen=True)
class Search(Fair):
    """Fair without its test set: what the trials of a search learn from and are chosen by.

    A trial trains on fair's training pictures and is scored on fair's pictures to select on, so
    that no test picture is shown to it or counts in the choice. The score of the best of many
    trials flatters; that of the winner, run under fair, does not.
    """

    name: ClassVar[str] = "search"
    keeps_models: ClassVar[bool] = False  # those of a hundred trials would fill a disk

    def rows(self, dataset: Dataset, deep: bool, repeat: int) -> Rows:
        """Fair's rows, those to select on in place of the test set."""
        rows = super().rows(dataset, deep, repeat)
        return replace(rows, test={TEST: rows.selection})


PROTOCOLS: dict[str, type[Protocol]] = {
    kind.name: kind for kind in (Slides, Fair, Whole, Curve, Search)
}
