"""What a worker of a Dask cluster does: it makes runs in processes of its own, as one machine does.

In comes a run, as a task; out go its record and the files of its run folder. See `cluster`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

import baselines
import benchmark
import datasets
import deepnets
from baselines.device import choose
from benchmark.core import pool, schedule
from benchmark.core.memory import Limits
from benchmark.core.processes import TRIAL_SECONDS, Processes, attempt, prepare, work
from benchmark.core.records import Record
from benchmark.core.runs import Run
from benchmark.core.store import Results

Made = tuple[Record, dict[str, bytes]]  # a run's record, and the files of its folder by name

SAME = "install the same release there as here"
REMEDIES = {
    "source": "bring both to the same commit",
    "bf16": "start workers on processors or cards of one kind",
    "weights": "put the same file there",
}


class DiffersError(Exception):
    """A worker would not make a run as it is asked for; it and the remedy are named."""

    def __init__(self, worker: str, how: str) -> None:
        super().__init__(worker, how)
        self.worker, self.how = worker, how

    def __str__(self) -> str:
        return f"the worker {self.worker} cannot be used: {self.how}"


class Slots(WorkerPlugin):
    """Processes on a worker, as many as runs that it makes at once; they end with the plugin."""

    def __init__(self, name: str, nets: bool) -> None:
        self.name, self.nets = name, nets

    def setup(self, worker: Worker) -> None:
        """Begin to import what processes need."""
        # A nanny's worker is a daemon, which may not start processes; these end with it anyway.
        multiprocessing.current_process().daemon = False
        self.free: SimpleQueue[Processes] = SimpleQueue()
        self.started = contextlib.ExitStack()
        prepare(self.nets)

    async def teardown(self, worker: Worker) -> None:
        """End the processes, and with them the runs under way."""
        await asyncio.to_thread(self.started.close)

    @contextlib.contextmanager
    def one(self, run: Run | None = None) -> Iterator[Processes]:
        """Give a process that nothing else uses meanwhile."""
        try:
            processes = self.free.get_nowait()
        except Empty:
            runs = [] if run is None else [run]
            processes = self.started.enter_context(pool.start_workers(1, runs))
        try:
            yield processes
        finally:
            self.free.put(processes)


def _slots(worker: Worker, name: str) -> Slots:
    found = worker.plugins[name]
    assert isinstance(found, Slots)
    return found


@dataclass
class _Told:
    """Passes on what a run tells, as an event of the cluster."""

    worker: Worker
    topic: str

    def progress(self, key: str, epoch: Any) -> None:
        """Pass on that a run has started, or ended an epoch."""
        said = None
        if epoch is not None:
            said = {k: v if isinstance(v, int) else float(v) for k, v in vars(epoch).items()}
        self.worker.log_event(self.topic, {"key": key, "epoch": said})

    def end(self, run: Run, record: Record) -> None:
        """Nothing: the task's end tells it."""


def make(run: Run, code: str, limits: Limits, name: str) -> Made:
    """Make a run on this worker; return its record and the files of its folder (a task)."""
    worker = get_worker()
    with (
        _slots(worker, name).one(run) as processes,
        tempfile.TemporaryDirectory(dir=worker.local_directory) as aside,
        _named(worker),
    ):
        results, checked = Results(Path(aside)), functools.partial(_work, code=code)
        record = processes.make([run], results, limits, _Told(worker, name), work=checked)[run.key]
        return record, results.files_of_run(run.key)


def trial(run: Run, code: str, name: str) -> list[schedule.Point]:
    """Try a run on this worker for a moment (a task)."""
    worker = get_worker()
    with _slots(worker, name).one(run) as processes, _named(worker):
        processes.call(check, code, run)
        points: list[schedule.Point] = processes.call(attempt, run, limit=TRIAL_SECONDS)
        return points


@contextlib.contextmanager
def _named(worker: Worker) -> Iterator[None]:
    """Name the worker in what its process says against it."""
    try:
        yield
    except DiffersError as error:
        raise DiffersError(worker.address, error.how) from error


async def ask(function: Callable[..., Any], args: Any, name: str, dask_worker: Worker) -> Any:
    """Call a function in one of this worker's processes, and not in itself: it may import torch."""

    def call() -> Any:
        with _slots(dask_worker, name).one() as processes:
            return processes.call(function, *args)

    return await asyncio.to_thread(call)


def _work(run: Run, results: Results, code: str) -> Record:
    check(code, run)
    return work(run, results)


def check(code: str, *runs: Run) -> None:
    """Raise DiffersError where this process would make runs otherwise than they are asked for.

    Parameters
    ----------
    code : str
        What `project` is where they were planned.
    *runs : Run
    """
    if project() != code:
        raise DiffersError("here", f"its code of this project is another: {REMEDIES['source']}")
    for run in runs:
        try:
            here = replace(run, bf16=None).parts
        except (ValueError, OSError) as error:  # no such device or weights, which are named
            raise DiffersError("here", str(error)) from error
        for part, asked in run.parts.items():
            if here[part] == asked:
                continue
            if part == "versions":
                others = [
                    f"{name} {here[part].get(name, 'is missing')} for {version}"
                    for name, version in asked.items()
                    if here[part].get(name) != version
                ]
                raise DiffersError("here", f"it has {', '.join(others)}: {SAME}")
            told = f"its '{part}' of {run.label} is another"
            raise DiffersError("here", f"{told}: {REMEDIES.get(part, SAME)}")


@functools.cache
def project() -> str:
    """SHA-256 over the Python files of this project."""
    digest = hashlib.sha256()
    for package in (baselines, benchmark, datasets, deepnets):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package.__name__}/{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def arithmetic(device: str, deep: bool) -> tuple[str, bool | None]:
    """Where models compute in this process, and whether nets do in bfloat16."""
    chosen = choose(device)
    if not deep:
        return chosen, None
    from deepnets.training.device import backend

    return chosen, backend(chosen).bf16
