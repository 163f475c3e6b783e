"""Classical classifiers of pictures: one file per family, every model a scikit-learn classifier."""

from baselines import hog, linear, majority, neighbours, trees
from baselines.registry import BASELINES, Baseline, register

__all__ = ["BASELINES", "Baseline", "hog", "linear", "majority", "neighbours", "register", "trees"]
