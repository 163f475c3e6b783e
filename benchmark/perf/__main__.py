"""Measure the project against plain ways of doing the same: ``make perf``.

Ours and the peers run in turn, in one process tree, round after round; medians are told with the
least and the most, and the ratio is that of each round's pair, so that it holds where the machine's
speed drifts.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import click
import joblib
import numpy as np
import pandas as pd
from pebble import ProcessPool
from rich.console import Console

import datasets
import deepnets
from benchmark import session
from benchmark.core import models
from benchmark.core import pool as grid
from benchmark.core.progress import Display
from benchmark.core.protocols import Fair, Slides
from benchmark.core.records import Measured
from benchmark.core.runs import Run, describe, load
from benchmark.core.store import Results
from benchmark.options import Options, command
from benchmark.perf import peers
from benchmark.perf.speed import Measure, as_line, machine, write_section
from datasets import Source, cache, crops, images, packing
from datasets.loaders import muxspace
from datasets.loaders.drawn import faces
from datasets.pictures import Files
from datasets.registry import LOADERS
from deepnets.training.device import choose

SMALL_STEMS = ("resnet18", "seresnet18")  # also measured without their pooling
N_TRAIN, N_VALIDATION, EPOCHS, BATCH = 800, 200, 3, 100  # of the trainings that are compared
N_FILES, N_DRAWN = 2000, 500
GROWTH, RUNS = (1000, 2000, 4000, 8000), (1, 2, 4, 8)  # pictures, runs
GRID_EPOCHS = 12  # about as many as early stopping leaves the slides' nets
SIZE = 32


def in_turn(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way of doing something, one after the other, in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return seconds


@contextmanager
def processes(n: int, threads: int) -> Iterator[ProcessPool]:
    """Processes of so many threads each, warm and waiting."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with ProcessPool(n, initializer=_limit, initargs=(threads,), context=context) as pool:
        yield pool


def _limit(threads: int) -> None:
    import torch

    grid.end_with_parent()
    torch.set_num_threads(threads)


def _ours(task: peers.Training) -> tuple[float, float]:
    """Train a net; accuracy of the end, and the share of the time that epochs do not account for.

    That is taken from the end of the first epoch on: history, the best weights kept and restored.
    """
    from deepnets.training.classifier import NetClassifier

    ends: list[float] = []
    net = NetClassifier(
        task.net,
        task.options,
        max_epochs=task.epochs,
        batch_size=task.batch_size,
        patience=None,
        random_state=task.seed,
    )
    net.set_params(**deepnets.architecture(task.net).settings)
    net.set_params(on_epoch=lambda epoch: ends.append(time.perf_counter()))
    net.fit(task.X, task.y, task.X_val, task.y_val)
    taken = time.perf_counter() - ends[0]
    beside = taken - sum(epoch.seconds for epoch in net.history_[1:])
    return net.history_[-1].validation_accuracy, beside / taken


