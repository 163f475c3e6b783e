"""A training step as a CUDA graph: its kernels are launched together, not one by one.

At batches of a hundred small pictures a step is bound by the launching of its kernels, not by their
arithmetic. The way is that of PyTorch's notes on CUDA graphs (whole-network capture).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache, partial

import torch

WARM_UP_STEPS = 3  # before a capture, as PyTorch's notes ask: libraries choose and allocate


class NotCapturableError(Exception):
    """The step does what a graph cannot hold, such as waiting for a value."""


@cache
def side_stream(card: int) -> torch.cuda.Stream:
    """Return the one stream of a card on which steps are warmed up and captured.

    With one for each training 5.1 GB of an H200 stayed reserved after 37 of them, most likely what
    cuBLAS works in, which it has for each stream.
    """
    return torch.cuda.Stream(card)


class Steps:
    """Makes training steps, by a graph for each size of batch where graphs are wanted.

    The first steps of a size are made as they are and serve as its warm-up; then it is captured,
    which computes nothing. Where that fails, all go on as they are.

    Parameters
    ----------
    step : callable
        Takes the number of pictures, and makes a step of work that is the same every time, on
        tensors that stay where they are.
    graphs : bool
        Whether to capture.

    Attributes
    ----------
    note : str
        Why there is no graph although one was wanted; mostly empty.
    """

    def __init__(self, step: Callable[[int], None], graphs: bool) -> None:
        self.step, self.wanted, self.note = step, graphs, ""
        self.aside = side_stream(torch.cuda.current_device()) if graphs else None
        self.forget()

    def forget(self) -> None:
        """Let go of the graphs: what they hold of the net, such as its gradients, has changed."""
        self.graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self.warm: Counter[int] = Counter()

    def __call__(self, n: int) -> None:
        """Make a step with `n` pictures."""
        if self.wanted and n not in self.graphs and self.warm[n] == WARM_UP_STEPS:
            self._capture(n)
        if n in self.graphs:
            self.graphs[n].replay()
        elif self.aside is not None and self.warm[n] < WARM_UP_STEPS:
            self.warm[n] += 1
            self.aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.aside):
                self.step(n)
            torch.cuda.current_stream().wait_stream(self.aside)
        else:
            self.step(n)

    def _capture(self, n: int) -> None:
        beside = next(iter(self.graphs.values()), None)
        try:
            self.graphs[n] = captured(partial(self.step, n), beside)
        except NotCapturableError as error:
            self.note, self.wanted = f"runs without a CUDA graph: {error}", False
            self.graphs = {}  # they draw the random numbers from before


def captured(
    step: Callable[[], None], beside: torch.cuda.CUDAGraph | None = None
) -> torch.cuda.CUDAGraph:
    """Capture a step. Nothing is computed, so what it trains stays as it is.

    Parameters
    ----------
    step : callable
    beside : CUDAGraph, optional
        Shares its memory with the new one, as they may whose results do not outlive a step.

    Raises
    ------
    NotCapturableError
        If the step cannot be captured; a lack of memory is raised as it is.
    """
    random, stream = torch.cuda.get_rng_state(), torch.cuda.current_stream()
    graph = torch.cuda.CUDAGraph()
    try:
        pool, aside = None if beside is None else beside.pool(), side_stream(stream.device_index)
        with torch.cuda.graph(graph, pool, aside):
            step()
    except RuntimeError as error:
        torch.cuda.set_stream(stream)
        _renew_random_numbers()
        torch.cuda.set_rng_state(random)
        first = _first(error)
        if isinstance(first, torch.OutOfMemoryError):
            raise first from None
        raise NotCapturableError(str(first).splitlines()[0]) from error
    return graph


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
