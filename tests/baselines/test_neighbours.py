"""Nearest neighbours are scikit-learn's, without rounding."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from baselines import neighbours
from baselines.neighbours import NearestRows, Neighbours
from datasets import Dataset


def scikit_learns(k: int, X: np.ndarray, y: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    flat, others = (pictures.reshape(len(pictures), -1).astype(float) for pictures in (X, unseen))
    return KNeighborsClassifier(k, algorithm="brute").fit(flat, y).predict_proba(others)


@pytest.mark.parametrize("k", [1, 2, 5, 60])
def test_votes_are_scikit_learns(shapes: Dataset, k: int) -> None:
    order = np.random.default_rng(0).permutation(len(shapes))
    X, y = shapes.images[order], shapes.labels[order] * 10 + 7
    model = Neighbours(k, device="cpu").fit(X[:60], y[:60])
    assert model.classes_.tolist() == [7, 17, 27]
    assert (model.predict_proba(X[60:]) == scikit_learns(k, X[:60], y[:60], X[60:])).all()


@pytest.mark.parametrize("n_features", [1, 3072, 44_000, 140_000])
def test_distances_are_exact_at_any_size(n_features: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (8, n_features), dtype=np.uint8)
    rows[:2] = [[0], [255]]  # the largest products there are
    parts = neighbours._parts(rows, "cpu")
    test = tuple(part[:5] for part in parts)
    order = neighbours._order(test, parts, neighbours._squared_lengths(parts)).numpy()
    exact = ((rows[:5, None].astype(np.int64) - rows[None]) ** 2).sum(axis=2)
    own = ((rows[:5].astype(np.int64) - 128) ** 2).sum(axis=1, keepdims=True)
    assert (order + own == exact).all()


def test_of_equally_near_pictures_the_earlier_vote() -> None:
    near, far = np.full((2, 3, 4, 4), 100, np.uint8), np.zeros((1, 3, 4, 4), np.uint8)
    X, y = np.concatenate([far, near, near]), np.array([4, 3, 2, 1, 0])
    model = Neighbours(3, device="cpu").fit(X, y)
    assert model.predict_proba(near[:1]).tolist() == [[0, 1 / 3, 1 / 3, 1 / 3, 0]]
    assert Neighbours(1, device="cpu").fit(X, y).predict(near).tolist() == [3, 3]


def test_all_vote_where_fewer_are_known_than_asked_for(shapes: Dataset) -> None:
    model = Neighbours(50, device="cpu").fit(shapes.images[:6], np.array([0, 1, 1, 0, 1, 1]))
    assert model.predict_proba(shapes.images[:3]) == pytest.approx(np.array([[2 / 6, 4 / 6]] * 3))
    with pytest.raises(ValueError, match="n_neighbors must be 1 or more, not 0"):
        Neighbours(0).fit(shapes.images, shapes.labels)


def test_pictures_judged_in_blocks_get_the_same_votes(
    shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Neighbours(device="cpu").fit(shapes.images[:60], shapes.labels[:60])
    at_once = model.predict_proba(shapes.images)
    monkeypatch.setitem(neighbours.BLOCK, "cpu", 7 * 60)
    assert (model.predict_proba(shapes.images) == at_once).all()


def test_a_model_from_a_gpu_says_the_same_wherever_it_is_used(shapes: Dataset) -> None:
    rows = shapes.images.reshape(len(shapes), -1)
    here, there = (
        NearestRows(4, device).fit(rows[:60], shapes.labels[:60]).predict_proba(rows)
        for device in ("cpu", "cuda")
    )
    assert (here == there).all()


@pytest.mark.real
@pytest.mark.parametrize("k", [1, 3, 5, 7, 10])
def test_votes_are_scikit_learns_on_the_real_pictures(real: Dataset, k: int) -> None:
    order = np.random.default_rng(0).permutation(len(real))
    train, test = order[:9000], order[9000:9800]
    X, y, unseen = real.images[train], real.labels[train], real.images[test]
    ours = Neighbours(k, device="cpu").fit(X, y).predict_proba(unseen)
    assert (ours == scikit_learns(k, X, y, unseen)).all()
