"""When to distrust a model: calibrated confidence, sets of classes, and pictures unlike the known.

The first two are computed from what the model said of the pictures it was selected on, which it did
not learn from; the last from the pictures alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

from benchmark.scores.metrics import log_losses
from datasets import Dataset, InputError, cache

if TYPE_CHECKING:
    from deepnets.training.frozen import FrozenClassifier  # which imports torch

COVERED = 0.9  # share of people whose true class a set of classes is to hold
MOST_TEMPERATURE = 20.0  # and the least is its inverse
LEAST_PROBABILITY = 1e-12  # of a class that a model knows

LOOKED_AT = 64  # pixels to which pictures are brought for the net that compares them
MOST_KNOWN, MOST_ASKED = 1_500, 500  # pictures that are compared with, and that are compared
USUAL = 0.99  # share of pictures of people not yet seen that are called like the known ones
LEAST_USUAL = 1e-3  # distance below which that of two copies may be, by rounding


def temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Find the temperature that makes a model's probabilities honest on pictures it did not learn.

    One number divides all logarithms, so what is said stays; it is chosen by log loss (Guo et al.,
    "On calibration of modern neural networks", ICML 2017).

    Parameters
    ----------
    probabilities : ndarray, shape (n, n_classes)
    labels : ndarray of int64, shape (n,)

    Returns
    -------
    float
        Above 1 where the model is too sure.
    """
    most = np.log(MOST_TEMPERATURE)
    found = minimize_scalar(
        lambda log: log_losses(labels, tempered(probabilities, float(np.exp(log)))).mean(),
        bounds=(-most, most),
        method="bounded",
    )
    return float(np.exp(found.x))


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Bring probabilities ``(n, n_classes)`` to a temperature; a class of 0 keeps it."""
    known = probabilities > 0
    logs = np.log(np.maximum(probabilities.astype(np.float64), LEAST_PROBABILITY)) / temperature
    raised = np.exp(logs - logs.max(axis=1, keepdims=True)) * known
    return raised / raised.sum(axis=1, keepdims=True)


def least_probability(
    probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray, covered: float = COVERED
) -> float:
    """Find how probable a class must be to be in the set of a picture.

    Sets of these classes hold the true one of a picture of a new person with at least the
    probability `covered`, whatever the model, if people are like these: hierarchical conformal
    prediction (Lee, Barber and Willett, arXiv:2306.06342), where each person counts once, however
    many their pictures.

    Parameters
    ----------
    probabilities : ndarray, shape (n, n_classes)
        Of pictures that were not learnt from.
    labels, groups : ndarray of int64, shape (n,)
        True classes, and who is shown.
    covered : float

    Returns
    -------
    float
        0, which is every class, where there are too few people to tell.
    """
    true = probabilities[np.arange(len(labels)), labels]
    _, person, pictures = np.unique(groups, return_inverse=True, return_counts=True)
    share = 1 / ((len(pictures) + 1) * pictures[person])
    surest_first = np.argsort(-true, kind="stable")
    held = np.cumsum(share[surest_first])
    enough = np.flatnonzero(held >= covered - 1e-9)
    return float(true[surest_first[enough[0]]]) if len(enough) else 0.0


def sets(probabilities: np.ndarray, least: float) -> np.ndarray:
    """Say which classes are in the set of each picture, its most probable one at least.

    Returns
    -------
    ndarray of bool, shape (n, n_classes)
    """
    held = probabilities >= least
    held[np.arange(len(held)), probabilities.argmax(axis=1)] = True
    return held


@dataclass(frozen=True, eq=False)
class Eyes:
    """The pre-trained net that is installed with this project, to compare pictures by.

    Attributes
    ----------
    net : FrozenClassifier
    """

    net: FrozenClassifier

    @classmethod
    def open(cls, size: int) -> Eyes:
        """Make it ready for pictures of a width in pixels."""
        from deepnets.training.frozen import FrozenClassifier  # with torch

        return cls(FrozenClassifier(net_size=LOOKED_AT, device="cpu").look(size))

    def features(self, pictures: np.ndarray, keep: bool = False) -> np.ndarray:
        """What it sees of pictures ``(n, 3, size, size)`` of uint8, each brought to length 1.

        With `keep` features are kept in the cache, so that a picture's are computed once.

        Returns
        -------
        ndarray of float32, shape (n, n_features)
        """
        self.net.set_params(cache=str(cache.folder() / "features") if keep else None)
        features = self.net.features(pictures)
        return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6)


@dataclass(frozen=True, eq=False)
class Known:
    """Pictures of a data set that new ones are compared with, as a pre-trained net sees them.

    A new one is unlike them if it is farther from the nearest than 99 % of the pictures of other
    people in the set are: "Out-of-distribution detection with deep nearest neighbors" (Sun et al.,
    ICML 2022), whatever the model.

    Attributes
    ----------
    eyes : Eyes
    features : ndarray of float32, shape (n, n_features)
    usual : float
        That distance.
    """

    eyes: Eyes
    features: np.ndarray
    usual: float

    @classmethod
    def of(cls, dataset: Dataset) -> Known:
        """Compare one half of the people in a set with the other.

        Of a set that names none, or a single one, it is halves of the pictures.

        Raises
        ------
        InputError
            If there are no two pictures to compare.
        """
        if len(dataset) < 2:
            raise InputError(f"{dataset.name} has too few pictures to compare with: add some")
        people = dataset.groups
        if people is None or len(np.unique(people)) < 2:
            people = np.arange(len(dataset))
        order = np.random.default_rng(0).permutation(np.unique(people))
        first = np.isin(people, order[: len(order) // 2])
        eyes = Eyes.open(dataset.size)
        known, asked = (
            eyes.features(dataset.take(spread(np.flatnonzero(which), most)), keep=True)
            for which, most in ((first, MOST_KNOWN), (~first, MOST_ASKED))
        )
        usual = float(np.quantile(_distances(asked, known), USUAL))
        return cls(eyes, known, max(usual, LEAST_USUAL))

    def distances(self, pictures: np.ndarray) -> np.ndarray:
        """Distance of each picture ``(n, 3, size, size)`` to the nearest, in units of the usual."""
        return _distances(self.eyes.features(pictures), self.features) / self.usual


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Evenly spaced ones of row numbers, so many at most."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int))]


def _distances(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(2 - 2 * (asked @ known.T).max(axis=1), 0))
