"""Nearest neighbours on the pixels."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from baselines.base import PictureClassifier
from baselines.registry import register


@register("knn", family="neighbours")
class Neighbours(PictureClassifier):
    """Vote of the nearest training pictures by Euclidean distance between pixels.

    Parameters
    ----------
    n_neighbors : int
        How many vote; fewer where there are fewer training pictures.
    """

    def __init__(self, n_neighbors: int = 5) -> None:
        self.n_neighbors = n_neighbors

    def build(self, rows: np.ndarray, y: np.ndarray) -> KNeighborsClassifier:  # noqa: D102
        return KNeighborsClassifier(min(self.n_neighbors, len(y)), algorithm="brute")
