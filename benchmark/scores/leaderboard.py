"""The leaderboard: one row per data set, protocol, split and model, computed from predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from benchmark.core.derived import Derived
from benchmark.core.store import Results
from benchmark.scores import contrasts, pairs, published, rows, searches
from benchmark.scores.contrasts import CONTRASTS, Contrast
from benchmark.scores.curves import Curves
from benchmark.scores.metrics import METRICS, RANKED_BY, Metric
from benchmark.scores.rows import Row, by_board, grouped
from benchmark.scores.searches import Search
from benchmark.scores.winners import winners
from datasets import InputError

# Other programs rely on these and on their order: what is new follows them.
FIRST_COLUMNS = (
    *("dataset", "protocol", "split", "model", "family", "status", "reason"),
    *("n_train", "n_test", "repeats", "accuracy", "accuracy_lo", "accuracy_hi"),
    *("balanced_accuracy", "macro_f1", "log_loss", "ece", "majority_accuracy"),
    *("published_accuracy", "fit_seconds", "predict_ms_per_image", "peak_memory_mb"),
    *("parameters", "device", "rank", "selected_on", "n_validation", "n_left_out"),
    *("accuracy_sd_of_repeats", "generated_data", "size", "data", "note"),
    *("balanced_accuracy_lo", "balanced_accuracy_hi", "macro_f1_lo", "macro_f1_hi"),
    *("top2_accuracy", "n_people", "search_trials", "search_seconds"),
    *("last_rank", "share_best", "kind"),
)
WHOLE_NUMBERS = (
    *("rank", "last_rank", "n_train", "n_validation", "n_test", "n_people", "parameters"),
    "search_trials",
)
BOARD = ["dataset", "protocol", "split"]  # rows that agree in these are ranked together


def columns() -> list[str]:
    """Columns of ``leaderboard.csv``, those of every metric among them."""
    of_metrics = [column for metric in METRICS.values() for column in metric.columns]
    return [*dict.fromkeys([*FIRST_COLUMNS, *of_metrics])]


@dataclass(frozen=True)
class Leaderboard:
    """The leaderboard of a results folder, and all else that its predictions show.

    Attributes
    ----------
    metric : Metric
        By which models are ordered, ranked and compared.
    rows : list of Row
        By board, the best first.
    table : DataFrame
        ``leaderboard.csv``: what `Row.columns` gives of each of the rows, in their order. Scores
        of repeats are averaged; the interval is that of the mean, for other test pictures drawn
        like these. Models are ranked among those scored on the same pictures of a board, and
        share a rank where these cannot tell them apart.
    pairs : DataFrame
        The columns `pairs.COLUMNS`.
    contrasts : dict
        Those that there are, see `contrasts.compute`.
    curves : Curves
    winners : DataFrame
        See `winners.winners`.
    searches : list of Search
    results : Results
        What it is computed from.
    """

    metric: Metric
    rows: list[Row]
    table: pd.DataFrame
    pairs: pd.DataFrame
    contrasts: dict[Contrast, pd.DataFrame]
    curves: Curves
    winners: pd.DataFrame
    searches: list[Search]
    results: Results

    @classmethod
    def compute(cls, results: Results) -> Leaderboard:
        """Compute the leaderboard of a results folder, reading each stored file once."""
        metric = _ranked_by(results)
        tried = searches.read(results)
        computed, compared = _ranked(_with_steps(rows.read(results)), metric, results.derived)
        computed = [
            replace(row, choices=(*row.choices, *(e.choice for e in tried if e.won_by(row))))
            for row in computed
        ]
        by_kind = {kind: contrasts.compute(computed, kind, results.derived) for kind in CONTRASTS}
        in_order = sorted(computed, key=lambda row: row.order(metric))
        return cls(
            metric=metric,
            rows=in_order,
            table=table(in_order),
            pairs=compared,
            contrasts={kind: table for kind, table in by_kind.items() if len(table)},
            curves=Curves.compute(computed, metric, results.derived),
            winners=winners(computed, metric, results.derived),
            searches=tried,
            results=results,
        )

    def pairs_of(self, row: Row) -> pd.DataFrame:
        """The pairs of a row's board on its test pictures, as `pairs` has them."""
        same = {
            **dict(zip(BOARD, row.place[:3], strict=True)),
            "data": row.data,
            "n_test": row.n_test,
        }
        ours = (self.pairs[[*same]] == [*same.values()]).all(axis=1)
        return self.pairs[ours]

    @property
    def boards(self) -> list[list[Row]]:
        """The rows of each data set, protocol and split."""
        return grouped(self.rows, lambda row: row.place[:3])


