"""A budget of arithmetic: the same for every net, whatever the number of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from datasets import Dataset
from deepnets.training.arithmetic import training_operations
from deepnets.training.classifier import NetClassifier


def test_a_convolution_counts_two_for_each_product_three_times_over() -> None:
    def build() -> nn.Module:
        return nn.Sequential(Floats(), nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.Flatten())

    forward = 2 * 5 * 3 * 9 * 16 * 16
    # The pictures themselves need no gradient: forward, and that of the weights.
    assert training_operations(build, 16) == 2 * forward


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_a_grouped_convolution_counts_what_it_computes(groups: int) -> None:
    def build() -> nn.Module:
        grouped = nn.Conv2d(8, 8, 3, padding=1, bias=False, groups=groups)
        return nn.Sequential(Floats(), nn.Conv2d(3, 8, 1, bias=False), grouped, nn.Flatten())

    first, second = 2 * 8 * 3 * 16 * 16, 2 * 8 * 8 // groups * 9 * 16 * 16
    assert training_operations(build, 16) == 2 * first + 3 * second


def test_what_a_builder_tries_is_not_counted() -> None:
    """any_timm tries a net of timm before it builds it."""
    of_timm = training_operations(lambda: NetClassifier("timm:resnet10t")._net(8, 32), 32)

    def plain() -> nn.Module:
        return nn.Sequential(Floats(), timm.create_model("resnet10t", num_classes=8))

    assert of_timm == training_operations(plain, 32)


class Floats(nn.Module):
    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.float()


def shown(net: NetClassifier, shapes: Dataset, n: int) -> int:
    """Pictures that a training of n goes through."""
    rows = np.arange(len(shapes))[:: len(shapes) // n][:n]
    net.fit(shapes.take(rows), shapes.labels[rows])
    return sum(len(rows) for _ in net.history_)


@pytest.mark.parametrize("n", [12, 40])
def test_the_budget_is_spent_whatever_the_number_of_pictures(shapes: Dataset, n: int) -> None:
    net = NetClassifier("poster-baseline", budget=0.02, batch_size=10, device="cpu", random_state=0)
    classes = len(np.unique(shapes.labels))
    paid = net.pictures_shown(classes, shapes.size)
    assert paid is not None
    assert paid > 2 * n
    assert paid - n < shown(net, shapes, n) <= paid + n
    assert len(net.history_) == net.planned_epochs(n, classes, shapes.size)


def test_twice_the_budget_or_half_a_step_each_shows_twice_as_many() -> None:
    one, two = (NetClassifier("cnn3", budget=budget) for budget in (1.0, 2.0))
    few, many = (net.pictures_shown(8, 32) for net in (one, two))
    careful = NetClassifier("cnn3", budget=2.0, sam=0.05).pictures_shown(8, 32)
    assert few is not None
    assert many == pytest.approx(2 * few, abs=2)
    assert careful == pytest.approx(few, abs=2)


def test_without_a_budget_the_epochs_count() -> None:
    net = NetClassifier("cnn3", max_epochs=7)
    assert net.pictures_shown(8, 32) is None
    assert net.planned_epochs(1000, 8, 32) == 7
    with pytest.raises(ValueError, match="budget is 0: it must be above 0"):
        NetClassifier("cnn3", budget=0).check_values()
