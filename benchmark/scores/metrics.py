"""How good predictions are: every score of the leaderboard, defined once."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

CALIBRATION_BINS = 15
OF_CLASSES = ("accuracy", "balanced_accuracy", "macro_f1")  # these follow from counts by class


def score(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Score probabilities against the true labels.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        True classes.
    probabilities : ndarray of float32, shape (n, n_classes)
        Rows sum to 1; a class the model never saw has 0.

    Returns
    -------
    dict
        ``accuracy``, ``balanced_accuracy`` and ``macro_f1``, see `of_counts`; ``log_loss`` in nats,
        with probabilities of at least 1e-15; ``ece``, see `calibration_error`;
        ``majority_accuracy``, what always naming the test set's commonest class would score;
        ``top2_accuracy``, see there.
    """
    n, n_classes = probabilities.shape
    everyone = np.zeros(n, np.int64)
    counts = counts_by_class(labels, probabilities.argmax(axis=1), everyone, n_classes, 1)[0]
    of_truth = probabilities[np.arange(n), labels].astype(np.float64)
    return {
        **{name: float(value) for name, value in of_counts(counts).items()},
        "log_loss": float(-np.log(of_truth.clip(1e-15)).mean()),
        "ece": calibration_error(labels, probabilities),
        "majority_accuracy": float(np.bincount(labels).max() / n),
        "top2_accuracy": top2_accuracy(labels, probabilities),
    }


def counts_by_class(
    labels: np.ndarray,
    predicted: np.ndarray,
    groups: np.ndarray,
    n_classes: int,
    n_groups: int,
) -> np.ndarray:
    """Count by group and class what `of_counts` needs.

    Parameters
    ----------
    labels, predicted : ndarray of int64, shape (n,)
    groups : ndarray of int64, shape (n,)
        From 0.
    n_classes, n_groups : int
        Those without a picture included.

    Returns
    -------
    ndarray of int64, shape (n_groups, 3, n_classes)
        Right answers, pictures and predictions of each class.
    """

    def count(which: np.ndarray, classes: np.ndarray) -> np.ndarray:
        cells = np.bincount(which * n_classes + classes, minlength=n_groups * n_classes)
        return cells.reshape(n_groups, n_classes)

    right = labels == predicted
    parts = count(groups[right], labels[right]), count(groups, labels), count(groups, predicted)
    return np.stack(parts, axis=1)


def of_counts(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Scores that follow from counts by class, of one test set or of many at once.

    Parameters
    ----------
    counts : ndarray, shape (..., 3, n_classes)
        See `counts_by_class`.

    Returns
    -------
    dict of ndarray, shape (...)
        ``accuracy``; ``balanced_accuracy``, the mean recall, and ``macro_f1``, the mean F1, of the
        classes in the test set: one that is not there is not averaged in. NaN without pictures.
    """
    right, true, predicted = np.moveaxis(np.asarray(counts, np.float64), -2, 0)
    here = true > 0
    recall = np.divide(right, true, out=np.zeros_like(true), where=here)
    f1 = np.divide(2 * right, true + predicted, out=np.zeros_like(true), where=here)
    n_here = here.sum(axis=-1)
    shares = {
        "accuracy": (right.sum(axis=-1), true.sum(axis=-1)),
        "balanced_accuracy": (recall.sum(axis=-1), n_here),
        "macro_f1": (f1.sum(axis=-1), n_here),
    }
    return {
        name: np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
        for name, (part, whole) in shares.items()
    }


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
