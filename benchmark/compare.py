"""Two result folders side by side: ``python -m benchmark.compare A B``.

What another release, machine, parameter or code changes, by how much, and whether the pictures can
tell the difference from chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy import stats

from benchmark import store
from benchmark.command import command
from benchmark.statistics import LEVEL
from datasets import InputError


@dataclass(frozen=True)
class Row:
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
        Whether the interval leaves out 0.
    same_predictions : bool or None
        Whether all stored probabilities are equal.
    fit_ratio : float
        Seconds to fit in B as a multiple of those in A.
    differs : str
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
    differs: str = ""


@dataclass(frozen=True)
class _Side:
    """The finished runs of a leaderboard row, in the order of their repeats."""

    repeats: list[int]
    records: list[dict[str, Any]]
    predictions: list[store.Predictions]

    def only(self, wanted: Sequence[int]) -> _Side:
        places = [self.repeats.index(repeat) for repeat in wanted]
        return _Side(
            list(wanted),
            [self.records[place] for place in places],
            [self.predictions[place] for place in places],
        )

    @property
    def right(self) -> np.ndarray:
        """How often each picture was right, 0 to 1, over the repeats."""
        each = [p.probabilities.argmax(axis=1) == p.labels for p in self.predictions]
        return np.mean(each, axis=0)

    @property
    def fit_seconds(self) -> float:
        return float(np.mean([record["fit_seconds"] for record in self.records]))


def compare(a: Path, b: Path) -> list[Row]:
    """Compare the leaderboard rows of two results folders.

    Parameters
    ----------
    a, b : Path
        Folders that `benchmark.run` wrote.

    Returns
    -------
    list of Row
        Those in both in the order of A, then those in one only.

    Raises
    ------
    InputError
        If one holds no runs.
    """
    boards = [store.read_board(out) for out in (a, b)]
    for out, board in zip((a, b), boards, strict=True):
        if not board:
            raise InputError(f"{out} holds no runs: make some with 'python -m benchmark.run'")
    one, other = boards
    both = [row for row in one if row in other]
    rows = [_compare_row(_place(one[row]), (a, one[row]), (b, other[row])) for row in both]
    for name, board, others in (("A", one, other), ("B", other, one)):
        rows += [Row(*_place(board[row]), f"only in {name}") for row in board if row not in others]
    return rows


def _place(entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    protocol = entry["protocol"]
    return entry["dataset"]["name"], protocol["label"], protocol["split"], entry["model"]["label"]


def _compare_row(
    place: tuple[str, str, str, str],
    in_a: tuple[Path, dict[str, Any]],
    in_b: tuple[Path, dict[str, Any]],
) -> Row:
    a, b = _side(*in_a), _side(*in_b)
    without = [name for name, side in (("A", a), ("B", b)) if not side.predictions]
    if without:
        return Row(*place, f"no result in {' and '.join(without)}")
    differs = list(_differing(a.records[0]["parts"], b.records[0]["parts"]))
    if a.repeats != b.repeats:
        differs.append(f"repeats ({len(a.records)}, {len(b.records)})")
        # A repeat learns from pictures of its own: what both have made is compared.
        common = [repeat for repeat in a.repeats if repeat in b.repeats]
        if common:
            a, b = a.only(common), b.only(common)
    one, other = a.predictions[0], b.predictions[0]
    paired = a.records[0]["parts"]["data"] == b.records[0]["parts"]["data"] and np.array_equal(
        one.rows, other.rows
    )
    if paired:
        # Runs of before there were groups do not say who is shown; those of the other side may.
        people = one.groups if np.array_equal(other.groups, other.rows) else other.groups
        difference, low, high = paired_difference(a.right, b.right, people)
    else:
        difference, low, high = unpaired_difference(a.right, b.right, one.groups, other.groups)
    return Row(
        *place,
        "paired" if paired else "unpaired",
        a.right.mean(),
        b.right.mean(),
        difference,
        low,
        high,
        bool(low > 0 or high < 0),
        paired and _same_predictions(a.predictions, b.predictions),
        b.fit_seconds / a.fit_seconds,
        ", ".join(differs),
    )


def _side(out: Path, entry: Mapping[str, Any]) -> _Side:
    side = _Side([], [], [])
    for repeat, key in enumerate(entry["keys"]):
        record = store.read(out, key)
        stored = store.read_predictions(out, key)
        if record is not None and record["status"] == "ok" and stored is not None:
            side.repeats.append(repeat)
            side.records.append(record)
            side.predictions.append(stored)
    return side


def _same_predictions(a: Sequence[store.Predictions], b: Sequence[store.Predictions]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(one.probabilities, other.probabilities)
        for one, other in zip(a, b, strict=True)
    )


def _differing(a: Any, b: Any, name: str = "") -> Iterator[str]:
    """Names of what differs, ``outer.inner``; short values are told."""
    if isinstance(a, dict) and isinstance(b, dict):
        for inner in [*a, *(key for key in b if key not in a)]:
            yield from _differing(a.get(inner), b.get(inner), f"{name}.{inner}" if name else inner)
    elif a != b:
        values = f"{a}, {b}"
        yield f"{name} ({values})" if len(values) <= 30 else name


# The intervals below are by a normal approximation; those of the leaderboard are by the bootstrap
# of benchmark.statistics, which they should give way to.


def paired_difference(
    a: np.ndarray, b: np.ndarray, groups: np.ndarray
) -> tuple[float, float, float]:
    """Mean of b - a over the same pictures, with the 95 % interval for other people.

    Parameters
    ----------
    a, b : ndarray, shape (n,)
        How often each picture was right, 0 to 1.
    groups : ndarray, shape (n,)
        Who is shown; pictures of one person are right or wrong together.

    Returns
    -------
    difference, low, high : float
    """
    variance, people = _variance_of_mean(b - a, groups)
    return _interval(float((b - a).mean()), variance, people)


def unpaired_difference(
    a: np.ndarray, b: np.ndarray, groups_a: np.ndarray, groups_b: np.ndarray
) -> tuple[float, float, float]:
    """Mean of b less mean of a where these are of other pictures; see `paired_difference`."""
    variance_a, people_a = _variance_of_mean(a, groups_a)
    variance_b, people_b = _variance_of_mean(b, groups_b)
    return _interval(float(b.mean() - a.mean()), variance_a + variance_b, min(people_a, people_b))


def _variance_of_mean(values: np.ndarray, groups: np.ndarray) -> tuple[float, int]:
    """Variance of a mean whose values come in groups, and the number of groups."""
    _, which = np.unique(groups, return_inverse=True)
    sums = np.bincount(which, values - values.mean())
    people = len(sums)
    return float((sums**2).sum() / len(values) ** 2 * people / max(people - 1, 1)), people


def _interval(difference: float, variance: float, people: int) -> tuple[float, float, float]:
    half = float(stats.t.ppf(0.5 + LEVEL / 2, max(people - 1, 1)) * np.sqrt(variance))
    return difference, difference - half, difference + half


def _show(rows: Sequence[Row], a: Path, b: Path, console: Console) -> None:
    if not console.is_terminal:
        console = Console(width=160)
    console.print(Text(f"A is {a}, B is {b}; accuracy in percent"), soft_wrap=True)
    table = Table(header_style="")
    for name in ("data set, protocol", "model"):
        table.add_column(name)
    for name in ("A", "B", "B - A (95 %)", "real?", "fit time"):
        table.add_column(name, justify="right")
    table.add_column("what differs", overflow="fold")
    for row in rows:
        # Always said: which split goes without saying may differ between the folders.
        cells = [f"{row.dataset} {row.protocol}, {row.split} split", row.model]
        if row.real is None:
            cells += ["", "", "", "", "", row.compared]
        else:
            low, high = 100 * row.difference_lo, 100 * row.difference_hi
            verdict = "real" if row.real else "not told apart"
            pictures = "other pictures" if row.compared == "unpaired" else ""
            cells += [
                f"{100 * row.accuracy_a:.1f}",
                f"{100 * row.accuracy_b:.1f}",
                f"{100 * row.difference:+.1f} ({low:+.1f} to {high:+.1f})",
                "same predictions" if row.same_predictions else verdict,
                f"x {row.fit_ratio:.2f}",
                "; ".join(filter(None, [pictures, row.differs])),
            ]
        table.add_row(*map(Text, cells))
    console.print(table)
    paired = [row for row in rows if row.compared == "paired"]
    real = sum(bool(row.real) for row in rows)
    console.print(
        Text(
            f"{len(paired)} rows on the same pictures, "
            f"{sum(bool(row.same_predictions) for row in paired)} of them with the same "
            f"predictions; differences called real: {real}. Their intervals, for other people and "
            "pictures drawn like these, leave out 0; one in twenty does so by chance. What "
            "training again with another seed changes is not in them."
        ),
        soft_wrap=True,
    )


FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@command
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
    rows = compare(a, b)
    if table is not None:
        try:
            store.write_text(table, pd.DataFrame(map(asdict, rows)).to_csv(index=False))
        except OSError as error:
            raise InputError(f"{table} cannot be written ({error.strerror})") from error
    _show(rows, a, b, Console())


if __name__ == "__main__":
    main()
