"""Scores against the number of training pictures, and where a net overtakes a classical model."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core.derived import Derived
from benchmark.core.files import digest
from benchmark.core.protocols import derive_seed
from benchmark.scores import intervals
from benchmark.scores.metrics import METRICS, RANKED_BY, Metric, shown_with
from benchmark.scores.pairs import Difference, Pairs
from benchmark.scores.rows import Row, grouped

POINTS = (
    *("dataset", "split", "model", "kind", "protocol", "size"),
    *("n_train", "n_validation", "n_test", "repeats"),
    *(
        column
        for metric in RANKED_BY
        for column in (*METRICS[metric].columns, f"{metric}_sd_of_repeats")
    ),
    *("majority_accuracy", "majority_log_loss", "fit_seconds", "not_in_training", "data"),
)
CROSSOVERS = (
    *("dataset", "split", "score", "net", "classical"),
    *("crossover", "crossover_lo", "crossover_hi"),
    *("share_crossing", "share_net_ahead", "share_net_behind"),
    *("smallest", "largest", "verdict", "data"),
)
CURVE = ["dataset", "split", "data"]  # rows that agree in these are of one picture
BEST_NET, BEST_CLASSICAL = "the best net", "the best classical model"

# By metric: the score on the test set itself, and then on every draw of people; more is better.
Drawn = dict[str, np.ndarray]


@dataclass(frozen=True)
class Curves:
    """Learning curves.

    Attributes
    ----------
    points : DataFrame
        The columns `POINTS`, a row for each model and size that has a score. ``kind`` is "net" or
        "classical", ``size`` the pictures learnt from, those selected on included, and
        ``not_in_training`` the classes that some repeat was not trained on.
    crossovers : DataFrame
        See `crossovers`.
    """

    points: pd.DataFrame
    crossovers: pd.DataFrame

    @classmethod
    def compute(cls, rows: Sequence[Row], metric: Metric, derived: Derived | None = None) -> Curves:
        """Collect what the rows of learning curves show, by a metric and another beside it."""
        return cls(_points(rows), crossovers(rows, shown_with(metric.name), derived))


def _points(rows: Sequence[Row]) -> pd.DataFrame:
    of_curves = [row for row in rows if row.scores is not None and row.curve_size is not None]
    once: dict[tuple[Any, ...], Row] = {}
    for row in sorted(of_curves, key=lambda row: row.place.protocol):
        # A size asked for by its number may be that of all pictures too.
        once.setdefault((row.curve, row.is_deep, row.place.model, row.size), row)
    points = [
        {
            **row.columns,
            "kind": "net" if row.is_deep else "classical",
            "size": row.size,
            **{f"{name}_sd_of_repeats": row.scores and row.scores.sd(name) for name in RANKED_BY},
            "not_in_training": "; ".join(row.untrained),
        }
        for _, row in sorted(once.items())
    ]
    return pd.DataFrame(points, columns=list(POINTS))


def crossovers(
    rows: Sequence[Row], metrics: Sequence[str], derived: Derived | None = None
) -> pd.DataFrame:
    """Find the number of pictures from which a net is ahead of a classical model, by some metrics.

    Between the sizes measured the difference of two models' scores is taken to be linear in the
    logarithm of the size. The crossover is where it turns from "net not ahead" to "net ahead" and
    stays so to the largest size; see `crossing`.

    Its interval is a percentile bootstrap over people (`intervals.resample`; the draws are the
    same for every model and size, so that curves are compared within a draw) and, where there are
    several repeats, over these too, see `intervals.draw_repeats`: with the training pictures other
    than they happened to be. A draw in which the net is ahead from the smallest size on counts as
    a crossover at 0 pictures, one in which it is not ahead at the largest as one at infinity: an
    end of an interval may be either. The definition of the crossover and its censoring are ours.
    Simulated on 300 test pictures, a known crossover is covered in 94 to 95 % of 300 pairs of
    curves, with one repeat and with three.

    Besides every pair there is a row for the best net against the best classical model at each
    size. The highest score of many models on one test set flatters, more so the more models there
    are, so the best are chosen on half of the people and scored on the other half, and the other
    way round, in every draw anew.

    Returns
    -------
    DataFrame
        The columns `CROSSOVERS`: the crossover and its 95 % interval in training pictures; the
        shares of draws that cross within the sizes measured, that have the net ahead at every size
        and that do not have it ahead at the largest; and a ``verdict`` in words.
    """
    derived = derived or Derived()
    found = []
    for same in _same_curve(rows):
        of = [
            (*row.place, row.data, row.size, row.is_deep, row.scores and row.scores.stamp)
            for row in same
        ]
        key = f"crossovers {digest([of, metrics])}"
        found += derived.of(key, functools.partial(_crossovers_of, same, metrics))
    return pd.DataFrame(found, columns=list(CROSSOVERS))


def crossing(sizes: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Size from which a difference is above 0 for good.

    Parameters
    ----------
    sizes : ndarray, shape (n_sizes,)
        Ascending.
    difference : ndarray, shape (..., n_sizes)
        Linear in the logarithm of the size from each to the next.

    Returns
    -------
    ndarray of float64, shape (...)
        0 where it is above 0 at every size, infinite where it is not at the last.
    """
    not_ahead = difference <= 0
    n = len(sizes)
    before = n - 1 - not_ahead[..., ::-1].argmax(axis=-1)  # the last size at which it is not
    after = np.minimum(before + 1, n - 1)
    low, high = (
        np.take_along_axis(difference, place[..., None], axis=-1)[..., 0]
        for place in (before, after)
    )
    way = np.divide(-low, high - low, out=np.zeros(low.shape), where=high > low)
    x = np.log2(sizes)
    crossed = 2 ** (x[before] + way * (x[after] - x[before]))
    crossed = np.where(not_ahead[..., -1], np.inf, crossed)
    return np.where(not_ahead.any(axis=-1), crossed, 0.0)


