"""A step captured in a graph trains as the step itself does.

No CUDA is needed: in place of a graph stands one that runs the step when it is replayed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import nn

from deepnets.training import cuda_graph
from deepnets.training.device import Backend
from deepnets.training.engine import Pictures, train
from deepnets.training.recipes import Optimiser, Recipe

N, BATCH, EPOCHS = 21, 8, 3


class Graph:
    """Counts its replays and runs the step in each."""

    def __init__(self, step: Callable[[], None]) -> None:
        self.step, self.replays = step, 0

    def replay(self) -> None:
        self.replays += 1
        self.step()


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    made: list[Graph] = []

    def record(step: Callable[[], None]) -> Graph:
        for _ in range(cuda_graph.WARM_UP_STEPS):
            step()
        made.append(Graph(step))
        return made[-1]

    monkeypatch.setattr(cuda_graph, "_record", record)
    monkeypatch.setattr(torch.cuda, "get_rng_state", torch.get_rng_state)
    monkeypatch.setattr(torch.cuda, "set_rng_state", torch.set_rng_state)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: "usual")
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: None)
    monkeypatch.setattr(cuda_graph, "_renew_random_numbers", lambda: None)
    return made


def trained(
    graph: bool, frozen_epochs: int | None = None, optimiser: Optimiser = "adam"
) -> tuple[dict[str, torch.Tensor], list[float], str]:
    """Train a net whose convolution and normalisation are pre-trained if they are to be frozen."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    images = torch.rand(N, 3, 4, 4)
    recipe = Recipe(
        max_epochs=EPOCHS,
        batch_size=BATCH,
        learning_rate=1e-2,
        patience=None,
        frozen_epochs=frozen_epochs or 0,
        optimiser=optimiser,
    )
    backbone = [*net[:2].parameters()] if frozen_epochs is not None else []
    where = Backend(torch.device("cpu"), bf16=False, graph=graph)
    data = Pictures(images, torch.arange(N) % 2)
    history, _, note = train(net, data, None, 2, recipe, where, 0, backbone=backbone)
    return net.state_dict(), [epoch.train_loss for epoch in history], note


@pytest.mark.parametrize("optimiser", get_args(Optimiser))
def test_a_captured_step_gives_the_same_weights_and_losses(
    optimiser: Optimiser, graphs: list[Graph]
) -> None:
    weights, losses, note = trained(graph=True, optimiser=optimiser)
    expected_weights, expected_losses, _ = trained(graph=False, optimiser=optimiser)
    assert losses == expected_losses
    assert all(torch.equal(weights[name], expected_weights[name]) for name in weights)
    assert note == ""


def test_one_graph_serves_all_full_batches_and_the_last_short_one_goes_without(
    graphs: list[Graph],
) -> None:
    trained(graph=True)
    assert [graph.replays for graph in graphs] == [EPOCHS * (N // BATCH)]


def test_a_step_is_captured_anew_when_the_backbone_is_no_longer_frozen(
    graphs: list[Graph],
) -> None:
    weights, losses, note = trained(graph=True, frozen_epochs=1)
    full = N // BATCH
    assert [graph.replays for graph in graphs] == [full, (EPOCHS - 1) * full]
    expected_weights, expected_losses, _ = trained(graph=False, frozen_epochs=1)
    assert losses == expected_losses
    assert all(torch.equal(weights[name], expected_weights[name]) for name in weights)
    assert note == ""


def test_a_step_that_cannot_be_captured_runs_as_it_is_and_says_so_once(
    graphs: list[Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    def refuse(step: Callable[[], None]) -> Graph:
        nonlocal tried
        tried += 1
        step()
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    monkeypatch.setattr(cuda_graph, "_record", refuse)
    weights, losses, note = trained(graph=True)
    expected_weights, expected_losses, _ = trained(graph=False)
    assert note == ("runs without a CUDA graph: operation not permitted when stream is capturing")
    assert tried == 1
    assert losses == expected_losses
    assert all(torch.equal(weights[name], expected_weights[name]) for name in weights)


def test_after_a_failed_capture_stream_and_random_numbers_are_as_before(
    graphs: list[Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch 2.11 left both in the capture, and the next dropout was an error (seen on an H200)."""
    restored = []

    def refuse(step: Callable[[], None]) -> Graph:
        raise RuntimeError("not permitted")

    monkeypatch.setattr(cuda_graph, "_record", refuse)
    monkeypatch.setattr(torch.cuda, "set_stream", restored.append)
    monkeypatch.setattr(cuda_graph, "_renew_random_numbers", lambda: restored.append("renewed"))
    trained(graph=True)
    assert restored == ["usual", "renewed"]


def test_the_note_names_the_first_error_of_a_failed_capture(
    graphs: list[Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(step: Callable[[], None]) -> Graph:
        try:
            raise RuntimeError("an operation asks for a value")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    monkeypatch.setattr(cuda_graph, "_record", refuse)
    assert trained(graph=True)[2] == "runs without a CUDA graph: an operation asks for a value"


def test_a_lack_of_memory_in_the_capture_is_no_reason_to_go_without(
    graphs: list[Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(step: Callable[[], None]) -> Graph:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(cuda_graph, "_record", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        trained(graph=True)
