"""Processes of this machine that make runs, each of which can end without harm to the others."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import util
from multiprocessing.managers import SyncManager
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn, Protocol

from pebble import ProcessExpired, ProcessPool

from benchmark.core import schedule
from benchmark.core.execute import execute
from benchmark.core.memory import Limits, give_back_card, to_be_ended
from benchmark.core.progress import Display
from benchmark.core.records import Record
from benchmark.core.runs import Run
from benchmark.core.store import Results
from datasets import InputError
from datasets import limits as bounds

START = "forkserver" if sys.platform == "linux" else "spawn"  # macOS' libraries mind a fork
# Modules that workers find imported; skops, which stores models, brings all of scikit-learn.
FOR_ALL = ["__main__", "benchmark.core.orphans", "benchmark.core.execute", "skops.io"]
FOR_NETS = ["deepnets.training.classifier"]
POLL_SECONDS = 0.2
TRIAL_SECONDS = 60.0  # a model that takes longer for a few pictures counts as the longest
# Bytes of a folder that sockets can lie in: of the 104 of a socket's name Python adds 32.
SOCKETS = 70
SHORT = ("/tmp", "/var/tmp", "/dev/shm")  # where they lie if that for temporary files has more
MOST_BROKEN = 5  # times in a row that processes may end before any has made a run
BROKEN_SECONDS = 0.3  # from one try to the next

_messages: Any = None  # in a worker: where its epochs are told


class Follower(Protocol):
    """Is told how runs go, as a `Display` is."""

    def progress(self, key: str, epoch: Any) -> None:
        """Hear that a run has started (`epoch` None) or ended an epoch."""

    def end(self, run: Run, record: Record) -> None:
        """Hear how a run ended."""


def prepare(nets: bool = False) -> None:
    """Begin to import what workers need, in a process of its own; it goes on beside other work.

    They are forked from it where that is safe, and so start at once; it has no threads and never
    touches a card. Of what a later call asks it knows nothing.
    """
    if START == "forkserver":
        context = multiprocessing.get_context(START)
        context.set_forkserver_preload([*FOR_ALL, *(FOR_NETS if nets else ())])
        with contextlib.suppress(OSError):  # `Processes` begins it again, and tells why it cannot
            _see_to_source()


def socket_folder() -> str:
    """Where sockets lie: with other temporary files, or where names are shorter.

    Raises
    ------
    InputError
        If there is no such place.
    """
    usual = tempfile.gettempdir()
    if len(os.fsencode(usual)) <= SOCKETS:
        return usual
    for short in SHORT:
        if os.access(short, os.W_OK | os.X_OK):
            return short
    raise InputError(f"{usual} is too long for sockets: set TMPDIR to {SOCKETS} letters or fewer")


def _see_to_sockets() -> None:
    """Let Python make its folder of sockets, which what it starts inherits, where they can be."""
    usual, tempfile.tempdir = tempfile.tempdir, socket_folder()
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = usual


def _see_to_source() -> None:
    """Begin what workers are forked from, if it does not run; it imports beside other work."""
    _see_to_sockets()
    if START == "forkserver":
        from multiprocessing import forkserver  # not everywhere

        with deaf():
            forkserver.ensure_running()


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Let what is started meanwhile hear no interrupt, which is this process's to act on.

    It goes for threads and processes, and for all that these start, now or once another has died;
    but not once Python's tracker of shared memory has, which undoes it where it is begun again.
    This process hears none meanwhile either: it must be short. Workers that are not forked ignore
    interrupts by themselves, from when they have begun.
    """
    if START != "forkserver":
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # or it would be started within, and let them in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(run: Run, results: Results) -> Record:
    """Make a run in a worker's process, and tell how it goes."""
    _tell(run.key, None)
    with _threads(run):
        record = execute(run, results, lambda epoch: _tell(run.key, epoch))
    give_back_card()
    return record


def _tell(key: str, epoch: Any) -> None:
    """Tell how far a run is; it goes on where nobody hears of it any more."""
    with contextlib.suppress(OSError, EOFError):
        _messages.put((key, epoch, os.getpid()))


