"""Runs on the workers of a Dask cluster: made there as at home, stored here.

Each run is a task. What its worker does is in `worker`; only this side writes results.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, cast

from distributed import Client, Future, KilledWorker, as_completed

from benchmark.core import schedule, worker
from benchmark.core.memory import Limits
from benchmark.core.processes import not_stored
from benchmark.core.progress import Display
from benchmark.core.records import Record
from benchmark.core.runs import Run, load
from benchmark.core.store import Results, one_line
from benchmark.core.worker import DiffersError, Made, project
from datasets import InputError

logger = logging.getLogger(__name__)

CORES, CARD = "cores", "card"  # what a worker may be started with: dask worker --resources
CONNECT_SECONDS = 10.0
POLL_SECONDS = 0.05
COUNT_SECONDS = 10.0  # how often workers are counted


@dataclass
class Cluster:
    """A connection to a cluster, whose workers make runs; see `connect`."""

    client: Client
    name: str  # of the plugin on the workers, and of the topic under which runs tell their epochs
    told: SimpleQueue[dict[str, Any]] = field(default_factory=SimpleQueue)
    are_here = False

    @property
    def workers(self) -> dict[str, dict[str, Any]]:
        """What the scheduler says of each worker, by address."""
        return dict(self.client.scheduler_info(n_workers=-1)["workers"])

    def slots(self, threads: int) -> int:
        """How many runs of so many threads the workers make at once."""
        return sum(
            int(min(each["nthreads"], each["resources"].get(CORES, math.inf) // threads))
            for each in self.workers.values()
        )

    def needs(self, run: Run, workers: Iterable[Mapping[str, Any]]) -> dict[str, float]:
        """What of the resources that workers were started with a run takes."""
        takes = {CORES: float(run.threads)} if run.threads > 1 else {}
        takes |= {CARD: 1.0} if run.where == "cuda" else {}
        declared = {name for each in workers for name in each["resources"]}
        return {name: n for name, n in takes.items() if name in declared}

    def ask(
        self, function: Callable[..., Any], *args: Any, workers: list[str] | None = None
    ) -> dict[str, Any]:
        """Call a function in a process of each worker; return what it gave, by address.

        Raises
        ------
        InputError
            What is wrong with a worker on which it failed.
        """
        answers = self.client.run(
            *(worker.ask, function, args, self.name), workers=workers, on_error="return"
        )
        for address, answer in answers.items():
            if isinstance(answer, Exception):
                how = answer.how if isinstance(answer, DiffersError) else _in_words(answer)
                raise InputError(str(DiffersError(address, how)))
        return dict(answers)

    def check(self, runs: Sequence[Run]) -> None:
        """See that the workers that are there would make runs as they are asked for.

        Raises
        ------
        InputError
            Which would not, and what to do.
        """
        workers = self.workers
        for run in {(run.model.deep, run.where): run for run in runs}.values():
            needs = self.needs(run, workers.values())
            fit = [
                address
                for address, each in workers.items()
                if all(each["resources"].get(name, 0) >= n for name, n in needs.items())
            ]
            if workers and not fit:
                asked = ", ".join(f"{name}={n:g}" for name, n in needs.items())
                raise InputError(
                    f"no worker has what a run takes: start one with --resources '{asked}'"
                )
            self.ask(worker.check, project(), run, workers=fit)

    def make(
        self,
        runs: Sequence[Run],
        results: Results,
        limits: Limits,
        display: Display,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> dict[str, Record]:
        """Make runs on the workers, begun in the order given; store them here."""
        for source, size in {(run.source, run.size) for run in runs}:
            results.put_pictures(load(source, size))
        futures = self._submit(worker.make, runs, project(), limits, self.name)
        records: dict[str, Record] = {}
        refused: set[str] = set()
        counted = time.monotonic()
        try:
            done = as_completed([*futures], loop=self.client.loop)
            while not done.is_empty():
                ended = done.next_batch(block=False)
                while not self.told.empty():  # what was told before they ended, first
                    said = self.told.get()
                    epoch = said["epoch"] and SimpleNamespace(**said["epoch"])
                    display.progress(said["key"], epoch)
                with results.together() if ended else contextlib.nullcontext():
                    for future in ended:
                        run = futures[future]
                        made = self._outcome(future)
                        if isinstance(made, DiffersError):
                            self._put_out(made, refused, display)
                            future.retry()
                            done.add(future)
                            continue
                        records[run.key] = _stored(run, made, results)
                        future.release()
                        display.end(run, records[run.key])
                if time.monotonic() - counted > COUNT_SECONDS:
                    counted, display.jobs = time.monotonic(), max(self.slots(runs[0].threads), 1)
                meanwhile()
                time.sleep(POLL_SECONDS)
        finally:
            with contextlib.suppress(Exception):  # the scheduler may be gone, which is told
                self.client.cancel([*futures])
        return records

    def measure(self, runs: Mapping[str, Run], display: Display) -> schedule.Points:
        """Try a run of each kind for a moment; a kind whose trial fails is left out."""
        trials = self._submit(worker.trial, [*runs.values()], project(), self.name)
        found = {}
        for kind, trial in display.measuring([*zip(runs, trials, strict=True)]):
            with contextlib.suppress(Exception):
                found[kind] = trial.result()
        return found

    def _submit(
        self, task: Callable[..., Any], runs: Sequence[Run], *args: Any
    ) -> dict[Future, Run]:
        """Begin a task for each run, the first first."""
        workers, group = [*self.workers.values()], f"{task.__name__}-{uuid.uuid4().hex}"
        return {
            self.client.submit(
                *(task, run, *args),
                key=(group, run.key),
                priority=-place,
                resources=self.needs(run, workers) or None,
                pure=False,
            ): run
            for place, run in enumerate(runs)
        }

    def _outcome(self, future: Future) -> Made | BaseException:
        """What a task that has ended gave or raised; InputError if the scheduler has lost it."""
        try:
            if not future.cancelled():
                error = future.exception()
                return cast("Made", future.result()) if error is None else error
        except (CancelledError, OSError):
            pass
        raise InputError(
            f"the scheduler at {self.client.scheduler.address} is gone, or another has cancelled "
            "the runs: finished runs are kept, the same command goes on"
        )

    def _put_out(self, error: DiffersError, refused: set[str], display: Display) -> None:
        """Ask a worker that has joined and differs to leave, so that it takes no more runs."""
        if error.worker not in refused:
            refused.add(error.worker)
            display.say(f"{error}; it is put out")
            self.client.retire_workers([error.worker])


def _stored(run: Run, made: Made | BaseException, results: Results) -> Record:
    """Store what became of a run; return its record."""
    files: dict[str, bytes] = {}
    if isinstance(made, KilledWorker):
        reason = (
            f"{made.allowed_failures + 1} workers died while they had it, the last of them "
            f"{made.last_worker.address}"
        )
        record = run.record("failed", reason)
    elif isinstance(made, BaseException):
        record = run.record("failed", one_line(made))
    else:
        record, files = made
    try:
        if files:
            results.put_files(run.key, files, record.status == "ok")
            return results.kept(record)
        return results.put(record)
    except OSError as fault:
        return not_stored(run, fault)


def _in_words(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"it has no module '{error.name}': install this project there, the same commit"
    return one_line(error)


@contextlib.contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to a scheduler once it has a worker.

    Raises
    ------
    InputError
        If no scheduler answers there, or a worker has not this project.
    """
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {address}: start one with 'dask scheduler' and give "
            "--scheduler the address that it prints"
        ) from error
    with client:
        cluster = Cluster(client, f"classical-or-deep-{uuid.uuid4().hex}")
        if not cluster.workers:  # a queue may let them wait
            logger.warning("no worker has joined %s yet: waiting for one", address)
            while not cluster.workers:
                time.sleep(1)
        for where, answer in client.run(project, on_error="return").items():
            if isinstance(answer, Exception):
                raise InputError(str(DiffersError(where, _in_words(answer))))
        yield cluster