def gain(smaller: Row, larger: Row, metric: Metric) -> Difference:
    """How much better a model is for more pictures, on the same test set.

    Parameters
    ----------
    smaller, larger : Row
        Rows of one curve that have scores.
    metric : Metric
        In which.

    Returns
    -------
    Difference
        Above 0 for the better, with an interval over people and, where there are several, repeats.
    """
    scores = [row.scores for row in (smaller, larger) if row.scores is not None]
    order = (1, 0) if metric.more_is_better else (0, 1)
    return Pairs(scores).difference(*order, metric.name)


def _same_curve(rows: Sequence[Row]) -> Iterable[list[Row]]:
    """Put together the whole rows of curves that were scored on the same pictures."""
    return grouped(
        (row for row in rows if row.scores and row.bad is None and row.curve_size is not None),
        lambda row: (row.curve, row.scores and row.scores.pictures),
    )


def _crossovers_of(rows: Sequence[Row], metrics: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    rows = sorted(rows, key=lambda row: row.place)
    pairs = Pairs([row.scores for row in rows if row.scores is not None])
    rng = np.random.default_rng(derive_seed("halves", pairs.n_people))
    half = rng.permutation(pairs.n_people) % 2

    curves: dict[str, dict[int, Drawn]] = {}
    families: dict[str, list[str]] = {BEST_NET: [], BEST_CLASSICAL: []}
    by_size: dict[int, dict[str, int]] = {}
    for i, row in enumerate(rows):
        by_size.setdefault(row.size, {})[row.place.model] = i
    for n, models in sorted(by_size.items()):
        drawn: dict[str, list[np.ndarray]] = {BEST_NET: [], BEST_CLASSICAL: []}
        for name, i in models.items():
            family = BEST_NET if rows[i].is_deep else BEST_CLASSICAL
            counts = pairs.counts(i)
            halves = [counts * (half == h)[:, None, None, None] for h in (0, 1)]
            drawn[family].append(_with_draws(np.stack(halves, axis=2)))
            curves.setdefault(name, {})[n] = _scores(drawn[family][-1].sum(axis=2), metrics)
            families[family] = [*dict.fromkeys([*families[family], name])]
        for family, each in drawn.items():
            if each:
                curves.setdefault(family, {})[n] = _best(each, metrics)

    against = [(BEST_NET, BEST_CLASSICAL)]
    against += [(net, other) for net in families[BEST_NET] for other in families[BEST_CLASSICAL]]
    for net, classical in against:
        sizes = np.array(sorted(curves.get(net, {}).keys() & curves.get(classical, {}).keys()))
        if len(sizes) < 2:
            continue
        for metric in metrics:
            difference = np.stack(
                [curves[net][n][metric] - curves[classical][n][metric] for n in sizes], axis=-1
            )
            found.append(
                {
                    **dict(zip(CURVE, rows[0].curve, strict=True)),
                    "score": metric,
                    "net": net,
                    "classical": classical,
                    **_judged(sizes, difference, net, classical),
                }
            )
    return found


def _with_draws(counts: np.ndarray) -> np.ndarray:
    """Sum counts by person over the test set and over every draw: ``(1 + DRAWS, ...)``."""
    return np.concatenate([counts.sum(axis=0)[None], intervals.resample(counts)])


def _scores(counts: np.ndarray, metrics: Sequence[str]) -> Drawn:
    """Scores of counts ``(1 + DRAWS, repeats, 4, n_classes)``, repeats together."""
    return {metric: _score(metric, counts) for metric in metrics}


def _score(metric: str, counts: np.ndarray) -> np.ndarray:
    scores = _of_counts(metric, counts)
    return np.append(scores[0].mean(), intervals.draw_repeats(scores[1:]))


def _of_counts(metric: str, counts: np.ndarray) -> np.ndarray:
    """A metric of counts, more being better."""
    of_counts = METRICS[metric].of_counts
    assert of_counts is not None
    return METRICS[metric].goodness(of_counts(counts))


def _best(drawn: Sequence[np.ndarray], metrics: Sequence[str]) -> Drawn:
    """Scores of the best of a family, chosen on one half of the people and scored on the other."""
    repeats = min(each.shape[1] for each in drawn)
    counts = np.stack([each[:, :repeats] for each in drawn])
    draw = np.arange(counts.shape[1])
    scores = {}
    for metric in metrics:
        with np.errstate(invalid="ignore"):  # a draw of few people may leave a half empty
            by_half = np.nan_to_num(_of_counts(metric, counts), nan=-np.inf)
        best = by_half.mean(axis=2).argmax(axis=0)
        crossed = [counts[best[:, 1 - h], draw, :, h] for h in (0, 1)]
        scores[metric] = _score(metric, np.sum(crossed, axis=0))
    return scores


def _judged(sizes: np.ndarray, difference: np.ndarray, net: str, classical: str) -> dict[str, Any]:
    """The crossover of two curves from their difference ``(1 + DRAWS, n_sizes)``."""
    found, draws = crossing(sizes, difference[0]), np.sort(crossing(sizes, difference[1:]))
    tail = (1 - intervals.LEVEL) / 2
    low, high = draws[int(tail * len(draws))], draws[math.ceil((1 - tail) * len(draws)) - 1]
    facts = {
        "crossover": float(found),
        "crossover_lo": float(low),
        "crossover_hi": float(high),
        "share_crossing": float((np.isfinite(draws) & (draws > 0)).mean()),
        "share_net_ahead": float((draws == 0).mean()),
        "share_net_behind": float(np.isinf(draws).mean()),
        "smallest": int(sizes[0]),
        "largest": int(sizes[-1]),
    }
    return {**facts, "verdict": _verdict(facts, difference[0], net, classical)}


def _verdict(facts: dict[str, Any], difference: np.ndarray, net: str, classical: str) -> str:
    smallest, largest = f"{facts['smallest']:,}", f"{facts['largest']:,}"

    def end(size: float) -> str:
        if size == 0:
            return f"less than {smallest}"
        return f"more than {largest}" if np.isinf(size) else f"{size:,.0f}"

    low, high = end(facts["crossover_lo"]), end(facts["crossover_hi"])
    interval = low if low == high else f"{low} to {high}"
    if 0 < facts["crossover"] < np.inf:
        return (
            f"{net} overtakes {classical} for good at about {facts['crossover']:,.0f} pictures "
            f"(95 % interval {interval}; within the sizes measured in "
            f"{_percent(facts['share_crossing'])} of draws)"
        )
    if facts["crossover"] == 0:
        what = f"{net} is ahead at every size"
        sure = f"so in {_percent(facts['share_net_ahead'])} of draws"
    else:
        all_behind = f"{classical} is ahead at every size"
        what = all_behind if (difference < 0).all() else f"{net} is not ahead at {largest} pictures"
        sure = f"not overtaken by {largest} in {_percent(facts['share_net_behind'])} of draws"
    return f"they do not cross: {what} ({sure}; 95 % interval of a crossover: {interval})"


def _percent(share: float) -> str:
    """A share of draws, of which not all are ever gone through."""
    text = f"{100 * share:.0f} %"
    return {"100 %": "more than 99 %", "0 %": "less than 1 %"}.get(text, text)
