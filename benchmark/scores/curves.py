"""Scores against the number of training pictures, and where a net overtakes a classical model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core import runs
from benchmark.core.protocols import Curve, derive_seed
from benchmark.scores import intervals, metrics
from benchmark.scores import pairs as comparison
from benchmark.scores.rows import Evidence

SCORES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
POINTS = (
    *("dataset", "split", "model", "kind", "protocol", "size"),
    *("n_train", "n_validation", "n_test", "repeats"),
    *("accuracy", "accuracy_lo", "accuracy_hi", "accuracy_sd_of_repeats"),
    *("macro_f1", "macro_f1_lo", "macro_f1_hi", "macro_f1_sd_of_repeats"),
    *("majority_accuracy", "fit_seconds", "not_in_training", "data"),
)
CROSSOVERS = (
    *("dataset", "split", "score", "net", "classical"),
    *("crossover", "crossover_lo", "crossover_hi"),
    *("share_crossing", "share_net_ahead", "share_net_behind"),
    *("smallest", "largest", "verdict", "data"),
)
CURVE = ["dataset", "split", "data"]  # rows that agree in these are of one picture
BEST_NET, BEST_CLASSICAL = "the best net", "the best classical model"

# By row: a score of the test set itself, and then of every draw.
Scores = dict[str, np.ndarray]


def points(table: pd.DataFrame, rows: Sequence[Evidence]) -> pd.DataFrame:
    """Collect the points of every learning curve.

    Parameters
    ----------
    table : DataFrame
        The leaderboard.
    rows : sequence of Evidence
        What it was computed from.

    Returns
    -------
    DataFrame
        The columns `POINTS`, a row for each model and size that has a score. ``kind`` is "net" or
        "classical", ``size`` the pictures learnt from, those selected on included, and
        ``not_in_training`` the classes that some repeat was not trained on.
    """
    board = ["dataset", "protocol", "split", "model"]
    more = [
        {
            **dict(zip(board, runs.place(row.entry), strict=True)),
            "kind": "net" if row.entry["model"]["deep"] else "classical",
            "macro_f1_sd_of_repeats": row.scored.scores["macro_f1"].std(),
            "not_in_training": "; ".join(row.untrained),
        }
        for row in rows
        if row.scored is not None and _is_of_curve(row)
    ]
    if not more:
        return pd.DataFrame(columns=list(POINTS))
    found = pd.DataFrame(more).merge(table, on=board)
    found["size"] = found["n_train"] + found["n_validation"]
    order = [*CURVE, "kind", "model", "size"]
    once = found.sort_values([*order, "protocol"]).drop_duplicates(order)
    return once[list(POINTS)].reset_index(drop=True)


def crossovers(rows: Sequence[Evidence]) -> pd.DataFrame:
    """Find the number of pictures from which a net is ahead of a classical model.

    Between the sizes measured the difference of two models' scores is taken to be linear in the
    logarithm of the size. The crossover is where it turns from "net not ahead" to "net ahead" and
    stays so to the largest size; see `crossing`.

    Its interval is a percentile bootstrap over people (`intervals.resample`; the draws are the
    same for every model and size, so that curves are compared within a draw) and, where there are
    several repeats, over these too: with the training pictures other than they happened to be.
    Both at once is Owen's pigeonhole bootstrap ("The pigeonhole bootstrap", Annals of Applied
    Statistics 1, 2007); that few repeats spread too little is made good by Rao and Wu's factor
    ("Resampling inference with complex survey data", Journal of the American Statistical
    Association 83, 1988). A draw in which the net is ahead from the smallest size on counts as a
    crossover at 0 pictures, one in which it is not ahead at the largest as one at infinity: an end
    of an interval may be either. The definition of the crossover and its censoring are ours.
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
    found = [row for same in _same_curve(rows) for row in _of_curve(same)]
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


def gain(smaller: Evidence, larger: Evidence) -> tuple[float, float, float]:
    """How much more accurate a model is for more pictures, on the same test set.

    Parameters
    ----------
    smaller, larger : Evidence
        Rows of one curve that have scores.

    Returns
    -------
    gain, low, high : float
        Difference of the accuracies and its 95 % interval, over people and, where there are
        several, over repeats; see `crossovers` and `intervals.difference_interval`.
    """
    rows = (smaller, larger)
    people, pictures, _ = comparison.who_is_shown([row.scored for row in rows if row.scored])
    one, other = (_scores(_drawn(_counts(row, people)))["accuracy"] for row in rows)
    draws = other - one
    low, high = intervals.difference_interval(
        float(draws[0]), draws[1:], intervals.effective_people(pictures)
    )
    return float(draws[0]), low, high


def size(row: Evidence) -> int:
    """Pictures learnt from, those to select on included, of a row that has a score."""
    return int(row.good[0]["n_train"] + row.good[0]["n_validation"])


def is_step(table: pd.DataFrame) -> pd.Series:
    """Which rows of a leaderboard are of a curve's smaller sizes."""
    sizes = table["protocol"].map(Curve.size).astype(np.float64)
    largest = sizes.groupby([table[name] for name in CURVE]).transform("max")
    return sizes < largest


