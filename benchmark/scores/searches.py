"""What the trials of a search show: the best on the validation pictures, the ties, and the cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core.protocols import Protocol
from benchmark.core.records import SearchRecord, Trial
from benchmark.core.runs import Run
from benchmark.core.store import Results
from benchmark.scores import intervals
from benchmark.scores.choices import Choice
from benchmark.scores.metrics import METRICS, RANKED_BY, with_ends
from benchmark.scores.pairs import Pairs
from benchmark.scores.rows import Row, read_row
from datasets import InputError

NOT_RUN = "skipped"
FEW = 8  # values of a parameter that are shown one by one
LONG = 8  # letters from which on a number is rounded for a reader
SCORES = (
    *(column for metric in RANKED_BY for column in METRICS[metric].columns),
    *("epochs", "seconds", "told_apart_from_best", "best", "run"),
)


@dataclass(frozen=True, eq=False)
class Search:
    """A search and its trials.

    Attributes
    ----------
    entry : SearchRecord
        What ``searches.json`` says.
    table : DataFrame
        A row a trial, in the order tried: ``trial`` from 1, the parameters as text, empty where
        not set, ``status``, ``reason`` and `SCORES` on the validation pictures. ``seconds`` are
        those to fit and to predict, or until it failed; ``told_apart_from_best`` is for the
        accuracy, and ``run`` is the key.
    n_validation : int
        Pictures that the trials are scored on; 0 if none was.
    """

    entry: SearchRecord
    table: pd.DataFrame
    n_validation: int

    @property
    def name(self) -> str:
        """What tells it from other searches."""
        return self.entry.name

    @property
    def board(self) -> str:
        """Name of the trials' protocol and split."""
        return self.entry.protocol.board

    @property
    def parameters(self) -> list[str]:
        """The parameters searched, those with one value included."""
        return parameters(self.entry.trials)

    @property
    def ended(self) -> bool:
        """Whether every trial was made, well or not."""
        return not (self.table["status"] == NOT_RUN).any()

    @property
    def best(self) -> Trial | None:
        """The best trial of ``searches.json`` once all have ended, or None if none is ok."""
        found = np.flatnonzero(self.table["best"])
        return self.entry.trials[found[0]] if len(found) and self.ended else None

    @property
    def seconds(self) -> float:
        """Seconds of all trials together."""
        return float(self.table["seconds"].sum())

    @property
    def choice(self) -> Choice:
        """What the row of its winner keeps of it."""
        seconds = dict(zip(self.table["run"], self.table["seconds"], strict=True))
        return Choice(seconds, len(seconds), "trials")

    @property
    def n_tied(self) -> int:
        """Trials, the best not counted, that the pictures cannot tell from the best."""
        return int((~self.table["told_apart_from_best"]).sum())

    def order(self) -> pd.Index:
        """Row labels of the trials that have a score, the best first."""
        return _best_first(self.table.dropna(subset=["accuracy"]), self.entry.metric)

    def won_by(self, row: Row) -> bool:
        """Whether a row of the leaderboard is of the best trial's parameters."""
        if self.best is None or row.entry.dataset != self.entry.dataset:
            return False
        data, _, split, _ = self.entry.place
        best = data, self.entry.scored_under, split, self.best.label
        return row.place == best


def entry(
    runs: Mapping[str, Run], scored_under: Protocol, space: str, sampler: str, metric: str
) -> SearchRecord:
    """Say what ``searches.json`` does of a search.

    Parameters
    ----------
    runs : mapping
        The trials by key, in the order tried.
    scored_under : Protocol
        What the winner is scored under.
    space, sampler, metric : str
        The grid's name, how it is gone through, and what the best is best in.
    """
    first = next(iter(runs.values()))
    return SearchRecord(
        replace(first.model_facts, label=first.model.name),
        *(first.protocol_facts, first.dataset, first.where),
        *(scored_under.label, space, sampler, metric),
        tuple(Trial(run.label, dict(run.settings), key) for key, run in runs.items()),
    )


def parameters(trials: Sequence[Trial]) -> list[str]:
    """Names of the parameters that trials set."""
    return sorted({parameter for trial in trials for parameter in trial.settings})


def read(results: Results) -> list[Search]:
    """Read every search of a results folder and score its trials."""
    found = results.searches()
    for each in found:
        if each.metric not in METRICS:
            raise InputError(
                f"{results.path / 'searches.json'} searches for the best '{each.metric}', which is "
                "no score: remove the file, and search again"
            )
    return [Search(each, *_scored(results, each)) for each in found]