def _with_steps(found: Sequence[Row]) -> list[Row]:
    """Mark the rows of a curve's smaller sizes."""
    largest: dict[tuple[str, str, str], float] = {}
    for row in found:
        if row.curve_size is not None:
            largest[row.curve] = max(row.curve_size, largest.get(row.curve, 0))
    return [
        replace(row, is_step=row.curve_size is not None and row.curve_size < largest[row.curve])
        for row in found
    ]


def _ranked_by(results: Results) -> Metric:
    name = results.ranked_by or RANKED_BY[0]
    if name not in RANKED_BY:
        raise InputError(
            f"{results.path / 'board.json'} ranks by '{name}', which is none of "
            f"{', '.join(RANKED_BY)}: ask for one of these with --metric"
        )
    return METRICS[name]


def _ranked(
    found: Sequence[Row], metric: Metric, derived: Derived
) -> tuple[list[Row], pd.DataFrame]:
    """Rows with their intervals and ranks, and the pairs that these rest on."""
    ranked = {row.place: row for row in found}
    tables = []
    for same in pairs.same_pictures(found):
        scored = [row for row in same if not math.isnan(row.mean(metric.name))]
        if scored:
            judged, table = pairs.rank(scored, metric, derived)
            ranked |= {row.place: row for row in judged}
            tables += [table] * bool(len(table))
        ranked |= {
            row.place: row for row in _unranked([row for row in same if row not in scored], derived)
        }
    none = pd.DataFrame(columns=list(pairs.COLUMNS))
    return [*ranked.values()], pd.concat(tables, ignore_index=True) if tables else none


def _unranked(rows: Sequence[Row], derived: Derived) -> list[Row]:
    """Rows without a score in what is ranked by, with the intervals of those that they have."""
    if not rows:
        return []
    judged, _ = pairs.rank(rows, METRICS[RANKED_BY[0]], derived)
    return [replace(row, rank=None, last_rank=None, share_best=None) for row in judged]


def table(some: Sequence[Row]) -> pd.DataFrame:
    """Return rows as ``leaderboard.csv`` has them."""
    result = pd.DataFrame([row.columns for row in some], columns=columns())
    for name in WHOLE_NUMBERS:
        result[name] = pd.to_numeric(result[name]).astype("Int64")
    return result


def over_sets(rows: Sequence[Row]) -> pd.DataFrame:
    """Mean rank of every model over several data sets, and on how many it is in the first rank.

    Only protocols with results on several sets count, and of each the models that have a rank on
    all of these. Ranks of equals are shared: see `pairs.rank`.

    Returns
    -------
    DataFrame
        Columns ``protocol``, ``model``, ``sets``, ``mean_rank`` and ``first`` (sets), by protocol
        the best mean rank first; empty where there is no such protocol.
    """
    found = []
    whole = [row for row in rows if row.rank is not None and not row.is_step]
    for same in grouped(whole, lambda row: row.place.protocol):
        n_sets = len({row.fingerprint for row in same})
        for of_model in grouped(same, lambda row: row.place.model):
            if n_sets > 1 and len({row.fingerprint for row in of_model}) == n_sets:
                ranks = [row.rank for row in of_model if row.rank is not None]
                first = sum(rank == 1 for rank in ranks)
                name = same[0].place.protocol, of_model[0].place.model
                found.append((*name, n_sets, sum(ranks) / len(ranks), first))
    columns = ["protocol", "model", "sets", "mean_rank", "first"]
    return pd.DataFrame(found, columns=columns).sort_values(
        ["protocol", "mean_rank", "model"], ignore_index=True
    )


def side_by_side(some: Sequence[Row], metric: Metric) -> dict[str, pd.DataFrame]:
    """Published, reproduced and fair score of every model, a table for each data set.

    Returns
    -------
    dict
        By data set: a row a model, best of the last protocol first; the column ``published`` where
        the scores are accuracies and there are such figures, then one for each protocol and split,
        see `ProtocolFacts.board`. The smaller sizes of a learning curve are left out.
    """
    result = {}
    whole = [row for row in some if not row.is_step]
    for same in grouped(whole, lambda row: row.place.dataset):
        wide = pd.DataFrame(index=pd.Index(sorted({row.place.model for row in same}), name="model"))
        for board in by_board(same):
            means = {row.place.model: row.mean(metric.name) for row in board}
            wide[board[0].board] = pd.Series(means)
        wide = wide.sort_values([*wide.columns[::-1]], ascending=not metric.more_is_better)
        stated = {row.place.model: published.accuracy(row.place) for row in same}
        stated = {model: accuracy for model, accuracy in stated.items() if accuracy is not None}
        if stated and metric.name == "accuracy":
            wide.insert(0, "published", [stated.get(name) for name in wide.index])
        result[same[0].place.dataset] = wide
    return result
