"""One run: a model, a protocol and a repeat on a data set, from pictures to stored predictions."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import importlib.util
import json
import os
import platform
import resource
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, clone

import datasets
from benchmark import store
from benchmark.evidence import board_names, place, rows_of
from benchmark.models import Model, code_hash
from benchmark.protocols import Protocol, Rows, derive_seed, possible_splits
from datasets import Dataset, InputError
from datasets.dataset import Part

if TYPE_CHECKING:
    from deepnets.pretrained import Weights

# Parameters that decide where and how visibly a model is fitted, not what comes out.
NOT_IN_KEY = ("random_state", "device", "on_epoch", "weights")  # of weights their content counts
WARM_UP_PICTURES = 32


@dataclass(frozen=True)
class Run:
    """One run, by everything that decides its result.

    Attributes
    ----------
    data : str
        What `datasets.load` takes.
    dataset : mapping
        What a reader is told of the data: see `describe`.
    size : int
        Width and height of the pictures in pixels.
    protocol : Protocol
    model : Model
    settings : mapping
        Parameters the user set.
    repeat : int
        From 0.
    device : {"cpu", "cuda", "mps"}
        Where nets are trained, and the classical models that can use it.
    threads : int
        Threads of one run; sums in another order round otherwise, so it is part of the key.
    """

    data: str
    dataset: Mapping[str, Any]
    size: int
    protocol: Protocol
    model: Model
    settings: Mapping[str, Any] = field(default_factory=dict)
    repeat: int = 0
    device: str = "cpu"
    threads: int = 1

    @functools.cached_property
    def label(self) -> str:
        """The model's name with the parameters by which the user's differs from the usual one.

        Of a recipe it has the name, and what differs from the recipe.
        """
        recipe = {name: self.settings[name] for name in ("recipe",) if name in self.settings}
        usual = self.model.estimator({**self._procedure_settings, **recipe}).get_params()
        changed = {k: v for k, v in self.settings.items() if k not in usual or usual[k] != v}
        if "weights" in changed:  # by the file's name, whatever folder it is in
            changed["pretrained"] = Path(changed.pop("weights")).name
        words = [k if (k, v) == ("pretrained", True) else f"{k}={v}" for k, v in changed.items()]
        return f"{self.model.name}[{','.join(sorted(words))}]" if words else self.model.name

    @property
    def on_board(self) -> dict[str, dict[str, Any]]:
        """The rows of the leaderboard this run belongs to, by name; repeats share them."""
        return {"/".join(place(row)): row for row in rows_of(self.shown)}

    @property
    def board(self) -> str:
        """The protocol and split for people, see `evidence.board_names`."""
        return board_names([self.shown])[0]

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
        """Seed of everything random in the model: from what the run is, not from its code."""
        names = ("data", "protocol", "model", "parameters", "repeat")
        return derive_seed(json.dumps([self.parts[name] for name in names], sort_keys=True))

    def rows(self) -> Rows:
        """Rows of the data set that the run sees, and for what."""
        dataset = load(self.data, self.size)
        return self.protocol.rows(dataset, self.model.deep, self.repeat)

    def estimator(self) -> BaseEstimator:
        """Build the unfitted classifier with the protocol's and the user's parameters."""
        return self.model.estimator({**self._procedure_settings, **self.settings})

    @functools.cached_property
    def weights(self) -> Weights | None:
        """Pre-trained weights that a net starts from."""
        return self.estimator().starting_weights() if self.model.deep else None

    def check_weights(self) -> None:
        """Try the pre-trained weights, if any, before anything is fitted.

        Raises
        ------
        InputError
            If they cannot be had or do not fit.
        """
        if self.model.deep:
            try:
                self.estimator().check_weights(self.size)
            except ValueError as error:
                raise InputError(str(error)) from error

    @property
    def _procedure_settings(self) -> Mapping[str, Any]:
        return self.protocol.settings(self.model.name, self.model.deep)

    @functools.cached_property
    def parts(self) -> dict[str, Any]:
        """Everything that decides the result."""
        parameters = self.estimator().get_params()
        only_nets: dict[str, Any] = {}
        if self.model.deep:
            from deepnets.engine import backend

            only_nets["bf16"] = backend(self.device).bf16
        if self.weights is not None:
            only_nets["weights"] = store.file_digest(self.weights.path)
        return {
            "data": self.dataset["fingerprint"],
            "protocol": self.protocol.key_parts(),
            "model": self.model.name,
            "parameters": {k: v for k, v in parameters.items() if k not in NOT_IN_KEY},
            "repeat": self.repeat,
            "device": self.where,
            "threads": self.threads,
            **only_nets,
            "source": {"model": self.model.source_hash(), "procedure": _procedure()},
            "versions": versions(self),
        }

    @functools.cached_property
    def key(self) -> str:
        """SHA-256 of `parts`."""
        return store.digest(self.parts)

    @property
    def shown(self) -> dict[str, Any]:
        """What the leaderboard says of the run besides its results; repeats share it."""
        return {
            "model": {
                "label": self.label,
                "family": self.model.family,
                "deep": self.model.deep,
                "pretrained_on": self.weights.source if self.weights else None,
            },
            "protocol": {
                "label": self.protocol.label,
                "split": self.protocol.split,
                "usual_split": self.protocol.usual_split(self.dataset["splits"]),
                "selected_on": self.protocol.selected_on,
                "note": self.protocol.note,
            },
            "dataset": dict(self.dataset),
            "device": self.where,
        }

    def record(self, status: str, reason: str = "", **more: Any) -> dict[str, Any]:
        """``run.json`` of this run with a status and what else is known."""
        return {
            "key": self.key,
            "status": status,
            "reason": reason,
            "repeat": self.repeat,
            **self.shown,
            "parts": self.parts,
            "environment": environment(self.threads),
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            **more,
        }


def describe(dataset: Dataset) -> dict[str, Any]:
    """What the record of a run tells of its data."""
    found = {} if dataset.found is None else {"crop_found": float(dataset.found.mean())}
    about: dict[str, Any] = {
        "name": dataset.name,
        **found,
        "source": dataset.source,
        "generated": dataset.generated,
        "size": dataset.size,
        "n": len(dataset),
        "splits": possible_splits(dataset),
        "class_counts": dataset.class_counts,
        "left_out": [list(entry) for entry in dataset.left_out],
        "fingerprint": dataset.fingerprint,
    }
    if dataset.remarks:
        about["remarks"] = list(dataset.remarks)
    if dataset.parts is not None and Part.ACROSS in dataset.parts:
        about["across_from"] = int(np.argmax(dataset.parts == Part.ACROSS))  # a row number
    return about


def versions(run: Run) -> dict[str, str]:
    """Releases of the libraries whose change may change a run's result."""
    names = ["numpy", "opencv-python-headless", "scikit-learn", "scipy"]
    if run.uses_torch:
        names += ["torch"]
    if run.model.deep:
        names += ["torchvision", "timm"]
    if run.where == "cuda" and not run.model.deep:
        names += [name for name in ("cuml-cu13",) if importlib.util.find_spec("cuml")]
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": ".".join(platform.python_version_tuple()[:2]), **found}


