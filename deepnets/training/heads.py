"""What can be learnt on the features of a frozen net: a linear model, neighbours, or a machine.

In come features, each of mean 0 and deviation 1, and labels; out goes a scikit-learn classifier,
with one value chosen on validation pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import SVC

from baselines.hog import FOLDS, CalibratedMachine

MAX_ITER = 1000  # of lbfgs
COMPONENTS = 200  # of the features that the machine sees, as hog-svm does
COMPARED_AT_ONCE = 1024  # pictures, so that the similarities to all that were learnt fit in memory


@dataclass(frozen=True)
class Head:
    """A kind of classifier and the one value of it that validation pictures decide.

    Attributes
    ----------
    make : callable
        ``make(value, shape, random_state)`` returns an unfitted classifier of features ``shape``.
    tried : tuple of float
        Of these that with the lowest log loss on the validation pictures is taken.
    usual : float
        Taken where there are none.
    told : str
        What a row says of the value, which stands in it as ``{:g}``.
    penalised : bool
        Whether the value is the inverse of a penalty's strength, so that `C` sets it.
    """

    make: Callable[[float, tuple[int, ...], int | None], Any]
    tried: tuple[float, ...]
    usual: float
    told: str
    penalised: bool = True

    def fit(
        self,
        rows: np.ndarray,
        y: np.ndarray,
        judged: tuple[np.ndarray, np.ndarray] | None = None,
        C: float | None = None,
        random_state: int | None = None,
    ) -> tuple[Any, str]:
        """Return the fitted classifier and what a row says of it.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_features)
            Standardised features.
        y : ndarray of int64, shape (n,)
            Class indices.
        judged : tuple of ndarray, optional
            Features and labels of the validation pictures, all of classes that are in `y`.
        C : float, optional
            Taken in place of one that is chosen.
        random_state : int, optional
            Seed of what is random.
        """

        def fitted(value: float) -> Any:
            return self.make(value, rows.shape, random_state).fit(rows, y)

        if C is not None or judged is None:
            value = self.usual if C is None else C
            return fitted(value), f"{self.told.format(value)} not chosen"
        heads = {value: fitted(value) for value in self.tried}
        losses = {
            value: log_loss(judged[1], head.predict_proba(judged[0]), labels=head.classes_)
            for value, head in heads.items()
        }
        value = min(losses, key=lambda each: losses[each])
        return heads[value], f"{self.told.format(value)} chosen on validation"


class Neighbours(ClassifierMixin, BaseEstimator):
    """The classes of the pictures whose features point most nearly in the same direction.

    Each of the nearest by the cosine of the angle has one vote. One more is shared out among the
    classes as the learnt pictures are, so that no class is impossible and the log loss is finite;
    between classes with as many votes it decides for the more frequent one.

    Parameters
    ----------
    n_neighbors : int
        How many vote; all where there are fewer.
    """

    def __init__(self, n_neighbors: int = 5) -> None:
        self.n_neighbors = n_neighbors

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Keep the directions ``(n, n_features)`` and their classes ``(n,)``."""
        self.classes_, self.labels_ = np.unique(y, return_inverse=True)
        self.directions_ = _directions(X)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Shares of the votes, ``(n, n_classes)`` of float64."""
        n_classes, n_voting = len(self.classes_), min(self.n_neighbors, len(self.labels_))
        votes = np.tile(np.bincount(self.labels_) / len(self.labels_), (len(X), 1))
        for start in range(0, len(X), COMPARED_AT_ONCE):
            near = _directions(X[start : start + COMPARED_AT_ONCE]) @ self.directions_.T
            nearest = np.argsort(-near, axis=1, kind="stable")[:, :n_voting]
            voted = np.eye(n_classes)[self.labels_[nearest]].sum(axis=1)
            votes[start : start + COMPARED_AT_ONCE] += voted
        return votes / (n_voting + 1)


def _directions(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)


def _logistic(C: float, *_: object) -> LogisticRegression:
    return LogisticRegression(C=C, max_iter=MAX_ITER)


def _neighbours(n_neighbors: float, *_: object) -> Neighbours:
    return Neighbours(int(n_neighbors))


def _machine(C: float, shape: tuple[int, ...], random_state: int | None) -> CalibratedMachine:
    """hog-svm's machine, on the direction of the components.

    Of the features as they are, any two pictures are nearly as far apart as any others: after 300
    to 500 pictures of three sets it named 2 to 16 points fewer validation pictures rightly.
    """
    fewest = shape[0] * (FOLDS - 1) // FOLDS - 1  # of a fold, centred
    machine = make_pipeline(
        PCA(max(min(COMPONENTS, shape[1], fewest), 1), random_state=random_state),
        Normalizer(),
        SVC(C=C, gamma="scale", decision_function_shape="ovo"),
    )
    return CalibratedMachine(machine, random_state=random_state)


HEADS: Mapping[str, Head] = {
    "logistic": Head(
        _logistic, tuple(10.0**power for power in range(-4, 2)), 0.01, "penalty C {:g}"
    ),
    "knn": Head(_neighbours, (1, 3, 5, 10, 20), 5, "neighbours {:g}", penalised=False),
    "svm": Head(_machine, (0.1, 1.0, 10.0), 10.0, "svm, penalty C {:g}"),
}
