"""How good predictions are: every metric of the leaderboard, defined once.

In come true classes and probabilities, or counts by class; out come scores. A new column of the
leaderboard, of its tables for people and of the screen is one more entry of `METRICS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from scipy import special
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

CALIBRATION_BINS = 15

T = TypeVar("T", float, np.ndarray, pd.Series)


@dataclass(frozen=True)
class Metric:
    """A metric: how it is computed, and how it is shown.

    Attributes
    ----------
    name : str
        Its column of ``leaderboard.csv``.
    label : str
        For people, without the unit.
    of_counts : callable or None
        Computes it of counts by class ``(..., 4, n_classes)``, see `counts_by_class`, as an
        ndarray ``(...)``: of one test set or of many at once. A metric that has this can be drawn
        anew: it has intervals and differences, models can be ranked by it, and a search choose.
    of_probabilities : callable or None
        Computes it of labels ``(n,)`` and probabilities ``(n, n_classes)`` where counts by class
        do not say enough.
    is_share : bool
        Whether it is a share, which people are shown in percent and its differences in points.
    digits : int
        Decimals that people are shown.
    more_is_better : bool
    most : float
        The largest value it can have.
    needs_probabilities : bool
        Whether nothing can be said of a model that only names classes.
    on_page, on_screen : bool
        Whether the tables of ``leaderboard.md`` and the page show it, and those on the screen.
    """

    name: str
    label: str
    of_counts: Callable[[np.ndarray], np.ndarray] | None = None
    of_probabilities: Callable[[np.ndarray, np.ndarray], float] | None = None
    is_share: bool = True
    digits: int = 1
    more_is_better: bool = True
    most: float = 1.0
    needs_probabilities: bool = False
    on_page: bool = True
    on_screen: bool = True

    @property
    def heading(self) -> str:
        """Its label with the unit."""
        return f"{self.label} %" if self.is_share else self.label

    @property
    def points(self) -> str:
        """The unit of a difference."""
        return "points" if self.is_share else self.label

    @property
    def scale(self) -> int:
        """What a value is multiplied with for people."""
        return 100 if self.is_share else 1

    def goodness(self, values: T) -> T:
        """Values of which more is better: as they are, or with the other sign."""
        return values if self.more_is_better else -values

    @property
    def columns(self) -> list[str]:
        """Its columns: the score and, where it has an interval, the ends."""
        return [*with_ends(self.name, (0, 0, 0))] if self.of_counts else [self.name]


def with_ends(name: str, values: Iterable[float]) -> dict[str, float]:
    """Return a value and the ends of its interval by column: the name, with ``_lo`` and ``_hi``."""
    return dict(zip((name, f"{name}_lo", f"{name}_hi"), values, strict=True))


def score(
    labels: np.ndarray, probabilities: np.ndarray, only_classes: bool = False
) -> dict[str, float]:
    """Score probabilities against the true labels by every metric.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        True classes.
    probabilities : ndarray of float32, shape (n, n_classes)
        Rows sum to 1; a class the model never saw has 0.
    only_classes : bool
        Whether they are 1 for want of others, since the model only named classes.

    Returns
    -------
    dict
        By the names of `METRICS`; NaN what needs probabilities that are not there.
    """
    n, n_classes = probabilities.shape
    everyone = np.zeros(n, np.int64)
    losses = log_losses(labels, probabilities)
    named = probabilities.argmax(axis=1)
    counts = counts_by_class(labels, named, losses, everyone, n_classes, 1)[0]
    scores = {}
    for name, metric in METRICS.items():
        if only_classes and metric.needs_probabilities:
            scores[name] = math.nan
        elif metric.of_counts:
            scores[name] = float(metric.of_counts(counts))
        elif metric.of_probabilities:
            scores[name] = float(metric.of_probabilities(labels, probabilities))
    return scores


def counts_by_class(
    labels: np.ndarray,
    predicted: np.ndarray,
    losses: np.ndarray,
    groups: np.ndarray,
    n_classes: int,
    n_groups: int,
) -> np.ndarray:
    """Count by group and class what `Metric.of_counts` needs.

    Parameters
    ----------
    labels, predicted : ndarray of int64, shape (n,)
    losses : ndarray of float64, shape (n,)
        See `log_losses`.
    groups : ndarray of int64, shape (n,)
        From 0.
    n_classes, n_groups : int
        Those without a picture included.

    Returns
    -------
    ndarray of float64, shape (n_groups, 4, n_classes)
        Right answers, pictures, predictions and summed losses of each class.
    """

    def count(classes: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        cells = np.bincount(groups * n_classes + classes, weights, n_groups * n_classes)
        return cells.reshape(n_groups, n_classes)

    right = (labels == predicted).astype(np.float64)
    parts = count(labels, right), count(labels), count(predicted), count(labels, losses)
    return np.stack(parts, axis=1)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of right answers; NaN without pictures."""
    right, true, _, _ = _parts(counts)
    return _share(right.sum(axis=-1), true.sum(axis=-1))


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Mean recall of the classes in the test set."""
    right, true, _, _ = _parts(counts)
    return _mean_of_classes(right, true, true > 0)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes in the test set."""
    right, true, predicted, _ = _parts(counts)
    return _mean_of_classes(2 * right, true + predicted, true > 0)


