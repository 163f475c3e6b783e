"""What a results folder holds of runs, leaderboard rows and searches, and how JSON tells it.

In comes JSON, checked; out go frozen dataclasses, and the same JSON again.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import itertools
import json
import math
import sys
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from datasets import crops, limits
from datasets.names import readable

SCHEMA = 2  # of run.json, board.json and searches.json
SELECTION, TEST, WITHIN, ACROSS = "selection", "test", "within", "across"  # parts of predictions
OUTSIDE = "outside"  # the family of what was predicted elsewhere
CLASSICAL, FROZEN, FINE_TUNED, FROM_SCRATCH, FOREIGN = KINDS = (
    *("classical on pixels", "frozen net", "fine-tuned net", "net from scratch"),
    "scored from outside",
)

LETTERS = 3000  # of a name: a file's has 255 bytes, each written out in ten letters at most
STATUSES = ("ok", "failed", "timeout", "out_of_memory", "skipped")  # of a run
MOST = 2**53  # no record counts as far
# Columns of a net's epochs, those of `deepnets.training.engine.Epoch`, which has torch imported.
EPOCHS = [
    *("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")
]
REPEATS = 1000  # of a row at most

_hints = functools.cache(typing.get_type_hints)


class Place(NamedTuple):
    """What tells a row of the leaderboard from the others."""

    dataset: str
    protocol: str
    split: str
    model: str

    def __str__(self) -> str:
        return "/".join(self)


# Texts of a record that are shown to people; the other ones are names, which are checked.
TOLD = {"system", "machine", "processor", "commit", "device", "note", "remarks", "reason"}
TOLD |= {"selected_on", "left_out", "space", "sampler", "metric"}


@functools.lru_cache(maxsize=4096)
def _check_written(*names: str) -> None:
    # Pages, tables and pictures rest on this, whoever wrote the record.
    for name in names:
        if len(name) > LETTERS:
            raise ValueError(f"'{limits.cut(name)}' is longer than any name")
        if readable(name) != name:
            raise ValueError(f"'{readable(name)}' was not written as names are")


@dataclass(frozen=True)
class DataFacts:
    """A data set, as a record tells of it."""

    name: str  # for tables and files
    described: str  # the sentence for a reader
    size: int  # width and height of the pictures in pixels
    n: int  # pictures
    splits: tuple[str, ...]  # those the data allow, the soundest first
    class_counts: dict[str, int]  # pictures of each class, in the order of the classes' numbers
    fingerprint: str  # digest of all pictures and what is said of them
    generated: bool = False  # drawn by this project
    joined: bool = False  # of several sets, to learn from or to test on
    faces: bool = False  # the pictures show faces
    crop: str = "none"  # part of the face that was cut out, see `datasets.crops`
    crop_found: float | None = None  # share of the pictures in which that part was found
    left_out: tuple[tuple[str, str], ...] = ()  # files that could not be read, and why
    remarks: tuple[str, ...] = ()  # what was done to a set as it came
    source: str = ""  # what `datasets.Source.parse` reads as what it was loaded from, if recorded

    @property
    def n_classes(self) -> int:
        """Classes, with pictures or without."""
        return len(self.class_counts)

    def __post_init__(self) -> None:
        if "/" in self.name or self.name.startswith("."):
            raise ValueError(f"'{self.name}' is no name of a data set")  # files are called so
        if not 0 < self.n_classes <= limits.CLASSES or self.crop not in crops.CROPS:
            raise ValueError("a data set has classes, not too many, and a crop that is known")
        if not 0 < self.size <= limits.SIDE:
            raise ValueError(f"pictures have 1 to {limits.SIDE:,} px")
        said = self.name, self.described, self.fingerprint
        _check_written(*said, *self.class_counts, *(file for file, _ in self.left_out))


@dataclass(frozen=True)
class ModelFacts:
    """A model with its settings: name for tables and files, family, and what it started from."""

    label: str
    family: str
    deep: bool
    pretrained_on: str | None = None

    def __post_init__(self) -> None:
        _check_written(self.label, self.family, self.pretrained_on or "")

    @property
    def kind(self) -> str:
        """Which of `KINDS` it is."""
        if self.family == OUTSIDE:
            return FOREIGN
        if not self.deep:
            return CLASSICAL
        if self.family == "frozen":
            return FROZEN
        return FINE_TUNED if self.pretrained_on else FROM_SCRATCH


@dataclass(frozen=True)
class ProtocolFacts:
    """A protocol on a data set."""

    name: str  # such as ``fair``
    label: str  # such as ``fair-500``
    train_size: int | None  # pictures to learn from, those to select on included; None is all
    split: str  # that of the protocol; of a set tested on two sets, ``within`` or ``across``
    usual_split: str  # the one that the protocol uses by itself on these data
    selected_on: str  # ``test``, ``validation`` or ``nothing``
    note: str = ""  # what a reader of the row must know, if anything

    def __post_init__(self) -> None:
        _check_written(self.name, self.label, self.split, self.usual_split, self.note)
        if self.selected_on not in (TEST, "validation", "nothing"):
            raise ValueError("models are selected on test or validation pictures, or on nothing")

    @property
    def board(self) -> str:
        """Protocol and split for people: ``fair-500``, or ``fair-500-random`` if not as usual."""
        if self.split == self.usual_split and self.split != ACROSS:
            return self.label
        return f"{self.label}-{self.split}"  # across and within always stand beside each other

    @property
    def part(self) -> str:
        """Part of a run's predictions that is scored."""
        return self.split if self.split in (WITHIN, ACROSS) else TEST


