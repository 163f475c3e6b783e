"""Rare classes count as much more as the strength says, in each of the three ways."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from deepnets.training.balance import Shown, class_weights, log_prior
from deepnets.training.recipes import Balance

LABELS = torch.tensor([0] * 80 + [1] * 16 + [2] * 4)


def shown(balance: Balance, strength: float = 1.0, seed: int = 0) -> Shown:
    return Shown(LABELS, 4, balance, strength, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("strength", "ratio"), [(0.0, [1, 1, 1]), (0.5, [1, 5**0.5, 20**0.5]), (1.0, [1, 5, 20])]
)
def test_weights_are_a_power_of_the_inverse_count(strength: float, ratio: list[float]) -> None:
    weights = class_weights(LABELS, 4, strength)
    assert (weights[:3] / weights[0]).tolist() == pytest.approx(ratio)
    assert weights[LABELS].mean() == pytest.approx(1)
    assert weights.isfinite().all(), "a class without pictures has a weight too"


def test_full_weights_are_scikit_learns_balanced_ones() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS.numpy())
    assert class_weights(LABELS, 3, 1.0).tolist() == pytest.approx(expected.tolist())


def test_adjusted_logits_take_what_is_known_of_a_classs_share() -> None:
    adjusted = log_prior(LABELS, 3, 1.0)
    assert adjusted.exp().tolist() == pytest.approx([0.8, 0.16, 0.04])
    assert log_prior(LABELS, 3, 0.5).tolist() == pytest.approx((adjusted / 2).tolist())
    assert log_prior(LABELS, 4, 1.0).isfinite().all()


@pytest.mark.parametrize("balance", ["none", "weights", "logits"])
def test_without_drawing_every_row_is_shown_once(balance: Balance) -> None:
    order = shown(balance).order()
    assert order.sort().values.tolist() == list(range(100))
    assert order.tolist() != list(range(100))


def test_sampling_shows_all_classes_alike_and_as_many_rows_as_there_are() -> None:
    rows = shown("sampling")
    assert len(rows) == 100
    drawn = torch.cat([LABELS[rows.order()] for _ in range(50)])
    assert (torch.bincount(drawn) / len(drawn)).tolist() == pytest.approx([1 / 3] * 3, abs=0.03)
    half = shown("sampling", 0.5)
    drawn = torch.cat([LABELS[half.order()] for _ in range(50)])
    expected = torch.tensor([80.0, 16.0, 4.0]) ** 0.5
    shares = (expected / expected.sum()).tolist()
    assert (torch.bincount(drawn) / len(drawn)).tolist() == pytest.approx(shares, abs=0.03)


def test_the_bootstrap_shows_every_row_and_rare_ones_again_up_to_the_commonest() -> None:
    rows = shown("bootstrap")
    first, second = rows.order(), rows.order()
    assert torch.bincount(LABELS[first]).tolist() == [80, 80, 80]
    assert set(first.tolist()) == set(range(100))
    assert torch.equal(first.sort().values, second.sort().values), "drawn once"
    assert not torch.equal(first, second), "in another order"
    assert torch.bincount(LABELS[shown("bootstrap", 0.5).order()]).tolist() == [80, 36, 18]


@pytest.mark.parametrize("balance", get_args(Balance))
def test_the_order_is_the_seeds(balance: Balance) -> None:
    assert torch.equal(shown(balance).order(), shown(balance).order())
    assert not torch.equal(shown(balance).order(), shown(balance, seed=1).order())
