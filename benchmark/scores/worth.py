"""What each part of a recipe is worth: the score of the whole less that without the part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.scores.metrics import SHOWN, with_ends
from benchmark.scores.pairs import Pairs
from benchmark.scores.rows import Row

WHOLE = "the whole recipe"


def worth_of_parts(rows: Mapping[str, Row]) -> pd.DataFrame:
    """Compute what each part is worth.

    Parameters
    ----------
    rows : mapping
        Leaderboard rows by what is left out, `WHOLE` among them, all on the same test pictures.
        Those that are not ``ok`` have a reason and no score.

    Returns
    -------
    DataFrame
        A row each: ``left_out``, ``repeats``, ``fit_seconds``, ``status``, ``reason``; and for each
        of `metrics.SHOWN` its mean over repeats, ``_sd`` of repeats, and ``_worth`` with
        ``_worth_lo`` and ``_worth_hi``; fractions. Empty if the whole is not ok.
    """
    scored = {name: row.scores for name, row in rows.items() if row.scores and row.bad is None}
    if WHOLE not in scored:
        return pd.DataFrame()
    pairs, whole = Pairs([*scored.values()]), [*scored].index(WHOLE)
    lines = []
    for i, (name, scores) in enumerate(scored.items()):
        line: dict[str, Any] = {
            "left_out": "nothing" if name == WHOLE else name,
            "status": "ok",
            "reason": "",
            "repeats": len(scores.by_repeat),
            "fit_seconds": float(np.mean([run.fit_seconds for run in rows[name].measured])),
        }
        for metric in SHOWN:
            line |= {metric: scores.mean(metric), f"{metric}_sd": scores.sd(metric)}
            if name == WHOLE:
                continue
            line |= with_ends(f"{metric}_worth", pairs.difference(whole, i, metric))
        lines.append(line)
    failed = [
        {"left_out": name, "status": row.bad.status, "reason": row.bad.reason}
        for name, row in rows.items()
        if row.bad is not None
    ]
    return pd.DataFrame([*lines, *failed], columns=_COLUMNS)


_COLUMNS = [
    *("left_out", "status", "reason", "repeats", "fit_seconds"),
    *(
        f"{metric}{value}"
        for metric in SHOWN
        for value in ("", "_sd", "_worth", "_worth_lo", "_worth_hi")
    ),
]
