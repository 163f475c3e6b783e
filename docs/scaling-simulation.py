"""What a grid costs on many workers, from what it costs on this machine.

``python docs/scaling-simulation.py measure FILE.json`` makes small runs here and on one and two
workers of a Dask cluster, in turn, and takes the time of what is done once a run on one side.
``python docs/scaling-simulation.py FILE.json`` simulates from that, and from the times of the
reference's runs, the grid that was measured and one of 10,000 runs on 100 workers.
"""

from __future__ import annotations

import bisect
import heapq
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmark import session
from benchmark.core import pool, runs
from benchmark.core.cluster import start_workers
from benchmark.core.progress import Display
from benchmark.core.store import Results
from benchmark.options import Options
from datasets.loaders.drawn import faces

ROUNDS = 3
SMALL = "majority,decision-tree,random-forest,hog-svm"
REPEATS = 6  # of each: 24 runs
LISTED = (0, 20_000, 40_000)  # lines of SHA256SUMS beside which runs are stored
STORED = 8  # runs, one after the other and together
TASKS = 1_000  # that do nothing
WORKERS, RUNS, SEED = 100, 10_000, 0
REFERENCE = Path(__file__).parents[1] / "results" / "reference" / "runs"


def _nothing(run: runs.Run) -> None:
    pass


@contextmanager
def cpu(into: dict[str, Any], name: str, n: int = 1) -> Iterator[None]:
    """Take the seconds of a core that this process spends, which other work does not lengthen."""
    start = time.process_time()
    yield
    into[name] = (time.process_time() - start) / n


def measure() -> dict[str, Any]:
    """Measure what the simulation is made from, in seconds; see the names."""
    from distributed import LocalCluster

    found: dict[str, Any] = {"walls": {}, "starts": {}, "busy": [os.getloadavg()[0]]}
    with tempfile.TemporaryDirectory() as home:
        data = Path(home) / "faces"
        faces.write(data, n=300, seed=SEED, size=32)
        asked = Options(SMALL, data=str(data), train_size=100, repeats=REPEATS, device="cpu")
        planned = session.plan(asked)
        again = [replace(run) for run in planned]
        with cpu(found, "plan", len(again)):
            for run in again:
                _ = run.key
        with cpu(found, "load"):
            asked.sources[0].load(32)
        with (
            LocalCluster(1, threads_per_worker=1, dashboard_address=None) as one,
            LocalCluster(2, threads_per_worker=1, dashboard_address=None) as two,
        ):
            for turn in range(ROUNDS):
                for n, cluster in ((1, one), (2, two)):
                    starts: dict[str, pool.Start] = {
                        "here": pool.start_workers,
                        "dask": partial(start_workers, cluster.scheduler_address),
                    }
                    for name, start in starts.items():
                        results = Results(Path(home) / f"{name} {n} {turn}")
                        _one_turn(found, f"{name} {n}", n, planned, results, start)
            _tasks(found, one.scheduler_address, planned)
        records = [results.record(run.key) for run in planned]
        found["runs"] = [record.took for record in records if record is not None]
        _storing(found, results, planned[-1].key)
        _publishing(found, results, planned)
        with cpu(found, "read", len(planned)):
            pool.unfinished(planned, results)
    found["busy"].append(os.getloadavg()[0])
    found["reference"] = _reference()
    return found


def _reference() -> list[float]:
    """Seconds of the reference's runs, to fit and to predict."""
    records = [json.loads(path.read_text()) for path in sorted(REFERENCE.glob("*/run.json"))]
    measured = [record["measured"] for record in records if record["measured"]]
    took = [each["fit_seconds"] + each["predict_seconds"] for each in measured]
    return [round(each, 3) for each in took]


def _one_turn(
    found: dict[str, Any],
    name: str,
    n: int,
    planned: list[runs.Run],
    results: Results,
    start: pool.Start,
) -> None:
    """Make all runs and one more before, so that the processes are warm."""
    from rich.console import Console

    warm = Results(results.path / "warm")
    with Display(Console(quiet=True)) as display:
        display.begin(planned, 0, n)
        began = time.perf_counter()
        with start(n, planned) as workers:
            workers.make(planned[-n:], warm, None, display, lambda: None)
            ready = time.perf_counter()
            workers.make(planned, results, None, display, lambda: None)
            end = time.perf_counter()
    found["starts"].setdefault(name, []).append(ready - began)
    found["walls"].setdefault(name, []).append(end - ready)


