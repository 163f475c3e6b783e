"""Kills a small grid at random moments and checks what is left: ``make kill-test``.

Each grid is begun in a folder of its own and killed again and again, its command, one of the
processes below it, or by many interrupts at once, until it ends by itself. Then no finished run may
be lost, made twice or half-written, no draft may be left behind, no process may live on, and the
tables must be those of a grid that nobody disturbed, but for times and memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click
import pandas as pd

from benchmark.core.store import Results
from tests.conftest import write_shapes

MODELS = "majority,knn,decision-tree,logistic-regression"
TIMES = ("fit_seconds", "predict_ms_per_image", "peak_memory_mb")
LATEST = 20.0  # seconds after the start at which a command is killed
ALONE_SECONDS = 15.0  # that processes below a killed command may take to end
INTERRUPTS, APART = 5, 0.03  # of a storm, and the seconds between two of them


@dataclass
class Tally:
    """What was done, and what of it went wrong.

    Attributes
    ----------
    kills : Counter
        By whom they hit.
    faults : list of str
    """

    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def command(data: Path, out: Path) -> list[str]:
    """Return the grid's command."""
    asked = ["--model", MODELS, "--data", str(data), "--train-size", "40", "--repeats", "3"]
    flags = ["--jobs", "2", "--no-predictions", "--out", str(out)]
    return [sys.executable, "-m", "benchmark.run", *asked, *flags]


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


def disturb(process: subprocess.Popen[bytes], chance: random.Random) -> str:
    """Kill a command or a part of it, and return what was hit."""
    hit = chance.choice(["the command", "a process below it", "interrupts"])
    with contextlib.suppress(ProcessLookupError):
        if hit == "the command":
            process.kill()
        elif hit == "interrupts":
            for _ in range(INTERRUPTS):
                os.killpg(process.pid, signal.SIGINT)
                time.sleep(APART)
        elif some := below(process.pid):
            os.kill(chance.choice(some), signal.SIGKILL)
        else:
            return "nothing, it had ended"
    return hit


def finished(out: Path) -> dict[str, str]:
    """Return the digest of the record of every finished run by its key."""
    results = Results(out)
    keys = [path.name for path in out.glob("runs/[!.]*")]
    return {
        key: hashlib.sha256((out / "runs" / key / "run.json").read_bytes()).hexdigest()
        for key in keys
        if results.is_finished(key)
    }


def leaderboard(out: Path) -> pd.DataFrame:
    """Return the leaderboard but for times and memory."""
    return pd.read_csv(out / "leaderboard.csv").drop(columns=[*TIMES])


def one_grid(
    data: Path, out: Path, expected: pd.DataFrame, most: int, chance: random.Random, tally: Tally
) -> None:
    """Kill a grid until it ends by itself, `most` times at most, and check it."""
    before: dict[str, str] = {}
    for number in range(most + 1):
        with subprocess.Popen(
            command(data, out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            started = below(process.pid)
            if number < most:
                try:
                    process.wait(chance.uniform(0, LATEST))
                except subprocess.TimeoutExpired:
                    started = below(process.pid)
                    tally.kills[disturb(process, chance)] += 1
            _, told = process.communicate()
        if b"Traceback" in told:
            tally.faults.append(f"{out.name}: a traceback: {told.decode()[-500:]}")
        end = time.monotonic() + ALONE_SECONDS
        while time.monotonic() < end and any(Path(f"/proc/{pid}").exists() for pid in started):
            time.sleep(0.1)
        if left := [pid for pid in started if Path(f"/proc/{pid}").exists()]:
            tally.faults.append(f"{out.name}: {len(left)} processes live on")
        after = finished(out)
        for key, digest in before.items():
            if after.get(key) != digest:
                tally.faults.append(f"{out.name}: run {key[:8]} was lost or made again")
        before = after
        if process.returncode == 0:
            break
    if (out / "leaderboard.csv").exists():
        if not leaderboard(out).equals(expected):
            tally.faults.append(f"{out.name}: its leaderboard is not the undisturbed one")
    else:
        tally.faults.append(f"{out.name}: no leaderboard")
    if drafts := [*out.rglob(".draft-*")]:
        tally.faults.append(f"{out.name}: {len(drafts)} drafts are left")


@click.command()
@click.option("--kills", default=100, show_default=True, help="So many at least.")
@click.option("--seed", default=0, show_default=True)
def main(kills: int, seed: int) -> None:
    """Kill grids at random moments until there were enough; status 1 if anything was wrong."""
    chance, tally, start = random.Random(seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        data = write_shapes(home / "shapes")
        alone = home / "alone"
        subprocess.run(command(data, alone), check=True, capture_output=True)
        expected, grids = leaderboard(alone), 0
        while tally.kills.total() < kills:
            grids += 1
            one_grid(data, home / f"grid-{grids}", expected, 6, chance, tally)
            minutes = (time.monotonic() - start) / 60
            click.echo(
                f"{tally.kills.total()} kills in {grids} grids, {minutes:.1f} min: "
                f"{len(tally.faults)} faults"
            )
    for hit, times in tally.kills.items():
        click.echo(f"{times:5} times {hit}")
    for fault in tally.faults:
        click.echo(fault, err=True)
    sys.exit(bool(tally.faults))


if __name__ == "__main__":
    main()
