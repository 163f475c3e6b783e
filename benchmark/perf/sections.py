"""What is measured against plain ways of doing the same, a section of the table each.

It lies beside the command, since Python hands no function of a command's file to a process.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import joblib
import numpy as np
import pandas as pd
from pebble import ProcessPool
from rich.console import Console

import deepnets
from baselines.device import choose
from benchmark.core import models, pool
from benchmark.core.memory import Limits
from benchmark.core.processes import START, end_with_parent
from benchmark.core.progress import Display
from benchmark.core.protocols import Fair, Slides
from benchmark.core.runs import Run, describe, load
from benchmark.core.store import Results
from benchmark.perf import loops
from benchmark.perf.table import Measure
from datasets import Source, crops, images, packing
from datasets.loaders import muxspace
from datasets.loaders.drawn import faces
from datasets.pictures import Files
from datasets.registry import LOADERS

SIZE = 32
SMALL_STEMS = ("resnet18", "seresnet18")  # also measured without their pooling
N_TRAIN, N_VALIDATION, EPOCHS, BATCH = 800, 200, 3, 100  # of the trainings that are compared
EPOCHS_ON_CARD = 10  # and all pictures: less would measure the set-up
N_FILES, N_DRAWN = 2000, 500
GRID_EPOCHS = 12  # about as many as early stopping leaves the slides' nets
LOAD_TWICE = """
import sys, time, datasets
for _ in range(2):
    start = time.perf_counter()
    datasets.load(sys.argv[1], int(sys.argv[2]))
    print(time.perf_counter() - start)
"""


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
    context = multiprocessing.get_context(START)
    with ProcessPool(n, initializer=_limit, initargs=(threads,), context=context) as workers:
        yield workers


def _limit(threads: int) -> None:
    import torch

    end_with_parent()
    torch.set_num_threads(threads)


def engine(source: Source, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """Training nets, against a DataLoader loop and timm's own benchmark, and their accuracy."""
    dataset, on_card = load(source, SIZE), choose("auto") == "cuda"
    n, epochs = (None, EPOCHS_ON_CARD) if on_card else (N_TRAIN + N_VALIDATION, EPOCHS)
    rows = Fair(train_size=n).rows(dataset, True, 0)
    learnt, held = rows.training, rows.selection
    arrays = (dataset.take(learnt), dataset.labels[learnt], dataset.take(held))
    task = loops.Training("", {}, *arrays, dataset.labels[held], epochs, BATCH, seed=0)
    nets: list[tuple[str, dict[str, str]]]
    nets = [(name, {}) for name in deepnets.ARCHITECTURES if name in names]
    nets += [(name, {"stem": "3x3"}) for name in SMALL_STEMS if name in names]
    jobs = 1 if on_card else joblib.cpu_count()
    with processes(jobs, 1) as mine, processes(1, joblib.cpu_count()) as theirs:
        for name, options in nets:
            one = dataclasses.replace(task, net=name, options=options)
            yield from _compare(one, rounds, mine, theirs, jobs)


def _compare(
    task: loops.Training, rounds: int, mine: ProcessPool, theirs: ProcessPool, jobs: int
) -> Iterator[Measure]:
    ours: dict[str, list[float]] = {"speed": [], "accuracy": [], "beside": []}
    loop: dict[str, list[float]] = {"speed": [], "accuracy": []}
    steps = []
    short = dataclasses.replace(task, X=task.X[:BATCH], y=task.y[:BATCH], epochs=1)
    for warm in [mine.schedule(_ours, [short]) for _ in range(jobs)]:
        warm.result()
    theirs.schedule(loops.loader_loop, [short]).result()
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
        loop["accuracy"].append(theirs.schedule(loops.loader_loop, [tasks[0]]).result())
        loop["speed"].append(pictures / (time.perf_counter() - start))
        steps.append(theirs.schedule(loops.timm_steps, [task]).result())
    label = f"{task.net}[stem={task.options['stem']}]" if task.options else task.net
    for peer, speed in (("DataLoader loop", loop["speed"]), ("timm's benchmark", steps)):
        yield Measure(label, "images/s", ours["speed"], peer, speed, True)
    note = f"of trainings of {task.epochs} epochs on {len(task.X):,} pictures, each its own seed"
    accuracies = (ours["accuracy"], "DataLoader loop", loop["accuracy"])
    yield Measure(label, "accuracy", *accuracies, True, note)
    note = "of the time, for history, keeping the best weights and restoring them, and stopping"
    yield Measure(label, "%", ours["beside"], note=note)


def _ours(task: loops.Training) -> tuple[float, float]:
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


