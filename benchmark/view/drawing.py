"""Many pictures drawn at once: in come functions that give figures, out come PNG files."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

import joblib
from matplotlib.figure import Figure

from benchmark.core import processes
from benchmark.view import plots

# Said where what is to take the pictures cannot, such as a full disk, which is told already.
warnings.filterwarnings(
    "ignore", r"\d+ tasks (have been successfully executed|which were still being)"
)
LOOKS_SECONDS = 1.0
MANY = 24  # pictures from which on other processes, which take seconds to start, are worth it


def png(wanted: Sequence[tuple[Callable[[], Figure], str]]) -> Iterator[bytes]:
    """Draw figures with their marks, each as it is done, side by side where they are `MANY`.

    In a process that may have none of its own they are drawn one after the other, as are those
    that are left where one of the others was ended.
    """
    n_drawn = 0
    if len(wanted) >= MANY and not multiprocessing.current_process().daemon:
        ending = {"initializer": _end_with, "initargs": (os.getpid(),)}
        with contextlib.suppress(BrokenProcessPool):
            with joblib.parallel_config("loky", **ending), processes.deaf():
                drawn = joblib.Parallel(joblib.cpu_count(), return_as="generator")(
                    joblib.delayed(_png)(*each) for each in wanted
                )
            for each in drawn:
                n_drawn += 1
                yield each
    yield from (_png(*each) for each in wanted[n_drawn:])


def _end_with(parent: int) -> None:
    """Let this process, one of joblib's, end as soon as the command does, however that ends."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOKS_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _png(draw: Callable[[], Figure], mark: str) -> bytes:
    return plots.png(draw(), mark)
