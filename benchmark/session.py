"""Many runs from a command's options: planned, made and published."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.core import models, pool
from benchmark.core.progress import Display
from benchmark.core.protocols import PROTOCOLS, Protocol, Slides, possible_splits
from benchmark.core.records import Record
from benchmark.core.runs import Run, describe, on_board
from benchmark.core.runs import load as load_once
from benchmark.core.store import Results
from benchmark.options import Options
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import text as words
from datasets import Dataset, InputError
from deepnets.training.device import choose

PRINTED_WIDTH = 150  # characters, where there is no terminal
NAME_WIDTH, NOTE_WIDTH = 40, 16  # characters on a line: at most of a name, at least of a note


def usable_device(device: str, entries: Sequence[models.Model]) -> str:
    """Return where models compute that can choose, for the flag ``--device``."""
    can_choose = any("device" in each.make().get_params() for each in entries)
    if device == "auto" and not can_choose:
        return "cpu"
    try:
        return choose(device)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def say_what(dataset: Dataset, console: Console) -> None:
    """Print what the data are."""
    if dataset.generated:
        console.print(Text(words.HOW_TO_GET_REAL), style="bold")
    left_out = f", {len(dataset.left_out)} unreadable left out" if dataset.left_out else ""
    classes = sum(count > 0 for count in dataset.class_counts.values())
    console.print(
        Text(
            f"{dataset.described}: {len(dataset):,} pictures of {classes} classes at "
            f"{dataset.size} x {dataset.size} pixels{left_out}"
        )
    )
    for remark in dataset.remarks:
        console.print(Text(remark), soft_wrap=True)


def load(options: Options) -> list[Dataset]:
    """Load the data sets that are asked for.

    Raises
    ------
    InputError
        If one cannot be used, or the results would lie among its pictures and be taken for some.
    """
    for folder in (folder for source in options.sources for folder in source.folders):
        if options.out.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"the results folder {options.out} is among the pictures in {folder}, where its "
                "files would be taken for pictures: name another --out"
            )
    return [load_once(source, options.size) for source in options.sources]


def plan(options: Options, given: Sequence[Protocol] = ()) -> list[Run]:
    """Return the runs of every model on every data set under every protocol that is asked for.

    Parameters
    ----------
    options : Options
    given : sequence of Protocol
        Protocols in place of those that the options name.

    Raises
    ------
    InputError
        If the data cannot be divided so, a model has no such parameter, or weights cannot be had
        or do not fit: wrong input is told before anything is fitted.
    """
    entries = models.find(options.model)
    device = usable_device(options.device, entries)
    runs = []
    for source, dataset in zip(options.sources, load(options), strict=True):
        about = describe(dataset)
        here = [
            Run(
                *(source, about, options.size, protocol, entry, options.parameters),
                *(repeat, device, options.threads),
            )
            for protocol in given or protocols(options, dataset)
            for entry in entries
            for repeat in range(protocol.repeats)
        ]
        for run in here:
            run.estimator()
        for run in {run.model: run for run in here}.values():
            run.check_weights()
        for run in {(run.protocol, run.model.deep, run.repeat): run for run in here}.values():
            run.protocol.rows(dataset, run.model.deep, run.repeat)
        runs += here
    return runs


def protocols(options: Options, dataset: Dataset) -> list[Protocol]:
    """Return the protocols that are asked for, with their splits and sizes, on a data set."""
    # Beside another protocol the slides keep to their own split and sizes; alone they are refused
    # others, so that nobody takes the one for the other.
    possible = possible_splits(dataset)
    wanted: list[Protocol] = []
    for name in options.protocol:
        kind = PROTOCOLS[name]
        if name == Slides.name and len(options.protocol) > 1:
            wanted.append(kind(repeats=options.repeats))
            continue
        for split in options.split or (kind.usual_split(possible),):
            wanted.append(kind(split, options.repeats, options.train_size))
    return [each for protocol in wanted for each in protocol.series(dataset)]


def begin(options: Options) -> None:
    """See that results can be written, and print what the data are."""
    Results(options.out).check_writable()
    for dataset in load(options):
        say_what(dataset, Console(stderr=True))


def make(runs: Sequence[Run], options: Options, shown: Sequence[Run] | None = None) -> list[Record]:
    """Make the runs that have no result yet; return the records of all.

    Parameters
    ----------
    runs : sequence of Run
    options : Options
        Where results are kept, how many runs go side by side, and how long one may take.
    shown : sequence of Run, optional
        Those that the leaderboard shows, if not all.
    """
    # First, so that the runs of an interrupted call are shown.
    Results(options.out).put_rows(on_board(runs if shown is None else shown))
    with Display(Console(stderr=True)) as display:
        return pool.run_all(runs, options.out, jobs(options, runs), options.time_limit, display)


def jobs(options: Options, runs: Sequence[Run]) -> int:
    """How many runs go side by side."""
    return options.jobs or pool.default_jobs(runs[0].device, options.size)


def publish(out: Path) -> Leaderboard:
    """Write all that a results folder shows; return its leaderboard."""
    from benchmark.view import page  # with matplotlib, which the workers need not load

    return page.publish(out)


def output() -> Console:
    """Return standard output: as wide as the terminal, or `PRINTED_WIDTH` where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=PRINTED_WIDTH)


def print_table(console: Console, title: str, text: pd.DataFrame, long: str = words.NOTES) -> None:
    """Print a table of text under its title, in several parts where it is too wide for one.

    Columns without any text are left out; the one called `long` takes what width is left.
    """
    console.print()
    console.print(Text(title, style="bold"), soft_wrap=True)
    text = text.rename(columns=str)
    columns = [str(each) for each in text if any(text[each])] or [*map(str, text)]
    name = "model" if "model" in columns else columns[0]
    widths = {each: max(map(len, [*text[each], *each.split()])) for each in columns}
    widths |= {name: min(widths[name], NAME_WIDTH), long: NOTE_WIDTH}
    for part in _side_by_side(widths, columns, name, console.width):
        shown = Table(header_style="")
        for column in part:
            header = textwrap.fill(column, widths[column])
            if column == long:
                shown.add_column(header, overflow="fold")
            elif column == name:
                shown.add_column(header, overflow="fold", width=widths[name])
            else:
                shown.add_column(header, justify="right", no_wrap=True)
        for row in text[part].itertuples(index=False):
            shown.add_row(*[Text(cell) for cell in row])
        console.print(shown)


def _side_by_side(
    widths: Mapping[str, int], columns: Sequence[str], name: str, most: int
) -> list[list[str]]:
    """Columns in parts no wider than `most` characters, each with the column of names."""
    parts: list[list[str]] = [[]]
    for column in columns:
        together = {*parts[-1], column, name}
        taken = sum(widths[each] + 3 for each in together) + 1  # with frames
        if taken > most and parts[-1]:
            parts.append([name])
        parts[-1] += [column] * (column not in parts[-1])
    return parts


def tell_failures(records: Sequence[Record]) -> int:
    """Print which runs are not ok and why; return the exit status."""
    failed = [record for record in records if record.status != "ok"]
    for record in failed:
        where = f"{record.protocol.board} {record.model.label}"
        say(f"{where}: {record.status}: {record.reason}")
    return 1 if failed else 0


def say(line: str) -> None:
    """Print a line on standard error."""
    Console(stderr=True).print(Text(line), soft_wrap=True)
