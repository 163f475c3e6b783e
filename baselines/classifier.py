"""What every model is: a classifier of pictures, classical or deep."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted


class Classifier(ClassifierMixin, BaseEstimator):
    """A scikit-learn classifier of pictures: it says in `_fit` and `_predict_proba` how.

    Attributes
    ----------
    classes_ : ndarray of int64, shape (n_classes,)
        The classes it was fitted to, in order.
    picture_shape_ : tuple of int
        ``(3, height, width)`` of the pictures it was fitted to.
    device_ : {"cpu", "cuda", "mps"}
        Where it was fitted.
    note_ : str
        What a reader of the result should know of the fitting.
    """

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_val: np.ndarray | None = None,
        y_val: np.ndarray | None = None,
        shares: np.ndarray | None = None,
    ) -> Self:
        """Fit to labelled pictures.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, 3, height, width)
            RGB planes.
        y : ndarray of int64, shape (n,)
            Class indices.
        X_val, y_val : ndarray, optional
            Pictures that decide when a net stops and which epoch's weights are kept. Without them
            all epochs are made and the last weights kept. Classical models select nothing.
        shares : ndarray of float32, shape (n, n_classes), optional
            What a net learns in place of `y`: the share of annotators who chose each class, where
            `y` is their majority and column k is class k.

        Raises
        ------
        ValueError
            If `X` is not a stack of RGB planes, or the device, or a net or its weights, is not to
            be had.
        FloatingPointError
            If the training of a net diverges.
        """
        self.picture_shape_ = _checked(X).shape[1:]
        self.classes_ = np.unique(y)
        self.note_ = ""
        self._fit(X, y, X_val, y_val, shares)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probability of each class in `classes_`.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, 3, height, width)
            Pictures of the size fitted to.

        Returns
        -------
        ndarray of float32 or float64, shape (n, n_classes)
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
        return self._predict_proba(X)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class of each picture, ``(n,)`` of int64."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _fit(self, *given: Any, **named: Any) -> None:
        raise NotImplementedError

    def _predict_proba(self, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def _checked(X: np.ndarray) -> np.ndarray:
    if X.ndim != 4 or X.shape[1] != 3 or X.dtype != np.uint8:
        raise ValueError(f"pictures must be uint8 (n, 3, height, width), not {X.dtype} {X.shape}")
    return X
