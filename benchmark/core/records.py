"""What a results folder holds of runs, leaderboard rows and searches, and how JSON tells it.

In comes JSON, checked; out go frozen dataclasses, and the same JSON again.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

SCHEMA = 2  # of run.json, board.json and searches.json
SELECTION, TEST, WITHIN, ACROSS = "selection", "test", "within", "across"  # parts of predictions

T = TypeVar("T")


class Place(NamedTuple):
    """What tells a row of the leaderboard from the others."""

    dataset: str
    protocol: str
    split: str
    model: str

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True)
class DataFacts:
    """A data set, as a record tells of it.

    Attributes
    ----------
    name, described : str
        For tables and files; the sentence for a reader.
    size, n : int
        Width and height of the pictures in pixels, and how many there are.
    splits : tuple of str
        Those the data allow, the soundest first.
    class_counts : dict
        Pictures of each class, in the order of the classes' numbers.
    fingerprint : str
        Digest of all pictures and what is said of them.
    generated, faces : bool
        Whether they are drawn by this project, and whether they show faces.
    crop : str
        Part of the face that was cut out, see `datasets.crops`.
    crop_found : float or None
        Share of the pictures in which that part was found.
    left_out : tuple of (str, str)
        Files that could not be read, and why.
    remarks : tuple of str
        What was done to a set as it came.
    source : str
        What `datasets.Source.parse` reads as what it was loaded from; empty where not recorded.
    """

    name: str
    described: str
    size: int
    n: int
    splits: tuple[str, ...]
    class_counts: dict[str, int]
    fingerprint: str
    generated: bool = False
    faces: bool = False
    crop: str = "none"
    crop_found: float | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if "/" in self.name or self.name.startswith("."):
            raise ValueError(f"'{self.name}' is no name of a data set")  # files are called so


@dataclass(frozen=True)
class ModelFacts:
    """A model with its settings: name for tables and files, family, and what it started from."""

    label: str
    family: str
    deep: bool
    pretrained_on: str | None = None


@dataclass(frozen=True)
class ProtocolFacts:
    """A protocol on a data set.

    Attributes
    ----------
    name, label : str
        Such as ``fair`` and ``fair-500``.
    train_size : int or None
        Pictures that a model may learn from, those to select on included; None is all.
    split : str
        That of the protocol; of a set tested on two sets, ``within`` or ``across``.
    usual_split : str
        The one that the protocol uses by itself on these data.
    selected_on : str
        ``test``, ``validation`` or ``nothing``.
    note : str
        What a reader of the row must know, if anything.
    """

    name: str
    label: str
    train_size: int | None
    split: str
    usual_split: str
    selected_on: str
    note: str = ""

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
    """The machine, for the reader of a time."""

    system: str = ""
    machine: str = ""
    processor: str = ""
    cores: int | None = None
    threads: int = 0


@dataclass(frozen=True)
class Measured:
    """What a run that is ``ok`` took and gave, besides its predictions.

    Attributes
    ----------
    n_train, n_validation, n_test : int
        Pictures learnt from, selected on and scored on.
    fit_seconds, predict_seconds : float
        Of the training pictures, and of all test pictures.
    peak_memory_mb : float
        Resident memory that fitting and predicting added, in units of 10**6 bytes.
    parameters : int or None
        Of a net.
    epochs : int
        0 for a classical model.
    device : str
        Where it was computed.
    note : str
        What the model says of its fit.
    trained_classes : tuple of int
        Numbers of the classes that it was shown.
    """

    n_train: int
    n_validation: int
    n_test: int
    fit_seconds: float
    predict_seconds: float
    peak_memory_mb: float
    parameters: int | None
    epochs: int
    device: str
    note: str
    trained_classes: tuple[int, ...]


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


@dataclass(frozen=True)
class Record(_OfRow):
    """``run.json``: what a run was, and what became of it.

    Attributes
    ----------
    key : str
        Digest of `parts`, and the name of its folder.
    status : {"ok", "failed", "timeout", "out_of_memory", "skipped"}
    reason : str
        Why it is not ``ok``.
    repeat : int
        From 0.
    parts : dict
        Everything that decides the result.
    environment : Environment
    finished : str
        Date and time in ISO 8601.
    seconds : float or None
        Until it failed.
    traceback : str
        Of the failure.
    measured : Measured or None
        If it is ``ok``.
    """

    key: str
    status: str
    reason: str
    repeat: int
    parts: dict[str, Any]
    environment: Environment
    finished: str
    seconds: float | None = None
    traceback: str = ""
    measured: Measured | None = None


@dataclass(frozen=True)
class BoardRow(_OfRow):
    """A row of ``board.json``: what the leaderboard shows, and the keys of its runs by repeat."""

    keys: tuple[str, ...]

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
    """An entry of ``searches.json``.

    Attributes
    ----------
    scored_under : str
        Label of the protocol that the best trial is scored under.
    space, sampler, metric : str
        The grid's name, how it is gone through, and what the best is best in.
    trials : tuple of Trial
        In the order tried.
    """

    scored_under: str
    space: str
    sampler: str
    metric: str
    trials: tuple[Trial, ...]

    @property
    def name(self) -> str:
        """What tells it from other searches."""
        return "/".join([*self.place, self.space, self.sampler, self.metric])

    def rows(self) -> list[BoardRow]:
        """Every trial as a row of a leaderboard."""
        return [
            BoardRow(
                dataclasses.replace(self.model, label=trial.label),
                *(self.protocol, self.dataset, self.device, (trial.key,)),
            )
            for trial in self.trials
        ]


def to_json(record: Any) -> dict[str, Any]:
    """Return a record as a JSON object."""
    return dataclasses.asdict(record)


def to_text(value: Any) -> str:
    """Write a JSON value as the files of a results folder hold it."""
    return json.dumps(value, indent=2, default=str) + "\n"


def from_json(kind: type[T], value: Any, name: str = "") -> T:
    """Build a record from a JSON object.

    Parameters
    ----------
    kind : type
        A dataclass of this module, or the type of one of its fields.
    value : object
        As `json.loads` gives it.
    name : str
        What the value is called in an error.

    Raises
    ------
    ValueError
        Which field is missing, unknown or of another type.
    """
    return typing.cast(T, _read(kind, value, name))


def _read(kind: Any, value: Any, name: str) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is types.UnionType:  # of a type and None
        return None if value is None else _read(inner[0], value, name)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        hints = _hints(kind)
        fields = dataclasses.fields(kind)
        needed = {each.name for each in fields if each.default is dataclasses.MISSING}
        if odd := sorted((needed - value.keys()) | (value.keys() - hints.keys())):
            raise ValueError(f"{name or kind.__name__} lacks or does not know '{odd[0]}'")
        read = {each: _read(hints[each], value[each], f"{name}.{each}") for each in value}
        return kind(**read)
    if origin is tuple and isinstance(value, list):
        several = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(several) == len(value):
            return tuple(map(_read, several, value, [name] * len(value)))
    if origin is dict and isinstance(value, dict):
        return {key: _read(inner[1], each, f"{name}.{key}") for key, each in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    raise ValueError(f"{name.lstrip('.')} is not of type {getattr(kind, '__name__', kind)}")


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
