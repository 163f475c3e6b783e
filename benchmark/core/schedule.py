"""What a run will cost on this machine: from a small trial of its model, and from runs made before.

Costs decide the order of the runs and the time said to be left; no result depends on them.
"""

from __future__ import annotations

import heapq
import json
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from benchmark.core.files import digest, write_file
from benchmark.core.fit import prepared
from benchmark.core.machine import processor
from benchmark.core.records import Measured
from benchmark.core.runs import Run, load
from datasets import cache, limits
from datasets.pictures import read_whole

logger = logging.getLogger(__name__)

TRIAL_PICTURES = (300, 900)  # a classical model's; their ratio tells how its cost grows
APART = 2.0  # so many times larger must a size be for its cost to say anything of growth
PREDICTED = 100  # pictures, of which the cost of predicting one is told
START_UP = 1.0  # second; of a first fit that took no longer, imports may be a good part
TRIAL_EPOCHS = 2  # a net's, of one batch each: the first is its warm-up
FORWARD_SHARE = 1 / 3  # of a training step's arithmetic, the rest is the gradients'

MOST = 1e9  # pictures, or seconds: what was kept is damaged if it has more

# Of a net on a card, as reckoned before anything is measured; with kernels of 3 microseconds.
SECONDS_A_LAYER = 2e-5  # of a step: five kernels or so, whatever their size
OPERATIONS_A_SECOND = 2e14

# One measurement: training pictures, seconds to fit, seconds to predict a picture.
Point = tuple[int, float, float]
Points = dict[str, list[Point]]  # costs by kind, see `kind`


def kind(run: Run) -> str:
    """Name what shares its costs: a model with its parameters, on this machine, at this size."""
    names = ("model", "settings", "device", "threads", "versions", "source")
    decides = [run.parts[name] for name in names]
    classes = sum(count > 0 for count in run.dataset.class_counts.values())
    return digest([decides, run.size, classes, processor()])


def trial(run: Run) -> list[Point]:
    """Fit the run's model to a few of its pictures and take the time; a net's of an epoch."""
    rows, dataset, estimator = run.rows(), load(run.source, run.size), prepared(run)

    def few(rows: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        some = rows[np.unique(np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(int))]
        return dataset.take(some), dataset.labels[some]

    if run.model.is_trained_in_epochs:
        X, y = few(rows.training, estimator.batch_size)
        estimator.frozen_epochs = 0  # as most epochs of a pre-trained net are
        estimator.max_epochs, estimator.budget = TRIAL_EPOCHS, None
        estimator.fit(X, y)
        epoch = min(epoch.seconds for epoch in estimator.history_[1:])
        looks = 2 if estimator.test_time_flip else 1
        return [(len(X), epoch, epoch / len(X) * FORWARD_SHARE * looks)]
    if "cache" in estimator.get_params():
        estimator.set_params(cache=None)  # features that are kept would cost nothing
    X_test, _ = few(rows.scored, PREDICTED)

    def timed(n: int) -> Point:
        X, y = few(rows.training, n)
        start = time.perf_counter()
        estimator.fit(X, y)
        fitted = time.perf_counter()
        estimator.predict_proba(X_test)
        return len(X), fitted - start, (time.perf_counter() - fitted) / len(X_test)

    most = min(TRIAL_PICTURES[-1], len(rows.training))
    sizes = [*(n for n in TRIAL_PICTURES if n * APART <= most), most]
    first = timed(sizes[0])
    if first[1] < START_UP:
        first = timed(sizes[0])
    return [first, *(timed(n) for n in sizes[1:])]


def counted(run: Run) -> list[Point]:
    """Reckon a step of a net on a card by its layers and its arithmetic; nothing is fitted.

    On small pictures a kernel takes its time whatever it computes, so that their number decides.
    """
    estimator = run.estimator()
    layers, operations = estimator.counted(run.n_classes, run.size)
    n = min(estimator.batch_size, len(run.rows().training))
    step = layers * SECONDS_A_LAYER + n * operations / OPERATIONS_A_SECOND
    looks = 2 if estimator.test_time_flip else 1
    return [(n, (2 if estimator.sam else 1) * step, step / n * FORWARD_SHARE * looks)]


def seconds(run: Run, points: Sequence[Point]) -> float:
    """Expected seconds of a run, a net's if nothing stops it early.

    Between and beyond the measured sizes the cost is taken to grow as a power of the number of
    training pictures, a net's in proportion to it.
    """
    rows = run.rows()
    n = len(rows.training)
    (at, fit, predict), *others = sorted(points, key=lambda point: abs(math.log(point[0] / n)))
    if run.model.is_trained_in_epochs:
        asked = len(rows.scored) + run.planned_epochs * len(rows.selection)
        return run.passes * fit * n / at + predict * asked
    growth, predict_growth = 1.0, 0.0
    if others:
        other_at, other_fit, other_predict = others[0]
        growth = _exponent(other_at / at, fit, other_fit, most=2.0)
        predict_growth = _exponent(other_at / at, predict, other_predict, most=1.0)
    return fit * (n / at) ** growth + predict * (n / at) ** predict_growth * len(rows.scored)


def _exponent(sizes: float, cost: float, other: float, most: float) -> float:
    """Power of the number of pictures that two costs grow by, from 0 to the most believed."""
    if min(cost, other) <= 0:
        return 0.0
    growth = (math.log(other) - math.log(cost)) / math.log(sizes)  # their ratio may be 0
    return min(max(growth, 0.0), most)


def measured(run: Run, took: Measured) -> Point:
    """What a finished run adds to the costs of its kind; a net's is that of a whole epoch."""
    passes = min(took.epochs, run.passes) if run.model.is_trained_in_epochs else 1.0
    return took.n_train, took.fit_seconds / passes, took.predict_seconds / took.n_test


def remembered() -> Points:
    """Costs measured on this machine before, by kind."""
    try:
        stored = json.loads(read_whole(_file(), limits.TABLE_BYTES))
        return {name: _checked(points) for name, points in stored.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}  # never measured, or damaged: it is measured anew


def _checked(points: Any) -> list[Point]:
    """Return what was kept of a kind, one point a size; ValueError if nothing ever cost that."""
    by_size: dict[int, Point] = {n: (n, fit, predict) for n, fit, predict in points}
    if not by_size or not all(
        0 < n < MOST and 0 <= fit < MOST and 0 <= predict < MOST for n, fit, predict in points
    ):
        raise ValueError("no costs")
    return [*by_size.values()]


def remember(found: Points) -> None:
    """Keep costs for later calls; one of the same kind and size takes the place of an earlier."""
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(_file().with_suffix(".lock")):
            kept = remembered()
            for name, points in found.items():
                kept[name] = [*{point[0]: point for point in kept.get(name, []) + points}.values()]
            write_file(_file(), json.dumps(kept) + "\n")
    except OSError as error:  # of a cache that can only be read; costs are measured anew
        logger.warning("what runs cost is not remembered: %s (%s)", _file(), error.strerror)


def _file() -> Path:
    return cache.folder() / "costs.json"


def makespan(costs: Sequence[float], jobs: int) -> float:
    """Seconds until the last of the runs has ended, the longest begun first on `jobs` workers."""
    ends = [0.0] * jobs
    for cost in sorted(costs, reverse=True):
        heapq.heapreplace(ends, ends[0] + cost)
    return max(ends)
