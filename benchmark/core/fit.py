"""Fitting a run's model and asking it: from pictures to predictions, and what that took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from benchmark.core.memory import Peak
from benchmark.core.predictions import Predictions
from benchmark.core.protocols import Rows
from benchmark.core.records import SELECTION, Measured
from benchmark.core.runs import Run
from datasets import Dataset, cache

WARM_UP_PICTURES = 32
_warm: set[tuple[object, ...]] = set()  # the kinds of model that this process has fitted


def fit_and_predict(
    run: Run, dataset: Dataset, rows: Rows, on_epoch: Callable[[Any], None] | None = None
) -> tuple[Any, Predictions, Measured]:
    """Fit the run's model to its training pictures, and ask it about all it did not learn from.

    Returns
    -------
    estimator : fitted classifier
    predictions : Predictions
        Of the test pictures, then of those selected on that are not among them.
    measured : Measured
        The times are of the training and of the test pictures alone.
    """
    labels = dataset.labels
    estimator = prepared(run, on_epoch)
    X, y = dataset.take(rows.training), labels[rows.training]
    validation: tuple[np.ndarray, ...] = ()
    if len(rows.selection):
        validation = (dataset.take(rows.selection), labels[rows.selection])
    X_test = dataset.take(rows.scored)
    shares = None if dataset.distribution is None else dataset.distribution[rows.training]

    _warm_up(estimator, X, y)
    peak = Peak()
    start = time.perf_counter()
    estimator.fit(X, y, *validation, shares=shares)
    fitted, saved = time.perf_counter(), _saved(estimator)
    known = [estimator.predict_proba(X_test)]
    end = time.perf_counter()
    saved_in_all = _saved(estimator)
    peak_memory_mb = peak.megabytes()

    parts = rows.by_part()
    if SELECTION in parts:
        known.append(estimator.predict_proba(dataset.take(parts[SELECTION])))
    asked = np.concatenate([*parts.values()])
    probabilities = np.zeros((len(asked), len(dataset.class_names)), np.float32)
    probabilities[:, estimator.classes_] = np.concatenate(known)
    predictions = Predictions(
        asked,
        labels[asked],
        probabilities,
        asked if dataset.groups is None else dataset.groups[asked],
        np.repeat([*parts], [len(each) for each in parts.values()]),
    )
    measured = Measured(
        n_train=len(rows.training),
        n_validation=0 if run.protocol.selected_on == "test" else len(rows.selection),
        n_test=len(rows.scored),
        fit_seconds=fitted - start + saved,
        predict_seconds=end - fitted + saved_in_all - saved,
        peak_memory_mb=peak_memory_mb,
        parameters=getattr(estimator, "n_parameters_", None),
        epochs=len(getattr(estimator, "history_", ())),
        device=getattr(estimator, "device_", "cpu"),
        note=getattr(estimator, "note_", ""),
        # A class never trained on is then told from one that is only never predicted.
        trained_classes=tuple(estimator.classes_.tolist()),
    )
    return estimator, predictions, measured


def prepared(run: Run, on_epoch: Callable[[Any], None] | None = None) -> BaseEstimator:
    """Build the run's classifier with its seed and its device, ready to be fitted."""
    estimator = run.estimator()
    features = str(cache.folder() / "features")
    here = {"random_state": run.seed, "device": run.where, "on_epoch": on_epoch, "cache": features}
    accepted = estimator.get_params()
    return estimator.set_params(**{name: here[name] for name in here if name in accepted})


def _saved(estimator: Any) -> float:
    """Seconds that were not spent, since what took them was kept from before."""
    return getattr(estimator, "saved_seconds_", 0.0)


def _warm_up(estimator: BaseEstimator, X: np.ndarray, y: np.ndarray) -> None:
    """Fit a copy to a handful of pictures, so that imports and start-up are not timed.

    Once is enough for all models of a kind that a process fits.
    """
    kind = (type(estimator), *map(estimator.get_params().get, ("architecture", "device")))
    if kind in _warm:
        return
    _warm.add(kind)
    firsts = np.unique(y, return_index=True)[1]
    few = np.unique(np.concatenate([firsts, np.arange(min(WARM_UP_PICTURES, len(y)))]))
    copy = clone(estimator)
    if "cache" in copy.get_params():
        copy.set_params(cache=None)
    if "max_epochs" in copy.get_params():
        copy.set_params(max_epochs=1, budget=None, on_epoch=None)
    copy.fit(X[few], y[few]).predict_proba(X[:1])
