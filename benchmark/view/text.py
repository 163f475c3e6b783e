"""Words and numbers for a reader: scores with intervals, headings, and how to read the tables.

In come facts and tables of a leaderboard; out go texts that name people, faces and slides only
where the data have them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmark.core.records import ACROSS, WITHIN, DataFacts
from benchmark.scores.intervals import OF_TRAINING
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS
from benchmark.scores.rows import Row
from datasets import crops

HOW_TO_GET_REAL = (
    "These are generated faces, drawn by this project, not photographs of people: the figures say "
    "nothing about real expressions. For the real pictures run 'make data', or set MUXSPACE_DIR to "
    "a clone of github.com/muxspace/facial_expressions."
)
WORSE_ODDS = " !"  # behind a log loss
PUBLISHED_RANKS = (
    "Published figures are ranked among those on as many pictures, all pairs by the test of two "
    "proportions after Holm: of them only the accuracies are known."
)


@dataclass(frozen=True)
class Facts:
    """What the data of a leaderboard are, as far as the words about them depend on it.

    Attributes
    ----------
    faces : bool
        Whether some pictures show faces.
    people : bool
        Whether some data say who is shown.
    slides : bool
        Whether a protocol that selects on the test set was run.
    generated : bool
        Whether some pictures are drawn by this project.
    """

    faces: bool = False
    people: bool = False
    slides: bool = False
    generated: bool = False

    @classmethod
    def of(cls, board: Leaderboard) -> Facts:
        """Collect the facts of all rows."""
        sets = [row.entry.dataset for row in board.rows]
        return cls(
            faces=any(each.faces for each in sets),
            people=any(row.n_people is not None for row in board.rows),
            slides=any(row.entry.protocol.selected_on == "test" for row in board.rows),
            generated=any(each.generated for each in sets),
        )


def number(value: float, digits: int) -> str:
    """A number with so many decimals, or nothing."""
    return "" if pd.isna(value) else f"{value:,.{digits}f}"


def percent(share: float, tenths_below: float = 0.0995) -> str:
    """A share as ``22 %``, and as ``0.9 %`` where it is small."""
    return f"{100 * share:.{int(0 < share < tenths_below)}f} %"


def score(value: float, name: str = "accuracy", sign: str = "") -> str:
    """A score by its metric, a share in percent; or nothing.

    Parameters
    ----------
    value : float
    name : str
        Of the metric.
    sign : {"", "+"}
        "+" for a difference, which always shows its sign.
    """
    metric = METRICS[name]
    return "" if pd.isna(value) else f"{metric.scale * value:{sign}.{metric.digits}f}"


def with_interval(row: Mapping[Any, Any] | pd.Series, column: str, name: str = "") -> str:
    """A score of a table with its interval, ``88.3 (86.0-90.2)``, or nothing.

    Parameters
    ----------
    row : mapping or Series
        Has `column`, and with ``_lo`` and ``_hi`` behind it the interval's ends.
    column : str
    name : str
        The score's name where the column has another.
    """
    value, low, high = (score(row[f"{column}{end}"], name or column) for end in ("", "_lo", "_hi"))
    return value and f"{value} ({low}-{high})"


def difference(row: Mapping[Any, Any] | pd.Series, column: str, name: str = "accuracy") -> str:
    """A difference of scores with its interval, ``+1.2 (-0.3 to +2.7)``, or nothing.

    Parameters
    ----------
    row, column
        As for `with_interval`.
    name : str
        The score's name.
    """
    value, low, high = (score(row[f"{column}{end}"], name, "+") for end in ("", "_lo", "_hi"))
    return value and f"{value} ({low} to {high})"


def ranks(first: int | None, last: int | None) -> str:
    """All ranks that a model may have, ``2-5``, or the only one; nothing where there is none."""
    return "" if first is None else f"{first}" if first == last else f"{first}-{last}"


def any_of(numbers: Iterable[int | None]) -> str:
    """Whole numbers, each once, as ``100 or 1,000``."""
    return " or ".join(f"{n:,}" for n in sorted({n for n in numbers if n is not None}))


def data_name(data: DataFacts) -> str:
    """What a reader is told the data are: drawn faces never pass for a set of photographs."""
    said = data.name
    if data.generated:
        said = f"{said} (generated faces among them)" if data.joined else "generated faces"
    return said if data.crop == crops.NONE else f"{said}, {crops.WORDS[data.crop]}"


def remarks(rows: Iterable[Row]) -> list[str]:
    """On which classes rows are, and what was done to their data; nothing of a set as it came."""
    lines = []
    for data in (row.entry.dataset for row in rows):
        if data.remarks:
            shown = [name for name, count in data.class_counts.items() if count]
            done = "; ".join(data.remarks)
            lines.append(f"On {len(shown)} classes, {', '.join(shown)}: {done}.")
    return [*dict.fromkeys(lines)]


def split_name(split: str) -> str:
    """What a reader is told the test pictures are."""
    named = {WITHIN: "tested within the set", ACROSS: "tested across sets"}
    return named.get(split, f"{split} split")


def heading(rows: Sequence[Row], protocol: str = "") -> str:
    """One line that says what a board is of: data, protocol, split, pictures, selection."""
    entry = rows[0].entry
    data, of = entry.dataset, entry.protocol
    found = "" if data.crop_found is None else f" ({crops.said(data.crop, data.crop_found)})"
    pictures, people = any_of(row.n_test for row in rows), any_of(row.n_people for row in rows)
    shown = f" of {people} people" if people else ""
    tested = f", scored on {pictures} pictures{shown}" if pictures else ""
    left_out = f", {len(data.left_out)} unreadable left out" if data.left_out else ""
    return (
        f"{data_name(data)}{found} at {any_of(row.entry.dataset.size for row in rows)} px, "
        f"protocol {protocol or of.label}, {split_name(of.split)}, selection on {of.selected_on}"
        f"{tested}{left_out}"
    )


def drawn_like_these(people: bool) -> str:
    """Say whom an interval is for, and how it is made."""
    if people:
        return (
            "for other people and pictures drawn like these (bootstrap by person; where nobody "
            "says who is shown, by picture)"
        )
    return "for other pictures drawn like these (bootstrap by picture)"


def taken_together(people: bool) -> str:
    """What to add to the name of a test where one person is on several pictures."""
    return ", pictures of one person taken together" if people else ""


def how_to_read(facts: Facts) -> list[str]:
    """Paragraphs on what to mind in reading a leaderboard."""
    lines = [
        "A rank '2-5' is an interval: one model is surely better than this one, and of those that "
        "it is not told apart from, none to three may be. Models whose ranks begin with 1 may each "
        "be the best; in how many draws of the test pictures they are stands beside. Told apart "
        "are two "
        "models whose answers to the same pictures differ more than chance explains (McNemar's "
        f"test{taken_together(facts.people)}; at 5 % for all pairs of a board after Holm; and with "
        "repeats by more than the largest difference of equals that are trained again; "
        f"comparisons.csv has each pair). Intervals are 95 %, {drawn_like_these(facts.people)}; "
        "those of balanced accuracy and macro-F1 are too short where a class has only a few test "
        f"pictures. {OF_TRAINING} '±' is the standard deviation from one repeat to the next. Times "
        "leave out loading and warm-up.",
        f"'{WORSE_ODDS.strip()}' behind a log loss: always giving the classes' shares as "
        "probabilities, as 'majority' does, would score less, so the model's are not to be used.",
    ]
    if facts.slides:
        lines.append(
            "Under slides the test set was used for selection, as published, so its figures "
            "flatter; under fair nothing is chosen on the test set."
        )
    if facts.faces:
        lines.append(
            "Labels are posed or machine-made guesses at an expression, not what anyone felt. Do "
            "not use these models to judge people."
        )
    return lines


def file_name(*words: str) -> str:
    """A file name of words that may hold any sign; other words give another."""
    name = ".".join(words)
    safe = re.sub(r"[^\w.=,:+\[\]-]+", "-", name)
    return safe if safe == name else f"{safe}-{hashlib.sha256(repr(name).encode()).hexdigest()[:8]}"


def csv(table: pd.DataFrame) -> str:
    """A table as CSV, to as many digits as processors agree in."""
    return table.to_csv(index=False, float_format="%.10g")
