"""A training by graphs is the training without them, to the last bit.

No CUDA is needed: in place of `torch.cuda` stands a card that is the CPU, see `tests.card`.
"""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from deepnets.training.batches import Pictures
from deepnets.training.cuda_graph import WARM_UP_STEPS, NotCapturableError, Steps, captured
from deepnets.training.device import Backend
from deepnets.training.engine import train
from deepnets.training.recipes import Optimiser, Recipe
from tests.card import Card

N, BATCH, EPOCHS = 21, 8, 6


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    return Card(monkeypatch)


class OnCard(Backend):
    """The CPU, whose numbers the host does not read."""

    on_card = True


class Asks(nn.Module):
    """Asks for a value, once it is told to."""

    on = True

    def forward(self, images: Tensor) -> Tensor:
        if self.on:
            images.sum().item()
        return images


def trained(
    graph: bool,
    frozen_epochs: int | None = None,
    first: type[nn.Module] = nn.Identity,
    **changes: object,
) -> tuple[dict[str, Tensor], list[float], str]:
    """Train a net whose convolution and normalisation are pre-trained if they are to be frozen."""
    torch.manual_seed(0)
    parts = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 2)
    net = nn.Sequential(*parts, first())
    images = torch.rand(N, 3, 4, 4)
    usual = {
        "max_epochs": EPOCHS,
        "batch_size": BATCH,
        "learning_rate": 1e-2,
        "patience": None,
        "frozen_epochs": frozen_epochs or 0,
    }
    backbone = [*net[:2].parameters()] if frozen_epochs is not None else []
    where = OnCard(torch.device("cpu"), bf16=False, graph=graph)
    data = Pictures(images, torch.arange(N) % 2)
    recipe = Recipe(**{**usual, **changes})  # type: ignore[arg-type]
    history, _, note = train(net, data, None, 2, recipe, where, 0, backbone=backbone)
    return net.state_dict(), [epoch.train_loss for epoch in history], note


def same(one: tuple[dict[str, Tensor], list[float], str], other: tuple[object, ...]) -> bool:
    (weights, losses, _), (expected, expected_losses, _) = one, other
    assert losses == expected_losses
    return all(torch.equal(weights[name], expected[name]) for name in weights)  # type: ignore[index]


CHANGES = [
    *({"optimiser": each} for each in get_args(Optimiser)),
    {"augment": "flip+shift+erasing+brightness+mixup"},
    {"sam": 0.05},
    {"schedule": "cosine", "ema": 0.7},
    {"schedule": "one-cycle", "optimiser": "sgd"},
    {"schedule": "one-cycle", "optimiser": "muon"},
    {"balance": "sampling"},
    {"balance": "logits", "label_smoothing": 0.1},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_a_captured_step_gives_the_same_weights_and_losses(
    changes: dict[str, object], card: Card
) -> None:
    found = trained(graph=True, **changes)
    assert len(card.graphs) == 2
    assert found[2] == ""
    assert same(found, trained(graph=False, **changes))


def test_a_graph_serves_all_full_batches_and_another_the_last_of_each_epoch(card: Card) -> None:
    trained(graph=True)
    full = N // BATCH * EPOCHS
    assert [graph.replays for graph in card.graphs] == [
        full - WARM_UP_STEPS,
        EPOCHS - WARM_UP_STEPS,
    ]
    one, other = card.graphs
    assert (one.shared, other.shared) == (None, one.pool()), "they share their memory"


def test_the_first_steps_are_made_aside_and_each_stream_waits_for_the_other(card: Card) -> None:
    """Otherwise a step could begin before the one before it has ended."""
    steps = Steps(lambda n: card.log.append(f"step on {card.stream.name}"), graphs=True)
    for _ in range(WARM_UP_STEPS + 2):
        steps(8)
    warm = ["aside waits for usual", "step on aside", "usual waits for aside"]
    recorded = ["capture", "step on aside"]
    assert card.log == [*warm * WARM_UP_STEPS, *recorded, "replay", "replay"]
    assert card.stream is card.usual


def test_all_trainings_on_a_card_have_one_stream_aside(card: Card) -> None:
    """The card's libraries keep memory for each stream that they ever saw."""
    for _ in range(2):
        trained(graph=True)
    assert len(card.graphs) == 4
    assert len(card.made) == 1


def test_steps_that_want_no_graph_are_made_as_they_are(card: Card) -> None:
    made: list[int] = []
    steps = Steps(made.append, graphs=False)
    for n in (8, 8, 8, 8, 3):
        steps(n)
    assert made == [8, 8, 8, 8, 3]
    assert card.log == []


def test_a_capture_computes_nothing(card: Card) -> None:
    weight, drawn = torch.zeros(3), torch.get_rng_state()
    graph = captured(lambda: weight.add_(torch.rand(3)))
    assert weight.tolist() == [0, 0, 0]
    assert torch.equal(torch.get_rng_state(), drawn)
    graph.replay()
    assert weight.min() > 0


def test_a_step_is_captured_anew_when_the_backbone_is_no_longer_frozen(card: Card) -> None:
    found = trained(graph=True, frozen_epochs=3)
    full = N // BATCH
    replays = [graph.replays for graph in card.graphs]
    assert replays == [3 * full - WARM_UP_STEPS, 3 * full - WARM_UP_STEPS]
    assert same(found, trained(graph=False, frozen_epochs=3))
    assert found[2] == ""


def test_a_step_that_cannot_be_captured_runs_as_it_is_and_says_so_once(card: Card) -> None:
    found = trained(graph=True, first=Asks)
    assert found[2] == "runs without a CUDA graph: operation not permitted when stream is capturing"
    assert card.log.count("capture") == 1
    assert same(found, trained(graph=False, first=Asks))


def test_after_a_failed_capture_stream_and_random_numbers_are_as_before(card: Card) -> None:
    """Torch 2.11 left both in the capture, and the next dropout was an error (seen on an H200)."""
    drawn = torch.get_rng_state()
    with pytest.raises(NotCapturableError):
        captured(lambda: torch.rand(3).sum().item())
    assert card.stream is card.usual
    assert card.log == ["capture", "renewed"]
    assert torch.equal(torch.get_rng_state(), drawn)


def test_where_one_size_cannot_be_captured_no_graph_is_left(card: Card) -> None:
    """They would go on with the random numbers from before the failure."""

    def step(n: int) -> None:
        if n == 3:
            torch.ones(1).item()

    steps = Steps(step, graphs=True)
    for n in (8, 8, 8, 8, 3, 3, 3, 3, 8):
        steps(n)
    assert [graph.replays for graph in card.graphs] == [1, 0]
    assert "without a CUDA graph" in steps.note


def test_the_note_names_the_first_error_of_a_failed_capture(card: Card) -> None:
    def step() -> None:
        try:
            raise RuntimeError("an operation asks for a value\nand more of it")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    with pytest.raises(NotCapturableError, match=r"^an operation asks for a value$"):
        captured(step)


def test_a_lack_of_memory_in_the_capture_is_no_reason_to_go_without(card: Card) -> None:
    def step() -> None:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    with pytest.raises(torch.OutOfMemoryError):
        captured(step)
    assert card.stream is card.usual