def log_loss(counts: np.ndarray) -> np.ndarray:
    """Mean of `log_losses`, in nats."""
    _, true, _, losses = _parts(counts)
    return _share(losses.sum(axis=-1), true.sum(axis=-1))


def _parts(counts: np.ndarray) -> np.ndarray:
    """Right answers, pictures, predictions and losses by class: ``(4, ..., n_classes)``."""
    return np.moveaxis(np.asarray(counts, np.float64), -2, 0)


def _mean_of_classes(part: np.ndarray, whole: np.ndarray, tested: np.ndarray) -> np.ndarray:
    shares = np.divide(part, whole, out=np.zeros_like(whole), where=tested)
    return _share(shares.sum(axis=-1), tested.sum(axis=-1))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Negative logarithm of the true class's probability, of 1e-15 at least: ``(n,)``, in nats."""
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(of_truth.clip(1e-15))


def majority_accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """What always naming the commonest class of the test set would score.

    The model ``majority`` names that of the training set, which may be another.
    """
    return float(np.bincount(labels).max() / len(labels))


def majority_log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """What always giving the classes' shares of the test set as probabilities would score."""
    shares = np.bincount(labels) / len(labels)
    return float(special.entr(shares).sum())


def top2_accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of pictures whose true class is one of the two likeliest; NaN with two classes.

    Of classes equally likely the earlier counts as likelier, as in the prediction itself; one with
    probability 0 is not a guess.
    """
    if probabilities.shape[1] < 3:
        return float("nan")
    two = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    named = (two == labels[:, None]) & (np.take_along_axis(probabilities, two, axis=1) > 0)
    return float(named.any(axis=1).mean())


def by_class(counts: np.ndarray) -> pd.DataFrame:
    """Precision, recall, F1 and support of every class.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_classes, n_classes)
        A confusion matrix: rows true, columns predicted.

    Returns
    -------
    DataFrame
        A row a class, with how often it was ``predicted``. NaN where there is
        nothing to take a share of: precision of a class never predicted, recall and F1 of one not
        in the test set.
    """
    truth, predicted = (axis.ravel() for axis in np.indices(counts.shape))
    precision, recall, f1, support = precision_recall_fscore_support(
        truth,
        predicted,
        sample_weight=counts.ravel(),
        labels=np.arange(len(counts)),
        zero_division=np.nan,
    )
    f1 = np.where(support > 0, np.nan_to_num(f1), np.nan)
    table = {"precision": precision, "recall": recall, "f1": f1, "support": support}
    return pd.DataFrame({**table, "predicted": counts.sum(axis=0)}).astype({"support": np.int64})


def reliability(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> np.ndarray:
    """Pictures, sum of confidence and right answers in each bin of confidence.

    Pictures are binned by the probability of the predicted class into `bins` of equal width, after
    Guo et al., "On calibration of modern neural networks" (ICML 2017).

    Returns
    -------
    ndarray, shape (3, bins)
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    weights = (None, confidence, right.astype(np.float64))
    return np.stack([np.bincount(which, weight, minlength=bins) for weight in weights])


def calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> float:
    """Expected calibration error: mean gap between confidence and accuracy over `reliability` bins.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
    probabilities : ndarray, shape (n, n_classes)
    bins : int

    Returns
    -------
    float
        0 (calibrated) to 1.
    """
    _, confidence, right = reliability(labels, probabilities, bins)
    return float(np.abs(right - confidence).sum() / len(labels))


def confusion(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Counts ``(n_classes, n_classes)`` of int64: rows true, columns predicted."""
    n_classes = probabilities.shape[1]
    return confusion_matrix(labels, probabilities.argmax(axis=1), labels=np.arange(n_classes))


_OF_COUNTS = (
    Metric("accuracy", "accuracy", accuracy),
    Metric("balanced_accuracy", "balanced accuracy", balanced_accuracy, on_screen=False),
    Metric("macro_f1", "macro-F1", macro_f1, is_share=False, digits=3),
    Metric(
        *("log_loss", "log loss", log_loss),
        is_share=False,
        digits=3,
        more_is_better=False,
        most=math.inf,
        needs_probabilities=True,
        on_screen=False,
    ),
)
_OF_PROBABILITIES = (
    Metric(
        *("top2_accuracy", "top-2", None, top2_accuracy), needs_probabilities=True, on_screen=False
    ),
    Metric(
        *("ece", "calibration error", None, calibration_error),
        is_share=False,
        digits=3,
        more_is_better=False,
        needs_probabilities=True,
        on_screen=False,
    ),
    Metric(
        *("majority_accuracy", "always the commonest test class", None, majority_accuracy),
        on_screen=False,
    ),
    Metric(
        *("majority_log_loss", "log loss of the classes' shares", None, majority_log_loss),
        is_share=False,
        digits=3,
        more_is_better=False,
        most=math.inf,
        on_page=False,
        on_screen=False,
    ),
)
METRICS = {metric.name: metric for metric in (*_OF_COUNTS, *_OF_PROBABILITIES)}
# By which models are ranked and trials chosen; the first unless another is asked for.
RANKED_BY = [metric.name for metric in _OF_COUNTS]
SHOWN = ("accuracy", "macro_f1")  # where there is room for two


def shown_with(name: str) -> tuple[str, str]:
    """Return the metric that models are ranked by, and another of those usually shown."""
    return name, next(other for other in reversed(SHOWN) if other != name)
