"""What a waiting user sees: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from benchmark.core.records import Record
from benchmark.core.runs import Run

PLAIN_LINE_SECONDS = 30.0  # how often a long run is heard of where there is no terminal


class Display:
    """Follows a set of runs; use as a context manager.

    Parameters
    ----------
    console : Console
        Standard error: what a user redirects from standard output is the result alone.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = console.is_terminal
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=True,
            disable=not self.live,
        )
        self.runs: dict[str, Run] = {}
        self.share: dict[str, float] = {}  # of the runs under way, by key
        self.started: dict[str, float] = {}
        self.tasks: dict[str, TaskID] = {}
        self.trials: TaskID | None = None
        self.expected: dict[str, float] = {}  # seconds, by key
        self.ended: dict[str, float] = {}  # seconds taken, by key
        self.jobs, self.heard = 1, time.monotonic()

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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

    def trying(self, n: int) -> None:
        """Tell that so many models are tried to see what they cost."""
        if n:
            self.say(f"measuring what {n} models cost here, to begin with the longest runs")
            self.trials = self.bars.add_task("measuring", total=n, state="")

    def tried(self) -> None:
        """Tell that one of them has been tried."""
        if self.trials is not None:
            self.bars.advance(self.trials)

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Tell how long runs are expected to take, by their keys."""
        self.expected = dict(seconds)
        if self.trials is not None:
            self.bars.remove_task(self.trials)
        if seconds:
            self.say(self._left())

    def progress(self, key: str, epoch: Any) -> None:
        """Tell that a run has started (`epoch` None) or ended an epoch."""
        if key not in self.runs:
            return
        run = self.runs[key]
        name = f"{run.protocol_facts.board} {run.label}"
        if epoch is None:
            self.started[key], self.share[key] = time.monotonic(), 0.0
            self.tasks[key] = self.bars.add_task(name, total=1.0, state="fitting")
            return
        most = run.estimator().max_epochs
        self.share[key] = epoch.epoch / most
        on, accuracy = run.protocol.selected_on, epoch.validation_accuracy
        if math.isnan(accuracy):  # nothing is selected on
            on, accuracy = "training", epoch.train_accuracy
        state = (
            f"epoch {epoch.epoch}/{most}  loss {epoch.train_loss:.3f}  {on} accuracy {accuracy:.1%}"
        )
        if key in self.tasks:
            self.bars.update(self.tasks[key], completed=self.share[key], state=state)
        self._refresh()
        if not self.live and time.monotonic() - self.heard > PLAIN_LINE_SECONDS:
            self.say(f"        {name}: {state}, {self._left()}")

    def end(self, run: Run, record: Record) -> None:
        """Tell how a run ended."""
        started = self.started.pop(run.key, time.monotonic())
        self.share.pop(run.key, None)
        self.ended[run.key] = time.monotonic() - started
        if run.key in self.tasks:
            self.bars.remove_task(self.tasks.pop(run.key))
        self._refresh()
        what = f"{record.measured.fit_seconds:.1f} s" if record.measured else record.reason
        repeat = f" repeat {run.repeat + 1}" if run.protocol.repeats > 1 else ""
        self.say(
            f"[{len(self.ended):>3}/{len(self.runs)}] {run.protocol_facts.board} "
            f"{run.label}{repeat}: "
            f"{record.status}, {what}; {self._left()}"
        )

    def _refresh(self) -> None:
        if self.runs:
            done = len(self.ended) + sum(self.share.values())
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
        mean of those that ended.
        """
        now = time.monotonic()
        pace = {deep: self._pace(deep) for deep in (True, False)}
        mean = sum(self.ended.values()) / len(self.ended) if self.ended else None
        left = longest = 0.0
        for key in self.runs.keys() - self.ended.keys():
            known = key in self.expected
            expected = self.expected[key] * pace[self.runs[key].model.deep] if known else mean
            if self.share.get(key):
                expected = (now - self.started[key]) / self.share[key]
            if expected is None:
                return None
            still = max(expected - (now - self.started.get(key, now)), 0.0)
            left, longest = left + still, max(longest, still)
        return max(left / self.jobs, longest)

    def _pace(self, deep: bool) -> float:
        """How much longer runs take than their trials said: nets that stop early take less."""
        known = [key for key in self.ended if key in self.expected]
        known = [key for key in known if self.runs[key].model.deep == deep]
        planned = sum(self.expected[key] for key in known)
        return sum(self.ended[key] for key in known) / planned if planned else 1.0