def _tasks(found: dict[str, Any], address: str, planned: list[runs.Run]) -> None:
    """What a task takes from its submission to its end, beside what it does."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        several = [planned[i % len(planned)] for i in range(TASKS)]
        with cpu(found, "task", TASKS):  # the scheduler is in this process, the worker is not
            futures = [
                client.submit(_nothing, run, key=("nothing", i), priority=-i)
                for i, run in enumerate(several)
            ]
            client.gather(futures)


def _storing(found: dict[str, Any], results: Results, key: str) -> None:
    """What storing a run, and listing what is stored, costs beside so many that are there."""
    files = results.files_of_run(key)
    found["files"] = len(files)
    for n in LISTED:
        with tempfile.TemporaryDirectory() as aside:
            other = Results(Path(aside))
            line = f"{'0' * 64}  runs/{{:064}}/run.json\n"
            (other.path / "SHA256SUMS").write_text("".join(line.format(i) for i in range(n)))
            seconds: dict[str, float] = {}
            with cpu(seconds, "apart"):
                for i in range(STORED):
                    other.put_files(f"{i:064}", files)
            with cpu(seconds, "together"), other.together():
                for i in range(STORED, 2 * STORED):
                    other.put_files(f"{i:064}", files)
        # Apart a list is written for each of them, together one for all.
        listing = (seconds["apart"] - seconds["together"]) / (STORED - 1)
        found.setdefault("listing", {})[str(n)] = listing
        found.setdefault("store", {})[str(n)] = seconds["apart"] / STORED - listing


def _publishing(found: dict[str, Any], results: Results, planned: list[runs.Run]) -> None:
    """What a new results folder of one row, and one of all, costs to publish."""
    from benchmark.view import page  # what it imports is no cost of a row

    assert page.publish
    rows = runs.on_board(planned)
    for n in (1, len(rows)):
        with tempfile.TemporaryDirectory() as aside:
            other = Results(Path(aside))
            for name in ("runs", "data"):
                shutil.copytree(results.path / name, other.path / name)
            other.put_rows(rows[:n])
            seconds: dict[str, float] = {}
            with cpu(seconds, "publish"):
                session.publish(other)
        found.setdefault("publish", {})[str(n)] = seconds["publish"]


def makespan(
    lengths: np.ndarray,
    workers: int,
    task: float,
    store: Callable[[int], float],
    listing: Callable[[int], float],
) -> tuple[float, float, float]:
    """Simulate runs in the order given: the last run's end, the last stored, seconds of storing.

    The scheduler hands out one task after the other. One side stores what has ended meanwhile,
    one run after the other, and lists it together.
    """
    free, scheduler, ends = [0.0] * workers, 0.0, []
    for length in lengths:
        scheduler = max(scheduler, free[0]) + task
        end = scheduler + length
        heapq.heapreplace(free, end)
        ends.append(end)
    now = busy = 0.0
    i, ends = 0, sorted(ends)
    while i < len(ends):
        now = max(now, ends[i])
        n = bisect.bisect_right(ends, now)
        cost = listing(n) + sum(store(j) for j in range(i, n))
        i, now, busy = n, now + cost, busy + cost
    return ends[-1], now, busy


def simulate(found: dict[str, Any]) -> None:
    """Print what the simulation says: of the grid that was measured, and of a large one."""

    def by_runs(costs: dict[str, float]) -> Callable[[int], float]:
        """A cost that was measured beside lines of the list, beside so many runs."""
        lines = [int(n) for n in costs]
        return lambda n: float(np.interp(n * found["files"], lines, [*costs.values()]))

    store, listing = by_runs(found["store"]), by_runs(found["listing"])
    walls = {name: statistics.median(each) for name, each in found["walls"].items()}
    print(f"load of the machine at the beginning and the end: {found['busy']}")
    print("made of     measured s   of the time here   start s")
    for name, wall in walls.items():
        here = walls[f"here {name[-1]}"]
        print(f"{name:10} {wall:11.1f} {wall / here:18.2f} {min(found['starts'][name]):9.1f}")
    for kind in ("here", "dask"):
        print(f"{kind}: two take 1 / {walls[f'{kind} 1'] / walls[f'{kind} 2']:.2f} of one's time")
    # What a run takes of its worker beside fitting and predicting, as one worker showed.
    n = len(found["runs"])
    beside = walls["dask 1"] / n - statistics.mean(found["runs"])
    small = np.array(found["runs"]) + beside
    for workers in (1, 2):
        # Two beside each other share this machine, and slow each other as runs made here do.
        slowed = workers * walls[f"here {workers}"] / walls["here 1"]
        said, _, _ = makespan(small * slowed, workers, found["task"], store, listing)
        ratio = said / walls[f"dask {workers}"]
        print(f"simulated with {workers}: {said:.1f} s, {ratio:.2f} of what was measured")

    took = found["reference"]
    rng = np.random.default_rng(SEED)
    lengths = np.sort(rng.choice(took, RUNS))[::-1] + beside
    end, stored, busy = makespan(lengths, WORKERS, found["task"], store, listing)
    print(
        f"\n{RUNS:,} runs as the reference's {len(took)} ({statistics.mean(took):.0f} s in the "
        f"mean, {max(took):.0f} at most) on {WORKERS} workers:"
    )
    rows = RUNS / REPEATS
    (few, least), (many, most) = ((int(n), cost) for n, cost in found["publish"].items())
    a_row = (most - least) / (many - few)
    publishing = least + a_row * (rows - few)
    parts = {
        "the workers, if nothing else took time": lengths.sum() / WORKERS,
        "the longest run": lengths[0],
        "the last run ends": end,
        "the last run is stored": stored,
        "planning here": found["plan"] * RUNS,
        "handing out tasks": found["task"] * RUNS,
        "storing here": busy,
        f"publishing {rows:,.0f} rows here, all of them new": publishing,
        "finding what is finished, in a second call": found["read"] * RUNS,
    }
    for name, seconds in parts.items():
        print(f"  {name:45} {seconds:9.0f} s")
    apart = sum(store(i) + listing(i) for i in range(RUNS))
    print(f"  storing, if each were listed by itself, would take {apart:.0f} s")
    print(
        f"  storing the last run takes {store(RUNS) * 1e3:.1f} ms, listing it "
        f"{listing(RUNS) * 1e3:.0f} ms"
    )
    for name, cost in (("stores", store(RUNS)), ("hands out", found["task"])):
        print(f"  one side {name} as fast as {lengths.mean() / cost:.0f} workers make them")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measure", name]:
            Path(name).write_text(json.dumps(measure(), indent=1) + "\n")
        case [name]:
            simulate(json.loads(Path(name).read_text()))
        case _:
            sys.exit(__doc__)
