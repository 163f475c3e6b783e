"""Nearest neighbours on the pixels, to the last unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from baselines.base import PictureClassifier
from baselines.device import choose, full_precision
from baselines.registry import register

if TYPE_CHECKING:
    from torch import Tensor

# Pixels less 128 are whole numbers of -128 to 127, so all sums of as many products as this are
# whole numbers that float32 (to 2**24) and int32 (to 2**31) hold: no order of summing rounds.
FLOAT_FEATURES = 2**10
INT_FEATURES = 2**16

CPU_BLOCK = 2**22  # distances held at once, so that memory stays flat whatever the numbers
CUDA_BLOCK = 2**25


@register("knn", family="neighbours")
class Neighbours(PictureClassifier):
    """Vote of the nearest training pictures by Euclidean distance between pixels.

    Parameters
    ----------
    n_neighbors : int
        How many vote; fewer where there are fewer training pictures.
    device : {"auto", "cpu", "cuda"}
        Where distances are computed; they are the same to the last unit.
    """

    def __init__(self, n_neighbors: int = 5, device: str = "auto") -> None:
        self.n_neighbors = n_neighbors
        self.device = device

    def features(self, X: np.ndarray) -> np.ndarray:
        """All pixels as they are, ``(n, n_features)`` of uint8."""
        return np.ascontiguousarray(X).reshape(len(X), -1)

    def build(self, rows: np.ndarray, y: np.ndarray) -> NearestRows:  # noqa: D102
        return NearestRows(self.n_neighbors, self.device_)


class NearestRows(ClassifierMixin, BaseEstimator):
    """scikit-learn's ``KNeighborsClassifier`` with equal votes, for rows of uint8.

    Squared distances are computed as whole numbers, without rounding. Of training rows at equal
    distance the earlier is the nearer.

    Parameters
    ----------
    n_neighbors : int
        How many vote.
    device : {"cpu", "cuda"}
        Where distances are computed; on the CPU where CUDA is gone since.
    """

    def __init__(self, n_neighbors: int, device: str) -> None:
        self.n_neighbors = n_neighbors
        self.device = device

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Keep the training rows, ``(n, n_features)`` of uint8, and labels ``(n,)``."""
        if self.n_neighbors < 1:
            raise ValueError(f"n_neighbors must be 1 or more, not {self.n_neighbors}")
        self.rows_ = X
        self.classes_, self.codes_ = np.unique(y, return_inverse=True)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Share of the votes for each class, ``(n, n_classes)`` of float64."""
        import torch

        place = choose("auto" if self.device == "cuda" else "cpu")
        votes = min(self.n_neighbors, len(self.rows_))
        codes = torch.from_numpy(self.codes_).to(place)
        train = _signed(self.rows_, place)
        squares = _squares(train)
        block = CPU_BLOCK if place == "cpu" else CUDA_BLOCK
        known = []
        with full_precision():
            for test in _signed(X, place).split(max(block // len(train), 1)):
                counts = torch.zeros(len(test), len(self.classes_), device=place)
                nearest = codes[_nearest(_order(test, train, squares), votes)]
                counts.scatter_add_(1, nearest, counts.new_ones(()).expand(nearest.shape))
                known.append(counts.cpu().numpy().astype(np.float64) / votes)
        return np.concatenate(known)


def _signed(rows: np.ndarray, place: str) -> Tensor:
    """Pixels less 128, of int8; the same for all pixels, so distances stay as they are."""
    import torch

    return torch.from_numpy((rows ^ 128).view(np.int8)).to(place)


def _squares(rows: Tensor) -> Tensor:
    """Squared length of each row, ``(n,)``, in a type that holds all distances too."""
    import torch

    dtype = torch.int32 if rows.shape[1] * 3 * 2**14 < 2**31 else torch.int64
    parts = [part.to(torch.int32) for part in rows.split(64)]  # small enough for the cache
    return torch.cat([(part * part).sum(dim=1, dtype=dtype) for part in parts])


def _order(test: Tensor, train: Tensor, squares: Tensor) -> Tensor:
    """Squared distances less the test row's own squared length, ``(n_test, n_train)``, exact."""
    import torch

    quick = _has_exact_int8(test)
    step = INT_FEATURES if quick else FLOAT_FEATURES
    order = squares
    for start in range(0, test.shape[1], step):
        a, b = (rows[:, start : start + step] for rows in (test, train))
        products = torch._int_mm(a, b.T) if quick else (a.float() @ b.float().T).to(squares.dtype)
        order = torch.sub(order, products, alpha=2)
    return order


def _has_exact_int8(rows: Tensor) -> bool:
    """Whether int8 products are exact here, and quick.

    ``torch._int_mm`` is private, but torch's only way to products of whole numbers, and with it all
    is done in a tenth of the time that float32 takes. Its sums saturate on processors without VNNI
    instructions (https://github.com/pytorch/pytorch/issues/136746); CUDA takes few shapes of it.
    """
    import torch

    has_vnni = getattr(torch.cpu, "_is_vnni_supported", lambda: False)  # private too
    return rows.device.type == "cpu" and hasattr(torch, "_int_mm") and has_vnni()


def _nearest(order: Tensor, k: int) -> Tensor:
    """Columns of the `k` smallest of each row, the first of equals; ``(n, k)`` in no order."""
    import torch

    columns = order.shape[1]
    # One more than asked for shows the rows in which equals are on both sides of the border.
    values, nearest = order.topk(min(k + 1, columns), largest=False)
    if k < columns:
        torn = (values[:, k - 1] == values[:, k]).nonzero()[:, 0]
        ranks = order[torn].long() * columns + torch.arange(columns, device=order.device)
        nearest[torn, :k] = ranks.topk(k, largest=False).indices
    return nearest[:, :k]
