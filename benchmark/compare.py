"""Two result folders side by side: ``python -m benchmark.compare A B``.

What another release, machine, parameter or code changes, by how much, and whether the pictures can
tell the difference from chance.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.text import Text

from benchmark.core.files import write_table
from benchmark.core.records import BoardRow, Place
from benchmark.core.store import Results
from benchmark.options import command
from benchmark.scores import intervals
from benchmark.scores.pairs import Difference, Pairs
from benchmark.scores.rows import Row, read_row
from benchmark.view import console as screen
from benchmark.view import text
from datasets import limits
from datasets.names import readable, short

DIFFERS = "what differs"  # a column
MOST = 100  # parts that differ of which a row tells


@dataclass(frozen=True)
class Compared:
    """One row of the comparison; NaN and None where there is nothing to say.

    Attributes
    ----------
    dataset, protocol, split, model : str
        The leaderboard row.
    compared : str
        ``paired`` (the same pictures), ``unpaired`` (others), or why it could not be.
    accuracy_a, accuracy_b, difference, difference_lo, difference_hi : float
        Fractions, of the repeats that both have; the difference is B less A, with its 95 %
        interval.
    real : bool or None
        Whether chance makes such a difference less than once in twenty times: paired, by the test
        of the leaderboard; unpaired, if the interval leaves out 0.
    same_predictions : bool or None
        Whether all stored probabilities are equal.
    fit_ratio : float
        Seconds to fit in B as a multiple of those in A.
    differs : tuple of str
        Parts of the runs' keys that differ, such as ``source.model``.
    """

    dataset: str
    protocol: str
    split: str
    model: str
    compared: str
    accuracy_a: float = np.nan
    accuracy_b: float = np.nan
    difference: float = np.nan
    difference_lo: float = np.nan
    difference_hi: float = np.nan
    real: bool | None = None
    same_predictions: bool | None = None
    fit_ratio: float = np.nan
    differs: tuple[str, ...] = ()


def compare(a: Results, b: Results) -> list[Compared]:
    """Compare the leaderboard rows of two results folders.

    Parameters
    ----------
    a, b : Results

    Returns
    -------
    list of Compared
        Those in both in the order of A, then those in one only.

    Raises
    ------
    InputError
        If one holds no runs.
    """
    for results in (a, b):
        results.check_not_empty()
    one, other = ({row.place: row for row in results.rows()} for results in (a, b))
    both = [row for row in one if row in other]
    rows = [_compare_row(row, (a, one[row]), (b, other[row])) for row in both]
    for name, board, others in (("A", one, other), ("B", other, one)):
        alone = [row for row in board if row not in others]
        rows += [Compared(*place, f"only in {name}") for place in alone]
    return rows


def _compare_row(
    place: Place, in_a: tuple[Results, BoardRow], in_b: tuple[Results, BoardRow]
) -> Compared:
    a, b = read_row(*in_a), read_row(*in_b)
    without = [name for name, row in (("A", a), ("B", b)) if row.scores is None]
    if without:
        return Compared(*place, f"no result in {' and '.join(without)}")
    differs = [*itertools.islice(_differing(a.good[0].parts, b.good[0].parts), MOST)]
    made_a, made_b = (
        [repeat for repeat, record in enumerate(row.runs) if record.status == "ok"]
        for row in (a, b)
    )
    if made_a != made_b:
        differs.append(f"repeats ({len(made_a)}, {len(made_b)})")
        # A repeat learns from pictures of its own: what both have made is compared.
        common = [repeat for repeat in made_a if repeat in made_b]
        if common:
            a, b = _only(common, *in_a), _only(common, *in_b)
    one, other = (row.scores for row in (a, b) if row.scores is not None)
    means = one.mean("accuracy"), other.mean("accuracy")
    same_data = a.good[0].dataset.fingerprint == b.good[0].dataset.fingerprint
    paired = same_data and one.pictures == other.pictures
    if paired:
        pairs = Pairs([one, other])
        difference, real = pairs.difference(1, 0), pairs.p(1, 0) < 1 - intervals.LEVEL
    else:
        of_each = (Pairs([each]).interval(0) for each in (one, other))
        low, high = intervals.unpaired_interval(*means, *of_each)
        difference, real = Difference(means[1] - means[0], low, high), not low <= 0 <= high
    return Compared(
        *place,
        "paired" if paired else "unpaired",
        *means,
        *difference,
        real,
        same_predictions=paired and _probabilities(in_a[0], a) == _probabilities(in_b[0], b),
        fit_ratio=_fit_seconds(b) / (_fit_seconds(a) or np.nan),
        differs=tuple(short(readable(each), limits.NAME) for each in differs),
    )


def _only(repeats: Sequence[int], results: Results, entry: BoardRow) -> Row:
    return read_row(results, entry.of(repeats))


def _probabilities(results: Results, row: Row) -> list[bytes]:
    return [results.predictions(record).scored.probabilities.tobytes() for record in row.good]


def _fit_seconds(row: Row) -> float:
    return float(np.mean([run.fit_seconds for run in row.measured]))


def _differing(a: Any, b: Any, name: str = "") -> Iterator[str]:
    """Names of what differs, ``outer.inner``; short values are told."""
    if isinstance(a, dict) and isinstance(b, dict):
        for inner in [*a, *(key for key in b if key not in a)]:
            yield from _differing(a.get(inner), b.get(inner), f"{name}.{inner}" if name else inner)
    elif a != b:
        values = f"{a}, {b}"
        yield f"{name} ({values})" if len(values) <= 30 else name


def _table(rows: Sequence[Compared]) -> pd.DataFrame:
    """Rows as ``--csv`` writes them."""
    return pd.DataFrame([{**asdict(row), "differs": ", ".join(row.differs)} for row in rows])


def _everywhere(rows: Sequence[Compared]) -> list[str]:
    """What differs in every row that is in both folders, which need not be said of each."""
    both = [row for row in rows if row.compared in ("paired", "unpaired")]
    if len(both) < 2:
        return []
    return [each for each in both[0].differs if all(each in row.differs for row in both)]


def _as_text(row: Compared, everywhere: Sequence[str]) -> dict[str, str]:
    """A row for people: the scores, or why there are none."""
    pictures = {"paired": "", "unpaired": "other pictures"}.get(row.compared, row.compared)
    verdict = {True: "real", False: "not told apart", None: ""}[row.real]
    ratio = text.number(row.fit_ratio, 2)
    differs = ", ".join(each for each in row.differs if each not in everywhere)
    return {
        "model": row.model,
        "A": text.score(row.accuracy_a),
        "B": text.score(row.accuracy_b),
        "B - A (95 %)": text.difference(vars(row), "difference"),
        "real?": "same predictions" if row.same_predictions else verdict,
        "fit time": ratio and f"x {ratio}",
        DIFFERS: "; ".join(filter(None, [pictures, differs])),
    }


def _show(rows: Sequence[Compared], a: Path, b: Path) -> None:
    """Print the rows that differ, and once what differs in all of them."""
    console = screen.output()
    console.print(Text(f"A is {a}, B is {b}; accuracy in percent"), soft_wrap=True)
    everywhere = _everywhere(rows)
    if everywhere:
        screen.say([f"In every row differ: {', '.join(everywhere)}."], console)
    boards: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row.same_predictions and set(row.differs) <= set(everywhere):
            continue
        # Always said: which split goes without saying may differ between the folders.
        title = f"{row.dataset} {row.protocol}, {row.split} split"
        boards.setdefault(title, []).append(_as_text(row, everywhere))
    for title, lines in boards.items():
        screen.print_table(title, pd.DataFrame(lines), console, notes=DIFFERS)
    console.print()
    screen.say([_summary(rows, sum(map(len, boards.values())))], console)


def _summary(rows: Sequence[Compared], n_shown: int) -> str:
    """How many rows are on the same pictures, are the same, and differ really."""
    paired = [row for row in rows if row.compared == "paired"]
    same, real = (
        sum(bool(each) for each in values)
        for values in ((row.same_predictions for row in paired), (row.real for row in rows))
    )
    hidden = len(rows) - n_shown
    return (
        f"{len(paired)} rows on the same pictures, {same} of them with the same predictions"
        f"{f', of which {hidden} differ in nothing else and are not shown' if hidden else ''}; "
        f"differences called real: {real}. Chance makes one that large less than once in twenty "
        "rows. Intervals are for other people and pictures drawn like these. "
        f"{intervals.OF_TRAINING}"
    )


FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@command()
@click.argument("a", type=FOLDER)
@click.argument("b", type=FOLDER)
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the comparison to this file too.",
)
def main(a: Path, b: Path, table: Path | None) -> None:
    """Put the results in the folders A and B side by side and say which differences are real."""
    rows = compare(Results(a), Results(b))
    if table is not None:
        write_table(table, _table(rows))
    _show(rows, a, b)


if __name__ == "__main__":
    main()
