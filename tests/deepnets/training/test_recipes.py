"""The house recipe: which parameters it stands for, and what it leaves out where it does harm."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import deepnets
from datasets import Dataset, Source
from deepnets.registry import USUAL_BUDGET
from deepnets.training.classifier import NetClassifier
from deepnets.training.recipes import PORTFOLIOS, RECIPES


def test_where_a_net_starts_from_weights_the_house_recipe_is_that_for_fine_tuning() -> None:
    scratch = deepnets.make("poster-baseline", recipe="house")
    tuned = deepnets.make("finetuned:tf_efficientnet_lite0", recipe="house")
    given = deepnets.make("timm:resnet10t", recipe="house", weights="some.safetensors")
    assert scratch.learning_rate == RECIPES["house"]["learning_rate"]
    for net in (tuned, given):
        assert net.frozen_epochs == 0
        assert net.learning_rate == RECIPES["fine-tuning"]["learning_rate"]
    assert {net.budget for net in (scratch, tuned, given)} == {USUAL_BUDGET}


def test_asking_for_epochs_gives_up_the_budget_and_a_budget_given_too_keeps_it() -> None:
    assert deepnets.make("cnn3", recipe="house", max_epochs=3).budget is None
    assert deepnets.make("cnn3", recipe="house", max_epochs=3, budget=1.0).budget == 1.0


def recipe(X: np.ndarray, y: np.ndarray, epochs: int) -> tuple[set[str], bool]:
    """Ways by which the house recipe changes pictures, and whether it asks about mirror images."""
    net = deepnets.make("poster-baseline", recipe="house")
    found = net._recipe(X, y, epochs)
    return {way.partition("=")[0] for way in found.augment.split("+") if way}, found.test_time_flip


def test_short_trainings_see_pictures_as_they_are_but_for_mirroring(shapes: Dataset) -> None:
    X, y = shapes.images, shapes.labels
    least = RECIPES["house"]["changed_from"]
    assert recipe(X, y, least - 1) == ({"flip"}, True)
    every, flips = recipe(X, y, least)
    assert {"flip", "shift", "rotation"} < every
    assert flips


def test_digits_are_never_mirrored() -> None:
    digits = Source.parse("digits").load(16)
    X, y = digits.images[:200], digits.labels[:200]
    ways, flips = recipe(X, y, 1000)
    assert "flip" not in ways
    assert "shift" in ways
    assert not flips
    assert recipe(X, y, 1) == (set(), False)


def test_the_last_epoch_is_kept_where_the_recipe_says_so(shapes: Dataset) -> None:
    X, y = shapes.images, shapes.labels
    for keep in ("last", "best"):
        net = NetClassifier(
            *("poster-baseline",), keep=keep, max_epochs=4, patience=None, random_state=0
        )
        net.set_params(device="cpu", learning_rate=0.05).fit(X[:30], y[:30], X[60:], y[60:])
        scores = [epoch.validation_accuracy for epoch in net.history_]
        best = int(np.argmax(scores)) + 1
        assert net.best_epoch_ == (4 if keep == "last" else best)


@pytest.mark.parametrize("optimiser", ["adam", "sgd", "muon"])
def test_every_optimiser_learns(optimiser: str, shapes: Dataset) -> None:
    X, y = shapes.images, shapes.labels
    rate = {"sgd": 0.02}.get(optimiser, 2e-3)
    options = {"hidden": 8}  # Muon's own arithmetic is that of the widest layer
    net = NetClassifier("poster-baseline", options, optimiser=optimiser, max_epochs=12)
    net.set_params(device="cpu", batch_size=10, learning_rate=rate, random_state=0)
    net.fit(X[:60], y[:60])
    assert (net.predict(X[60:]) == y[60:]).mean() > 0.8


@pytest.mark.parametrize("name", PORTFOLIOS)
def test_a_portfolio_changes_what_the_recipe_has(name: str) -> None:
    net = "finetuned:tf_efficientnet_lite0" if name == "fine-tuning" else "cnn3"
    usual = deepnets.make(net, recipe="house").get_params()
    seen = [usual]
    for settings in PORTFOLIOS[name]:
        seen.append(deepnets.make(net, recipe="house", **settings).get_params())
    assert all(one != other for i, one in enumerate(seen) for other in seen[:i])


def test_a_fine_tuned_net_sees_96_pixels_and_says_so(shapes: Dataset) -> None:
    net = deepnets.make("finetuned:tf_efficientnet_lite0", recipe="house", max_epochs=1)
    net.set_params(device="cpu", random_state=0).fit(shapes.images[:16], shapes.labels[:16])
    assert "seen at 96 px" in net.note_
    assert net._net(3, 128).net.conv_stem.weight.shape[0] == 32  # as it is, not resized
    assert torch.isfinite(next(net.net_.parameters())).all()


def test_the_study_of_recipes_scores_a_line(tmp_path: Path) -> None:
    script = Path(__file__).parents[3] / "docs" / "recipe-study.py"
    line = "poster-baseline|digits|16|60|0.005|0|batch_size=8,augment=shift=0.1\n"
    done = subprocess.run(
        [sys.executable, str(script)], input=line, capture_output=True, text=True, check=True
    )
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["net"], row["data"], row["pictures"]) == ("poster-baseline", "digits", "60")
    assert float(row["accuracy %"]) > 30
    assert int(row["epochs"]) > 1
