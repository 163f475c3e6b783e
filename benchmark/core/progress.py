"""What a waiting user sees: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from benchmark.core.records import Record
from benchmark.core.runs import Run

T = TypeVar("T")
PLAIN_LINE_SECONDS = 30.0  # how often a long run is heard of where there is no terminal


class Display:
    """Follows a set of runs; use as a context manager."""

    def __init__(self, console: Console) -> None:
        # Standard error: what a user redirects from standard output is the result alone.
        self.console = console
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.runs: dict[str, Run] = {}
        # By the keys of runs:
        self.expected: Mapping[str, float] = {}  # seconds
        self.started: dict[str, float] = {}
        self.share: dict[str, float] = {}  # of the epochs that are made, of the runs under way
        self.took: dict[str, float] = {}  # seconds, of those that ended
        self.tasks: dict[str, TaskID] = {}
        self.jobs, self.heard = 1, time.monotonic()

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self.console.print(Text(line), soft_wrap=True)
        self.heard = time.monotonic()

    def begin(self, waiting: Sequence[Run], reused: int, jobs: int) -> None:
        """Tell what lies ahead."""
        self.runs = {run.key: run for run in waiting}
        self.jobs = jobs
        if reused:
            self.say(f"{reused} runs are already in the results and are used again")
        if waiting:
            self.say(f"{len(waiting)} runs to make, {jobs} at a time")
            self.total = self.bars.add_task("all runs", total=len(waiting), state="")

    def measuring(self, kinds: Sequence[T]) -> Iterator[T]:
        """Go through the models that are tried to see what they cost, and tell how far."""
        if kinds:
            self.say(
                f"measuring what {len(kinds)} models cost here, to begin with the longest runs"
            )
            task = self.bars.add_task("measuring", total=len(kinds), state="")
            for kind in kinds:
                yield kind
                self.bars.advance(task)
            self.bars.remove_task(task)

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Tell how long runs are expected to take, by their keys."""
        self.expected = seconds
        if seconds:
            self.say(self._left())

    def progress(self, key: str, epoch: Any) -> None:
        """Tell that a run has started (`epoch` None) or ended an epoch."""
        if key in self.took:
            return  # it was ended meanwhile
        run = self.runs[key]
        name = f"{run.protocol_facts.board} {run.label}"
        if epoch is None:  # again, where the worker that had it died
            if key in self.tasks:
                self.bars.remove_task(self.tasks[key])
            self.started[key], self.share[key] = time.monotonic(), 0.0
            self.tasks[key] = self.bars.add_task(name, total=1.0, state="fitting")
            return
        most = run.planned_epochs
        self.share[key] = epoch.epoch / most
        on, accuracy = run.protocol.selected_on, epoch.validation_accuracy
        if math.isnan(accuracy):  # nothing is selected on
            on, accuracy = "training", epoch.train_accuracy
        state = (
            f"epoch {epoch.epoch}/{most}  loss {epoch.train_loss:.3f}  {on} accuracy {accuracy:.1%}"
        )
        self.bars.update(self.tasks[key], completed=self.share[key], state=state)
        self._refresh()
        if self.bars.disable and time.monotonic() - self.heard > PLAIN_LINE_SECONDS:
            self.say(f"        {name}: {state}, {self._left()}")

    def end(self, run: Run, record: Record) -> None:
        """Tell how a run ended."""
        now = time.monotonic()
        self.took[run.key] = now - self.started.get(run.key, now)
        self.share.pop(run.key, None)
        if run.key in self.tasks:
            self.bars.remove_task(self.tasks.pop(run.key))
        self._refresh()
        what = f"{record.measured.fit_seconds:.1f} s" if record.measured else record.reason
        repeat = f" repeat {run.repeat + 1}" if run.protocol.repeats > 1 else ""
        self.say(
            f"[{self.n_ended:>3}/{len(self.runs)}] {run.protocol_facts.board} "
            f"{run.label}{repeat}: {record.status}, {what}; {self._left()}"
        )

    @property
    def n_ended(self) -> int:
        """How many of the runs have ended."""
        return len(self.took)

    def _refresh(self) -> None:
        done = len(self.took) + sum(self.share.values())
        self.bars.update(self.total, completed=done, state=self._left())

    def _left(self) -> str:
        seconds = self._seconds_left()
        if seconds is None:
            return "time left not known yet"
        if seconds < 90:
            return f"about {seconds:.0f} s left"
        return f"about {seconds / 60:.0f} min left"

    def _seconds_left(self) -> float | None:
        """Seconds to the end, from what the runs were expected to take and those ended took.

        A run under way is taken to go on at its pace; for one whose cost is not known stands the
        mean of those that ended, nets and classical models apart. None before there is one.
        """
        now = time.monotonic()
        pace = {deep: self._pace(deep) for deep in (True, False)}
        left = [0.0]
        for key in self.runs.keys() - self.took.keys():
            so_far = now - self.started.get(key, now)
            if self.share.get(key):
                whole = so_far / self.share[key]
            elif key in self.expected:
                whole = self.expected[key] * pace[self.runs[key].model.deep]
            else:
                deep = self.runs[key].model.deep
                alike = [took for k, took in self.took.items() if self.runs[k].model.deep == deep]
                if not alike:
                    return None
                whole = sum(alike) / len(alike)
            left.append(max(whole - so_far, 0.0))
        return max(sum(left) / self.jobs, *left)

    def _pace(self, deep: bool) -> float:
        """How much longer runs take than their trials said: nets that stop early take less.

        One run more counts as taken as expected, since a single one may be unlike the others.
        """
        of_kind = {k: v for k, v in self.expected.items() if self.runs[k].model.deep == deep}
        known = self.took.keys() & of_kind.keys()
        if not known:
            return 1.0
        typical = sum(of_kind.values()) / len(of_kind)
        planned = sum(of_kind[key] for key in known)
        return (sum(self.took[key] for key in known) + typical) / (planned + typical)
