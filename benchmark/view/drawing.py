"""Many pictures drawn at once: in come functions that give figures, out come PNG files."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Sequence

import joblib
from matplotlib.figure import Figure

from benchmark.view import plots

# Said where what is to take the pictures cannot, such as a full disk, which is told already.
warnings.filterwarnings(
    "ignore", r"\d+ tasks (have been successfully executed|which were still being)"
)
MANY = 24  # pictures from which on other processes, which take seconds to start, are worth it


def png(wanted: Sequence[tuple[Callable[[], Figure], str]]) -> Iterable[bytes]:
    """Draw figures with their marks, each as it is done, side by side where they are `MANY`.

    In a process that may have none of its own they are drawn one after the other.
    """
    alone = len(wanted) < MANY or multiprocessing.current_process().daemon
    jobs = 1 if alone else joblib.cpu_count()
    drawn: Iterable[bytes] = joblib.Parallel(jobs, return_as="generator")(
        joblib.delayed(_png)(*each) for each in wanted
    )
    return drawn


def _png(draw: Callable[[], Figure], mark: str) -> bytes:
    return plots.png(draw(), mark)