@dataclass(frozen=True)
class Environment:
    """The machine, for the reader of a time, and the code, for who makes a run again."""

    system: str = ""
    machine: str = ""
    processor: str = ""
    cores: int | None = None
    threads: int = 0
    commit: str = ""  # of this code, where git knows it
    changed: bool | None = None  # whether its files differed from that
    bfloat16_apart: float | None = None  # see `benchmark.doctor`; None if it was not asked


@dataclass(frozen=True)
class Measured:
    """What a run that is ``ok`` took and gave, besides its predictions.

    Where it was made elsewhere, what it took is NaN, which is ``null`` in JSON, and it is taken to
    have learnt from the pictures that the protocol gives.
    """

    n_train: int  # pictures learnt from
    n_validation: int  # pictures selected on
    n_test: int  # pictures scored on
    fit_seconds: float
    predict_seconds: float  # of all test pictures
    peak_memory_mb: float  # that fitting and predicting added, in units of 10**6 bytes
    parameters: int | None  # of a net
    epochs: int  # 0 for a classical model
    device: str  # where it was computed
    note: str  # what the model says of its fit
    trained_classes: tuple[int, ...]  # numbers of the classes that it was shown
    has_probabilities: bool = True  # or it named classes only, which are stored with 1


@dataclass(frozen=True)
class _OfRow:
    model: ModelFacts
    protocol: ProtocolFacts
    dataset: DataFacts
    device: str  # where it is to be computed; where it was says `Measured`

    @property
    def place(self) -> Place:
        """The row of the leaderboard; of a run on two test sets the one across."""
        return Place(self.dataset.name, self.protocol.label, self.protocol.split, self.model.label)

    def labelled(self, label: str, keys: tuple[str, ...]) -> BoardRow:
        """A row of the leaderboard of the model by another label, whose runs have these keys."""
        model = dataclasses.replace(self.model, label=label)
        return BoardRow(model, self.protocol, self.dataset, self.device, keys)


@dataclass(frozen=True)
class Record(_OfRow):
    """``run.json``: what a run was, and what became of it."""

    key: str  # digest of `parts`, and the name of its folder
    status: str  # ``ok``, ``failed``, ``timeout``, ``out_of_memory`` or ``skipped``
    reason: str  # why it is not ``ok``
    repeat: int  # from 0
    parts: dict[str, Any]  # everything that decides the result
    environment: Environment
    finished: str  # date and time in ISO 8601
    seconds: float | None = None  # until it failed
    traceback: str = ""  # of the failure
    measured: Measured | None = None  # if it is ``ok``

    def __post_init__(self) -> None:
        measured = self.measured
        if self.status not in STATUSES:
            raise ValueError(f"a run is one of {', '.join(STATUSES)}")
        if self.finished:
            datetime.datetime.fromisoformat(self.finished)
        if not isinstance(self.parts.get("model", ""), str):
            raise ValueError("what decides a result names the model")
        if (self.status == "ok") != (measured is not None):
            raise ValueError("what was measured is told of runs that are ok, and of no others")
        if measured is None:
            return
        if (
            not measured.n_test
            or max(measured.trained_classes, default=0) >= self.dataset.n_classes
        ):
            raise ValueError("there is no test picture, or no such class to learn")
        took = measured.fit_seconds, measured.predict_seconds
        if self.model.kind != FOREIGN and not (
            all(0 <= each < MOST for each in took) and abs(measured.peak_memory_mb) < MOST
        ):
            raise ValueError("what a run took is not known, less than nothing, or without end")

    @property
    def took(self) -> float | None:
        """Seconds to fit and to predict, or until it failed; None if that is not known."""
        if self.measured is None:
            return self.seconds
        return self.measured.fit_seconds + self.measured.predict_seconds


