"""One run: a model, a protocol and a repeat on a data set; what decides its result, and its key."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import importlib.util
import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sklearn.base import BaseEstimator

from benchmark.core import files
from benchmark.core.machine import environment
from benchmark.core.models import Model, code_hash
from benchmark.core.protocols import Protocol, Rows, Split, derive_seed, possible_splits
from benchmark.core.records import (
    ACROSS,
    WITHIN,
    BoardRow,
    DataFacts,
    Measured,
    ModelFacts,
    Place,
    ProtocolFacts,
    Record,
    Tried,
)
from datasets import Dataset, InputError, Source, duplicates, limits, splits
from datasets.names import readable, short

if TYPE_CHECKING:
    from deepnets.training.pretrained import Weights

# Parameters that decide where and how visibly a model is fitted, not what comes out.
NOT_IN_KEY = (
    "random_state",
    "device",
    "on_epoch",
    "cache",
    "weights",
)  # of weights their content counts
# What a reader of a protocol's rows must know.
NOTES = {"slides": "test set used for selection", "search": "scored on the validation pictures"}


@dataclass(frozen=True)
class Run:
    """One run, by everything that decides its result.

    Sums in another order round otherwise, so the number of threads is part of the key.
    """

    source: Source  # what the data set is loaded from
    dataset: DataFacts  # what a reader is told of the data: see `describe`
    size: int  # width and height of the pictures in pixels
    protocol: Protocol
    model: Model
    settings: Mapping[str, Any] = field(default_factory=dict)  # parameters the user set
    repeat: int = 0
    device: str = "cpu"  # or ``cuda``, ``mps``: for nets and what else can use it
    threads: int = 1
    bf16: bool | None = None  # whether a net computes in bfloat16, where others than here make it

    @functools.cached_property
    def label(self) -> str:
        """The model's name with the parameters by which the user's differs from the usual one.

        Of a recipe it has the name, and what differs from the recipe.
        """
        recipe = {name: self.settings[name] for name in ("recipe",) if name in self.settings}
        usual = self.model.make(**{**self._procedure_settings, **recipe}).get_params()
        changed = {k: v for k, v in self.settings.items() if k not in usual or usual[k] != v}
        if "weights" in changed:  # by the file's name, whatever folder it is in
            changed["pretrained"] = Path(changed.pop("weights")).name
        words = [k if (k, v) == ("pretrained", True) else f"{k}={v}" for k, v in changed.items()]
        changes = f"[{','.join(sorted(words))}]" if words else ""
        return short(readable(f"{self.model.name}{changes}"), limits.NAME)

    @functools.cached_property
    def protocol_facts(self) -> ProtocolFacts:
        """What is told of the protocol."""
        return facts_of(self.protocol, self.dataset)

    @functools.cached_property
    def model_facts(self) -> ModelFacts:
        """What is told of the model."""
        source = self.weights.source if self.weights else None
        return ModelFacts(self.label, self.model.family, self.model.deep, source)

    @property
    def board_rows(self) -> list[BoardRow]:
        """The rows of the leaderboard that this run is on: one, or one for each test set."""
        facts = self.model_facts, self.protocol_facts, self.dataset, self.where
        return on_each_test_set(BoardRow(*facts, (self.key,)))

    @property
    def where(self) -> str:
        """The device this run is to compute on; its record says where it did."""
        usable = self.model.deep or self.device == "cuda"  # scikit-learn knows no other
        return self.device if usable and self.uses_torch else "cpu"

    @functools.cached_property
    def uses_torch(self) -> bool:
        """Whether the model may compute with torch, on a card or not."""
        return "device" in self.estimator().get_params()

    @functools.cached_property
    def seed(self) -> int:
        """Seed of everything random in the model: from what the run is, not from its code.

        Only what differs from the usual counts, so that a new option that is off moves no number.
        """
        data, protocol = self.dataset.fingerprint, self.protocol.key_parts()
        what = [data, protocol, self.model.name, self.changed, self.repeat]
        return derive_seed(json.dumps(what, sort_keys=True))

    @functools.cached_property
    def changed(self) -> dict[str, Any]:
        """The parameters, a net's options among them, that differ from the model's usual ones."""
        usual, own = (
            {**parameters, **(parameters.get("options") or {})}
            for parameters in (self.model.make().get_params(), self.estimator().get_params())
        )
        counted = own.keys() - {*NOT_IN_KEY, "options"}
        return {k: own[k] for k in own if k in counted and (k not in usual or usual[k] != own[k])}

    def rows(self) -> Rows:
        """Rows of the data set that the run sees, and for what."""
        dataset = load(self.source, self.size)
        return self.protocol.rows(dataset, self.model.deep, self.repeat)

    @functools.cached_property
    def planned_epochs(self) -> int:
        """Epochs that a net makes if nothing stops it early; the last may be cut."""
        return max(math.ceil(self.passes), 1)

    @functools.cached_property
    def passes(self) -> float:
        """How often a net goes through its pictures if nothing stops it early.

        A budget may be spent within a pass.
        """
        estimator = self.estimator()
        shown = estimator.pictures_shown(self.n_classes, self.size)
        return float(estimator.max_epochs) if shown is None else shown / len(self.rows().training)

    @functools.cached_property
    def n_classes(self) -> int:
        """Classes that the training pictures show."""
        return len(np.unique(load(self.source, self.size).labels[self.rows().training]))

    def estimator(self) -> BaseEstimator:
        """Build the unfitted classifier with the protocol's and the user's parameters."""
        return self.model.make(**{**self._procedure_settings, **self.settings})

    @functools.cached_property
    def weights(self) -> Weights | None:
        """Pre-trained weights that a net starts from."""
        return self.estimator().starting_weights() if self.model.deep else None

    def check(self) -> None:
        """Try a net and the pre-trained weights it is to start from, before anything is fitted.

        Raises
        ------
        InputError
            If it cannot be built so, or the weights cannot be had or do not fit.
        """
        if self.model.deep:
            try:
                self.estimator().check(self.size, self.n_classes)
            except ValueError as error:
                raise InputError(str(error)) from error

    @property
    def _procedure_settings(self) -> Mapping[str, Any]:
        return self.protocol.settings(self.model.name, self.model.is_trained_in_epochs)

    @functools.cached_property
    def parts(self) -> dict[str, Any]:
        """Everything that decides the result."""
        of_nets: dict[str, Any] = {}
        if self.model.deep:
            from deepnets.training.device import backend

            of_nets["bf16"] = backend(self.device).bf16 if self.bf16 is None else self.bf16
        if self.weights is not None:
            of_nets["weights"] = files.file_digest(self.weights.path)
        return {
            "data": self.dataset.fingerprint,
            "protocol": self.protocol.key_parts(),
            "model": self.model.name,
            "settings": self.changed,
            "repeat": self.repeat,
            "seed": self.seed,
            "device": self.where,
            "threads": self.threads,
            **of_nets,
            "source": {"model": self.model.source_hash(), "procedure": _procedure()},
            "versions": versions(self),
        }

    @functools.cached_property
    def key(self) -> str:
        """SHA-256 of `parts`."""
        return files.digest(self.parts)

    def record(
        self, status: str, reason: str = "", measured: Measured | None = None, **failure: Any
    ) -> Record:
        """``run.json`` of this run; of a `failure` its ``seconds`` and its ``traceback``."""
        return Record(
            *(self.model_facts, self.protocol_facts, self.dataset),
            device=measured.device if measured else self.where,
            key=self.key,
            status=status,
            reason=reason,
            repeat=self.repeat,
            parts=self.parts,
            environment=environment(self.threads),
            finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            measured=measured,
            **failure,
        )


def facts_of(protocol: Protocol, dataset: DataFacts) -> ProtocolFacts:
    """What is told of a protocol on a data set."""
    return ProtocolFacts(
        protocol.name,
        protocol.label,
        protocol.train_size,
        protocol.split,
        protocol.usual_split(cast("Sequence[Split]", dataset.splits)),
        protocol.selected_on,
        NOTES.get(protocol.name, ""),
    )


def on_each_test_set(row: BoardRow) -> list[BoardRow]:
    """The rows that runs are on: one, or one for each of two test sets."""
    split = row.protocol.split
    return [
        replace(row, protocol=replace(row.protocol, split=each))
        for each in ((ACROSS, WITHIN) if split == ACROSS else (split,))
    ]


def on_board(runs: Iterable[Run]) -> list[BoardRow]:
    """The rows of the leaderboard that runs are on; repeats share one, in the order given."""
    rows: dict[Place, BoardRow] = {}
    for run in runs:
        for row in run.board_rows:
            keys = rows[row.place].keys if row.place in rows else ()
            rows[row.place] = replace(row, keys=keys + row.keys)
    return [*rows.values()]


def tuned(runs: Iterable[Run], most: int) -> list[BoardRow]:
    """The rows of models of which several settings were run, each chosen by validation.

    Parameters
    ----------
    runs : iterable of Run
        Of each model those with its usual settings first.
    most : int
        Settings that were asked for, for the row's name; a model that has one is a row as usual.
    """
    kinds: dict[Any, list[Run]] = {}
    for run in runs:
        kinds.setdefault((run.dataset.name, run.protocol, run.model), []).append(run)
    rows = []
    for same in kinds.values():
        settings = on_board(same)
        n = len(settings) // len(same[0].board_rows)
        for part in range(len(settings) // n):
            of_part = settings[part :: len(settings) // n]
            first = of_part[0]
            label = with_words(same[0].label, [f"tune={most}"]) if n > 1 else first.model.label
            tried = tuple(Tried(each.model.label, each.keys) for each in of_part) if n > 1 else ()
            rows.append(replace(first, model=replace(first.model, label=label), tried=tried))
    return rows


def with_words(label: str, words: Sequence[str]) -> str:
    """Add words to those that a label has in brackets."""
    name, _, said = label.partition("[")
    every = [*filter(None, said.removesuffix("]").split(",")), *words]
    return f"{name}[{','.join(every)}]" if every else name


def describe(dataset: Dataset) -> DataFacts:
    """What the record of a run tells of its data."""
    found = dataset.crop_found
    return DataFacts(
        name=dataset.name,
        described=dataset.described,
        size=dataset.size,
        n=len(dataset),
        splits=tuple(possible_splits(dataset)),
        class_counts=dataset.class_counts,
        fingerprint=dataset.fingerprint,
        generated=dataset.generated,
        joined=dataset.joined,
        faces=dataset.faces,
        crop=dataset.crop,
        crop_found=None if found is None else float(found.mean()),
        left_out=dataset.left_out,
        remarks=dataset.remarks,
        source=dataset.source,
    )


def versions(run: Run) -> dict[str, str]:
    """Releases of the libraries whose change may change a run's result."""
    names = ["numpy", "opencv-python-headless", "scikit-learn", "scipy"]
    names += ["torch"] if run.uses_torch else []
    if run.model.deep:
        names += ["torchvision", "timm"]
    elif run.where == "cuda" and importlib.util.find_spec("cuml"):
        names += ["cuml-cu13"]
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": ".".join(platform.python_version_tuple()[:2]), **found}


@functools.cache
def _procedure() -> str:
    """Hash the code that decides which rows a run sees and how it is carried out."""
    files = [Path(__file__).with_name(name) for name in ("fit.py", "protocols.py")]
    files += [Path(str(module.__file__)) for module in (splits, duplicates)]
    return code_hash(*map(str, files))


@functools.lru_cache(maxsize=2)
def load(source: Source, size: int) -> Dataset:
    """Load a data set once per process."""
    return source.load(size)
