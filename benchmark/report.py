"""Writes the tables, the pictures and the page of a results folder again, without fitting."""

from __future__ import annotations

from pathlib import Path

import click

from benchmark.core import store
from benchmark.options import OUT, command
from benchmark.view import page


@command
@OUT
def main(out: Path) -> None:
    """Write the leaderboard, the pictures and the page of OUT from its stored runs."""
    if not store.read_board(out):
        raise click.UsageError(f"{out} holds no runs: make some with 'python -m benchmark.run'")
    table = page.publish(out).table
    click.echo(f"{len(table)} rows: {out / 'leaderboard.md'}, {out / 'report.html'}")


if __name__ == "__main__":
    main()
