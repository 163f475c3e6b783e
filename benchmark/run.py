"""Run models on pictures and write the leaderboard: ``python -m benchmark.run --model knn``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

import datasets
from benchmark import session
from benchmark.core import models
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
        "no_predictions",
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
        session.estimate(runs, options)
        return 0
    session.begin(options)
    records = session.make(runs, options)
    board = session.publish(options.results, with_predictions=not options.no_predictions)
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
    folders += ["predictions/"] * (not options.no_predictions)
    folders += ["tensorboard/"] * options.tensorboard
    click.echo(f"written: {options.out / 'report.html'}, {', '.join(dict.fromkeys(folders))}")


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