def _scored(results: Results, search: SearchRecord) -> tuple[pd.DataFrame, int]:
    """The table of a search, and the number of pictures that its trials were scored on."""
    found = [read_row(results, row) for row in search.rows()]
    scored = {i: row.scores for i, row in enumerate(found) if row.scores is not None}
    best, n_validation, compared = -1, 0, {}
    if scored:
        scores = pd.DataFrame({i: each.by_repeat.iloc[0] for i, each in scored.items()}).T
        best = int(_best_first(scores, search.metric)[0])
        places = [*scored]
        judged = _judged(Pairs([*scored.values()]), places.index(best))
        n_validation, compared = scored[best].n_test, dict(zip(places, judged, strict=True))
    columns = parameters(search.trials)
    described = [
        {
            "trial": i + 1,
            **{parameter: str(value) for parameter, value in trial.settings.items()},
            **_described(row, i == best),
            **compared.get(i, {}),
            "run": trial.key,
        }
        for i, (trial, row) in enumerate(zip(search.trials, found, strict=True))
    ]
    table = pd.DataFrame(described, columns=["trial", *columns, "status", "reason", *SCORES])
    table[columns] = table[columns].fillna("")
    table["epochs"] = table["epochs"].astype("Int64")
    table["told_apart_from_best"] = table["told_apart_from_best"].astype("boolean")
    return table, n_validation


def _judged(pairs: Pairs, best: int) -> list[dict[str, Any]]:
    """Intervals of the trials that have scores, and whether each is told apart from the best."""
    others = [i for i in range(len(pairs.scores)) if i != best]
    adjusted = intervals.holm(np.array([pairs.p(best, i) for i in others]))
    told = dict(zip(others, map(bool, adjusted < 1 - intervals.LEVEL), strict=True))
    result = []
    for i, scores in enumerate(pairs.scores):
        judged: dict[str, Any] = {"told_apart_from_best": told.get(i)}
        for name in RANKED_BY:
            judged |= with_ends(name, (scores.mean(name), *pairs.interval(i, name)))
        result.append(judged)
    return result


def _described(row: Row, is_best: bool) -> dict[str, Any]:
    (record,) = row.runs
    about = {
        **{"status": record.status, "reason": record.reason},
        **{"best": is_best, "seconds": record.took},
    }
    if row.scores is None or record.measured is None:
        return about
    return {**about, **row.scores.by_repeat.iloc[0], "epochs": record.measured.epochs or None}


def goodness(row: Row, metric: str) -> float | None:
    """A trial's score, more being better, or None if it has none."""
    if row.scores is None:
        return None
    return METRICS[metric].goodness(row.scores.mean(metric))


def _best_first(scores: pd.DataFrame, metric: str) -> pd.Index:
    """Row labels by the metric; of equals that with the lower log loss first, then the earlier."""
    keys = pd.DataFrame({"metric": scores[metric], "log_loss": scores["log_loss"]})
    ascending = [not METRICS[metric].more_is_better, True]
    return keys.sort_values(["metric", "log_loss"], ascending=ascending, kind="stable").index


def varied(search: Search) -> dict[str, list[str]]:
    """Values tried of each parameter that has several, as text: numbers in order, then words."""

    def place(text: str) -> tuple[float, str]:
        try:
            return float(text), ""
        except ValueError:
            return np.inf, text

    tried = {name: sorted({*search.table[name]}, key=place) for name in search.parameters}
    return {name: values for name, values in tried.items() if len(values) > 1}


def importance(search: Search) -> dict[str, float]:
    """Share of the spread of the trials' scores that lies between the values of each parameter.

    The correlation ratio (eta squared): over a whole grid the parameter's main effect, what is left
    being noise and what parameters do together.

    Returns
    -------
    dict
        By parameter, the largest first. Nothing where no two scores differ, where one parameter
        was searched, or where values were sampled, so few of each that any would seem to matter.
    """
    good = search.table.dropna(subset=["accuracy"])
    score = good[search.entry.metric].astype(np.float64)
    whole = float(((score - score.mean()) ** 2).sum())
    tried = varied(search)
    if search.entry.sampler != "grid" or len(tried) < 2 or not whole > 0:
        return {}
    shares = {}
    for name in tried:
        of_value = score.groupby(good[name]).transform("mean")
        shares[name] = float(((of_value - score.mean()) ** 2).sum()) / whole
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def setting(text: str) -> str:
    """A parameter's value as a reader wants it: four digits of one drawn from a range."""
    try:
        return f"{float(text):.4g}" if len(text) > LONG else text
    except ValueError:
        return text
