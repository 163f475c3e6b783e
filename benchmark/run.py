"""Run models on pictures and write the leaderboard: ``python -m benchmark.run --model knn``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

import datasets
from benchmark import session
from benchmark.core import models, pool, schedule
from benchmark.core.progress import Display
from benchmark.core.runs import Run
from benchmark.options import Options, command
from benchmark.view import console
from benchmark.view import tensorboard as events

if TYPE_CHECKING:
    from benchmark.view.sections import Section


@command(
    *("model", "data", "test_data", "drop_class", "drop_duplicates", "crop", "protocol"),
    *("train_size", "repeats", "size", "split", "device", "jobs", "threads", "time_limit"),
    *(
        "metric",
        "budget",
        "tune",
        "settings",
        "pretrained",
        "weights",
        "out",
        "config",
        "tensorboard",
        "estimate",
    ),
    "list",
)
def main(options: Options) -> int:
    """Fit and score models on pictures; write the leaderboard and its pictures to OUT."""
    if options.list:
        _list()
        return 0
    if options.tensorboard:
        events.check_installed()
    runs = session.plan(options)
    if options.estimate:
        _estimate(runs, options)
        return 0
    session.begin(options)
    records = session.make(runs, options)
    board = session.publish(options.results)
    if options.tensorboard:
        events.write(options.results, board.rows)
    from benchmark.view import sections  # with matplotlib, which the workers need not load

    asked, shown = {run.dataset.name for run in runs}, sections.every(board)
    console.show(each for each in shown if each.on_screen and each.dataset in asked)
    _tell_what_was_written(shown, options)
    return session.tell_failures(records)


def _tell_what_was_written(shown: Sequence[Section], options: Options) -> None:
    """Print the files at the top of the results folder, and the folders of the others."""
    files = ["leaderboard.md", *(file for section in shown for file in section.files)]
    folders = [f"{file.partition('/')[0]}/" if "/" in file else file for file in files]
    folders += ["tensorboard/"] * options.tensorboard
    click.echo(f"written: {options.out / 'report.html'}, {', '.join(dict.fromkeys(folders))}")


def _estimate(runs: Sequence[Run], options: Options) -> None:
    """Print what each run would cost on this machine, and all of them together."""
    jobs = session.jobs(options, runs)
    waiting = pool.unfinished(runs, options.results)
    with Display(Console(stderr=True)) as display:
        costs = pool.estimate(waiting, jobs, display)
    numbers = [Column(name, justify="right") for name in ("runs", "minutes")]
    table = Table("protocol", "model", *numbers, box=None)
    rows: dict[tuple[str, str], list[float]] = {}
    for run in waiting:
        row = run.protocol_facts.board, run.label
        rows.setdefault(row, []).append(costs.get(run.key, math.nan))
    for (label, name), seconds in rows.items():
        table.add_row(label, Text(name), str(len(seconds)), f"{sum(seconds) / 60:.2f}")
    Console().print(table)
    total = schedule.makespan([*costs.values()], jobs) / 60
    click.echo(
        f"{len(runs) - len(waiting)} runs are in {options.out} already; the other "
        f"{len(waiting)} take about {total:.1f} minutes, {jobs} at a time, "
        "if nets make all their epochs"
    )
    unknown = [run.label for run in waiting if run.key not in costs]
    if unknown:
        click.echo(f"not counted, since a trial of it failed: {', '.join(unknown)}")


def _list() -> None:
    table = Table("model", "family", "", box=None)
    for entry in models.models().values():
        kind = "net" if entry.deep else "classical"
        needs = ", pre-trained: not in 'all'" if entry.needs_download else ""
        table.add_row(entry.name, entry.family, kind + needs)
    table.add_row("timm:NAME", "any of timm", "net")
    table.add_row("finetuned:NAME", "any of timm", "net, pre-trained: not in 'all'")
    table.add_row("frozen:NAME", "any of timm", "net, pre-trained, not trained here: not in 'all'")
    Console().print(table)
    Console().print(f"data sets: {', '.join(datasets.names())}, or the path of a folder")


if __name__ == "__main__":
    main()
