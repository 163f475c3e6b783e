"""The classical models do what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC

from baselines import BASELINES, register
from baselines.hog import CalibratedMachine, HogSvm
from baselines.linear import Logistic
from baselines.neighbours import Neighbours
from datasets import Dataset


def test_two_models_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="two classical models are called 'knn'"):
        register("knn", family="other")(Neighbours)
    assert BASELINES["knn"].estimator is Neighbours


def test_the_majority_is_always_named(shapes: Dataset) -> None:
    y = np.array([2] * 20 + [0] * 10 + [1] * 10)
    model = BASELINES["majority"].estimator().fit(shapes.images[:40], y)
    assert set(model.predict(shapes.images)) == {2}
    assert model.predict_proba(shapes.images[:1])[0].tolist() == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("max_iter", "note"),
    [(2, "2 lbfgs iterations, stopped at its limit, not converged"), (1000, "converged")],
)
def test_logistic_regression_says_why_it_stopped(shapes: Dataset, max_iter: int, note: str) -> None:
    model = Logistic(max_iter=max_iter).fit(shapes.images, shapes.labels)
    assert model.note_.endswith(note)
    assert model.n_parameters_ == 3 * 3072 + 3


def test_gradient_histograms_see_edges_and_not_brightness() -> None:
    picture = np.zeros((1, 3, 32, 32), np.uint8)
    picture[..., 16:] = 100
    edges = HogSvm().features(picture)
    assert edges == pytest.approx(HogSvm().features(picture + 50), abs=1e-3)
    assert edges.max() > 0.1
    assert HogSvm().features(np.full_like(picture, 90)).max() < 1e-3


@pytest.mark.parametrize("size", [8, 13, 32, 50])
def test_gradient_histograms_and_their_machine_take_any_size(size: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (60, 3, size, size), dtype=np.uint8)
    model = HogSvm(random_state=0).fit(pictures, np.arange(60) % 3)
    assert model.predict_proba(pictures).shape == (60, 3)


def test_probabilities_are_calibrated_though_a_class_has_one_picture() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    y = (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    y[0] = 2
    model = CalibratedMachine(SVC(), random_state=0).fit(X[:300], y[:300])
    proba = model.predict_proba(X[300:])
    right = proba.argmax(axis=1) == y[300:]
    assert abs(proba.max(axis=1).mean() - right.mean()) < 0.1


def test_pictures_of_another_kind_are_refused(shapes: Dataset) -> None:
    with pytest.raises(ValueError, match="uint8"):
        Neighbours().fit(shapes.images.astype(np.float32), shapes.labels)
    with pytest.raises(ValueError, match="uint8"):
        Neighbours().fit(shapes.images.reshape(len(shapes), -1), shapes.labels)


@pytest.mark.real
def test_hog_svm_passes_82_percent_on_the_slides_split(real: Dataset) -> None:
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(np.arange(len(real)), test_size=0.33, random_state=0)
    model = HogSvm(random_state=0).fit(real.images[train], real.labels[train])
    assert (model.predict(real.images[test]) == real.labels[test]).mean() > 0.82
