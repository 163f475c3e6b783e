"""A card that is the CPU: streams are told apart, and a graph keeps the operations of its capture.

It stands in place of what is asked of `torch.cuda`, so that the code that captures runs itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from timm.optim import _helpers
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from deepnets.training import cuda_graph

aten = torch.ops.aten
UNSAID = {aten.native_batch_norm}  # writes to what its schema does not tell of
WAITING = {aten._local_scalar_dense, aten.nonzero, aten._unique2, aten.equal, aten.masked_select}


class Stream:
    """Tells which stream it waits for."""

    def __init__(self, card: Card, name: str) -> None:
        self.card, self.name, self.device_index = card, name, 0

    def wait_stream(self, other: Stream) -> None:
        self.card.log.append(f"{self.name} waits for {other.name}")


class Graph(TorchDispatchMode):
    """Keeps the operations of its capture, in which nothing changes, and makes them in a replay.

    Numbers of Python are in it as they were, as in a real one; an operation that gives the host a
    value is an error.
    """

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card, self.replays, self.shared = card, 0, None
        self.calls: list[tuple[Callable[..., Any], Any, Any, Any]] = []

    def pool(self) -> int:
        return id(self)

    def replay(self) -> None:
        self.replays += 1
        self.card.log.append("replay")
        with torch.no_grad():
            for func, args, kwargs, kept in self.calls:
                new = tree_flatten(func(*args, **kwargs))[0]
                for to, value in zip(tree_flatten(kept)[0], new, strict=True):
                    if isinstance(to, Tensor) and to is not value:
                        to.copy_(value)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket in WAITING:
            raise RuntimeError("operation not permitted when stream is capturing")
        schema = func._schema
        aliases = [each.alias_info for each in schema.returns if each.alias_info is not None]
        if any(not alias.is_write for alias in aliases):  # a view: there for good
            return func(*args, **kwargs)
        if not schema.is_mutable and func.overloadpacket not in UNSAID:
            kept = func(*args, **kwargs)
        else:
            copies: dict[int, tuple[Tensor, Tensor]] = {}

            def copy(value: Any) -> Any:
                if not isinstance(value, Tensor):
                    return value
                return copies.setdefault(id(value), (value.clone(), value))[0]

            given = tree_map(copy, (args, kwargs))
            ours = {id(mine): theirs for mine, theirs in copies.values()}
            kept = tree_map(lambda value: ours.get(id(value), value), func(*given[0], **given[1]))
        self.calls.append((func, args, kwargs, kept))
        return kept


class Card:
    """What is asked of the card, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.graphs: list[Graph] = []
        self.stream = self.usual = Stream(self, "usual")
        self.made: list[Stream] = []
        cuda_graph.side_stream.cache_clear()  # of another card that is the CPU
        for name, fake in {
            "get_rng_state": torch.get_rng_state,
            "set_rng_state": torch.set_rng_state,
            "current_stream": lambda: self.stream,
            "set_stream": lambda stream: setattr(self, "stream", stream),
            "current_device": lambda: 0,
            "Stream": self._stream,
            "stream": self._on,
            "CUDAGraph": self._graph,
            "graph": self._capture,
        }.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        monkeypatch.setattr(_helpers, "_get_capturable_supported_devices", lambda **_: ["cpu"])
        monkeypatch.setattr(cuda_graph, "_renew_random_numbers", lambda: self.log.append("renewed"))

    def _stream(self, card: int) -> Stream:
        self.made.append(Stream(self, "aside"))
        return self.made[-1]

    def _graph(self) -> Graph:
        self.graphs.append(Graph(self))
        return self.graphs[-1]

    @contextlib.contextmanager
    def _on(self, stream: Stream) -> Iterator[None]:
        before, self.stream = self.stream, stream
        yield
        self.stream = before

    @contextlib.contextmanager
    def _capture(self, graph: Graph, pool: int | None, stream: Stream) -> Iterator[None]:
        """A capture; one that fails leaves stream and random numbers as they are in it."""
        graph.shared = pool
        self.log.append("capture")
        self.stream = stream
        random = torch.get_rng_state()
        with graph:
            yield
        torch.set_rng_state(random)
        self.stream = self.usual
