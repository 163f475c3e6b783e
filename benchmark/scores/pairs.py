"""Models side by side on the same pictures: intervals, every pair, and ranks that may be shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.scores import intervals as statistics
from benchmark.scores import metrics
from benchmark.scores.rows import Evidence, Scored

PAIRS = (
    *("dataset", "protocol", "split", "n_test", "n_people", "model_a", "model_b"),
    *("accuracy_a", "accuracy_b", "difference", "difference_lo", "difference_hi"),
    *("p", "p_adjusted", "told_apart", "data"),
)


@dataclass(frozen=True)
class Answers:
    """A model's answers by person, and its scores on each draw of people.

    Attributes
    ----------
    accuracy : float
        Mean of the repeats.
    repeats : int
    right : ndarray of int64, shape (n_people,)
        Right answers, summed over repeats.
    draws : dict of ndarray, shape (DRAWS,)
        `metrics.OF_CLASSES` on each draw of `intervals.resample`, the mean of the repeats.
    """

    accuracy: float
    repeats: int
    right: np.ndarray
    draws: dict[str, np.ndarray]


def same_pictures(rows: Sequence[Evidence]) -> list[list[Evidence]]:
    """Put together the rows of a board that were scored on the same pictures."""
    sets: dict[tuple[Any, ...], list[Evidence]] = {}
    for row in rows:
        if row.scored is not None:
            about, protocol = row.entry["dataset"], row.entry["protocol"]
            board = (about["name"], protocol["label"], protocol["split"], about["fingerprint"])
            sets.setdefault((*board, row.scored.rows.tobytes()), []).append(row)
    return list(sets.values())


def compare(rows: Sequence[Evidence]) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Compare the rows of one of `same_pictures`.

    Parameters
    ----------
    rows : sequence of Evidence
        Those that are not ``ok`` are given intervals and no rank.

    Returns
    -------
    facts : list of dict
        For each row: the intervals of its scores, ``n_people`` and ``rank``.
    pairs : DataFrame
        Every pair of ranked models, the more accurate first: the columns `PAIRS`. The interval of
        the difference is of that pair alone, the adjusted p-value for all pairs together.
    """
    scored = [row.scored for row in rows if row.scored is not None]
    who, pictures, known = who_is_shown(scored)
    effective = statistics.effective_people(pictures)
    n_people = len(pictures)
    names = [row.entry["model"]["label"] for row in rows]
    models = [answers(one, who, n_people) for one in scored]
    facts: list[dict[str, Any]] = []
    for model, one in zip(models, scored, strict=True):
        ends = intervals(one, model, effective)
        facts.append({"n_people": n_people if known else None, "rank": None, **ends})

    ranked = sorted(
        (i for i, row in enumerate(rows) if row.bad is None),
        key=lambda i: (-models[i].accuracy, names[i]),
    )
    found = []
    for place, i in enumerate(ranked):
        for j in ranked[place + 1 :]:
            found.append(
                {
                    "model_a": names[i],
                    "model_b": names[j],
                    "accuracy_a": models[i].accuracy,
                    "accuracy_b": models[j].accuracy,
                    **difference(models[i], models[j], effective),
                }
            )
    pairs = pd.DataFrame(found, columns=[name for name in PAIRS if name not in _BOARD])
    pairs["p_adjusted"] = statistics.holm(pairs["p"].to_numpy(np.float64))
    pairs["told_apart"] = pairs["p_adjusted"] < 1 - statistics.LEVEL
    accuracies = np.array([models[i].accuracy for i in ranked])
    ranks = statistics.shared_ranks(accuracies, pairs["p_adjusted"].to_numpy(np.float64))
    for i, rank in zip(ranked, ranks, strict=True):
        facts[i]["rank"] = int(rank)
    about, protocol = rows[0].entry["dataset"], rows[0].entry["protocol"]
    board = (about["name"], protocol["label"], protocol["split"])
    values = (*board, len(who), n_people if known else None, about["fingerprint"][:12])
    for name, value in zip(_BOARD, values, strict=True):
        pairs[name] = value
    return facts, pairs[list(PAIRS)].astype({"n_people": "Int64"})


_BOARD = (*PAIRS[:5], "data")  # the same for all pairs of a board


def who_is_shown(scored: Sequence[Scored]) -> tuple[np.ndarray, np.ndarray, bool]:
    """Who each picture shows, numbered from 0, how many pictures each has, and if that is known."""
    # Runs of before there were groups do not say; those beside them may.
    one = next((one for one in scored if one.knows_people), scored[0])
    _, who, pictures = np.unique(one.groups, return_inverse=True, return_counts=True)
    return who, pictures, one.knows_people


def counts(scored: Scored, who: np.ndarray, n_people: int) -> list[np.ndarray]:
    """Count the answers of each repeat by person and class: see `metrics.counts_by_class`."""
    n_classes = len(scored.confusion)
    return [
        metrics.counts_by_class(scored.labels, predicted, who, n_classes, n_people)
        for predicted in scored.predicted
    ]


def answers(scored: Scored, who: np.ndarray, n_people: int) -> Answers:
    """Count a model's answers by person.

    Parameters
    ----------
    scored : Scored
    who : ndarray of int64, shape (n,)
        Who each picture shows, from 0.
    n_people : int
        Who is drawn from, those without a picture included: a draw in which nobody with a picture
        is has scores that are NaN.
    """
    counted = counts(scored, who, n_people)
    drawn = [metrics.of_counts(statistics.resample(each)) for each in counted]
    return Answers(
        float(scored.scores["accuracy"].mean()),
        len(counted),
        np.sum([each[:, 0].sum(axis=1) for each in counted], axis=0),
        {name: np.mean([each[name] for each in drawn], axis=0) for name in metrics.OF_CLASSES},
    )


def intervals(scored: Scored, model: Answers, effective: float) -> dict[str, float]:
    """Ends of the 95 % intervals of `metrics.OF_CLASSES`: ``accuracy_lo``, ``accuracy_hi``, ...

    Parameters
    ----------
    scored : Scored
    model : Answers
        The same answers by person.
    effective : float
        See `intervals.effective_people`.
    """
    ends: dict[str, float] = {}
    for name in metrics.OF_CLASSES:
        score = float(scored.scores[name].mean())
        low, high = statistics.interval(score, model.draws[name], effective)
        ends |= {f"{name}_lo": low, f"{name}_hi": high}
    return ends


def difference(a: Answers, b: Answers, effective: float) -> dict[str, float]:
    """Compare the accuracies of two models on the same pictures: a less b.

    Parameters
    ----------
    a, b : Answers
    effective : float
        See `intervals.effective_people`.

    Returns
    -------
    dict
        ``difference``, ``difference_lo``, ``difference_hi`` and ``p``.
    """
    more = a.accuracy - b.accuracy
    draws = a.draws["accuracy"] - b.draws["accuracy"]
    low, high = statistics.difference_interval(more, draws, effective)
    p = statistics.paired_p(b.repeats * a.right - a.repeats * b.right)
    return {"difference": more, "difference_lo": low, "difference_hi": high, "p": p}
