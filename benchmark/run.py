"""Run models on pictures and write the leaderboard: ``python -m benchmark.run --model knn``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import pandas as pd

import datasets
from benchmark import session
from benchmark.core import models, processes
from benchmark.options import Options, command
from benchmark.view import catalogue, console
from benchmark.view import tensorboard as events
from datasets.names import readable
from deepnets import USUAL_BUDGET

if TYPE_CHECKING:
    from benchmark.view.sections import Section


@command(
    *("model", "data", "test_data", "drop_class", "drop_duplicates", "crop", "protocol"),
    *("train_size", "repeats", "size", "split", "device", "jobs", "threads"),
    *("time_limit", "memory_limit", "retry", "backend", "scheduler"),
    *("metric", "budget", "tune", "settings", "pretrained", "weights", "out", "config"),
    *("no_predictions", "tensorboard", "estimate", "list"),
)
def main(options: Options) -> int:
    """Fit and score models on pictures; write the leaderboard and its pictures to OUT."""
    if options.list:
        _list(options.model)
        return 0
    if options.tensorboard:
        events.check_installed()
    if options.cluster is None:
        processes.prepare(nets=any(model.deep for model in models.find(options.model)))
    runs = session.plan(options)
    if options.estimate:
        session.estimate(runs, options)
        return 0
    session.begin(options, ((run.source, run.protocol) for run in runs))
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
    written = f"{options.out / 'report.html'}, {', '.join(dict.fromkeys(folders))}"
    click.echo(readable(f"written: {written}"))


def _list(named: str) -> None:
    """Print each model, what may be set of it and what it costs, and the data sets.

    Nets are counted where models are named, since that takes a while; so is what all nets have.
    """
    output, everything = console.output(), named == "all"
    some = models.models().values() if everything else models.find(named)
    listed = catalogue.table(some, counted=not everything)
    if everything:
        listed = pd.concat([listed, catalogue.of_timm()], ignore_index=True)
    title = "Models" if everything else f"Models; nets for pictures of {catalogue.SIZE} pixels"
    console.print_table(title, listed, output, notes=catalogue.SET)
    lines = [f"Data sets: {', '.join(datasets.names())}, or the path of a folder."]
    if everything:
        lines.append("With --model NAMES: what these nets cost, and what may be set of every net.")
    elif any(model.is_trained_in_epochs for model in some):
        lines.append(
            f"Every net that is trained may be given too: {', '.join(catalogue.of_all_nets())}. "
            f"Under fair it is trained for {USUAL_BUDGET:g} * 10**12 operations (--budget)."
        )
    console.say([*lines, "--estimate says what runs take on this machine."], output)


if __name__ == "__main__":
    main()
