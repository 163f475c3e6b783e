"""Many runs side by side: which of them are left, and in what order they are begun."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import joblib

from benchmark.core import schedule
from benchmark.core.files import DamagedError
from benchmark.core.memory import Limits
from benchmark.core.processes import Processes, prepare
from benchmark.core.progress import Display
from benchmark.core.records import Record
from benchmark.core.runs import Run
from benchmark.core.schedule import Points
from benchmark.core.shared_card import shared_card
from benchmark.core.store import Results

logger = logging.getLogger(__name__)

QUICK_TRAINING = 1000  # training pictures up to which a classical model takes seconds
LONG_TRAINING = 200  # training pictures from which on a run is long against its trial
CARD_BYTES = 2e9  # of a card's memory for a run's context, and again for its maps at 32 px


class Workers(Protocol):
    """What makes runs, here or elsewhere."""

    @property
    def are_here(self) -> bool:
        """Whether what a run costs there is what it costs on this machine."""

    def make(
        self,
        runs: Sequence[Run],
        results: Results,
        limits: Limits,
        display: Display,
        meanwhile: Callable[[], None],
    ) -> dict[str, Record]:
        """Make and store runs, begun in the order given; return their records by key."""

    def measure(self, runs: Mapping[str, Run], display: Display) -> Points:
        """Try a run of each kind for a moment; a kind whose trial fails is left out."""


Start = Callable[[int, Sequence[Run]], AbstractContextManager[Workers]]  # for so many at once


def run_all(
    runs: Sequence[Run],
    results: Results,
    jobs: int,
    limits: Limits,
    display: Display,
    meanwhile: Callable[[int], None] = lambda n_done: None,
    start: Start | None = None,
    retry: bool = True,
) -> list[Record]:
    """Make the runs that have no result yet, `jobs` at a time.

    Classical models on few pictures take seconds and come first, so that there is something to see;
    of the others those that take longest do. A run that takes more than its limits is ended and
    recorded as a time-out or as out of memory.

    Parameters
    ----------
    runs : sequence of Run
    results : Results
    jobs : int
    limits : Limits
    display : Display
    meanwhile : callable
        Called again and again with the number of runs that have ended.
    start : callable, optional
        Starts the workers, by itself those of `start_workers`.
    retry : bool
        Whether runs that have failed are made again.

    Returns
    -------
    list of Record
        Of every run, in the order given.
    """
    waiting = unfinished(runs, results, retry)
    display.begin(waiting, reused=len(runs) - len(waiting), jobs=jobs)
    made = {}

    def look() -> None:
        meanwhile(display.n_ended)

    if waiting:
        on_card = any(run.where == "cuda" for run in waiting)
        # A process that is ended by force may take others with it where they share a card.
        shared = on_card and start is None and jobs > 1 and limits == Limits()
        sharing = shared_card() if shared else contextlib.nullcontext()
        with sharing, (start or start_workers)(jobs, waiting) as workers:
            quick, waiting = _quick_first(waiting)
            made = workers.make(quick, results, limits, display, look)
            expected = {}
            # The order matters where runs wait for others, and a trial pays where a run is long.
            long = any(len(run.rows().training) > LONG_TRAINING for run in waiting)
            if len(waiting) > jobs and long:
                expected = _expected_seconds(workers, waiting, display, tried=not on_card)
            display.expect(expected)
            waiting.sort(  # a run of unknown cost may be the longest, a net more likely
                key=lambda run: (-expected.get(run.key, math.inf), not run.model.deep, run.key)
            )
            made |= workers.make(waiting, results, limits, display, look)
        if workers.are_here:
            points: Points = defaultdict(list)
            for run in [*quick, *waiting]:
                if (measured := made[run.key].measured) is not None:
                    points[schedule.kind(run)].append(schedule.measured(run, measured))
            schedule.remember(points)
    records = [made.get(run.key) or _stored(run, results) for run in runs]
    return [record for record in records if record is not None]


def _stored(run: Run, results: Results) -> Record | None:
    """What is stored of a run, or None if that was removed or damaged since it was looked at."""
    try:
        return results.record(run.key)
    except DamagedError as error:
        logger.warning("%s: start again", error)
        return None


def _quick_first(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """Tell the runs that surely take seconds from the others."""
    quick = [
        run for run in runs if not run.model.deep and len(run.rows().training) <= QUICK_TRAINING
    ]
    return quick, [run for run in runs if run not in quick]


def unfinished(runs: Sequence[Run], results: Results, retry: bool = True) -> list[Run]:
    """Those of the runs that have no result here; those that have failed are left out on demand."""
    return [
        run
        for run in runs
        if not results.is_finished(run.key) and (retry or not results.has_failed(run.key))
    ]


def estimate(
    runs: Sequence[Run], jobs: int, display: Display, start: Start | None = None
) -> dict[str, float]:
    """Return the expected seconds of each run by its key; a run whose trial fails has none."""
    with (start or start_workers)(jobs, runs) as workers:
        return _expected_seconds(workers, runs, display)


def default_jobs(device: str, size: int) -> int:
    """Return how many runs go side by side: the cores, and on cards what their memory holds."""
    cores = joblib.cpu_count()
    if device != "cuda":
        return cores
    import torch

    free = sum(torch.cuda.mem_get_info(i)[0] for i in range(torch.cuda.device_count()))
    return max(min(cores, int(free / (CARD_BYTES * (1 + (size / 32) ** 2)))), 1)


@contextlib.contextmanager
def start_workers(jobs: int, runs: Sequence[Run]) -> Iterator[Processes]:
    """Start processes for runs, `jobs` of them at most; see `prepare`."""
    prepare(nets=any(run.model.deep for run in runs))
    processes = Processes(max(min(jobs, len(runs)), 1), _cards(runs))
    try:
        yield processes
    finally:
        processes.stop()


def _cards(runs: Sequence[Run]) -> list[str]:
    """The names of the cards, by which a process is told to see one of them alone."""
    if not any(run.where == "cuda" for run in runs):
        return []
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(i) for i in range(torch.cuda.device_count())]


def _expected_seconds(
    workers: Workers, runs: Sequence[Run], display: Display, tried: bool = True
) -> dict[str, float]:
    """Expected seconds of each run by its key, from trials where its kind was never measured.

    A run whose trial fails has none: what is wrong with it is found when it is made. On a card,
    where a net trains in seconds, trials would take about as long as the runs: not `tried`, nets
    are counted, and other models have none.
    """
    points = schedule.remembered() if workers.are_here else {}
    kinds = {run.key: schedule.kind(run) for run in runs}
    largest = sorted(runs, key=lambda run: len(run.rows().training))  # says most of the others
    unknown = {kinds[run.key]: run for run in largest if kinds[run.key] not in points}
    if tried:
        found = workers.measure(unknown, display)
        if workers.are_here:
            schedule.remember(found)
    else:
        nets = {kind: run for kind, run in unknown.items() if run.model.is_trained_in_epochs}
        found = {kind: schedule.counted(run) for kind, run in nets.items()}
    points |= found
    return {
        run.key: schedule.seconds(run, points[kinds[run.key]])
        for run in runs
        if kinds[run.key] in points
    }
