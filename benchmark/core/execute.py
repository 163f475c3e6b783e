"""Carrying out a run: from pictures to stored predictions, whatever becomes of it."""

from __future__ import annotations

import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from benchmark.core import store
from benchmark.core.protocols import Rows
from benchmark.core.runs import Run, load
from datasets import Dataset

WARM_UP_PICTURES = 32


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
        dataset = load(run.source, run.size)
        if dataset.fingerprint != run.dataset["fingerprint"]:
            raise ValueError(f"{run.source} changed while it was used: start again")
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