class Processes:
    """Processes of this machine with a run each, and the queue of what they tell.

    Where one dies while it has no run, or what carries their messages does, others are begun.
    """

    are_here = True

    def __init__(self, jobs: int, cards: Sequence[str] = ()) -> None:
        self.jobs, self.cards = jobs, cards
        self._stopped = False
        self._why: dict[int, str] = {}  # processes were ended for lack of memory
        self._begin()

    def _begin(self) -> None:
        for left in reversed(range(MOST_BROKEN)):
            try:
                self._begin_once()
                break
            except (OSError, EOFError, BrokenProcessPool) as error:  # one of them was ended
                if not left:
                    cause = error.__cause__ or error
                    why = str(cause) or type(cause).__name__
                    remedy = "see what is limited (ulimit -a), and what ends processes"
                    raise InputError(f"no process can be started here ({why}): {remedy}") from error
                time.sleep(BROKEN_SECONDS)  # one that is killed is not gone at once

    def _begin_once(self) -> None:
        context = multiprocessing.get_context(START)
        _see_to_source()
        self._manager: Any = SyncManager(ctx=context)
        self._manager.start(_begin_manager)  # waits until the source has imported all
        self.messages: Any = self._manager.Queue()
        turns = self._manager.Queue()
        turns.put(0)
        # What a process is forked from may have been started in another environment.
        given = self.messages, dict(os.environ), turns, self.cards
        self.pool = ProcessPool(
            self.jobs, initializer=_start_worker, initargs=given, context=context
        )
        try:
            with deaf():
                self.pool.active  # noqa: B018 - pebble starts it when it is looked at
        except BrokenProcessPool:
            self._end()  # some of its processes may have begun
            raise

    def stop(self) -> None:
        """End all processes, whatever they do, for good."""
        self._stopped = True
        self._end()

    def _end(self) -> None:
        self.pool.stop()
        self.pool.join()
        with contextlib.suppress(OSError, EOFError):  # its process may be gone
            self._manager._process.kill()  # it would be asked to end, and may be stopped
            self._manager._process.join()
            self._manager.shutdown()

    def make(
        self,
        runs: Sequence[Run],
        results: Results,
        limits: Limits,
        display: Follower,
        meanwhile: Callable[[], None] = lambda: None,
        work: Callable[[Run, Results], Record] = work,
    ) -> dict[str, Record]:
        """Make runs in the order given, each by `work`; return their records by key."""
        records: dict[str, Record] = {}
        left, broken = [*runs], 0
        while left and broken < MOST_BROKEN:
            n_before = len(records)
            for run, future in self._ended(left, results, limits, display, meanwhile, work):
                if isinstance(future.exception(), BrokenProcessPool):
                    continue  # no process has begun it
                records[run.key] = self._outcome(future, run, results, limits)
                display.end(run, records[run.key])
            left = [run for run in left if run.key not in records]
            broken = broken + 1 if len(records) == n_before else 0
        for run in left:
            record = run.record("failed", "the processes that were to make it ended at once")
            records[run.key] = results.put(record)
            display.end(run, records[run.key])
        return records

    def _ended(
        self,
        runs: Sequence[Run],
        results: Results,
        limits: Limits,
        display: Follower,
        meanwhile: Callable[[], None],
        work: Callable[[Run, Results], Record],
    ) -> Iterator[tuple[Run, Any]]:
        """Begin runs in the order given, and yield each as it ends, with its future."""
        futures: dict[Any, Run] = {
            self._schedule(work, run, results, limit=limits.seconds): run for run in runs
        }
        waiting: set[Any] = set(futures)
        makes: dict[str, int] = {}  # which process makes which run
        while waiting:
            done, waiting = self._waited(waiting)
            with contextlib.suppress(OSError, EOFError):  # what carries them has died
                while not self.messages.empty():
                    key, epoch, process = self.messages.get()
                    makes[key] = process
                    display.progress(key, epoch)
            for future in done:
                yield futures[future], future
            left = {futures[each].key for each in waiting}
            makes = {key: process for key, process in makes.items() if key in left}
            self._end_the_largest(makes.values(), limits.gigabytes)
            meanwhile()

    def _end_the_largest(self, processes: Collection[int], gigabytes: float | None) -> None:
        """End the process that takes too much memory, if one does and none is ending yet."""
        found = to_be_ended(processes, gigabytes)
        if found is not None and not self._why.keys() & {*processes}:
            process, self._why[process] = found
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _outcome(self, future: Any, run: Run, results: Results, limits: Limits) -> Record:
        """The record of a run, written here if its process did not live to write it."""
        try:
            return future.result()
        except FutureTimeout:
            reason = f"not finished after the limit of {limits.seconds:g} s"
            record = run.record("timeout", reason, seconds=limits.seconds)
        except ProcessExpired as death:
            if death.exitcode == -signal.SIGKILL:
                usual = "the system killed the process, most likely for lack of memory"
                record = run.record("out_of_memory", self._why.pop(death.pid, usual))
            else:
                reason = f"the process ended with exit code {death.exitcode}"
                record = run.record("failed", reason)
        except OSError as error:  # The worker could not store its run: a full disk, most likely.
            return not_stored(run, error)
        return results.put(record)

    def _waited(self, futures: set[Any]) -> tuple[set[Any], set[Any]]:
        """Wait a moment; return the futures that are done, and those that are not.

        Raises
        ------
        BrokenProcessPool
            If the processes were stopped meanwhile: what they had never ends.
        """
        done, left = wait(futures, POLL_SECONDS, FIRST_COMPLETED)
        if left and self._stopped:
            raise BrokenProcessPool("the processes were stopped while they had work")
        return done, left

    def _schedule(self, function: Callable[..., Any], *args: Any, limit: float | None) -> Any:
        """Have a function called in one of the processes; return what will hold what it gives.

        Processes that have died while they had nothing to do are begun again.

        Raises
        ------
        BrokenProcessPool
            If they were stopped.
        """
        for _ in range(MOST_BROKEN):
            if not self.pool.active and not self._stopped:
                self._end()
                self._begin()
            try:
                return self.pool.schedule(function, args=args, timeout=limit)
            except RuntimeError as error:
                if self._stopped:
                    raise BrokenProcessPool("the processes were stopped") from error
        never: Future[Any] = Future()
        never.set_exception(BrokenProcessPool("the processes end as soon as they have begun"))
        return never

    def call(self, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Any:
        """Call a function in one of the processes; return what it gives, or raise what it does."""
        future = self._schedule(function, *args, limit=limit)
        left: set[Any] = {future}
        while left:
            _, left = self._waited(left)
        return future.result()

    def measure(self, runs: Mapping[str, Run], display: Display) -> schedule.Points:
        """Try a run of each kind for a moment; a kind whose trial fails is left out."""
        trials = {
            kind: self._schedule(attempt, run, limit=TRIAL_SECONDS) for kind, run in runs.items()
        }
        found = {}
        for kind in display.measuring([*trials]):
            with contextlib.suppress(Exception):
                found[kind] = trials[kind].result()
        return found


def not_stored(run: Run, error: OSError) -> Record:
    """The record of a run whose result cannot be written."""
    return run.record("failed", f"its result could not be stored: {error}")


def aside(function: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Start a process that calls a function beside the workers, and ends when this one does."""
    context: Any = multiprocessing.get_context(START)  # typeshed knows no Process of it
    given = dict(os.environ), function, *arguments
    process: BaseProcess = context.Process(target=_called_aside, args=given, daemon=True)
    _see_to_source()
    with deaf():
        process.start()
    return process


def _end_in_order(*_: object) -> NoReturn:
    """Clear drafts away, without a word on what is broken off."""
    _fall_silent()
    sys.exit(1)


def _called_aside(
    environment: dict[str, str], function: Callable[..., object], *arguments: Any
) -> None:
    _begin_process(environment)
    signal.signal(signal.SIGTERM, _end_in_order)
    function(*arguments)


def _begin_manager() -> None:
    end_with_parent()
    _fall_silent()  # when it has something to say, nobody is left to hear it


def _fall_silent() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # `sys.stderr` is None where it is closed


def end_with_parent() -> None:
    """Let this process end as soon as the one that asked for it does, however that ends."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _start_worker(
    messages: Any, environment: dict[str, str], turns: Any, cards: Sequence[str]
) -> None:
    global _messages
    _messages = messages
    _begin_process(environment)
    if len(cards) > 1:  # each process sees one, in turn
        turn = turns.get()
        turns.put(turn + 1)
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[turn % len(cards)]


def _begin_process(environment: dict[str, str]) -> None:
    end_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    bounds.follow()
    # The parent has warned of what a worker would, and an interrupt is its to act on.
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def attempt(run: Run) -> list[schedule.Point]:
    """Try a run for a moment in a worker's process; see `schedule.trial`."""
    with _threads(run):
        return schedule.trial(run)


@contextlib.contextmanager
def _threads(run: Run) -> Iterator[None]:
    if run.uses_torch:
        import torch

        torch.set_num_threads(run.threads)
    import threadpoolctl

    with threadpoolctl.threadpool_limits(run.threads):
        yield
