"""Disturbs a small grid at random moments and checks what is left: ``make kill-test``.

Each grid is begun in a folder of its own, beside others, and disturbed again and again until it
ends by itself: its command is killed, or a process below it; it gets many interrupts at once; its
disk takes no more; or the power is lost, and with it whatever no process had asked the disk to
keep. Then no finished run may be lost, made twice or half-written, no draft may be left behind, no
process may live on, and the tables must be those of a grid that nobody disturbed, but for times and
memory. Last, grids are made by two commands at once in one folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import click
import pandas as pd

from benchmark import verify
from benchmark.core.store import Results
from tests.conftest import write_shapes

MODELS = "majority,knn,decision-tree,logistic-regression"
REPEATS = 3
RUNS = REPEATS * len(MODELS.split(","))
TIMES = ("fit_seconds", "predict_ms_per_image", "peak_memory_mb")
BEGUN = 0.2  # seconds in which Python itself starts, and tells an interrupt in its own way
ALONE_SECONDS = 15.0  # that processes below a killed command may take to end
HANGS_SECONDS = 180.0  # that a command may take, with much other work beside it
AT_ONCE = os.cpu_count() or 1  # grids
DRAWING = threading.Lock()  # matplotlib draws in one thread at a time
MOST = 8  # disturbances of a grid
INTERRUPTS, APART = 5, 0.03  # of a storm, and the seconds between two of them
FULL = 100_000  # bytes of a file at most, from where on a full disk takes no more
KILLED, BELOW, STORM, POWER, DISK = (
    *("the command is killed", "a process below it is killed", "five interrupts"),
    *("the power is lost", "the disk is full"),
)
MOMENTARY = [KILLED, BELOW, STORM, POWER]  # what is done to a command that runs
STATUSES = {  # that a command may have, by what was done to it last, before its end or at it
    KILLED: (-signal.SIGKILL, 0, 1),
    BELOW: (0, 1),
    STORM: (130, -signal.SIGINT, 0, 1),
    POWER: (-signal.SIGKILL, 0, 1),
    DISK: (0, 1, 2),
    "": (0,),
}
# What Python's tracker of shared memory says itself, as it is killed.
NO_OTHER = "(?:(?!Traceback).)*"
TRACKER = re.compile(rf"Traceback{NO_OTHER}resource_tracker\.py{NO_OTHER}", re.DOTALL)
# Put before all else that a command imports: it notes which files the disk was asked to keep, and
# lets no file become larger than it may on a full disk.
BEFORE_ALL = """
import os, resource
if full := os.environ.get("FULL"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(full), int(full)))
fsync = os.fsync
def noted(handle):
    fsync(handle)
    facts = os.fstat(handle)
    with open(os.environ["SYNCED"], "a") as file:
        file.write(f"{facts.st_ino} {facts.st_size}\\n")