def engine(data: str, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """(a) The engine against a DataLoader loop and timm's own benchmark, and its accuracy."""
    dataset = load(Source.parse(data), SIZE)
    rows = Fair(train_size=N_TRAIN + N_VALIDATION).rows(dataset, True, 0)
    learnt, held = rows.training, rows.selection
    arrays = (dataset.take(learnt), dataset.labels[learnt], dataset.take(held))
    task = peers.Training("", {}, *arrays, dataset.labels[held], EPOCHS, BATCH, seed=0)
    nets: list[tuple[str, dict[str, str]]]
    nets = [(name, {}) for name in deepnets.ARCHITECTURES if name in names]
    nets += [(name, {"stem": "3x3"}) for name in SMALL_STEMS if name in names]
    jobs = grid.default_jobs(choose("auto"), SIZE)
    with processes(jobs, 1) as mine, processes(1, joblib.cpu_count()) as theirs:
        attainable = _attainable(mine, jobs)
        for name, options in nets:
            one = dataclasses.replace(task, net=name, options=options)
            yield from _compare(one, rounds, mine, theirs, jobs, attainable)


def _compare(
    task: peers.Training,
    rounds: int,
    mine: ProcessPool,
    theirs: ProcessPool,
    jobs: int,
    attainable: float,
) -> Iterator[Measure]:
    ours: dict[str, list[float]] = {"speed": [], "accuracy": [], "beside": []}
    loop: dict[str, list[float]] = {"speed": [], "accuracy": []}
    steps = []
    short = dataclasses.replace(task, X=task.X[:BATCH], y=task.y[:BATCH], epochs=1)
    for warm in [mine.schedule(_ours, [short]) for _ in range(jobs)]:
        warm.result()
    theirs.schedule(peers.loader_loop, [short]).result()
    pictures = len(task.X) * task.epochs
    for done in range(rounds):
        tasks = [dataclasses.replace(task, seed=jobs * done + i) for i in range(jobs)]
        start = time.perf_counter()
        for run in [mine.schedule(_ours, [each]) for each in tasks]:
            accuracy, beside = run.result()
            ours["accuracy"].append(accuracy)
            ours["beside"].append(100 * beside)
        ours["speed"].append(jobs * pictures / (time.perf_counter() - start))
        start = time.perf_counter()
        loop["accuracy"].append(theirs.schedule(peers.loader_loop, [tasks[0]]).result())
        loop["speed"].append(pictures / (time.perf_counter() - start))
        steps.append(theirs.schedule(peers.timm_steps, [task]).result())
    label = f"{task.net}[stem={task.options['stem']}]" if task.options else task.net
    share = statistics.median(ours["speed"]) * _step_flop(task) / attainable
    note = f"{share:.0%} of the arithmetic that matrix products reach here"
    for peer, speed in (("DataLoader loop", loop["speed"]), ("timm's benchmark", steps)):
        yield Measure("engine", label, "images/s", ours["speed"], peer, speed, True, note)
    yield Measure(
        "engine",
        label,
        "accuracy",
        ours["accuracy"],
        "DataLoader loop",
        loop["accuracy"],
        True,
        f"of trainings of {task.epochs} epochs on {len(task.X):,} pictures, each its own seed",
    )
    note = "of the time, for history, keeping the best weights and restoring them, and stopping"
    yield Measure("engine", label, "%", ours["beside"], note=note)


def _step_flop(task: peers.Training) -> float:
    """Floating-point operations of a training step, a picture: three times those of a forward pass.

    Counted forward only: torch counts the gradients of a depthwise convolution as a dense one's.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    net = task.build()
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        net(torch.randn(2, 3, SIZE, SIZE))
    return 3 * counted.get_total_flops() / 2


def _attainable(pool: ProcessPool, jobs: int) -> float:
    """Floating-point operations a second that products of bfloat16 matrices reach side by side."""
    return sum(future.result() for future in [pool.schedule(_product) for _ in range(jobs)])


def _product(n: int = 2048) -> float:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    a = torch.randn(n, n, device=device, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        (a @ a).sum().item()
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best


def whole_grid(data: str, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """(b) The slides' models side by side, against one after the other with default threads."""
    jobs = joblib.cpu_count()

    def runs(threads: int) -> list[Run]:
        return _runs(data, names, Slides(), GRID_EPOCHS, threads)

    for at_once, threads in ((jobs, 1), (1, jobs)):  # what each costs is known to both
        with Display(Console(quiet=True)) as display, grid.Workers(at_once) as workers:
            workers.costs(runs(threads), display)
    ways = {"ours": lambda: _make(runs(1), jobs), "theirs": lambda: _make(runs(jobs), 1)}
    taken = in_turn(ways, rounds)
    yield Measure(
        "grid",
        f"{len(names)} models",
        "s",
        taken["ours"],
        f"one after the other, {jobs} threads",
        taken["theirs"],
        note=f"the slides' own pictures, nets for {GRID_EPOCHS} epochs, from process start",
    )


def _runs(
    data: str, names: Sequence[str], protocol: Fair | Slides, epochs: int, threads: int = 1
) -> list[Run]:
    about, device = describe(load(Source.parse(data), SIZE)), choose("auto")
    return [
        Run(
            Source.parse(data),
            about,
            SIZE,
            protocol,
            model,
            {"max_epochs": epochs, "patience": None} if model.deep else {},
            repeat,
            device,
            threads,
        )
        for model in models.find(",".join(names))
        for repeat in range(protocol.repeats)
    ]


def _make(runs: Sequence[Run], jobs: int) -> list[Measured]:
    """Make runs in a folder of their own; what they took."""
    with tempfile.TemporaryDirectory() as out, Display(Console(quiet=True)) as display:
        records = grid.run_all(runs, Path(out), jobs, None, display)
    for record in records:
        if record.measured is None:
            raise RuntimeError(f"{record.model.label}: {record.reason}")
    return [record.measured for record in records if record.measured]


def loading(data: str, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """(c) Reading pictures on one thread, preparing a whole set, and opening it again."""
    with tempfile.TemporaryDirectory() as folder:
        root = LOADERS["muxspace"].find() if data == "muxspace" else None
        if root is None:
            root = Path(folder) / "faces"
            faces.write(root, n=N_DRAWN, seed=0, size=224)
        legend = muxspace.read_legend(root / "data" / "legend.csv")
        files = Files(root / "images", [name for name, *_ in legend])
        rows = range(0, len(files), max(len(files) // N_FILES, 1))
        some, n = [files.where(row) for row in rows], packing.HANDFUL
        handfuls = [rows[i : i + n] for i in range(0, len(rows), n)]
        ways = {
            "ours": lambda: [packing.read_some(files, each, SIZE, crops.NONE) for each in handfuls],
            "cv2": lambda: peers.cv2_loop(some, SIZE),
        }
        in_turn(ways, 1)  # the files come from the disk once for both
        taken = in_turn(ways, rounds + 2)
        edge = int(np.median([max(images.read(Path(p).read_bytes()).shape[:2]) for p in some[:99]]))
        speed = {name: [len(some) / s for s in seconds] for name, seconds in taken.items()}
        subject = f"files of {edge} px to {SIZE} px, one thread"
        yield Measure("loading", subject, "images/s", speed["ours"], "cv2 loop", speed["cv2"], True)

        place = f"muxspace:{root}"
        cold, warm = [], []
        for i in range(rounds):
            with mock.patch.object(cache, "folder", lambda i=i: Path(folder) / f"cache{i}"):
                cold += in_turn({"": lambda: datasets.load(place, SIZE)}, 1)[""]
                warm += in_turn({"": lambda: datasets.load(place, SIZE)}, 5)[""]
        loop = [s * len(files) / len(some) for s in taken["cv2"]]
        subject = f"{len(files):,} files, all cores"
        note = "the loop's time is reckoned from the files above"
        yield Measure("loading", f"{subject}, first time", "s", cold, "cv2 loop", loop, note=note)
        yield Measure("loading", f"{subject}, again", "s", warm, "cv2 loop", loop, note=note)


def classical(data: str, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """(d) Classical models that are not scikit-learn itself, against scikit-learn on one thread."""
    import threadpoolctl
    import torch

    from baselines.neighbours import Neighbours

    dataset = load(Source.parse(data), SIZE)
    rows = Slides().rows(dataset, False, 0)
    X, y, X_test = (
        dataset.take(rows.training),
        dataset.labels[rows.training],
        dataset.take(rows.scored),
    )
    known: dict[str, np.ndarray] = {}

    def ours() -> None:
        known["ours"] = Neighbours().fit(X, y).predict_proba(X_test)

    def theirs() -> None:
        known["theirs"] = peers.scikit_learn_neighbours(X, y, X_test)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpoolctl.threadpool_limits(1):
        in_turn({"ours": ours}, 1)
        taken = in_turn({"ours": ours, "theirs": theirs}, rounds)
    torch.set_num_threads(threads)
    differing = int((known["ours"] != known["theirs"]).any(axis=1).sum())
    yield Measure(
        "classical",
        f"knn, {len(X):,} to {len(X_test):,} pictures, on {choose('auto')}",
        "s",
        taken["ours"],
        "scikit-learn, one thread",
        taken["theirs"],
        note=f"{differing} of {len(X_test):,} predictions differ",
    )


def growth(data: str, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """(e) How the time grows with the pictures and with the runs."""
    chosen = [name for name in ("knn", "random-forest", "hog-svm", "mobilenet") if name in names]
    pool = len(load(Source.parse(data), SIZE)) * 2 // 3
    sizes: list[int | None] = [size for size in GROWTH if size < pool - 10]
    for size in [*sizes, None]:
        for name in chosen:
            (took,) = _make(_runs(data, [name], Fair(train_size=size), 1), 1)
            subject = f"{name}, {took.n_train:,} training pictures"
            note = "one epoch" if took.epochs else ""
            yield Measure("growth", subject, "s to fit", [took.fit_seconds], note=note)
            yield Measure("growth", subject, "MB at most", [took.peak_memory_mb], note=note)
    jobs = joblib.cpu_count()
    for n in RUNS:
        runs = _runs(
            data, ["decision-tree"], Fair(train_size=2000 if pool > 2500 else None, repeats=n), 1
        )
        taken = in_turn({"": functools.partial(_make, runs, jobs)}, 1)[""]
        yield Measure("growth", f"{n} runs of decision-tree, {jobs} at a time", "s", taken)


def card(data: str, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """(f) On a GPU: the whole leaderboard from the start of the process, and each model."""
    if choose("auto") != "cuda":
        return
    with tempfile.TemporaryDirectory() as folder:
        call = ["-m", "benchmark.run", "--protocol", "fair", "--out", folder]
        call += ["--model", ",".join(names), "--data", data]
        start = time.perf_counter()
        subprocess.run([sys.executable, *call], check=True, capture_output=True)
        whole = time.perf_counter() - start
        yield Measure("card", "the whole leaderboard, from process start", "s", [whole])
        rows = pd.read_csv(Path(folder) / "leaderboard.csv").to_dict("records")
    for row in rows:
        subject, note = f"{row['model']}, all pictures", f"on {row['device']}; {row['note']}"
        yield Measure("card", subject, "s to fit", [row["fit_seconds"]], note=note)


SECTIONS = {
    "engine": engine,
    "grid": whole_grid,
    "loading": loading,
    "classical": classical,
    "growth": growth,
    "card": card,
}


@command("data", "out")
@click.option("--model", default="all", show_default=True, help="Names, 'vgg*'; commas.")
@click.option("--only", default=",".join(SECTIONS), show_default=True, help="Sections; commas.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
def main(options: Options, model: str, only: str, rounds: int) -> None:
    """Measure speed side by side with plain ways of doing the same; write OUT/perf.md and .csv."""
    wanted = [name.strip() for name in only.split(",")]
    for name in wanted:
        if name not in SECTIONS:
            raise click.UsageError(f"no section is called '{name}': use {', '.join(SECTIONS)}")
    (data,), (dataset,) = map(str, options.sources), session.load(options)
    Results(out := options.out).check_writable()
    names = [each.name for each in models.find(model)]
    console = Console(stderr=True)
    where = {"pictures": f"{dataset.described}, {len(dataset):,}", "machine": machine()}
    titles = {each: (measure.__doc__ or "").splitlines()[0] for each, measure in SECTIONS.items()}
    for name in wanted:
        rows: list[dict[str, Any]] = []
        for measure in SECTIONS[name](data, rounds, names):
            rows.append({**measure.row(), **where})
            console.print(as_line(rows[-1]), soft_wrap=True, markup=False, highlight=False)
            write_section(out, name, rows, titles)
    click.echo(f"written: {out / 'perf.md'}, perf.csv")


if __name__ == "__main__":
    main()
