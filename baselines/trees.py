"""Decision trees and forests on the pixels."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from baselines.base import PictureClassifier
from baselines.registry import register


@register("decision-tree", family="trees")
class Tree(PictureClassifier):
    """One tree, grown until its leaves are pure.

    Parameters
    ----------
    max_depth : int, optional
        Most levels.
    random_state : int, optional
        Seed: which of equally good splits is taken.
    """

    def __init__(self, max_depth: int | None = None, random_state: int | None = None) -> None:
        self.max_depth = max_depth
        self.random_state = random_state

    def build(self, rows: np.ndarray, y: np.ndarray) -> DecisionTreeClassifier:  # noqa: D102
        return DecisionTreeClassifier(max_depth=self.max_depth, random_state=self.random_state)


@register("random-forest", family="trees")
class Forest(PictureClassifier):
    """Average of trees grown on bootstrap samples with random feature subsets.

    Parameters
    ----------
    n_estimators : int
        How many trees.
    random_state : int, optional
        Seed.
    """

    def __init__(self, n_estimators: int = 100, random_state: int | None = None) -> None:
        self.n_estimators = n_estimators
        self.random_state = random_state

    def build(self, rows: np.ndarray, y: np.ndarray) -> RandomForestClassifier:  # noqa: D102
        return RandomForestClassifier(self.n_estimators, random_state=self.random_state)
