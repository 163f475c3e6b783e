"""Classical models on a GPU: scikit-learn's own code, given torch's tensors."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Self

import numpy as np
from sklearn import config_context


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Multiply float32 matrices in float32: no TF32 or bfloat16 inside."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def _array_api() -> Iterator[None]:
    """Let scikit-learn compute on tensors, which it refuses unless SciPy is told to as well.

    SciPy only ever gets numpy arrays from the estimators below, so it need not hear of it. Set for
    the whole process the variable would make SciPy refuse inputs that others give it.
    """
    before = os.environ.get("SCIPY_ARRAY_API")
    os.environ["SCIPY_ARRAY_API"] = "1"
    try:
        with config_context(array_api_dispatch=True):
            yield
    finally:
        del os.environ["SCIPY_ARRAY_API"]
        if before is not None:
            os.environ["SCIPY_ARRAY_API"] = before


class OnCuda:
    """Has a scikit-learn estimator fit on the GPU (a mixin, named before the estimator).

    It is for estimators that compute on torch tensors by the array API
    (https://scikit-learn.org/stable/modules/array_api.html). Once fitted they hold numpy arrays
    alone, so they predict, and are stored and loaded, without a GPU.
    """

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> Self:
        """Fit to rows of float32 and, for a classifier, labels of int64."""
        import torch

        given = [torch.from_numpy(array).to("cuda") for array in (X, y) if array is not None]
        with full_precision(), _array_api():
            super().fit(*given)  # type: ignore[misc]
        for name, value in vars(self).items():
            if isinstance(value, torch.Tensor):
                setattr(self, name, value.cpu().numpy()[()])  # [()]: a scalar where it is one
        return self