@contextlib.contextmanager
def start_processes(cluster: Cluster, nets: bool) -> Iterator[None]:
    """Give the workers of a cluster, and those that join, processes until the end."""
    client, name = cluster.client, cluster.name
    client.register_plugin(worker.Slots(name, nets), name)
    client.subscribe_topic(name, lambda event: cluster.told.put(event[1]))
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # the scheduler may be gone, which is told
            client.unsubscribe_topic(name)
            client.unregister_worker_plugin(name)


@contextlib.contextmanager
def start_workers(address: str, jobs: int, runs: Sequence[Run]) -> Iterator[Cluster]:
    """Connect to a scheduler whose workers are to make runs, and check them; see `connect`."""
    nets = any(run.model.deep for run in runs)
    with connect(address) as cluster, start_processes(cluster, nets):
        cluster.check(runs)
        yield cluster


@functools.cache
def arithmetic(address: str, device: str, deep: bool) -> tuple[str, bool | None]:
    """Where the workers compute for the flag ``--device``, and whether nets do in bfloat16.

    Raises
    ------
    InputError
        If they differ in that, or a device is not there; and what `connect` raises.
    """
    with connect(address) as cluster:
        if device == "cpu" and not deep:
            return worker.arithmetic(device, deep)  # the same everywhere
        with_card = [a for a, each in cluster.workers.items() if each["resources"].get(CARD)]
        only = with_card if device == "cuda" and with_card else None
        with start_processes(cluster, deep):
            answers = cluster.ask(worker.arithmetic, device, deep, workers=only)
    (first, answer), *others = answers.items()
    for another, other in others:
        if other != answer:
            raise InputError(
                f"the workers {first} and {another} compute otherwise ({_told(answer)}, "
                f"{_told(other)}): name a --device, and start workers on machines of one kind"
            )
    return answer


def _told(answer: tuple[str, bool | None]) -> str:
    return f"{answer[0]} in bfloat16" if answer[1] else answer[0]


def slots(address: str, threads: int) -> int:
    """How many runs of so many threads the workers make at once."""
    with connect(address) as cluster:
        return max(cluster.slots(threads), 1)
