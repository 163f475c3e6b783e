"""Carrying out a run, and storing what became of it."""

from __future__ import annotations

import platform
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmark.core.files import file_digest, one_line
from benchmark.core.fit import fit_and_predict
from benchmark.core.records import Record
from benchmark.core.runs import Run, load
from benchmark.core.store import Results


def execute(run: Run, results: Results, on_epoch: Callable[[Any], None] | None = None) -> Record:
    """Make a run and store it, whatever becomes of it; `on_epoch` is told a net's epochs.

    Returns
    -------
    Record
        As stored: ``ok``, or ``failed`` or ``out_of_memory`` with a reason and the ``seconds``
        until then.
    """
    start = time.perf_counter()
    try:
        dataset = load(run.source, run.size)
        if dataset.fingerprint != run.dataset.fingerprint:
            raise ValueError(
                f"{run.source} on {platform.node()} holds other pictures than was planned with: it "
                "changed while it was used, or is another there: bring the same, start again"
            )
        results.put_pictures(dataset)
        if run.weights and file_digest(run.weights.path) != run.parts["weights"]:
            raise ValueError(f"{run.weights.path.name} changed while it was used: start again")
        estimator, predictions, measured = fit_and_predict(run, dataset, run.rows(), on_epoch)
        if not np.isfinite(predictions.probabilities).all():
            raise ValueError("its answers are no numbers, its training diverged: train it slower")
        record = run.record("ok", measured=measured)
        kept = estimator if run.protocol.keeps_models else None
        results.put(record, predictions, getattr(estimator, "history_", ()), kept)
    except Exception as error:  # Any fault of a run becomes its row; the other runs go on.
        no_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        status = "out_of_memory" if no_memory else "failed"
        took, trace = time.perf_counter() - start, traceback.format_exc()
        record = run.record(status, one_line(error), seconds=took, traceback=trace)
        record = results.put(record)
    return record
