"""Layers in bfloat16 are compared with float32, and wrong ones are found."""

import pytest
import torch
from torch import Tensor, nn

from deepnets.training import self_check


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "ROUNDS", 1)


def test_every_kind_of_layer_is_right_in_bfloat16_here() -> None:
    for layer in self_check.layers():
        assert layer.is_right, layer
        assert layer.float32 > 0
        assert layer.bfloat16 > 0


class WrongInBfloat16(nn.Linear):
    def forward(self, pictures: Tensor) -> Tensor:
        off = 0.1 if torch.is_autocast_enabled("cpu") else 0.0
        return super().forward(pictures) * (1 + off)


class NoNumber(nn.Linear):
    def forward(self, pictures: Tensor) -> Tensor:
        return super().forward(pictures) / (not torch.is_autocast_enabled("cpu"))


@pytest.mark.parametrize("wrong", [WrongInBfloat16, NoNumber])
def test_a_kernel_that_gives_other_numbers_is_found(
    wrong: type[nn.Linear], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_check, "KINDS", {"wrong": lambda: wrong(self_check.SIDE, 8)})
    (layer,) = self_check.layers()
    assert not layer.is_right
