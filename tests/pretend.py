"""A card for classical models that is not there: what lies on it is computed on the CPU.

As on a real one, it is an error to mix tensors of both places, or to hand one to numpy.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CARD = torch.device("meta")  # said in place of "cuda", for which torch would ask the driver
aten = torch.ops.aten
# Copies between the places, and indices, which may lie on the host.
MAY_MIX = {aten._to_copy, aten.copy_, aten.index, aten.index_put, aten.index_put_}


class OnCard(Tensor):
    """Says that it is on the card; what it holds is on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnCard:
        made = Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device=CARD
        )
        made.held = held
        return made

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("what lies on the card cannot be given to numpy")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


class Named(TorchFunctionMode):
    """Has `CARD` taken for the device ``cuda``."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def named(value: Any) -> Any:
            return CARD if isinstance(value, str) and value == "cuda" else value

        args, kwargs = tree_map(named, (args, kwargs or {}))
        return func(*args, **kwargs)


class Computed(TorchDispatchMode):
    """Computes what is asked for on the card."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


@contextlib.contextmanager
def pretended_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inside, there is a card."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with Named(), Computed():
        yield


def computed(func: Any, args: Any, kwargs: Any) -> Any:
    """Compute on the CPU; the result is on the card if an argument is, or if it is asked for there.

    Raises
    ------
    RuntimeError
        If tensors of both places are mixed; the host's single numbers may be.
    """
    given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
    on_card = any(isinstance(each, OnCard) for each in given)
    on_host = [each for each in given if not isinstance(each, OnCard) and each.dim()]
    if on_card and on_host and func.overloadpacket not in MAY_MIX:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but {func} was given both"
        )
    asked = kwargs.get("device")
    if asked is not None:
        on_card = torch.device(asked) == CARD
        kwargs = {**kwargs, "device": torch.device("cpu")}
    held = tree_map(lambda x: x.held if isinstance(x, OnCard) else x, (args, kwargs))
    result = func(*held[0], **held[1])
    if func._schema.is_mutable and isinstance(result, Tensor):
        return args[0]
    return tree_map(lambda x: OnCard(x) if on_card and isinstance(x, Tensor) else x, result)
