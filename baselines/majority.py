"""The floor: always the commonest class."""

from __future__ import annotations

import numpy as np
from sklearn.dummy import DummyClassifier

from baselines.base import PictureClassifier
from baselines.registry import register


@register("majority", family="majority")
class Majority(PictureClassifier):
    """Say the commonest training class, with the training proportions as probabilities."""

    def build(self, rows: np.ndarray, y: np.ndarray) -> DummyClassifier:  # noqa: D102
        return DummyClassifier(strategy="prior")
