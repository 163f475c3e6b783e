"""The register of published accuracies, read once from ``published.csv``: a line a figure.

What became of each is computed from a leaderboard's rows, see `verdicts`.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.core.records import WITHIN, Place
from benchmark.scores import intervals

WORDS = ["dataset", "protocol", "model", "source", "fault", "evidence"]  # columns of text


@functools.cache
def figures() -> pd.DataFrame:
    """Every figure of the register, with its rank among those on as many pictures.

    The ``protocol`` is the one here that does as they did, if one does. A figure without one has no
    rank, nor has one whose source does not say on how many pictures it is. ``last_rank`` is the
    other end of the rank's interval, see `intervals.last_ranks`.
    """
    table = pd.read_csv(Path(__file__).with_name("published.csv"), dtype={"n_test": "Int64"})
    for name in ("rank", "last_rank"):
        table[name] = pd.array([pd.NA] * len(table), "Int64")
    for _, part in table.groupby(["dataset", "protocol", "n_test"]):
        stated, n = part["accuracy"].to_numpy(), int(part["n_test"].iloc[0])
        pairs = zip(*np.triu_indices(len(stated), 1), strict=True)
        p = np.array([intervals.unpaired_p(stated[i], stated[j], n, n) for i, j in pairs])
        adjusted = intervals.holm(p)
        table.loc[part.index, "rank"] = intervals.shared_ranks(stated, adjusted)
        table.loc[part.index, "last_rank"] = intervals.last_ranks(stated, adjusted)
    table[WORDS] = table[WORDS].fillna("")
    return table


def models(protocol: str) -> frozenset[str]:
    """Names of the models that have a figure of this protocol, on whatever data."""
    table = figures()
    return frozenset(table.loc[table["protocol"] == protocol, "model"])


def accuracy(place: Place) -> float | None:
    """Return the accuracy that the register has for a row of the leaderboard, if any."""
    if place.split == WITHIN:
        return None  # a transfer is published by its score across sets
    return _by_row().get((place.dataset, place.protocol, place.model))


@functools.cache
def _by_row() -> dict[tuple[str, str, str], float]:
    table = figures()
    rows = zip(table["dataset"], table["protocol"], table["model"], strict=True)
    return dict(zip(rows, table["accuracy"].astype(float), strict=True))
