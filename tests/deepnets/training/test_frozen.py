"""A frozen net stays as it was published, and what is learnt on it is a simple classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skops.io.exceptions import UntrustedTypesFoundException

import deepnets
from datasets import Dataset
from deepnets.training.frozen import FrozenClassifier
from deepnets.training.heads import HEADS

NAME = "frozen:tf_efficientnet_lite0"
TRAIN, VALIDATION, TEST = np.arange(0, 40), np.arange(40, 60), np.arange(60, 90)


def made(**settings: object) -> FrozenClassifier:
    model = deepnets.make(NAME, **settings)
    assert isinstance(model, FrozenClassifier)
    return model.set_params(device="cpu")


@pytest.fixture(scope="module")
def fitted(shapes: Dataset) -> FrozenClassifier:
    parts = [
        part for rows in (TRAIN, VALIDATION) for part in (shapes.take(rows), labels(shapes, rows))
    ]
    return made().fit(*parts)


def labels(shapes: Dataset, rows: np.ndarray) -> np.ndarray:
    return shapes.labels[rows]


def test_it_tells_shapes_apart_from_a_few_pictures(
    fitted: FrozenClassifier, shapes: Dataset
) -> None:
    assert (fitted.predict(shapes.take(TEST)) == shapes.labels[TEST]).mean() > 0.9
    assert fitted.note_.startswith("frozen, seen at 96 px, penalty C ")
    assert fitted.note_.endswith("chosen on validation")


def test_the_net_is_what_was_published(fitted: FrozenClassifier) -> None:
    read = torch.load(fitted.starting_weights().path, weights_only=True)
    net = fitted.net_.net.state_dict()
    assert torch.equal(net["conv_stem.weight"], read["_conv_stem.weight"])
    assert torch.equal(net["bn2.running_mean"], read["_bn1.running_mean"])
    assert fitted.n_parameters_ == 3 * 1280 + 3, "of the classifier alone"


def test_the_penalty_is_chosen_on_the_validation_pictures(shapes: Dataset) -> None:
    X, y = shapes.take(TRAIN), shapes.labels[TRAIN]
    X_val, y_val = shapes.take(VALIDATION), shapes.labels[VALIDATION]
    wrong = made().fit(X, y, X_val, (y_val + 1) % 3)
    assert f"C {min(HEADS['logistic'].tried):g} chosen" in wrong.note_, (
        "of what is not so, the least is learnt"
    )
    assert "C 0.01 not chosen" in made().fit(X, y).note_
    assert "C 3 not chosen" in made(C=3).fit(X, y, X_val, y_val).note_


def test_features_are_kept_and_the_same(
    fitted: FrozenClassifier, shapes: Dataset, tmp_path: Path
) -> None:
    X, y = shapes.take(TRAIN), shapes.labels[TRAIN]
    first, again = (made(C=0.1).set_params(cache=str(tmp_path)).fit(X, y) for _ in range(2))
    alone = made(C=0.1).fit(X, y)
    for other in (again, alone):
        assert np.array_equal(first.coefficients_, other.coefficients_)
    assert first.saved_seconds_ == 0
    assert again.saved_seconds_ > 0, "what was not spent this time"
    (kept,) = tmp_path.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert np.array_equal(again.fit(X, y).coefficients_, first.coefficients_), "damage is made good"
    assert again.saved_seconds_ == 0


@pytest.mark.parametrize(("head", "usual"), [("knn", "neighbours 5"), ("svm", "svm, penalty C 10")])
def test_another_head_learns_the_same_features(head: str, usual: str, shapes: Dataset) -> None:
    X, y = shapes.take(TRAIN), shapes.labels[TRAIN]
    alone = made(head=head).fit(X, y)
    assert alone.note_ == f"frozen, seen at 96 px, {usual} not chosen"
    assert (alone.predict(shapes.take(TEST)) == shapes.labels[TEST]).mean() > 0.9
    chosen = made(head=head).fit(X, y, shapes.take(VALIDATION), shapes.labels[VALIDATION])
    assert chosen.note_.endswith("chosen on validation")
    assert not chosen.note_.endswith("not chosen")


def test_a_penalty_is_of_the_heads_that_have_one(shapes: Dataset) -> None:
    parts = [
        part for rows in (TRAIN, VALIDATION) for part in (shapes.take(rows), shapes.labels[rows])
    ]
    assert "svm, penalty C 3 not chosen" in made(head="svm", C=3).fit(*parts).note_
    assert "chosen on validation" in made(head="knn", C=3).fit(*parts).note_


@pytest.mark.parametrize("head", HEADS)
def test_it_is_saved_whole(head: str, shapes: Dataset, tmp_path: Path) -> None:
    fitted = made(head=head).fit(shapes.take(TRAIN), shapes.labels[TRAIN])
    fitted.save(tmp_path / "model.safetensors")
    loaded = deepnets.load(tmp_path / "model.safetensors", "cpu")
    X = shapes.take(TEST)
    assert np.array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    loaded.save(tmp_path / "again.safetensors")
    assert np.array_equal(
        deepnets.load(tmp_path / "again.safetensors", "cpu").predict_proba(X),
        fitted.predict_proba(X),
    )


def test_a_file_of_a_head_runs_no_foreign_code(shapes: Dataset, tmp_path: Path) -> None:
    fitted = made(head="knn").fit(shapes.take(TRAIN), shapes.labels[TRAIN])
    fitted.fitted_ = Path("elsewhere")
    fitted.save(tmp_path / "model.safetensors")
    with pytest.raises(UntrustedTypesFoundException, match="Path"):
        deepnets.load(tmp_path / "model.safetensors", "cpu")


@pytest.mark.parametrize("head", HEADS)
def test_two_classes_have_probabilities_too(head: str, shapes: Dataset) -> None:
    two = np.flatnonzero(shapes.labels < 2)
    model = made(head=head, C=10).fit(shapes.take(two[:30]), shapes.labels[two[:30]])
    known = model.predict_proba(shapes.take(two[30:]))
    assert known.shape[1] == 2
    assert known.sum(axis=1) == pytest.approx(1)
    assert (model.predict(shapes.take(two[30:])) == shapes.labels[two[30:]]).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        (NAME, {"C": -1.0}, "C is -1.0: it must be above 0"),
        (NAME, {"head": "tree"}, "no head is called 'tree': use one of logistic, knn, svm"),
        (NAME, {"net_size": 0}, "net_size is 0: it must be 1 or more"),
        (NAME, {"recipe": "strong"}, "no parameter 'recipe': it has C, head, net_size, weights"),
        ("frozen:resnet81", {}, "timm has no architecture called 'resnet81'"),
    ],
)
def test_what_cannot_be_is_refused(name: str, settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        deepnets.make(name, **settings)


def test_weights_of_another_net_are_refused(tmp_path: Path, fitted: FrozenClassifier) -> None:
    fitted.save(tmp_path / "lite0.safetensors")
    other = deepnets.make("frozen:test_resnet", weights=str(tmp_path / "lite0.safetensors"))
    with pytest.raises(ValueError, match=r"lite0.* does not fit frozen:test_resnet: it lacks"):
        other.check(32)