def grid(source: Source, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """The slides' models side by side, against one after the other with all threads."""
    jobs = joblib.cpu_count()
    facts, device = describe(load(source, SIZE)), choose("auto")
    epochs = {"max_epochs": GRID_EPOCHS, "patience": None}

    def runs(threads: int) -> list[Run]:
        return [
            Run(
                source, facts, SIZE, Slides(), each, epochs if each.deep else {}, 0, device, threads
            )
            for each in models.find(",".join(names))
        ]

    for at_once, threads in ((jobs, 1), (1, jobs)):  # what each costs is known to both
        with Display(Console(quiet=True)) as display:
            pool.estimate(runs(threads), at_once, display)
    ways = {"ours": lambda: _make(runs(1), jobs), "theirs": lambda: _make(runs(jobs), 1)}
    taken = in_turn(ways, rounds)
    peer = f"one after the other, {jobs} threads"
    note = f"the slides' own pictures, nets for {GRID_EPOCHS} epochs, from process start"
    seconds = (taken["ours"], peer, taken["theirs"])
    yield Measure(f"{len(names)} models", "s", *seconds, note=note)


def _make(runs: Sequence[Run], jobs: int) -> None:
    """Make runs in a folder of their own."""
    with tempfile.TemporaryDirectory() as out, Display(Console(quiet=True)) as display:
        for record in pool.run_all(runs, Results(Path(out)), jobs, Limits(), display):
            if record.status != "ok":
                raise RuntimeError(f"{record.model.label}: {record.reason}")


def loading(source: Source, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """Reading pictures on one thread, preparing a whole set, and opening it again."""
    with tempfile.TemporaryDirectory() as folder:
        root = LOADERS["muxspace"].find() if str(source) == "muxspace" else None
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
            "cv2": lambda: loops.cv2_loop(some, SIZE),
        }
        in_turn(ways, 1)  # the files come from the disk once for both
        taken = in_turn(ways, rounds + 2)
        edge = int(np.median([max(images.read(Path(p).read_bytes()).shape[:2]) for p in some[:99]]))
        speed = {name: [len(some) / s for s in seconds] for name, seconds in taken.items()}
        subject = f"files of {edge} px to {SIZE} px, one thread"
        yield Measure(subject, "images/s", speed["ours"], "cv2 loop", speed["cv2"], True)

        times = []
        for i in range(rounds):
            call = [sys.executable, "-c", LOAD_TWICE, f"muxspace:{root}", str(SIZE)]
            empty = {**os.environ, "XDG_CACHE_HOME": f"{folder}/cache{i}"}
            done = subprocess.run(call, env=empty, capture_output=True, text=True, check=True)
            times.append([*map(float, done.stdout.split())])
        loop = [s * len(files) / len(some) for s in taken["cv2"]]
        note = "the loop's time is reckoned from the files above"
        for when, seconds in zip(("first time", "again"), zip(*times, strict=True), strict=True):
            subject = f"{len(files):,} files, all cores, {when}"
            yield Measure(subject, "s", seconds, "cv2 loop", loop, note=note)


def classical(source: Source, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """Nearest neighbours, against scikit-learn on one thread."""
    import threadpoolctl
    import torch

    from baselines.neighbours import Neighbours

    dataset = load(source, SIZE)
    rows = Slides().rows(dataset, False, 0)
    X, y = dataset.take(rows.training), dataset.labels[rows.training]
    X_test = dataset.take(rows.scored)
    answers: dict[str, np.ndarray] = {}

    def ours() -> None:
        answers["ours"] = Neighbours().fit(X, y).predict_proba(X_test)

    def theirs() -> None:
        answers["theirs"] = loops.scikit_learn_neighbours(X, y, X_test)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpoolctl.threadpool_limits(1):
        in_turn({"ours": ours}, 1)
        taken = in_turn({"ours": ours, "theirs": theirs}, rounds)
    torch.set_num_threads(threads)
    differing = int((answers["ours"] != answers["theirs"]).any(axis=1).sum())
    subject = f"knn, {len(X):,} to {len(X_test):,} pictures, on {choose('auto')}"
    seconds = (taken["ours"], "scikit-learn, one thread", taken["theirs"])
    note = f"{differing} of {len(X_test):,} predictions differ"
    yield Measure(subject, "s", *seconds, note=note)


def card(source: Source, rounds: int, names: Sequence[str]) -> Iterator[Measure]:
    """On a GPU: the whole leaderboard from the start of the process, and each model."""
    if choose("auto") != "cuda":
        return
    with tempfile.TemporaryDirectory() as folder:
        call = ["-m", "benchmark.run", "--model", ",".join(names), "--data", str(source)]
        for protocol in (Slides.name, Fair.name):
            whole, fitted = [], []
            for i in range(rounds):
                out = Path(folder) / f"{protocol}-{i}"
                asked = [*call, "--protocol", protocol, "--out", str(out)]
                start = time.perf_counter()
                done = subprocess.run([sys.executable, *asked], stdout=subprocess.DEVNULL)
                whole.append(time.perf_counter() - start)
                if done.returncode != 0:
                    raise click.ClickException(f"the runs under {protocol} failed: see above")
                board = pd.read_csv(out / "leaderboard.csv")
                fitted.append(board.sort_values("model").to_dict("records"))
            subject = f"{protocol}: {len(names)} models, all pictures"
            yield Measure(subject, "s", whole, note="from process start to the page")
            for rows in zip(*fitted, strict=True):
                seconds = [float(row["fit_seconds"]) for row in rows]
                note = f"on {rows[0]['device']}; {rows[0]['note']}"
                yield Measure(f"{protocol}: {rows[0]['model']}", "s to fit", seconds, note=note)


SECTIONS = {each.__name__: each for each in (engine, grid, loading, classical, card)}
