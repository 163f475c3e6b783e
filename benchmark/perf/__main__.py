"""Measure the project against plain ways of doing the same: ``make perf``.

Ours and the other way run in turn, round after round. The ratio is that of each round's pair, so
that it holds where the machine's speed drifts.
"""

from __future__ import annotations

import click

from benchmark import session
from benchmark.core import models
from benchmark.options import POSITIVE, Options, Words, command
from benchmark.perf.sections import SECTIONS
from benchmark.perf.table import machine, write_section

ALL_SECTIONS = ",".join(SECTIONS)


@command("model", "data", "out")
@click.option("--only", type=Words([*SECTIONS]), default=ALL_SECTIONS, show_default=True)
@click.option("--rounds", type=POSITIVE, default=3, show_default=True)
def main(options: Options, only: tuple[str, ...], rounds: int) -> None:
    """Measure speed side by side with plain ways of doing the same; write OUT/perf.md and .csv."""
    (source,), (dataset,) = options.sources, session.load(options)
    options.results.check_writable()
    names = [each.name for each in models.find(options.model)]
    where = {"pictures": f"{dataset.described}, {len(dataset):,}", "machine": machine()}
    titles = {name: measure.__doc__ or "" for name, measure in SECTIONS.items()}
    for name in only:
        rows = []
        for measure in SECTIONS[name](source, rounds, names):
            rows.append({**measure.row(), **where})
            click.echo(f"{name}: {measure}", err=True)
            write_section(options.results, name, rows, titles)
    click.echo(f"written: {options.out / 'perf.md'}, perf.csv")


if __name__ == "__main__":
    main()
