"""How good predictions are: every score of the leaderboard, defined once."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, recall_score

CALIBRATION_BINS = 15


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
        ``accuracy``; ``balanced_accuracy`` (mean recall of the classes in the test set);
        ``macro_f1`` (mean F1 of the classes in the test set); ``log_loss`` in nats, with
        probabilities of at least 1e-15; ``ece``, see `calibration_error`; ``majority_accuracy``,
        what always naming the test set's commonest class would score.
    """
    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return {
        "accuracy": float((predicted == labels).mean()),
        "balanced_accuracy": float(
            recall_score(labels, predicted, labels=present, average="macro", zero_division=0)
        ),
        "macro_f1": float(
            f1_score(labels, predicted, labels=present, average="macro", zero_division=0)
        ),
        "log_loss": float(-np.log(of_truth.clip(1e-15)).mean()),
        "ece": calibration_error(labels, probabilities),
        "majority_accuracy": float(np.bincount(labels).max() / len(labels)),
    }


def calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> float:
    """Expected calibration error: mean gap between confidence and accuracy over bins.

    Pictures are binned by the probability of the predicted class into `bins` of equal width, after
    Guo et al., "On calibration of modern neural networks" (ICML 2017).

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
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(which, right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def confusion(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Counts ``(n_classes, n_classes)`` of int64: rows true, columns predicted."""
    n_classes = probabilities.shape[1]
    return confusion_matrix(labels, probabilities.argmax(axis=1), labels=np.arange(n_classes))


def only_class(probabilities: np.ndarray) -> int | None:
    """Return the class a model always names, or None if it names several."""
    named = np.unique(probabilities.argmax(axis=1))
    return int(named[0]) if len(named) == 1 else None
