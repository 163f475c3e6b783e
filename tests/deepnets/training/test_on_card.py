"""A training step on a card asks for no value and leaves nothing on the host.

No CUDA is needed: torch's fake tensors have a device and a shape, and refuse to tell a value or to
be mixed with those of another device.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from deepnets.training import engine
from deepnets.training.augment import USUAL, Augmentation
from deepnets.training.batches import Pictures
from deepnets.training.device import Backend
from deepnets.training.engine import predict, train
from deepnets.training.optimiser import Average, optimiser, schedule, set_rates
from deepnets.training.recipes import RECIPES, Optimiser, Recipe

pytestmark = pytest.mark.filterwarnings("ignore:CUDA is not available:UserWarning")
CUDA = Backend(torch.device("cuda:0"), bf16=True)
N, BATCH = 12, 8


@pytest.fixture(autouse=True)
def _fake_tensors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("copy.deepcopy", lambda value: net() if type(value) is Headed else value)
    with FakeTensorMode():
        yield


class Watched(TorchDispatchMode):
    """Keeps the devices of what operations give; two kinds of them have no fake."""

    def __init__(self) -> None:
        super().__init__()
        self.devices: set[str] = set()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if str(func.overloadpacket) == "aten._sample_dirichlet":
            result = torch.empty_like(args[0])
        elif "aten._fused_" in str(func.overloadpacket):
            given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
            self.devices |= {each.device.type for each in given}
            return None
        else:
            result = func(*args, **(kwargs or {}))
        given = [each for each in tree_leaves(result) if isinstance(each, Tensor)]
        self.devices |= {each.device.type for each in given}
        self.names.add(str(func.overloadpacket))
        return result


class Headed(nn.Module):
    """With batch normalisation, dropout and an auxiliary head, as the nets have."""

    def __init__(self) -> None:
        super().__init__()
        layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.2)
        self.body = nn.Sequential(*layers)
        self.head, self.extra = nn.Linear(16, 3), nn.Linear(16, 3)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        seen = self.body(images.float())
        return (self.head(seen), self.extra(seen)) if self.training else self.head(seen)


def net() -> nn.Module:
    with CUDA.device:
        return Headed()


def pictures(soft: bool = False) -> Pictures:
    images = torch.zeros(N, 3, 4, 4, dtype=torch.uint8, device=CUDA.device)
    labels = torch.rand(N, 3, device=CUDA.device) if soft else torch.zeros(N, device=CUDA.device)
    return Pictures(images, labels if soft else labels.long())


def test_a_value_is_told_to_nobody() -> None:
    """Otherwise the tests below could not fail."""
    with pytest.raises(DataDependentOutputException):
        torch.zeros(1, device=CUDA.device).item()
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device=CUDA.device) + torch.zeros(2)


@pytest.mark.parametrize("name", get_args(Optimiser))
def test_the_optimiser_reads_its_rates_on_the_card(name: Optimiser) -> None:
    recipe = Recipe(optimiser=name, weight_decay=0.1)
    groups = optimiser(net(), recipe, CUDA).param_groups
    for group in groups:
        assert isinstance(group["lr"], Tensor)
        assert (group["lr"].device, group["lr"].shape) == (CUDA.device, ())
        assert group.get("capturable", name == "sgd"), "its steps are counted there"
        assert group.get("fused", name == "muon"), "one kernel for all weights"


def test_a_new_rate_is_written_where_the_old_one_was() -> None:
    recipe = Recipe(schedule="cosine", weight_decay=0.1)
    moves = optimiser(net(), recipe, CUDA)
    before = [group["lr"] for group in moves.param_groups]
    set_rates(moves, torch.tensor(next(schedule(moves, recipe, 9))).to(CUDA.device))
    assert all(group["lr"] is lr for group, lr in zip(moves.param_groups, before, strict=True))


def test_the_average_is_moved_by_a_weight_that_nobody_reads() -> None:
    average = Average(net(), 0.9, CUDA)
    with Watched() as watched:
        average.update(torch.ones((), dtype=torch.float64, device=CUDA.device))
    assert watched.devices == {"cuda"}


@pytest.mark.parametrize("name", list(USUAL))
@pytest.mark.parametrize("soft", [False, True])
def test_pictures_are_changed_on_the_card_alone(name: str, soft: bool) -> None:
    data = pictures(soft)
    with Watched() as watched:
        images, labels = Augmentation.parse(name)(data.images, data.labels, 3)
    assert watched.devices == {"cuda"}
    assert (images.device, labels.device) == (CUDA.device, CUDA.device)


@pytest.mark.parametrize("flip", [False, True])
def test_pictures_are_predicted_on_the_card(flip: bool) -> None:
    here = torch.zeros(N, 3, 4, 4, dtype=torch.uint8)
    assert predict(net(), here, CUDA, flip).device == CUDA.device


class EpochEndsError(Exception):
    """The first values are read here, which fake tensors have not."""


RECIPES_OF_STEPS = [
    {},
    RECIPES["house"],
    RECIPES["strong"],
    {"sam": 0.05, "schedule": "cosine", "auxiliary_weight": 0.3},
    {"optimiser": "sgd", "schedule": "one-cycle", "ema": 0.9},
    {"optimiser": "muon", "balance": "weights"},
    {"balance": "logits"},
]


@pytest.mark.parametrize("changes", RECIPES_OF_STEPS, ids=str)
@pytest.mark.parametrize("soft", [False, True])
def test_a_step_is_made_on_the_card_alone(
    changes: dict[str, Any], soft: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, watched = net(), Watched()

    def backward(loss: Tensor) -> None:  # a real one asks for a driver
        for weight in trained.parameters():
            weight.grad = torch.empty_like(weight)

    class Steps(engine.Steps):
        def __call__(self, n: int) -> None:
            with watched:
                super().__call__(n)

    def end(*_: Any) -> None:
        raise EpochEndsError

    monkeypatch.setattr(Tensor, "backward", backward)
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(engine, "Steps", Steps)
    monkeypatch.setattr(engine, "evaluate", end)
    monkeypatch.setattr(engine, "class_weights", lambda *_: torch.ones(3))
    monkeypatch.setattr(engine, "log_prior", lambda *_: torch.ones(3))
    recipe = Recipe(**{**changes, "batch_size": BATCH})
    with pytest.raises(EpochEndsError):
        train(trained, pictures(soft), None, 3, recipe, CUDA, 0)
    assert watched.devices == {"cuda"}
    assert not {"aten._local_scalar_dense", "aten.nonzero"} & watched.names
