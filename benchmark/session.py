"""Many runs from a command's options: planned, made and published."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterable, Sequence
from functools import partial
from types import ModuleType

import click
import numpy as np
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from baselines.device import choose
from benchmark.core import models, pool, runs, schedule
from benchmark.core.files import check_apart
from benchmark.core.predictions import check_room
from benchmark.core.progress import Display
from benchmark.core.protocols import PROTOCOLS, Protocol, Slides, possible_splits
from benchmark.core.records import BoardRow, Record
from benchmark.core.runs import Run
from benchmark.core.store import Results
from benchmark.growing import GrowingBoard
from benchmark.options import Options, stop_at_interrupt
from benchmark.scores import published
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import console, text
from datasets import Dataset, InputError, Source
from datasets.duplicates import identical
from datasets.names import visible


def usable_device(options: Options, entries: Sequence[models.Model]) -> tuple[str, bool | None]:
    """Return where models compute that can choose, for the flag ``--device``.

    With it whether nets compute in bfloat16, where that is not for this machine to say.
    """
    device, deep = options.device, any(each.deep for each in entries)
    if device == "auto" and not any("device" in each.make().get_params() for each in entries):
        device = "cpu"
    if options.cluster is not None:
        device, bf16 = _cluster().arithmetic(options.cluster, device, deep)
        return str(device), bf16
    try:
        return choose(device), None
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def load(options: Options) -> list[Dataset]:
    """Load the data sets that are asked for.

    Raises
    ------
    InputError
        If one cannot be used, or the results would lie among its pictures and be taken for some.
    """
    for source in options.sources:
        check_apart(options.out, source.folders, "--out")
    return [runs.load(source, options.size) for source in options.sources]


def plan(options: Options, given: Sequence[Protocol] = ()) -> list[Run]:
    """Return the runs of every model on every data set under every protocol that is asked for.

    Protocols that are `given` take the place of those that the options name.

    Raises
    ------
    InputError
        If the data cannot be divided so, a model has no such parameter, or weights cannot be had
        or do not fit: wrong input is told before anything is fitted.
    """
    entries = models.find(options.model)
    (device, bf16), threads = usable_device(options, entries), options.threads
    planned = []
    for source, dataset in zip(options.sources, load(options), strict=True):
        about = runs.describe(dataset)
        wanted = given or protocols(options, dataset)
        _check_flags(options, wanted)
        here = [
            Run(
                *(source, about, options.size, protocol, entry, settings, repeat),
                *(device, threads, bf16),
            )
            for protocol in wanted
            for entry in _models_of(protocol, entries, options)
            for settings in options.parameters(entry, protocol)
            for repeat in range(protocol.repeats)
        ]
        for run in here:
            run.estimator()
        for run in {run.model: run for run in here}.values():
            run.check()
        for run in {(run.protocol, run.model.deep, run.repeat): run for run in here}.values():
            rows = run.protocol.rows(dataset, run.model.deep, run.repeat)
            check_room(sum(map(len, rows.by_part().values())), about)
        planned += here
    return planned


def _models_of(
    protocol: Protocol, entries: Sequence[models.Model], options: Options
) -> Sequence[models.Model]:
    """Return the models that are made under a protocol.

    Of ``all`` the slides, beside another protocol, have those with a published figure to compare.
    """
    if protocol.name != Slides.name or len(options.protocol) == 1 or options.model != "all":
        return entries
    return [each for each in entries if each.name in published.models(Slides.name)]


def _check_flags(options: Options, wanted: Sequence[Protocol]) -> None:
    """Refuse flags that none of the protocols goes by."""
    if options.budget is not None and all(each.name == Slides.name for each in wanted):
        raise click.UsageError("--budget is for nets under fair: the slides train for epochs")
    if options.tune > 1 and not any(each.selected_on == "validation" for each in wanted):
        raise click.UsageError("--tune chooses on validation pictures: use --protocol fair")


def protocols(options: Options, dataset: Dataset) -> list[Protocol]:
    """Return the protocols that are asked for, with their splits and sizes, on a data set."""
    # Beside another protocol the slides keep to their own split and sizes; alone they are refused
    # others, so that nobody takes the one for the other.
    possible = possible_splits(dataset)
    wanted: list[Protocol] = []
    for kind in (PROTOCOLS[name] for name in options.protocol):
        if kind is Slides and len(options.protocol) > 1:
            wanted.append(kind(repeats=options.repeats))
            continue
        for split in options.split or (kind.usual_split(possible),):
            wanted.append(kind(split, options.repeats, options.train_size))
    return [each for protocol in wanted for each in protocol.series(dataset)]


def begin(options: Options, asked: Iterable[tuple[Source, Protocol]] = ()) -> None:
    """See that results can be written, and print what the data are.

    Of protocols that are `asked` of a data set it says how many of their test pictures are copies.
    """
    options.results.check_writable()
    for dataset in load(options):
        console.describe(dataset, Console(stderr=True))
    by_source: dict[Source, dict[tuple[str, str], Protocol]] = {}
    for source, each in asked:
        by_source.setdefault(source, {})[each.name, each.split] = each  # the largest of a series
    for source, last in by_source.items():
        _tell_of_copies(runs.load(source, options.size), last.values())


def _tell_of_copies(dataset: Dataset, asked: Iterable[Protocol]) -> None:
    """Say how many test pictures are, byte for byte, among those that models know."""
    first = np.arange(len(dataset))
    for same in identical(dataset):
        first[same] = same[0]
    for protocol in asked:
        known, tested = known_and_tested(dataset, protocol)
        if n := np.isin(first[tested], first[known]).sum():
            said = text.split_name(protocol.split)
            say(
                f"{n:,} of {len(tested):,} test pictures are copies, byte for byte, of others that "
                f"models know ({said}): --drop-duplicates leaves them out"
            )


def known_and_tested(
    dataset: Dataset, protocol: Protocol, deep: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that models know under a protocol, and rows that they are tested on.

    What a model is selected on it knows, but for the test set, which the slides select on.
    """
    rows = protocol.rows(dataset, deep, repeat=0)
    known = np.setdiff1d(np.union1d(rows.training, rows.selection), rows.scored)
    return known, rows.scored


