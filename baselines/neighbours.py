"""Nearest neighbours on the pixels, to the last unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from baselines.base import KNOWN_DEVICES, PictureClassifier
from baselines.cuda import full_precision
from baselines.device import choose
from baselines.registry import register

if TYPE_CHECKING:
    from torch import Tensor

# Pixels less 128 are whole numbers of -128 to 127, so float32, which holds whole numbers to 2**24,
# holds every sum of as many products as this: no order of summing rounds.
EXACT_FEATURES = 2**10

BLOCK = {"cpu": 2**22, "cuda": 2**25}  # distances held at once, so that memory stays flat


@register("knn", family="neighbours", portfolio=[{"n_neighbors": 1}, {"n_neighbors": 15}])
@dataclass(eq=False, repr=False)
class Neighbours(PictureClassifier):
    """Vote of the nearest training pictures by Euclidean distance between pixels.

    Parameters
    ----------
    n_neighbors : int
        How many vote; fewer where there are fewer training pictures.
    device : {"auto", "cpu", "cuda"}
        Where distances are computed; they are the same to the last unit.
    """

    n_neighbors: int = 5
    device: str = "auto"

    def features(self, X: np.ndarray) -> np.ndarray:
        """All pixels as they are, ``(n, n_features)`` of uint8."""
        return np.ascontiguousarray(X).reshape(len(X), -1)

    def build(self, rows: np.ndarray, y: np.ndarray) -> NearestRows:  # noqa: D102
        return NearestRows(self.n_neighbors, self.device_)


@dataclass(eq=False, repr=False)
class NearestRows(ClassifierMixin, BaseEstimator):
    """scikit-learn's ``KNeighborsClassifier`` with equal votes, for rows of uint8.

    Squared distances are computed as whole numbers, without rounding. Of training rows at equal
    distance the earlier is the nearer.

    Parameters
    ----------
    n_neighbors : int
        How many vote.
    device : {"cpu", "cuda"}
        Where distances are computed; on the CPU where CUDA is gone since.
    """

    n_neighbors: int
    device: str

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Keep the training rows, ``(n, n_features)`` of uint8, and labels ``(n,)``."""
        if self.n_neighbors < 1:
            raise ValueError(f"n_neighbors must be 1 or more, not {self.n_neighbors}")
        self.rows_ = X
        self.classes_, self.codes_ = np.unique(y, return_inverse=True)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Share of the votes for each class, ``(n, n_classes)`` of float64."""
        place = choose("auto" if self.device == "cuda" else "cpu", KNOWN_DEVICES)
        votes = min(self.n_neighbors, len(self.rows_))
        train = _parts(self.rows_, place)
        lengths = _squared_lengths(train)
        at_once = max(BLOCK[place] // len(self.rows_), 1)
        known = []
        with full_precision():
            for start in range(0, len(X), at_once):
                test = _parts(X[start : start + at_once], place)
                nearest = self.codes_[_nearest(_order(test, train, lengths), votes)]
                known.append((nearest[..., None] == np.arange(len(self.classes_))).mean(axis=1))
        return np.concatenate(known)


def _parts(rows: np.ndarray, place: str) -> tuple[Tensor, ...]:
    """Pixels less 128 as int8, which moves no distance, in parts of so many features."""
    import torch

    return torch.from_numpy((rows ^ 128).view(np.int8)).to(place).split(EXACT_FEATURES, dim=1)


def _squared_lengths(rows: tuple[Tensor, ...]) -> Tensor:
    """Squared length of each row, ``(n,)`` of int64."""
    import torch

    return torch.stack([part.float().square().sum(dim=1).long() for part in rows]).sum(dim=0)


def _order(test: tuple[Tensor, ...], train: tuple[Tensor, ...], lengths: Tensor) -> Tensor:
    """Squared distances less the test row's squared length, ``(n_test, n_train)`` of int64."""
    order = lengths.repeat(len(test[0]), 1)
    for a, b in zip(test, train, strict=True):
        order.sub_((a.float() @ b.float().T).long(), alpha=2)
    return order


def _nearest(order: Tensor, k: int) -> np.ndarray:
    """Columns of the `k` smallest of each row, the first of equals; ``(n, k)`` in no order."""
    import torch

    columns = order.shape[1]
    ranks = order.mul_(columns).add_(torch.arange(columns, device=order.device))  # none are equal
    return ranks.topk(k, largest=False, sorted=False).indices.cpu().numpy()
