"""A training step as one CUDA graph: its kernels are launched together, not one by one.

At batches of a hundred small pictures a step is bound by the launching of its kernels, not by their
arithmetic. The way is that of PyTorch's notes on CUDA graphs (whole-network capture).
"""

from __future__ import annotations

from collections.abc import Callable

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
        weight: {name: value.clone() for name, value in state.items()}
        for weight, state in optimiser.state.items()
    }
    random = torch.cuda.get_rng_state()
    try:
        graph = _record(lambda: step(still_images, still_labels))
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise NotCapturableError(str(error).splitlines()[0]) from error
    finally:
        net.load_state_dict(weights)
        torch.cuda.set_rng_state(random)
        for weight, state in optimiser.state.items():  # in place: the graph knows these tensors
            for name, value in state.items():
                value.copy_(states[weight][name]) if weight in states else value.zero_()

    def replay(images: Tensor, labels: Tensor) -> None:
        still_images.copy_(images)
        still_labels.copy_(labels)
        graph.replay()

    return replay


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
