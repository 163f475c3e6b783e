"""Search a model's parameters: ``python -m benchmark.search --model cnn --grid raf-db-report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from benchmark import session, space
from benchmark.core import models, pool, store
from benchmark.core.progress import Display
from benchmark.core.protocols import Fair, Search, Split, derive_seed, possible_splits
from benchmark.core.runs import Run, load
from benchmark.options import (
    DATA,
    DEVICE,
    JOBS,
    OUT,
    SIZE,
    SPLIT,
    THREADS,
    TIME_LIMIT,
    TRAIN_SIZE,
    Changes,
    changes,
    command,
)
from benchmark.scores import searches as trials
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import read_row
from benchmark.view import sections

BUDGET = 20


@command
@click.option("--model", required=True, help="One name, or timm:NAME.")
@click.option("--grid", "wanted", required=True, help="YAML file, or a name: raf-db-report.")
@click.option(
    "--sampler",
    type=click.Choice(["grid", "optuna"]),
    default="grid",
    show_default=True,
    help="Every point, or those that Optuna chooses.",
)
@click.option(
    "--trials",
    "budget",
    type=click.IntRange(1),
    help=f"Points that Optuna chooses.  [default: {BUDGET}]",
)
@click.option(
    "--metric",
    type=click.Choice([*trials.METRICS]),
    default="accuracy",
    show_default=True,
    help="What the best trial is best in, on the validation pictures.",
)
@DATA
@changes
@TRAIN_SIZE
@SIZE
@SPLIT
@DEVICE
@JOBS
@THREADS
@TIME_LIMIT
@OUT
def main(
    model: str,
    wanted: str,
    sampler: str,
    budget: int | None,
    metric: str,
    data: str | None,
    changes: Changes,
    train_size: int | None,
    size: int,
    split: Split | None,
    device: str,
    jobs: int | None,
    threads: int,
    time_limit: float | None,
    out: Path,
) -> int:
    """Try parameters on the validation pictures; score the best, once, on the test pictures."""
    console = Console(stderr=True)
    if budget is not None and sampler == "grid":
        raise click.UsageError("--trials is for --sampler optuna: a grid is gone through whole")
    entries = models.find(model)
    if len(entries) > 1:
        raise click.UsageError(f"--model {model} names {len(entries)} models: search one at a time")
    choices = space.read(wanted)
    data = changes.of(data)
    dataset = load(data, size)
    usual = split or Fair.usual_split(possible_splits(dataset))
    fair, tried = (kind(split=usual, train_size=train_size) for kind in (Fair, Search))
    where = session.usable_device(device, entries)
    jobs = jobs or pool.default_jobs(where, size)

    def run(settings: space.Settings, protocol: Fair = tried) -> Run:
        return session.plan(data, dataset, [protocol], entries, settings, where, threads)[0]

    made: dict[str, Run] = {}
    name = ""

    def evaluate(points: Sequence[space.Settings]) -> list[float | None]:
        """Make the runs of points that have no result yet, and score all."""
        nonlocal name
        asked = [run(point) for point in points]
        runs = {each.key: each for each in asked}
        made.update(runs)
        name, search = trials.entry(made, fair, choices.name, sampler, metric)
        store.put_search(out, name, search)
        with Display(console) as display:
            pool.run_all([*runs.values()], out, jobs, time_limit, display)
        rows = [read_row(out, {**each.shown, "keys": [each.key]}) for each in asked]
        return [trials.goodness(row, metric) for row in rows]

    points = choices.points() if sampler == "grid" else []
    for point in points:
        run(point)  # wrong input is told before anything is fitted
    store.check_writable(out)
    session.say_what(dataset, console)
    if sampler == "grid":
        evaluate(points)
    else:
        seed = derive_seed(dataset.fingerprint, tried, model, choices, metric)
        choices.sample(budget or BUDGET, seed, evaluate)
    (found,) = (each for each in trials.read(out) if each.name == name)
    winner = [] if found.best is None else [run(found.best["settings"], fair)]
    records, board = session.make(winner, out, jobs, time_limit, console)
    _show(board, name, session.output())
    click.echo(f"written: {out / 'report.html'}, leaderboard.csv, leaderboard.md, trials/")
    if found.best is None:
        console.print("no trial is ok: the reasons are in trials/", soft_wrap=True)
        return 1
    return session.tell_failures(records, console)


def _show(board: Leaderboard, name: str, console: Console) -> None:
    """Print the best trials and what is to be said of them."""
    (section,) = (each for each in sections.searches(board) if each.search.name == name)
    session.print_table(console, section.title, section.table)
    for line in section.lines:
        console.print(Text(line), soft_wrap=True)


if __name__ == "__main__":
    main()
