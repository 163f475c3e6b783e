"""Many runs side by side, each in a process that can be stopped without harm to the others."""

from __future__ import annotations

import logging
import multiprocessing
import queue
import signal
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from benchmark import store
from benchmark.progress import Display
from benchmark.work import Run, execute

POLL_SECONDS = 0.2

_messages: Any = None  # in a worker: where its epochs are told


def run_all(
    runs: Sequence[Run], out: Path, jobs: int, time_limit: float | None, display: Display
) -> list[dict[str, Any]]:
    """Make the runs that have no result yet.

    Parameters
    ----------
    runs : sequence of Run
        In the order wanted on the display; nets are started first, as they take longest.
    out : Path
        The results folder.
    jobs : int
        How many run at once.
    time_limit : float or None
        Seconds after which a run is ended and recorded as a time-out.
    display : Display
        Told of all that happens.

    Returns
    -------
    list of dict
        The record of every run, in the order given.
    """
    finished = {run.key for run in runs if store.is_finished(out, run.key)}
    waiting = sorted(
        (run for run in runs if run.key not in finished), key=lambda run: not run.model.deep
    )
    display.begin(waiting, reused=len(finished), jobs=jobs)
    made = {}
    if waiting:
        made = _work_off(waiting, out, min(jobs, len(waiting)), time_limit, display)
    records = [made.get(run.key) or store.read(out, run.key) for run in runs]
    return [record for record in records if record is not None]


def _work_off(
    waiting: Sequence[Run], out: Path, jobs: int, time_limit: float | None, display: Display
) -> dict[str, dict[str, Any]]:
    records = {}
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        messages = manager.Queue()
        pool = ProcessPool(jobs, initializer=_start_worker, initargs=(messages,), context=context)
        try:
            futures: dict[Any, Run] = {
                pool.schedule(_work, args=(run, out), timeout=time_limit): run for run in waiting
            }
            pool.close()
            open_futures: set[Any] = set(futures)
            while open_futures:
                done, open_futures = wait(open_futures, POLL_SECONDS, FIRST_COMPLETED)
                _pass_on(messages, display)
                for future in done:
                    run = futures[future]
                    records[run.key] = _outcome(future, run, out, time_limit)
                    display.end(run, records[run.key])
            pool.join()
        finally:
            pool.stop()
            pool.join()
    return records


def _outcome(future: Any, run: Run, out: Path, time_limit: float | None) -> dict[str, Any]:
    """The record of a run, written here if its process did not live to write it."""
    try:
        return future.result()
    except FutureTimeout:
        record = run.record("timeout", f"not finished after the limit of {time_limit:g} s")
    except ProcessExpired as death:
        killed = death.exitcode == -signal.SIGKILL
        record = run.record(
            "out_of_memory" if killed else "failed",
            "the system killed the process, most likely for lack of memory"
            if killed
            else f"the process ended with exit code {death.exitcode}",
        )
    except OSError as error:  # The worker could not store its run: a full disk, most likely.
        return run.record("failed", f"its result could not be stored: {error}")
    store.write(out, record)
    return record


def _start_worker(messages: Any) -> None:
    global _messages
    _messages = messages
    # The parent has warned of what a worker would, and an interrupt is its to act on.
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(run: Run, out: Path) -> dict[str, Any]:
    if run.model.deep:
        import torch

        torch.set_num_threads(run.threads)
    import threadpoolctl

    _messages.put((run.key, None))
    with threadpoolctl.threadpool_limits(run.threads):
        return execute(run, out, lambda epoch: _messages.put((run.key, epoch)))


def _pass_on(messages: Any, display: Display) -> None:
    while True:
        try:
            display.progress(*messages.get_nowait())
        except queue.Empty:
            return
