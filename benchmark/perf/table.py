"""The table that speed is written to, ``perf.csv`` and ``perf.md``: a row a comparison."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import tabulate

from benchmark.core.runs import environment
from benchmark.core.store import write_file


@dataclass(frozen=True)
class Measure:
    """One comparison; a row of ``perf.csv``. Without a peer its columns are empty.

    Attributes
    ----------
    section, subject, unit, peer, note : str
    ours, theirs : sequence of float
        A value a round.
    more_is_better : bool
        Whether the ratio is ours over theirs or theirs over ours.
    """

    section: str
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
        row: dict[str, Any] = {"section": self.section, "subject": self.subject, "unit": self.unit}
        row["peer"] = self.peer
        for name, values in (("ours", self.ours), ("theirs", self.theirs), ("ratio", ratios)):
            some = [*values] or [float("nan")]
            row |= {name: statistics.median(some), f"{name}_lo": min(some), f"{name}_hi": max(some)}
        return {**row, "rounds": len(self.ours), "note": self.note}

    def __str__(self) -> str:
        row = self.row()
        text = f"{self.section}: {self.subject}: {row['ours']:.4g} {self.unit}"
        if self.peer:
            text += f"; {self.peer} {row['theirs']:.4g}; ratio {row['ratio']:.2f}"
        return f"{text}  {self.note}".rstrip()


def write_section(
    out: Path, section: str, rows: Sequence[dict[str, Any]], titles: Mapping[str, str]
) -> None:
    """Put the rows of a section in the place of its earlier ones, and write the page again.

    Parameters
    ----------
    out : Path
        The results folder.
    section : str
    rows : sequence of dict
        See `Measure.row`; each with the ``machine`` and the ``pictures`` it is of.
    titles : mapping
        Title of every section by name, in their order on the page; rows of others go.
    """
    table, file = pd.DataFrame(rows), out / "perf.csv"
    if file.is_file():
        earlier = pd.read_csv(file, dtype=str, keep_default_na=False)
        table = pd.concat([earlier[earlier["section"] != section], table])
    table = table[table["section"].isin([*titles])]
    table = table.sort_values(
        "section", key=lambda column: column.map([*titles].index), kind="stable"
    )
    write_file(file, table.to_csv(index=False))
    parts = [
        "# Speed\n\nMedian (least to most) of the rounds; a ratio above 1 is in our favour. Ours "
        "runs one-thread processes, one a core; the other way has all threads."
    ]
    for name, part in table.groupby("section", sort=False):
        about = "; ".join(
            f"{row.machine}; pictures: {row.pictures}"
            for row in part[["machine", "pictures"]].drop_duplicates().itertuples()
        )
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
        parts.append(
            f"## {titles[str(name)]}\n\n{about}.\n\n{tabulate.tabulate(shown, 'keys', 'github')}"
        )
    if "card" not in set(table["section"]):
        parts.append("## GPU\n\nNot measured yet: no CUDA device was there.")
    write_file(out / "perf.md", "\n\n".join(parts) + "\n")


def machine() -> str:
    """The machine and the libraries that the figures belong to."""
    import torch

    about = environment(1)
    parts = [f"{about.processor}, {joblib.cpu_count()} cores", about.system]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join([*parts, f"torch {torch.__version__}"])


def _spread(row: Mapping[Any, Any], name: str) -> str:
    if row[name] == "" or pd.isna(row[name]):
        return ""
    values = [float(row[f"{name}{end}"]) for end in ("", "_lo", "_hi")]
    middle, low, high = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in values)
    return middle if int(row["rounds"]) == 1 else f"{middle} ({low} to {high})"
