"""How often each set of test pictures was looked at, counted from all runs ever stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from benchmark.core.files import DamagedError
from benchmark.core.protocols import Search
from benchmark.core.records import Record
from benchmark.core.store import Results
from benchmark.scores.rows import Row
from datasets import InputError

TESTED = ["dataset", "data", "split", "n_test"]  # what tells sets of test pictures apart
COLUMNS = (*TESTED, "models", "settings", "runs", "not_shown", "trials", "first", "last")


def ledger(rows: Sequence[Row], results: Results) -> pd.DataFrame:
    """Count what was scored on each set of test pictures, shown on a board or not.

    Whoever names the best of many models on the same test pictures finds it better than it is; how
    many there were belongs to the result.

    Parameters
    ----------
    rows : sequence of Row
        Those of the leaderboard.
    results : Results
        Whose other runs are counted too: of earlier settings, releases and protocols.

    Returns
    -------
    DataFrame
        The columns `COLUMNS`, a row a set of test pictures: models, settings of models and runs
        scored on it, runs among these that no board shows, trials of searches on the same data
        (scored on validation pictures), and the dates of the first and the last run.
    """
    shown = {record.key: record for row in rows for record in row.runs}
    every = [*shown.values(), *_others(results, shown)]
    found = pd.DataFrame(
        [
            {
                "dataset": record.dataset.name,
                "data": record.dataset.fingerprint[:12],
                "split": record.protocol.split,
                "n_test": record.measured.n_test,
                "model": record.parts.get("model", record.model.label),
                "label": record.model.label,
                "shown": record.key in shown,
                "day": record.finished[:10],
                "is_trial": record.protocol.name == Search.name,
            }
            for record in every
            if record.measured is not None
        ]
    )
    if found.empty:
        return pd.DataFrame(columns=[*COLUMNS])
    trials = found[found["is_trial"]].groupby("data").size()
    counted = [
        {
            **dict(zip(TESTED, tested, strict=True)),
            "models": same["model"].nunique(),
            "settings": same["label"].nunique(),
            "runs": len(same),
            "not_shown": int((~same["shown"]).sum()),
            "trials": int(trials.get(same["data"].iloc[0], 0)),
            "first": same["day"].min(),
            "last": same["day"].max(),
        }
        for tested, same in found[~found["is_trial"]].groupby(TESTED)
    ]
    return pd.DataFrame(counted, columns=[*COLUMNS])


def _others(results: Results, shown: Iterable[str]) -> Iterator[Record]:
    """The records of runs that lie there and are not shown; one that cannot be read is none."""
    for key in sorted(results.keys() - {*shown}):
        try:
            record = results.record(key)
        except (DamagedError, InputError):
            continue
        if record is not None:
            yield record
