"""What the classical models share: a scikit-learn estimator on features of the pixels."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from baselines.classifier import Classifier
from baselines.device import choose
from baselines.mirror import shows_the_same

KNOWN_DEVICES = ("cuda", "cpu")


class PictureClassifier(Classifier):
    """A classifier of pictures built around a scikit-learn estimator.

    A model is a dataclass whose fields are its parameters. It says in `build` which estimator it
    is and, where the flat pixels are not what that takes, in `features` what it takes instead. One
    that can be fitted on a GPU has a parameter `device`; `device_` then tells `build` which to use.
    One that can learn from mirror images too has a parameter `mirrored`, and None stands for "if
    they show the same"; these then follow the pictures, in the same order, and there are
    `copies_` of each picture.
    """

    MOST_MIRRORED: ClassVar[float] = math.inf  # pictures up to which None mirrors them

    def build(self, rows: np.ndarray, y: np.ndarray) -> Any:
        """Return the unfitted scikit-learn estimator for these features and labels."""
        raise TypeError(f"{type(self).__name__} does not say which estimator it is")

    def features(self, X: np.ndarray) -> np.ndarray:
        """Turn pictures into rows of numbers: here, all pixels as float32 in 0 to 1.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, 3, height, width)
            RGB planes.

        Returns
        -------
        ndarray of float32, shape (n, n_features)
        """
        return np.divide(X.reshape(len(X), -1), np.float32(255), dtype=np.float32)

    def fit_rows(self, rows: np.ndarray, y: np.ndarray) -> Any:
        """Return the fitted scikit-learn estimator."""
        return self.build(rows, y).fit(rows, y)

    def _fit(self, X: np.ndarray, y: np.ndarray, *_: np.ndarray | None) -> None:
        self.device_ = choose(getattr(self, "device", "cpu"), KNOWN_DEVICES)
        rows = self.features(X)
        mirrored = getattr(self, "mirrored", False)
        if mirrored is None:
            mirrored = len(X) <= self.MOST_MIRRORED and shows_the_same(X, y)
        self.copies_ = 1 + mirrored
        if mirrored:
            rows = np.concatenate([rows, self.features(np.ascontiguousarray(X[..., ::-1]))])
            y = np.concatenate([y, y])
        self.estimator_ = laid_out(self.fit_rows(rows, y))

    def _predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.estimator_.predict_proba(self.features(X))


def laid_out(part: Any) -> Any:
    """Lay the arrays of a fitted estimator out in memory as they will be once stored and read.

    Some of scikit-learn's are parts of larger ones, and products of matrices that lie otherwise
    differ in the last digits: what is read would not say quite what was fitted.
    """
    if isinstance(part, np.ndarray) and not (part.flags.c_contiguous or part.flags.f_contiguous):
        return np.ascontiguousarray(part)
    if type(part) in (list, tuple):
        return type(part)(laid_out(each) for each in part)
    if isinstance(part, BaseEstimator):
        for name, value in vars(part).items():
            setattr(part, name, laid_out(value))
    return part