def environment(threads: int) -> dict[str, Any]:
    """The machine, for the reader of a time."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
    }


@functools.cache
def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


@functools.cache
def _procedure() -> str:
    from benchmark import protocols
    from datasets import splits

    return code_hash(
        *(str(module.__file__) for module in (sys.modules[__name__], protocols, splits))
    )


@functools.lru_cache(maxsize=2)
def load(data: str, size: int) -> Dataset:
    """Load a data set once per process."""
    return datasets.load(data, size)


def execute(run: Run, out: Path, on_epoch: Callable[[Any], None] | None = None) -> dict[str, Any]:
    """Make a run and store it, whatever becomes of it.

    Parameters
    ----------
    run : Run
        What to do.
    out : Path
        The results folder.
    on_epoch : callable, optional
        Told of every epoch of a net.

    Returns
    -------
    dict
        The record as stored: ``ok``, or ``failed`` or ``out_of_memory`` with a reason and the
        ``seconds`` until then.
    """
    start = time.perf_counter()
    try:
        dataset = load(run.data, run.size)
        if dataset.fingerprint != run.dataset["fingerprint"]:
            raise ValueError(f"{run.data} changed while it was used: start again")
        if run.weights and store.file_digest(run.weights.path) != run.parts["weights"]:
            raise ValueError(f"{run.weights.path.name} changed while it was used: start again")
        rows = run.rows()
        facts: dict[str, Any] = {
            "n_train": len(rows.training),
            "n_validation": 0 if run.protocol.selected_on == "test" else len(rows.selection),
            "n_test": len(rows.test),
        }
        estimator, predictions, measured = _fit_and_predict(run, dataset, rows, on_epoch)
        record = run.record("ok", **facts, **measured)
        kept = estimator if run.protocol.keeps_models else None
        store.write(out, record, predictions, getattr(estimator, "history_", ()), kept)
    except Exception as error:  # Any fault of a run becomes its row; the other runs go on.
        no_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        record = run.record(
            "out_of_memory" if no_memory else "failed",
            reason[:300],
            seconds=time.perf_counter() - start,
            traceback=traceback.format_exc(),
        )
        store.write(out, record)
    return record


def _fit_and_predict(
    run: Run, dataset: Dataset, rows: Rows, on_epoch: Callable[[Any], None] | None
) -> tuple[Any, store.Predictions, dict[str, Any]]:
    labels = dataset.labels
    estimator = prepared(run, on_epoch)
    X, y = dataset.take(rows.training), labels[rows.training]
    validation: tuple[np.ndarray, ...] = ()
    if len(rows.selection):
        validation = (dataset.take(rows.selection), labels[rows.selection])
    X_test = dataset.take(rows.test)
    soft = {}
    if run.model.deep and dataset.distribution is not None:
        soft = {"shares": dataset.distribution[rows.training]}

    _warm_up(estimator, X, y)
    _reset_peak_memory()
    start = time.perf_counter()
    estimator.fit(X, y, *validation, **soft)
    fitted = time.perf_counter()
    known = estimator.predict_proba(X_test)
    end = time.perf_counter()

    probabilities = np.zeros((len(rows.test), len(dataset.class_names)), np.float32)
    probabilities[:, estimator.classes_] = known
    measured = {
        "fit_seconds": fitted - start,
        "predict_seconds": end - fitted,
        "peak_memory_mb": _peak_memory_mb(),
        "parameters": getattr(estimator, "n_parameters_", None),
        "epochs": len(getattr(estimator, "history_", ())),
        "device": getattr(estimator, "device_", "cpu"),
        "note": getattr(estimator, "note_", ""),
        # A class never trained on is then told from one that is only never predicted.
        "trained_classes": estimator.classes_.tolist(),
    }
    groups = rows.test if dataset.groups is None else dataset.groups[rows.test]
    stored = store.Predictions(rows.test, labels[rows.test], probabilities, groups)
    return estimator, stored, measured


def prepared(run: Run, on_epoch: Callable[[Any], None] | None = None) -> BaseEstimator:
    """Build the run's classifier with its seed and its device, ready to be fitted."""
    estimator = run.estimator()
    here = {"random_state": run.seed, "device": run.where, "on_epoch": on_epoch}
    accepted = estimator.get_params()
    return estimator.set_params(**{name: here[name] for name in here if name in accepted})


def _warm_up(estimator: BaseEstimator, X: np.ndarray, y: np.ndarray) -> None:
    """Fit a copy to a handful of pictures, so that imports and start-up are not timed."""
    firsts = np.unique(y, return_index=True)[1]
    few = np.unique(np.concatenate([firsts, np.arange(min(WARM_UP_PICTURES, len(y)))]))
    copy = clone(estimator)
    if "max_epochs" in copy.get_params():
        copy.set_params(max_epochs=1, on_epoch=None)
    copy.fit(X[few], y[few]).predict_proba(X[:1])


def _reset_peak_memory() -> None:
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        try:
            clear.write_text("5")
        except OSError:  # Not allowed here: the peak is then that of the process so far.
            return


def _peak_memory_mb() -> float:
    """Peak resident memory of the process since the last reset, in units of 10**6 bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
