"""The table that speed is written to, ``perf.csv`` and ``perf.md``: a row a comparison."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import pandas as pd

from benchmark.core.machine import environment
from benchmark.core.store import Results
from benchmark.view import markdown
from benchmark.view.sections import Section

HOW_TO_READ = (
    "Median (least to most) of the rounds; a ratio above 1 is in our favour. Ours runs one-thread "
    "processes, one a core; the other way has all threads. On a card each is one process."
)


@dataclass(frozen=True)
class Measure:
    """One comparison; a row of ``perf.csv``. Without a peer its columns are empty.

    Attributes
    ----------
    subject, unit, peer, note : str
    ours, theirs : sequence of float
        A value a round.
    more_is_better : bool
        Whether the ratio is ours over theirs or theirs over ours.
    """

    subject: str
    unit: str
    ours: Sequence[float]
    peer: str = ""
    theirs: Sequence[float] = ()
    more_is_better: bool = False
    note: str = ""

    def row(self) -> dict[str, Any]:
        """Medians, and the least and the most."""
        pairs = zip(self.ours, self.theirs, strict=False)
        ratios = [a / b if self.more_is_better else b / a for a, b in pairs]
        row: dict[str, Any] = {"subject": self.subject, "unit": self.unit, "peer": self.peer}
        for name, values in (("ours", self.ours), ("theirs", self.theirs), ("ratio", ratios)):
            some = [*values] or [float("nan")]
            row |= {name: statistics.median(some), f"{name}_lo": min(some), f"{name}_hi": max(some)}
        return {**row, "rounds": len(self.ours), "note": self.note}

    def __str__(self) -> str:
        row = self.row()
        text = f"{self.subject}: {row['ours']:.4g} {self.unit}"
        if self.peer:
            text += f"; {self.peer} {row['theirs']:.4g}; ratio {row['ratio']:.2f}"
        return f"{text}  {self.note}".rstrip()


def write_section(
    results: Results, section: str, rows: Sequence[dict[str, Any]], titles: Mapping[str, str]
) -> None:
    """Put the rows of a section in the place of its earlier ones, and write the page again.

    Parameters
    ----------
    results : Results
    section : str
    rows : sequence of dict
        See `Measure.row`; each with the ``machine`` and the ``pictures`` it is of.
    titles : mapping
        Title of every section by name, in their order on the page; rows of others go.
    """
    table, file = pd.DataFrame(rows), results.path / "perf.csv"
    table.insert(0, "section", section)
    if file.is_file():
        earlier = pd.read_csv(file, dtype=str, keep_default_na=False)
        table = pd.concat([earlier[earlier["section"] != section], table])
    table = table[table["section"].isin([*titles])]
    table = table.sort_values(
        "section", key=lambda column: column.map([*titles].index), kind="stable"
    )
    results.write("perf.csv", table.to_csv(index=False))
    parts = [
        _section(titles[str(name)], part) for name, part in table.groupby("section", sort=False)
    ]
    if "card" not in set(table["section"]):
        parts.append(Section("GPU", before=["Not measured yet: no CUDA device was there."]))
    lines = ["# Speed", HOW_TO_READ, *map(markdown.section, parts)]
    results.write("perf.md", "\n\n".join(lines) + "\n")


def _section(title: str, part: pd.DataFrame) -> Section:
    measured_on = part[["machine", "pictures"]].drop_duplicates().itertuples()
    where = "; ".join(f"{row.machine}; pictures: {row.pictures}" for row in measured_on)
    shown = [
        {
            "what": row["subject"],
            "unit": row["unit"],
            **{each: _spread(row, each) for each in ("ours", "theirs", "ratio")},
            "peer": row["peer"],
            "note": row["note"],
        }
        for row in part.to_dict("records")
    ]
    return Section(title, before=[f"{where}."], table=pd.DataFrame(shown))


def machine() -> str:
    """The machine and the libraries that the figures belong to."""
    import torch

    here = environment(1)
    parts = [f"{here.processor}, {joblib.cpu_count()} cores", here.system]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join([*parts, f"torch {torch.__version__}"])


def _spread(row: Mapping[Any, Any], name: str) -> str:
    if row[name] == "" or pd.isna(row[name]):
        return ""
    values = [float(row[f"{name}{end}"]) for end in ("", "_lo", "_hi")]
    middle, low, high = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in values)
    return middle if int(row["rounds"]) == 1 else f"{middle} ({low} to {high})"
