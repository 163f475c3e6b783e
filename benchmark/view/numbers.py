"""Numbers for people: scores and differences, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from benchmark.scores.metrics import METRICS


def number(value: float, digits: int) -> str:
    """A number with so many decimals, or nothing."""
    return "" if pd.isna(value) else f"{value:,.{digits}f}"


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