@dataclass(frozen=True)
class Tried:
    """A setting that a tuned row is chosen from: its label, and the keys of its runs by repeat."""

    label: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class BoardRow(_OfRow):
    """A row of ``board.json``: what the leaderboard shows, and the keys of its runs by repeat.

    Of a tuned row these are the runs of the first of the settings tried.
    """

    keys: tuple[str, ...]
    tried: tuple[Tried, ...] = ()  # settings that are chosen from in each repeat, if several

    def __post_init__(self) -> None:
        if len(self.keys) > REPEATS:
            raise ValueError(f"a row has {REPEATS:,} repeats at most")
        if any(len(each.keys) != len(self.keys) for each in self.tried):
            raise ValueError("all settings that a row is chosen from have its repeats")
        _check_written(*(each.label for each in self.tried))

    @property
    def settings(self) -> list[BoardRow]:
        """A row for each setting tried; itself if there is but one."""
        return [self.labelled(each.label, each.keys) for each in self.tried] or [self]

    def of(self, repeats: Sequence[int]) -> BoardRow:
        """The row of some of its repeats."""
        tried = [
            dataclasses.replace(each, keys=tuple(each.keys[i] for i in repeats))
            for each in self.tried
        ]
        keys = tuple(self.keys[i] for i in repeats)
        return dataclasses.replace(self, keys=keys, tried=tuple(tried))

    def may_have(self, record: Record, repeat: int) -> bool:
        """Whether a run can be one of the row's, of whatever setting."""
        here, there = self.dataset, record.dataset
        same = here.fingerprint == there.fingerprint and [*here.class_counts] == [
            *there.class_counts
        ]
        return same and record.key == self.keys[repeat]

    def without_result(self, repeat: int, status: str, reason: str) -> Record:
        """Return what stands for the record of a run that has none."""
        facts = self.model, self.protocol, self.dataset, self.device
        return Record(*facts, self.keys[repeat], status, reason, repeat, {}, Environment(), "")


@dataclass(frozen=True)
class Trial:
    """A trial of a search: its model's label, the parameters tried, and the key of its run."""

    label: str
    settings: dict[str, Any]
    key: str


@dataclass(frozen=True)
class SearchRecord(_OfRow):
    """An entry of ``searches.json``."""

    scored_under: str  # label of the protocol that the best trial is scored under
    space: str  # the grid's name
    sampler: str  # how it is gone through
    metric: str  # what the best is best in
    trials: tuple[Trial, ...]  # in the order tried

    def __post_init__(self) -> None:
        if not self.trials:
            raise ValueError("a search has a trial")
        settings = [each for trial in self.trials for each in trial.settings.items()]
        told = [*itertools.chain(*settings), *(trial.label for trial in self.trials)]
        _check_written(self.space, self.sampler, *(each for each in told if isinstance(each, str)))

    @property
    def name(self) -> str:
        """What tells it from other searches."""
        return "/".join([*self.place, self.space, self.sampler, self.metric])

    def rows(self) -> list[BoardRow]:
        """Every trial as a row of a leaderboard."""
        return [self.labelled(trial.label, (trial.key,)) for trial in self.trials]


@dataclass(frozen=True)
class Asked:
    """``advice.json``: the data, the split and the protocols that advice was asked on.

    ``larger`` is what a classical model said of larger pictures, if that was tried: its run is
    scored on the pictures to select on, and is not on the leaderboard.
    """

    fingerprint: str
    split: str
    protocols: tuple[str, ...]  # labels, smallest first; what is advised rests on the last
    larger: BoardRow | None = None


def to_text(value: Any) -> str:
    """Write a JSON value as the files of a results folder hold it, NaN as null."""
    return json.dumps(without_nan(value), indent=2, default=str) + "\n"


def without_nan(value: Any) -> Any:
    """A JSON value with None in place of NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def from_json(kind: Any, value: Any, name: str = "") -> Any:
    """Build a dataclass, or what a field of one holds, from what `json.loads` gives.

    A number that is null is NaN.

    Raises
    ------
    ValueError
        Which field is missing, unknown or of another type.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is types.UnionType:  # of a type and None
        return None if value is None else from_json(inner[0], value, name)
    if kind is DataFacts and isinstance(value, dict):
        return _data_facts(json.dumps(value), name)  # the same in thousands of records
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return _fields_from_json(kind, value, name)
    if origin is tuple and isinstance(value, list):
        several = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(several) == len(value):
            return tuple(map(from_json, several, value, [name] * len(value)))
    if origin is dict and isinstance(value, dict):
        return {key: from_json(inner[1], each, f"{name}.{key}") for key, each in value.items()}
    if kind is float and value is None:
        return math.nan
    if kind is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:
        return float(value)
    if kind is int and type(value) is int and not 0 <= value < MOST:
        raise ValueError(f"{name.lstrip('.')} counts something: 0 or more, and less than {MOST:,}")
    if type(value) is kind and not (kind is float and math.isinf(value)):
        return readable(value[:LETTERS]) if name.rpartition(".")[2] in TOLD else value
    raise ValueError(f"{name.lstrip('.')} is not of type {getattr(kind, '__name__', kind)}")


@functools.lru_cache(maxsize=256)
def _data_facts(text: str, name: str) -> DataFacts:
    return _fields_from_json(DataFacts, json.loads(text), name)


def _fields_from_json(kind: Any, value: dict[str, Any], name: str) -> Any:
    hints, fields = _hints(kind), dataclasses.fields(kind)
    needed = {each.name for each in fields if each.default is dataclasses.MISSING}
    if odd := sorted((needed - value.keys()) | (value.keys() - hints.keys())):
        raise ValueError(f"{name or kind.__name__} lacks or does not know '{odd[0]}'")
    return kind(**{key: from_json(hints[key], value[key], f"{name}.{key}") for key in value})
