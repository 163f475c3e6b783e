"""What the classical models share: uint8 pictures in, class probabilities out."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from deepnets.training.device import choose

KNOWN_DEVICES = ("cuda", "cpu")


class PictureClassifier(ClassifierMixin, BaseEstimator):
    """A scikit-learn classifier of pictures, built around another on features of the pixels.

    A model is a dataclass whose fields are its parameters. It says in `build` which scikit-learn
    estimator it is and, where the flat pixels are not what that estimator takes, in `features` what
    it takes instead. One that can be fitted on a GPU has a parameter `device`; `device_` then tells
    `build` which to use.

    Attributes
    ----------
    device_ : {"cpu", "cuda"}
        Where it was fitted.
    note_ : str
        What a reader of the result should know of the fitting.
    """

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

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_val: np.ndarray | None = None,
        y_val: np.ndarray | None = None,
    ) -> Self:
        """Fit to labelled pictures.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, 3, height, width)
            RGB planes.
        y : ndarray of int64, shape (n,)
            Class indices.
        X_val, y_val : ndarray, optional
            Not used: these models select nothing while they fit.

        Raises
        ------
        ValueError
            If `X` is not a stack of RGB planes, or the device is not there.
        """
        self.device_ = choose(getattr(self, "device", "cpu"), KNOWN_DEVICES)
        self.note_ = ""
        rows = self.features(_checked(X))
        self.picture_shape_ = X.shape[1:]
        self.estimator_ = self.fit_rows(rows, y)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probability of each class in `classes_`.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, 3, height, width)
            Pictures of the size fitted to.

        Returns
        -------
        ndarray of float64, shape (n, n_classes)
            Rows sum to 1.

        Raises
        ------
        ValueError
            If the pictures are of another size.
        """
        check_is_fitted(self)
        if _checked(X).shape[1:] != self.picture_shape_:
            raise ValueError(
                f"pictures of shape {X.shape[1:]}, but the model was fitted to "
                f"{self.picture_shape_}: load them at the same size"
            )
        return self.estimator_.predict_proba(self.features(X))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class of each picture, ``(n,)`` of int64."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _checked(X: np.ndarray) -> np.ndarray:
    if X.ndim != 4 or X.shape[1] != 3 or X.dtype != np.uint8:
        raise ValueError(f"pictures must be uint8 (n, 3, height, width), not {X.dtype} {X.shape}")
    return X
