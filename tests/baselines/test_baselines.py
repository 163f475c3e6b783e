"""The classical models do what their names say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.svm import SVC

from baselines import BASELINES, register
from baselines.hog import CalibratedMachine, HogSvm
from baselines.linear import Logistic
from baselines.neighbours import Neighbours
from baselines.patches import Patches
from benchmark.scores import metrics
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


def _arrays(part: Any) -> Iterator[np.ndarray]:
    if isinstance(part, np.ndarray):
        yield part
    elif isinstance(part, list | tuple):
        for each in part:
            yield from _arrays(each)
    elif isinstance(part, BaseEstimator):
        yield from _arrays([*vars(part).values()])


@pytest.mark.parametrize("name", BASELINES)
def test_arrays_lie_in_memory_as_they_will_when_they_are_read_from_the_file(
    name: str, shapes: Dataset
) -> None:
    """Otherwise what is stored says, in the last digits, something else than what was fitted."""
    fitted = BASELINES[name].estimator().fit(shapes.images, shapes.labels).estimator_
    known = skops.io.get_untrusted_types(data=skops.io.dumps(fitted))
    read = skops.io.loads(skops.io.dumps(fitted), trusted=known)
    pairs = list(zip(_arrays(fitted), _arrays(read), strict=True))
    assert all(one.strides == other.strides for one, other in pairs)


@pytest.mark.filterwarnings("error:.*not writable")
@pytest.mark.parametrize("name", BASELINES)
def test_pictures_that_cannot_be_written_to_are_taken_as_they_are(
    name: str, shapes: Dataset
) -> None:
    pictures = shapes.images.copy()
    pictures.flags.writeable = False
    model = BASELINES[name].estimator().fit(pictures, shapes.labels)
    assert model.predict_proba(pictures).shape == (len(pictures), 3)


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


def test_gradient_histograms_see_the_same_in_a_larger_picture() -> None:
    picture = np.zeros((1, 3, 32, 32), np.uint8)
    picture[..., 16:] = 100
    picture[..., 8:12, 4:12] = 200
    small, large = (HogSvm().features(picture.repeat(k, 2).repeat(k, 3)) for k in (1, 2))
    assert small.shape == large.shape == (1, 1764)
    assert np.corrcoef(small[0], large[0])[0, 1] > 0.9


def slanted(n: int, way: int, seed: int = 0) -> np.ndarray:
    """Pictures of a diagonal line at some place; a `way` of -1 is the mirror image of 1."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 60, (n, 3, 16, 16), dtype=np.uint8)
    for picture, place in zip(pictures, rng.integers(-4, 5, n), strict=True):
        picture[:, np.eye(16, k=place, dtype=bool)] = 250
    return np.ascontiguousarray(pictures[..., ::way])


@pytest.mark.parametrize("kind", [HogSvm, Patches])
def test_what_learns_from_mirror_images_cannot_tell_a_slant_from_its_mirror_image(
    kind: type[HogSvm | Patches],
) -> None:
    y = np.repeat([0, 1], 40)
    seen, unseen = (np.concatenate([slanted(40, way, seed) for way in (1, -1)]) for seed in (0, 1))
    right = {
        mirrored: (kind(mirrored=mirrored, random_state=0).fit(seen, y).predict(unseen) == y).mean()
        for mirrored in (False, True)
    }
    assert right[True] < 0.75 < 0.95 < right[False]


def test_patches_are_told_apart_wherever_they_are_in_a_part_of_the_picture() -> None:
    X = np.concatenate([slanted(40, 1), slanted(40, -1)])
    model = Patches(n_centroids=20, parts=1, random_state=0).fit(X, np.repeat([0, 1], 40))
    rolled = np.roll(X, 2, axis=2)
    assert (model.predict(rolled) == np.repeat([0, 1], 40)).mean() > 0.95


def test_a_patch_wider_than_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"width=20 .* that of the pictures, 16, or less"):
        Patches(width=20).fit(slanted(4, 1), np.array([0, 0, 1, 1]))


@pytest.mark.parametrize("size", [8, 13, 32, 50])
def test_gradient_histograms_and_their_machine_take_any_size(size: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (60, 3, size, size), dtype=np.uint8)
    model = HogSvm(random_state=0).fit(pictures, np.arange(60) % 3)
    assert model.predict_proba(pictures).shape == (60, 3)


def machine(**settings: Any) -> CalibratedMachine:
    svc = SVC(decision_function_shape="ovo", **settings)
    return CalibratedMachine(svc, random_state=0)


def drawn(n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points around the corners of a polygon, near enough to be taken for each other."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % n_classes
    turn = 2 * np.pi * y / n_classes
    return np.stack([np.cos(turn), np.sin(turn)], 1) + rng.normal(size=(n, 2)) / 2, y


def test_probabilities_are_calibrated_though_a_class_has_one_picture() -> None:
    X, y = drawn(900, 2)
    y[0] = 2
    model = machine().fit(X[:300], y[:300])
    proba = model.predict_proba(X[300:])
    right = proba.argmax(axis=1) == y[300:]
    assert abs(proba.max(axis=1).mean() - right.mean()) < 0.05
    assert proba[:, 2].max() < 0.5


@pytest.mark.parametrize("n_classes", [2, 3, 8])
def test_the_machine_is_surer_where_it_is_more_often_right(n_classes: int) -> None:
    X, y = drawn(2000, n_classes)
    model = machine().fit(X[:500], y[:500])
    proba = model.predict_proba(X[500:])
    assert proba.sum(axis=1) == pytest.approx(1)
    right = proba.argmax(axis=1) == y[500:]
    surest = np.argsort(proba.max(axis=1))
    low, high = right[surest[:500]].mean(), right[surest[-500:]].mean()
    assert high > low + 0.05


def test_the_class_named_is_the_one_with_most_votes_of_the_machine_itself() -> None:
    X, y = drawn(2000, 8)
    model = machine(C=10).fit(X[:500], y[:500])
    named = model.predict_proba(X[500:]).argmax(axis=1)
    voted = model.machine_.predict(X[500:])
    pairs = model.machine_.decision_function(X[500:]) > 0
    votes = np.zeros((len(pairs), 8), int)
    for pair, classes in enumerate(zip(*np.triu_indices(8, 1), strict=True)):
        for place, wins in zip(classes, (pairs[:, pair], ~pairs[:, pair]), strict=True):
            votes[:, place] += wins
    rows = np.arange(len(votes))
    assert (votes[rows, named] == votes.max(axis=1)).all()
    tied = (votes == votes.max(axis=1)[:, None]).sum(axis=1) > 1
    assert 0 < tied.sum() < 50
    assert np.array_equal(named[~tied], voted[~tied])


@pytest.mark.real
def test_hog_svm_says_of_500_pictures_which_it_is_sure_of(real: Dataset) -> None:
    rows = np.random.default_rng(0).permutation(len(real))
    train, test = rows[:500], rows[500:1500]
    model = HogSvm(random_state=0).fit(real.take(train), real.labels[train])
    proba = np.zeros((len(test), len(real.class_names)), np.float32)
    proba[:, model.classes_] = model.predict_proba(real.take(test))
    assert metrics.calibration_error(real.labels[test], proba) < 0.05
    assert proba.max(axis=1).std() > 0.1


@pytest.mark.real
def test_hog_svm_passes_82_percent_on_the_slides_split(real: Dataset) -> None:
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(np.arange(len(real)), test_size=0.33, random_state=0)
    model = HogSvm(random_state=0).fit(real.images[train], real.labels[train])
    assert (model.predict(real.images[test]) == real.labels[test]).mean() > 0.82
