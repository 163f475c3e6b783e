"""Linear classifiers on the pixels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from baselines.base import PictureClassifier
from baselines.cuda import OnCuda
from baselines.registry import register


@register("logistic-regression", family="linear", portfolio=[{"C": 0.01}, {"C": 0.1}, {"C": 0.001}])
@dataclass(eq=False, repr=False)
class Logistic(PictureClassifier):
    """Multinomial logistic regression, by lbfgs, with the slides' L2 penalty.

    The slides set ``max_iter=1e7``, which runs for many minutes into a worse test accuracy without
    converging; 1,000 iterations reach the accuracy they publish (``docs/slides.md``).

    Parameters
    ----------
    C : float
        Inverse of the penalty's strength; the slides' 2e10 is no penalty in effect.
    max_iter : int
        Most lbfgs iterations.
    device : {"auto", "cpu", "cuda"}
        Where it is fitted.
    """

    C: float = 2e10
    max_iter: int = 1000
    device: str = "auto"

    def build(self, rows: np.ndarray, y: np.ndarray) -> LogisticRegression:  # noqa: D102
        kind = CudaLogisticRegression if self.device_ == "cuda" else LogisticRegression
        return kind(C=self.C, max_iter=self.max_iter, solver="lbfgs")

    def fit_rows(self, rows: np.ndarray, y: np.ndarray) -> LogisticRegression:
        """Fit, and note in `note_` how many iterations were made and why they ended."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            fitted = super().fit_rows(rows, y)
        iterations = int(fitted.n_iter_.max())
        if not any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
            why = "converged"
        elif iterations >= self.max_iter:
            why = "stopped at its limit, not converged"
        else:
            why = "stopped by the solver, not converged"
        self.note_ = f"{iterations} lbfgs iterations, {why}"
        self.n_parameters_ = fitted.coef_.size + fitted.intercept_.size
        return fitted


class CudaLogisticRegression(OnCuda, LogisticRegression):
    """scikit-learn's, its losses and gradients computed on the GPU."""
