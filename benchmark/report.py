"""Writes the tables, the pictures and the page of a results folder again, without fitting."""

from __future__ import annotations

import click

from benchmark import session
from benchmark.core.store import Results
from benchmark.options import Options, command


@command("out")
def main(options: Options) -> None:
    """Write the leaderboard, the pictures and the page of OUT from its stored runs."""
    out = options.out
    if not Results(out).rows():
        raise click.UsageError(f"{out} holds no runs: make some with 'python -m benchmark.run'")
    table = session.publish(out).table
    click.echo(f"{len(table)} rows: {out / 'leaderboard.md'}, {out / 'report.html'}")


if __name__ == "__main__":
    main()
