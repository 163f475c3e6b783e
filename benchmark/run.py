"""Run models on pictures and write the leaderboard: ``python -m benchmark.run --model knn``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

import datasets
from benchmark import session
from benchmark.core import models, pool, schedule, store
from benchmark.core.progress import Display
from benchmark.core.protocols import PROTOCOLS, Protocol, Search, Split, possible_splits
from benchmark.core.runs import Run, load
from benchmark.options import (
    DATA,
    DEVICE,
    JOBS,
    OUT,
    SET,
    SIZE,
    THREADS,
    TIME_LIMIT,
    TRAIN_SIZE,
    Changes,
    changes,
    command,
    read_config,
)
from benchmark.scores import contrasts as contrast
from benchmark.scores import leaderboard
from benchmark.view import sections
from benchmark.view import tensorboard as events
from benchmark.view import text as words

# Not on screen, for want of room.
LESS = ("balanced_accuracy", "top2_accuracy", "ece", "majority_accuracy", "predict_ms_per_image")
SCORED_ON_TEST = [name for name in PROTOCOLS if name != Search.name]


def _words(*known: str) -> Callable[..., list[str]]:
    """Names with commas between, each once (a click callback)."""

    def parse(context: click.Context, parameter: click.Parameter, text: str | None) -> list[str]:
        if text is None:
            return []
        words = list(dict.fromkeys(word.strip() for word in text.split(",")))
        for word in words:
            if word not in known:
                raise click.BadParameter(f"'{word}' is not one of {', '.join(known)}")
        return words

    return parse


@command
@click.option("--model", default="all", show_default=True, help="Names, 'vgg*', timm:NAME; commas.")
@DATA
@click.option(
    "--test-data",
    multiple=True,
    help="Test on this too, on the classes both have; several times: on each in its turn.",
)
@changes
@click.option(
    "--protocol",
    default="fair",
    show_default=True,
    callback=_words(*SCORED_ON_TEST),
    help=f"{', '.join(SCORED_ON_TEST)}: commas.",
)
@TRAIN_SIZE
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True)
@SIZE
@click.option(
    "--split",
    callback=_words(*get_args(Split)),
    help="random, identity, official, slides: commas.  "
    "[default for fair: official where the data come in parts, else identity where they say "
    "who is shown, else random; with --test-data there is no choice]",
)
@DEVICE
@JOBS
@THREADS
@TIME_LIMIT
@SET
@click.option(
    "--pretrained", is_flag=True, help="Start nets from the weights timm publishes for them."
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Safetensors file that nets start from in place of those.",
)
@OUT
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    callback=read_config,
    is_eager=True,
    expose_value=False,
    help="YAML file whose keys are these flags' names.",
)
@click.option("--tensorboard", is_flag=True, help="Write the nets' epochs for TensorBoard too.")
@click.option("--estimate", is_flag=True, help="Say what the runs would cost here; make none.")
@click.option("--list", "list_models", is_flag=True, help="Show the models and the data sets.")
def main(
    model: str,
    data: str | None,
    test_data: tuple[str, ...],
    changes: Changes,
    protocol: list[str],
    train_size: int | None,
    repeats: int,
    size: int,
    split: list[str],
    device: str,
    jobs: int | None,
    threads: int,
    time_limit: float | None,
    settings: dict[str, Any],
    pretrained: bool,
    weights: Path | None,
    out: Path,
    tensorboard: bool,
    estimate: bool,
    list_models: bool,
) -> int:
    """Fit and score models on pictures; write the leaderboard and its pictures to OUT."""
    console = Console(stderr=True)
    if list_models:
        _list(Console())
        return 0
    if weights is not None:
        settings["weights"] = str(weights.resolve())
    elif pretrained:
        settings["pretrained"] = True
    entries = models.find(model)
    if tensorboard:
        events.check_installed()
    where = session.usable_device(device, entries)
    sets, runs = [], []
    for tested in dict.fromkeys(test_data) or [None]:
        given = changes.of(data, tested)
        dataset = load(given, size)
        wanted = _protocols(protocol, train_size, repeats, split, possible_splits(dataset))
        protocols = [each for named in wanted for each in named.series(dataset)]
        runs += session.plan(given, dataset, protocols, entries, settings, where, threads)
        sets.append(dataset)
    jobs = jobs or pool.default_jobs(where, size)
    if estimate:
        _estimate(runs, out, jobs, console)
        return 0
    store.check_writable(out)
    for dataset in sets:
        session.say_what(dataset, console)
    records, found = session.make(runs, out, jobs, time_limit, console)
    if tensorboard:
        events.write(out, found.rows)
    for dataset in sets:
        _show(found, dataset, session.output())
    of_curves = "learning-curves.csv, crossovers.csv, " if len(found.points) else ""
    of_contrasts = "".join(f"{kind.name}.csv, " for kind in found.contrasts)
    of_epochs = ", tensorboard/" if tensorboard else ""
    click.echo(
        f"written: {out / 'report.html'}, leaderboard.csv, leaderboard.md, comparisons.csv, "
        f"{of_contrasts}{of_curves}told-apart/, confusion/, classes/, reliability/, curves/"
        f"{of_epochs}"
    )
    return session.tell_failures(records, console)


def _protocols(
    names: Sequence[str],
    train_size: int | None,
    repeats: int,
    splits: Sequence[str],
    possible: Sequence[Split],
) -> list[Protocol]:
    # Beside another protocol the slides keep to their own split and sizes; alone they are refused
    # others, so that nobody takes the one for the other.
    protocols: list[Protocol] = []
    for name in names:
        kind = PROTOCOLS[name]
        if name == "slides" and len(names) > 1:
            protocols.append(kind(repeats=repeats))
            continue
        for split in splits or [kind.usual_split(possible)]:
            protocols.append(kind(split=split, repeats=repeats, train_size=train_size))  # type: ignore[arg-type]
    return protocols


def _estimate(runs: Sequence[Run], out: Path, jobs: int, console: Console) -> None:
    """Print what each run would cost on this machine, and all of them together."""
    waiting = pool.unfinished(runs, out)
    with (
        Display(console) as display,
        pool.Workers(min(jobs, len(waiting)) or 1, waiting) as workers,
    ):
        costs = workers.costs(waiting, display)
    table = Table("protocol", "model", "runs", "minutes", box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    rows: dict[tuple[str, str], list[float]] = {}
    for run in waiting:
        rows.setdefault((run.board, run.label), []).append(costs.get(run.key, math.nan))
    for (label, name), seconds in rows.items():
        table.add_row(label, Text(name), str(len(seconds)), f"{sum(seconds) / 60:.2f}")
    Console().print(table)
    total = schedule.makespan([*costs.values()], jobs) / 60
    click.echo(
        f"{len(runs) - len(waiting)} runs are in {out} already; the other {len(waiting)} take "
        f"about {total:.1f} minutes, {jobs} at a time, if nets make all their epochs"
    )
    unknown = [run.label for run in waiting if run.key not in costs]
    if unknown:
        click.echo(f"not counted, since a trial of it failed: {', '.join(unknown)}")


def _list(console: Console) -> None:
    table = Table("model", "family", "", box=None)
    for entry in models.models().values():
        kind = "net" if entry.deep else "classical"
        needs = ", pre-trained: not in 'all'" if entry.starts_pretrained else ""
        table.add_row(entry.name, entry.family, kind + needs)
    table.add_row("timm:NAME", "any of timm", "net")
    console.print(table)
    console.print(f"data sets: {', '.join(datasets.names())}, or the path of a folder")


def _show(found: leaderboard.Leaderboard, dataset: datasets.Dataset, console: Console) -> None:
    """Print the boards, contrasts and learning curves of a data set just used."""
    mine = found.table[found.table["dataset"] == dataset.name]
    for title, part in words.boards(mine):
        text = words.for_people(part)
        session.print_table(console, title, text.drop(columns=[words.SHOWN[n] for n in LESS]))
        for line in words.of_all_rows(part):
            console.print(Text(line), soft_wrap=True)
    for title, text in words.comparisons(mine):
        session.print_table(console, title, text)
    for kind, whole in found.contrasts.items():
        for title, part in contrast.boards(whole[whole["dataset"] == dataset.name], kind):
            session.print_table(console, title, contrast.for_people(part, kind))
            console.print(Text(" ".join([*words.about(part), kind.how_to_read])))
    for section in sections.curves(replace(found, table=mine)):
        session.print_table(console, section.title, section.table)
        for line in section.lines:
            console.print(Text(line), soft_wrap=True)
    if dataset.generated:
        console.print(Text(words.HOW_TO_GET_REAL), style="bold")


if __name__ == "__main__":
    main()
