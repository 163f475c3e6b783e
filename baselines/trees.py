"""Decision trees and forests on the pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from baselines.base import PictureClassifier
from baselines.registry import register

BINS = 128  # cuML's default


@register("decision-tree", family="trees", portfolio=[{"max_depth": 5}, {"max_depth": 10}])
@dataclass(eq=False, repr=False)
class Tree(PictureClassifier):
    """One tree, grown until its leaves are pure; always on the CPU.

    Parameters
    ----------
    max_depth : int, optional
        Most levels.
    random_state : int, optional
        Seed: which of equally good splits is taken.
    """

    max_depth: int | None = None
    random_state: int | None = None

    def build(self, rows: np.ndarray, y: np.ndarray) -> DecisionTreeClassifier:  # noqa: D102
        return DecisionTreeClassifier(max_depth=self.max_depth, random_state=self.random_state)


@register("random-forest", family="trees", portfolio=[{"n_estimators": 300}])
@dataclass(eq=False, repr=False)
class Forest(PictureClassifier):
    """Average of trees grown on bootstrap samples with random feature subsets.

    Parameters
    ----------
    n_estimators : int
        How many trees.
    random_state : int, optional
        Seed.
    device : {"auto", "cpu", "cuda"}
        Where it is grown. On CUDA that takes the extra ``cuml``; without it, the CPU is used.
    """

    n_estimators: int = 100
    random_state: int | None = None
    device: str = "auto"

    def build(self, rows: np.ndarray, y: np.ndarray) -> RandomForestClassifier:  # noqa: D102
        return RandomForestClassifier(self.n_estimators, random_state=self.random_state)

    def fit_rows(self, rows: np.ndarray, y: np.ndarray) -> RandomForestClassifier:
        """Grow the forest by cuML on CUDA where that is installed, else by scikit-learn."""
        if self.device_ == "cpu":
            return super().fit_rows(rows, y)
        try:
            from cuml.ensemble import RandomForestClassifier as CumlForest
        except ImportError:
            self.device_, self.note_ = "cpu", "grown on the CPU: cuML is not installed"
            return super().fit_rows(rows, y)
        bins = min(BINS, len(rows))
        self.note_ = f"grown by cuML: splits between {bins} bins of a feature's values"
        how = {"n_estimators": self.n_estimators, "random_state": self.random_state}
        forest = CumlForest(**how, max_depth=None, n_bins=bins)
        # As scikit-learn's own forest it predicts, is stored and loaded without a GPU.
        return forest.fit(rows, y).as_sklearn()
