"""Writes the tables, the pictures and the page of a results folder again, without fitting."""

from __future__ import annotations

import click

from benchmark import session
from benchmark.options import Options, command
from datasets.names import readable


@command("out", "metric", "no_predictions", "svg")
def main(options: Options) -> None:
    """Write the leaderboard, the pictures and the page of OUT from its stored runs."""
    options.results.check_not_empty()
    options.results.check_writable()
    options.results.put_rows([], options.metric)
    board = session.publish(
        options.results, with_predictions=not options.no_predictions, with_svg=options.svg
    )
    table, out = board.table, options.out
    written = f"{out / 'leaderboard.md'}, {out / 'report.html'}"
    click.echo(readable(f"{len(table)} rows: {written}"))


if __name__ == "__main__":
    main()