def _is_of_curve(row: Evidence) -> bool:
    return Curve.size(row.entry["protocol"]["label"]) is not None


def _same_curve(rows: Sequence[Evidence]) -> Iterable[list[Evidence]]:
    """Put together the whole rows of curves that were scored on the same pictures."""
    curves: dict[tuple[Any, ...], list[Evidence]] = {}
    for row in rows:
        if row.scored is not None and row.bad is None and _is_of_curve(row):
            about, split = row.entry["dataset"], row.entry["protocol"]["split"]
            which = about["name"], split, about["fingerprint"], row.scored.rows.tobytes()
            curves.setdefault(which, []).append(row)
    return curves.values()


def _of_curve(rows: Sequence[Evidence]) -> Iterable[dict[str, Any]]:
    people, _, _ = comparison.who_is_shown([row.scored for row in rows if row.scored is not None])
    n_people = int(people.max()) + 1
    rng = np.random.default_rng(derive_seed("halves", n_people))
    half = rng.permutation(n_people) % 2

    curves: dict[str, dict[int, Scores]] = {}
    families: dict[str, list[str]] = {BEST_NET: [], BEST_CLASSICAL: []}
    by_size: dict[int, dict[str, Evidence]] = {}
    for row in sorted(rows, key=lambda row: runs.place(row.entry)):
        by_size.setdefault(size(row), {})[row.entry["model"]["label"]] = row
    for n, models in sorted(by_size.items()):
        drawn: dict[str, list[np.ndarray]] = {BEST_NET: [], BEST_CLASSICAL: []}
        for name, row in models.items():
            family = BEST_NET if row.entry["model"]["deep"] else BEST_CLASSICAL
            counts = _counts(row, people)
            halves = [counts * (half == h)[:, None, None, None] for h in (0, 1)]
            drawn[family].append(_drawn(np.stack(halves, axis=2)))
            curves.setdefault(name, {})[n] = _scores(drawn[family][-1].sum(axis=2))
            families[family] = [*dict.fromkeys([*families[family], name])]
        for family, each in drawn.items():
            if each:
                curves.setdefault(family, {})[n] = _best(each)

    about, split = rows[0].entry["dataset"], rows[0].entry["protocol"]["split"]
    pairs = [(BEST_NET, BEST_CLASSICAL)]
    pairs += [(net, other) for net in families[BEST_NET] for other in families[BEST_CLASSICAL]]
    for net, classical in pairs:
        sizes = np.array(sorted(curves.get(net, {}).keys() & curves.get(classical, {}).keys()))
        if len(sizes) < 2:
            continue
        for score in SCORES:
            difference = np.stack(
                [curves[net][n][score] - curves[classical][n][score] for n in sizes],
                axis=-1,
            )
            yield {
                "dataset": about["name"],
                "split": split,
                "score": score,
                "net": net,
                "classical": classical,
                **_judged(sizes, difference, net, classical),
                "data": about["fingerprint"][:12],
            }


def _counts(row: Evidence, people: np.ndarray) -> np.ndarray:
    """Counts by class of every person and repeat: ``(n_people, repeats, 3, n_classes)``."""
    assert row.scored is not None
    return np.stack(comparison.counts(row.scored, people, int(people.max()) + 1), axis=1)


def _drawn(counts: np.ndarray) -> np.ndarray:
    """Sum counts by person over the test set and over every draw: ``(1 + DRAWS, ...)``."""
    return np.concatenate([counts.sum(axis=0)[None], intervals.resample(counts)])


def _scores(counts: np.ndarray) -> Scores:
    """Scores of counts ``(1 + DRAWS, repeats, 3, n_classes)``, repeats together."""
    each = metrics.of_counts(counts)
    return {score: _over_repeats(each[score]) for score in SCORES}


def _over_repeats(scores: np.ndarray) -> np.ndarray:
    """Mean of the repeats: of those there are on the test set, of some drawn anew on each draw."""
    mean = scores.mean(axis=1)
    n_draws, n = len(scores) - 1, scores.shape[1]
    if n == 1:
        return mean
    which = np.random.default_rng(n).integers(n, size=(n_draws, n))  # the same for every model
    drawn = np.take_along_axis(scores[1:], which, axis=1).mean(axis=1)
    mean[1:] += math.sqrt(n / (n - 1)) * (drawn - mean[1:])
    return mean


def _best(drawn: Sequence[np.ndarray]) -> Scores:
    """Scores of the best of a family, chosen on one half of the people and scored on the other."""
    repeats = min(each.shape[1] for each in drawn)
    counts = np.stack([each[:, :repeats] for each in drawn])
    with np.errstate(invalid="ignore"):  # a draw of few people may leave a half empty
        by_half = metrics.of_counts(counts)
    draw = np.arange(counts.shape[1])
    found = {}
    for score in SCORES:
        best = np.nan_to_num(by_half[score]).mean(axis=2).argmax(axis=0)
        crossed = [counts[best[:, 1 - h], draw, :, h] for h in (0, 1)]
        found[score] = _scores(np.sum(crossed, axis=0))[score]
    return found


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