os.fsync = noted
"""


@dataclass
class Tally:
    """What was done, and what of it went wrong.

    Attributes
    ----------
    grids : int
    kills : Counter
        By what was done.
    faults : list of str
    """

    grids: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, of: Tally) -> None:
        """Add what was found of another grid, and tell it."""
        self.grids += of.grids
        self.kills.update(of.kills)
        self.faults += of.faults
        for fault in of.faults:
            click.echo(fault, err=True)


@dataclass(frozen=True)
class Grid:
    """A small grid, the folder it is made in, and one beside it for what else its commands need."""

    data: Path
    out: Path
    home: Path

    @property
    def command(self) -> list[str]:
        """What makes it."""
        grid = ["--model", MODELS, "--train-size", "40", "--repeats", str(REPEATS)]
        how = ["--device", "cpu", "--jobs", "2", "--no-predictions"]  # begins without torch
        where = ["--data", str(self.data), "--out", str(self.out)]
        return [sys.executable, "-m", "benchmark.run", *grid, *how, *where]

    def begin(self, full: int | None = None) -> subprocess.Popen[bytes]:
        """Start its command; no file may become larger than `full` bytes, if that is given."""
        (self.home / "sitecustomize.py").write_text(BEFORE_ALL)
        self.synced.write_text("")
        path = os.pathsep.join([str(self.home), str(Path.cwd())])
        given = {"PYTHONPATH": path, "SYNCED": str(self.synced), "FULL": str(full or "")}
        return subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **given, "XDG_CACHE_HOME": str(self.home / "cache")},
        )

    @property
    def synced(self) -> Path:
        """Where the running command notes what the disk was asked to keep."""
        return self.home / "synced"

    def files(self) -> Iterator[tuple[Path, str]]:
        """Every file of the results and the cache, and what tells it from what it was before."""
        for folder in (self.out, self.home / "cache"):
            for path in folder.rglob("*"):
                if path.is_file():
                    facts = path.stat()
                    yield path, f"{facts.st_ino} {facts.st_size}"

    def leaderboard(self) -> pd.DataFrame:
        """The leaderboard but for times and memory."""
        return pd.read_csv(self.out / "leaderboard.csv").drop(columns=[*TIMES])

    def finished(self) -> dict[str, str]:
        """The digest of the record of every finished run by its key."""
        results = Results(self.out)
        return {
            key: hashlib.sha256((self.out / "runs" / key / "run.json").read_bytes()).hexdigest()
            for key in sorted(results.keys())
            if results.is_finished(key)
        }

    def faults(self, expected: pd.DataFrame) -> Iterator[str]:
        """What is wrong with it once it has ended by itself."""
        if not (self.out / "leaderboard.csv").exists():
            yield "no leaderboard"
        elif not self.leaderboard().equals(expected):
            yield "its leaderboard is not the undisturbed one"
        if drafts := [*self.out.rglob(".draft-*")]:
            yield f"{len(drafts)} drafts are left"
        with DRAWING:
            yield from verify.verify(Results(self.out)).failures


@dataclass(frozen=True)
class Alone:
    """What a grid is that nobody disturbs.

    Attributes
    ----------
    leaderboard : DataFrame
        But for times and memory.
    seconds, again : float
        That the command takes, and that it takes once all runs are finished.
    """

    leaderboard: pd.DataFrame
    seconds: float
    again: float

    def left(self, finished: int) -> float:
        """The seconds that the command takes if so many runs are finished."""
        return self.again + (self.seconds - self.again) * (1 - finished / RUNS)


def below(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            name, _, facts = stat.read_text().rpartition(")")
            state, parent = facts.split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append(int(name.partition(" ")[0]))
    found, waiting = [], [pid]
    while waiting:
        some = children.get(waiting.pop(), [])
        found += some
        waiting += some
    return found


def disturb(process: subprocess.Popen[bytes], what: str, chance: random.Random) -> None:
    """Kill a command or a part of it, or interrupt it."""
    with contextlib.suppress(ProcessLookupError):
        if what == KILLED:
            process.kill()
        elif what == POWER:
            for pid in (process.pid, *below(process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        elif what == STORM:
            for _ in range(INTERRUPTS):
                os.killpg(process.pid, signal.SIGINT)
                time.sleep(APART)
        elif some := below(process.pid):
            os.kill(chance.choice(some), signal.SIGKILL)


def lose_power(grid: Grid, before: set[str]) -> None:
    """Empty the files that were written since, unless the disk was asked to keep them."""
    kept = before | {*grid.synced.read_text().splitlines()}
    for path, what in grid.files():
        if what not in kept:
            os.truncate(path, 0)


def told_at_end(process: subprocess.Popen[bytes]) -> tuple[str, bool]:
    """Wait for a command; return what it told, and whether it had to be ended."""
    try:
        return process.communicate(timeout=HANGS_SECONDS)[1].decode(), False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[1].decode(), True


def wait_for_all(pids: Collection[int]) -> int:
    """Wait until processes have ended; return how many live on."""
    end = time.monotonic() + ALONE_SECONDS
    while (left := sum(Path(f"/proc/{pid}").exists() for pid in pids)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def one_grid(grid: Grid, alone: Alone, chance: random.Random) -> Tally:
    """Disturb a grid until it ends by itself, or was disturbed often enough, and check it."""
    kills: Counter[str] = Counter()
    finished: dict[str, str] = {}
    found: list[str] = []
    ended = False
    while not ended:
        what = chance.choice([*MOMENTARY, DISK]) if kills.total() < MOST else ""
        on_disk = {which for _, which in grid.files()}
        with grid.begin(chance.randrange(1, FULL) if what == DISK else None) as process:
            done, started = "", set[int]()
            if what == DISK:
                kills[what] += 1
                done, what = what, ""
            while what:
                try:
                    process.wait(chance.uniform(BEGUN, alone.left(len(grid.finished()))))
                    break  # it has ended by itself
                except subprocess.TimeoutExpired:
                    started |= {*below(process.pid)}
                    kills[what] += 1
                    disturb(process, what, chance)
                # It goes on without the process below it, and is disturbed again.
                goes_on = what == BELOW and kills.total() < MOST
                done, what = what, chance.choice(MOMENTARY) if goes_on else ""
            told, hangs = told_at_end(process)
        of = f"after {done or 'nothing'}"
        if hangs:
            found.append(f"{of}: it, or a process below it, has not ended: {told[-500:]}")
        elif process.returncode not in STATUSES[done]:
            found.append(f"{of}: status {process.returncode}: {told[-500:]}")
        if "Traceback" in TRACKER.sub("", told):
            found.append(f"{of}: a traceback: {told[-3000:]}")
        if left := wait_for_all(started):
            found.append(f"{of}: {left} processes live on")
        ended = process.returncode == 0 and done != POWER
        due = grid.finished() | finished
        if done == POWER:
            lose_power(grid, on_disk)
        finished = grid.finished()
        if lost := [key for key, digest in due.items() if finished.get(key) != digest]:
            found.append(f"{of}: runs were lost or made again: {', '.join(lost)}")
        if hangs or not (ended or done):
            break
    found += grid.faults(alone.leaderboard)
    return Tally(1, kills, [f"{grid.out.name}: {fault}" for fault in found])


def two_at_once(grid: Grid, expected: pd.DataFrame, chance: random.Random) -> Tally:
    """Make a grid by two commands that begin up to a second apart."""
    with grid.begin() as one:
        time.sleep(chance.random())
        with grid.begin() as other:
            # One that hangs is ended, and has a status.
            told = [told_at_end(each)[0] for each in (one, other)]
    found = [
        f"status {each.returncode}: {said[-500:]}"
        for each, said in zip((one, other), told, strict=True)
        if each.returncode
    ]
    found += grid.faults(expected)
    return Tally(1, faults=[f"{grid.out.name}: {fault}" for fault in found])


def measure_alone(grids: list[Grid]) -> Alone:
    """Make grids at once, and once more; return their leaderboard and how long that took.

    Raises
    ------
    click.ClickException
        If anything is wrong with one of them.
    """
    seconds = []
    for _ in range(2):
        start = time.monotonic()
        for process in [grid.begin() for grid in grids]:
            told, hangs = told_at_end(process)
            if hangs or process.returncode:
                does = "has not ended" if hangs else "failed"
                raise click.ClickException(f"an undisturbed grid {does}: {told[-500:]}")
        seconds.append(time.monotonic() - start)
    leaderboard = grids[0].leaderboard()
    for grid in grids:
        for fault in grid.faults(leaderboard):
            raise click.ClickException(f"an undisturbed grid: {fault}")
    return Alone(leaderboard, *seconds)


def side_by_side(work: Callable[[int], Tally], tally: Tally, kills: int, start: float) -> None:
    """Disturb grids by their number, some at once, until it were so many kills."""
    numbers = itertools.count(1)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        going = {threads.submit(work, next(numbers)) for _ in range(AT_ONCE)}
        while going:
            done, going = wait(going, return_when=FIRST_COMPLETED)
            for each in done:
                tally.add(each.result())
                _tell(f"{tally.kills.total()} times disturbed in {tally.grids} grids", start, tally)
                if tally.kills.total() < kills:
                    going.add(threads.submit(work, next(numbers)))


@click.command()
@click.option("--kills", default=100, show_default=True, help="So many at least.")
@click.option("--pairs", default=20, show_default=True, help="Grids by two commands at once.")
@click.option("--seed", default=0, show_default=True)
def main(kills: int, pairs: int, seed: int) -> None:
    """Disturb grids at random moments until it was enough; status 1 if anything was wrong."""
    tally, start = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        data = write_shapes(home / "shapes")

        def grid(name: str) -> Grid:
            beside = home / f"beside {name}"
            beside.mkdir()
            return Grid(data, home / name, beside)

        def chance(name: str) -> random.Random:
            return random.Random(f"{seed} {name}")

        def disturbed(number: int) -> Tally:
            name = f"grid-{number}"
            return one_grid(grid(name), alone, chance(name))

        measure_alone([grid("first")])  # as files are read for the first time, it takes longer
        alone = measure_alone([grid(f"alone-{i}") for i in range(AT_ONCE)])
        took = f"{alone.seconds:.1f} s, and {alone.again:.1f} s again"
        click.echo(f"undisturbed {AT_ONCE} grids at once take {took}")
        if kills:
            side_by_side(disturbed, tally, kills, start)
        for number in range(1, pairs + 1):
            name = f"pair-{number}"
            tally.add(two_at_once(grid(name), alone.leaderboard, chance(name)))
            _tell(f"{number} grids made by two commands at once", start, tally)
    for what, times in tally.kills.items():
        click.echo(f"{times:5} times: {what}")
    sys.exit(bool(tally.faults))


def _tell(done: str, start: float, tally: Tally) -> None:
    minutes = (time.monotonic() - start) / 60
    click.echo(f"{done}, {minutes:.1f} min: {len(tally.faults)} faults")


if __name__ == "__main__":
    main()