def make(
    wanted: Sequence[Run],
    options: Options,
    shown: Sequence[Run] | None = None,
    meanwhile: bool = True,
) -> list[Record]:
    """Make the runs that have no result yet; return the records of all.

    The leaderboard shows those that are `shown`, which is all of them if nothing else is said. It
    is written `meanwhile` too, and when the call is interrupted.
    """
    # First, so that the runs of an interrupted call are shown.
    of_board = wanted if shown is None else shown
    on_board = runs.tuned(of_board, options.tune) if options.tune > 1 else runs.on_board(of_board)
    tell_of_other_pictures(options.results, on_board)
    options.results.put_rows(on_board, options.metric)
    n = jobs(options, wanted)
    write = partial(publish, options.results, with_predictions=not options.no_predictions)
    with Display(Console(stderr=True)) as display:
        said = f"a first leaderboard is in {options.out / 'leaderboard.md'}; it grows with the runs"
        try:
            with GrowingBoard(write, partial(display.say, said)) as board:
                look = board.look if meanwhile else lambda n_done: None
                asked = wanted, options.results, n, options.limits, display
                made = pool.run_all(*asked, look, _start(options), options.retries_failed)
            options.results.put_rows(on_board, options.metric)  # if somebody removed them meanwhile
            return made
        except KeyboardInterrupt:
            if meanwhile and display.n_ended:
                signal.signal(signal.SIGINT, stop_at_interrupt)  # once more
                display.say("writing the leaderboard of what is done; interrupt again to leave it")
                write()
            raise


def tell_of_other_pictures(results: Results, rows: Sequence[BoardRow]) -> None:
    """Say if rows of the same board are of other pictures, and so are not compared with these."""
    there, told = results.rows(), set()
    for row in rows:
        on_board = [each for each in there if each.place[:3] == row.place[:3]]
        others = {each.dataset.fingerprint for each in on_board} - {row.dataset.fingerprint}
        for fingerprint in sorted(others):
            n = sum(each.dataset.fingerprint == fingerprint for each in on_board)
            told.add(
                f"the pictures here have fingerprint {row.dataset.fingerprint[:12]}, and {n} rows "
                f"of {row.dataset.name} {row.protocol.board} in {results.path} were made on "
                f"{fingerprint[:12]}: they are not compared with the new ones"
            )
    for line in sorted(told):
        say(line)


def jobs(options: Options, wanted: Sequence[Run]) -> int:
    """How many runs go side by side."""
    if options.cluster is not None:
        return int(_cluster().slots(options.cluster, options.threads))
    return options.jobs or pool.default_jobs(wanted[0].device, options.size)


def _start(options: Options) -> pool.Start:
    """What starts the workers: processes of this machine, or a Dask cluster's."""
    if options.cluster is None:
        return pool.start_workers
    return partial(_cluster().start_workers, options.cluster)


def _cluster() -> ModuleType:
    """Import what speaks to a Dask cluster, or raise InputError."""
    try:
        from benchmark.core import cluster
    except ModuleNotFoundError as error:
        raise InputError(
            "--backend dask needs Dask: pip install 'classical-or-deep[dask]'"
        ) from error
    return cluster


def estimate(runs: Sequence[Run], options: Options) -> None:
    """Print what each run would cost on this machine, and all of them together."""
    n = jobs(options, runs)
    waiting = pool.unfinished(runs, options.results, options.retries_failed)
    with Display(Console(stderr=True)) as display:
        costs = pool.estimate(waiting, n, display, _start(options))
    numbers = [Column(name, justify="right") for name in ("runs", "minutes")]
    table = Table("protocol", "model", *numbers, box=None)
    rows: dict[tuple[str, str], list[float]] = {}
    for run in waiting:
        row = run.protocol_facts.board, run.label
        rows.setdefault(row, []).append(costs.get(run.key, math.nan))
    for (label, name), seconds in rows.items():
        table.add_row(label, Text(name), str(len(seconds)), f"{sum(seconds) / 60:.2f}")
    Console().print(table)
    total = schedule.makespan([*costs.values()], n) / 60
    click.echo(
        f"{len(runs) - len(waiting)} runs are in {options.out} already; the other "
        f"{len(waiting)} take about {total:.1f} minutes, {n} at a time, "
        "if nets make all their epochs"
    )
    unknown = [run.label for run in waiting if run.key not in costs]
    if unknown:
        click.echo(f"not counted, since a trial of it failed: {', '.join(unknown)}")


def publish(
    results: Results,
    board: Leaderboard | None = None,
    with_predictions: bool = True,
    with_svg: bool = False,
) -> Leaderboard:
    """Write all that a results folder shows; return its leaderboard, computed if not given."""
    from benchmark.view import page  # with matplotlib, which the workers need not load

    with results.remembering():
        return page.publish(results, board, with_predictions, with_svg)


def tell_failures(records: Sequence[Record]) -> int:
    """Print which runs are not ok and why; return the exit status."""
    failed = [record for record in records if record.status != "ok"]
    for record in failed:
        where = f"{record.protocol.board} {record.model.label}"
        say(f"{where}: {record.status}: {record.reason}")
    return 1 if failed else 0


def say(line: str) -> None:
    """Print a line on standard error."""
    Console(stderr=True).print(Text(visible(line)), soft_wrap=True)
