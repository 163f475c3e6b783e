"""A training step as one CUDA graph: its kernels are launched together, not one by one.

At batches of a hundred small pictures a step is bound by the launching of its kernels, not by their
arithmetic. The way is that of PyTorch's notes on CUDA graphs (whole-network capture).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

Step = Callable[[Tensor, Tensor], None]
WARM_UP_STEPS = 3  # before a capture, as PyTorch's notes ask: libraries choose and allocate


class NotCapturableError(Exception):
    """The step does what a graph cannot hold, such as waiting for a value."""


def captured(
    step: Step, net: nn.Module, optimiser: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> Step:
    """Capture a step for batches of the shape of these.

    The net and the optimiser are left as they were, whether it succeeds or not.

    Parameters
    ----------
    step : callable
        Takes a batch; works on tensors that stay where they are.
    net : nn.Module
        What the step trains.
    optimiser : torch.optim.Optimizer
        Capturable.
    images, labels : Tensor
        A batch.

    Raises
    ------
    NotCapturableError
        If the step cannot be captured; a lack of memory is raised as it is.
    """
    still_images, still_labels = images.clone(), labels.clone()
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    states = {
        weight: {name: value.clone() for name, value in _tensors(state)}
        for weight, state in optimiser.state.items()
    }
    random, stream = torch.cuda.get_rng_state(), torch.cuda.current_stream()
    try:
        graph = _record(lambda: step(still_images, still_labels))
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        torch.cuda.set_stream(stream)
        _renew_random_numbers()
        raise NotCapturableError(str(_first(error)).splitlines()[0]) from error
    finally:
        net.load_state_dict(weights)
        torch.cuda.set_rng_state(random)
        for weight, state in optimiser.state.items():  # in place: the graph knows these tensors
            for name, value in _tensors(state):
                value.copy_(states[weight][name]) if weight in states else value.zero_()

    def replay(images: Tensor, labels: Tensor) -> None:
        still_images.copy_(images)
        still_labels.copy_(labels)
        graph.replay()

    return replay


def _tensors(state: Mapping[str, object]) -> list[tuple[str, Tensor]]:
    """What of an optimiser's state lies on the card; Muon's holds flags too."""
    return [(name, value) for name, value in state.items() if isinstance(value, Tensor)]


def _renew_random_numbers() -> None:
    """Give the card's generator a state that no graph knows.

    Older releases of PyTorch leave it, as they leave the stream, in the capture that failed, and
    every later random number is an error.
    """
    ours = torch.cuda.default_generators[torch.cuda.current_device()]
    ours.graphsafe_set_state(torch.Generator("cuda").graphsafe_get_state())


def _first(error: BaseException) -> BaseException:
    """The error that led to this one: the end of a broken capture raises another over it."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def _record(step: Callable[[], None]) -> torch.cuda.CUDAGraph:
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP_STEPS):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph
