"""The leaderboard of the runs that are done, written while the others go on."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Self

from benchmark.core import processes

FIRST_SECONDS = 10.0  # from the first run on; then there is something to see
AGAIN_SECONDS = 120.0  # at least, from one leaderboard to the next
SHARE = 20  # and so many times what writing it took
END_SECONDS = 5.0  # in which one that is broken off clears its drafts away
NICE = 10  # of the later ones, so that they hardly slow the runs, whose times are shown


class GrowingBoard:
    """Writes the leaderboard now and then, in a process of its own; use as a context manager.

    Parameters
    ----------
    write : callable
        Writes it; handed to another process.
    tell : callable
        Called once the first one is there.
    """

    def __init__(self, write: Callable[[], object], tell: Callable[[], None]) -> None:
        self.write, self.tell = write, tell
        self.due = time.monotonic() + FIRST_SECONDS
        self.began, self.shown = 0.0, 0  # when the last one was begun, and how many runs it shows
        self.is_there = False
        self.process: BaseProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the rest to whoever writes the last one."""
        if self.process is not None:
            self.process.terminate()
            self.process.join(END_SECONDS)
            self.process.kill()  # it may be stopped
            self.process.join()

    def look(self, n_done: int) -> None:
        """Begin to write the leaderboard if it is time and more runs are done than it shows."""
        now = time.monotonic()
        if self.process is not None:
            if self.process.is_alive():
                return
            if self.process.exitcode == 0 and not self.is_there:
                self.is_there = True
                self.tell()
            self.process = None
            self.due = now + max(AGAIN_SECONDS, SHARE * (now - self.began))
        if n_done > self.shown and now >= self.due:
            try:
                self.process = processes.aside(_nicely, self.write, NICE * bool(self.shown))
            except (OSError, EOFError):  # what it is forked from was ended: it is tried again
                self.due = now + FIRST_SECONDS
                return
            self.began, self.shown = now, n_done


def _nicely(write: Callable[[], object], nice: int) -> None:
    os.nice(nice)
    try:
        write()
    except Exception:  # such as a full disk, which the last call tells of in a line
        sys.exit(1)
