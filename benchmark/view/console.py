"""What a terminal shows: sections as tables that are whole however narrow it is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.view.text import HOW_TO_GET_REAL
from datasets import Dataset
from datasets.names import visible

if TYPE_CHECKING:
    from benchmark.view.sections import Section  # which imports matplotlib

PRINTED_WIDTH = 150  # characters, where there is no terminal
NAME_WIDTH, NOTE_WIDTH = 40, 16  # characters on a line: at most of a name, at least of a note


def output() -> Console:
    """Return standard output: as wide as the terminal, or `PRINTED_WIDTH` where there is none."""
    console = Console()
    return console if console.is_terminal else Console(width=PRINTED_WIDTH)


def describe(dataset: Dataset, console: Console) -> None:
    """Print what the data are."""
    if dataset.generated:
        console.print(Text(HOW_TO_GET_REAL), style="bold")
    left_out = f", {len(dataset.left_out)} unreadable left out" if dataset.left_out else ""
    classes = sum(count > 0 for count in dataset.class_counts.values())
    console.print(
        Text(
            f"{dataset.described}: {len(dataset):,} pictures of {classes} classes at "
            f"{dataset.size} x {dataset.size} pixels{left_out}"
        )
    )
    say(dataset.remarks, console)


def show(sections: Iterable[Section], console: Console | None = None) -> None:
    """Print sections of tables and text, but for the columns that there is no room for."""
    console = console or output()
    for section in sections:
        table = section.table if section.table is not None else pd.DataFrame()
        table = table.drop(columns=[*section.off_screen], errors="ignore")
        print_table(section.title, table, console, section.before)
        say(section.after, console)


def say(lines: Iterable[str], console: Console) -> None:
    """Print lines as they are, broken by the terminal only."""
    for line in lines:
        console.print(Text(visible(line)), soft_wrap=True)


def print_table(
    title: str,
    table: pd.DataFrame,
    console: Console,
    before: Sequence[str] = (),
    notes: str = "status and notes",
) -> None:
    """Print a table of text under its title, in several parts where it is too wide for one.

    Columns without any text are left out.

    Parameters
    ----------
    title : str
    table : DataFrame
        Of text.
    console : Console
    before : sequence of str
        Lines between title and table.
    notes : str
        The column that takes what width is left.
    """
    console.print()
    console.print(Text(title, style="bold"), soft_wrap=True)
    say(before, console)
    if table.empty:
        return
    table = table.rename(columns=str)
    columns = [str(name) for name in table if any(table[name])] or [*map(str, table)]
    name = "model" if "model" in columns else columns[0]
    widths = {each: max(map(len, [*table[each], *each.split()])) for each in columns}
    widths |= {name: min(widths[name], NAME_WIDTH), notes: NOTE_WIDTH}
    for part in _side_by_side(widths, columns, name, console.width):
        shown = Table(header_style="")
        for column in part:
            header = Text(textwrap.fill(column, widths[column]))
            if column == notes:
                shown.add_column(header, overflow="fold")
            elif column == name:
                shown.add_column(header, overflow="fold", width=widths[name])
            else:
                shown.add_column(header, justify="right", no_wrap=True)
        for row in table[part].itertuples(index=False):
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
