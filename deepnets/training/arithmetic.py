"""How much arithmetic training a net takes, by torch's own counter: a budget is spent on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

TERA = 1e12  # operations that a budget of 1 has
COUNTED = 2  # pictures in the batch that is counted: batch normalisation needs two


def training_operations(build: Callable[[], nn.Module], size: int) -> int:
    """Count the operations of training a net with one picture, forward and backward.

    Multiplications and additions of matrix products and convolutions count, as
    `torch.utils.flop_counter` counts them; a multiplication with its addition is two. Nothing is
    computed, so the count is the same on every machine.

    Parameters
    ----------
    build : callable
        Returns the net: uint8 pictures to logits, or a tuple with those of auxiliary heads.
    size : int
        Width and height of the pictures in pixels.
    """
    counter = FlopCounterMode(
        display=False, custom_mapping={torch.ops.aten.convolution_backward: _convolution_backward}
    )
    with torch.device("meta"):
        net = _uncounted_left_out(build().train())  # some builders try what they build
        with counter:
            outputs = net(torch.zeros(COUNTED, 3, size, size, dtype=torch.uint8))
            logits = outputs if isinstance(outputs, tuple) else (outputs,)
            torch.stack([each.sum() for each in logits]).sum().backward()
    return max(counter.get_total_flops() // COUNTED, 1)


def _uncounted_left_out(net: nn.Module) -> nn.Module:
    """Take batch normalisation out of a net: none of it counts, and it is most of the waiting."""
    for name, module in net.named_children():
        if type(module) in (nn.BatchNorm1d, nn.BatchNorm2d):
            setattr(net, name, nn.Identity())
        else:
            _uncounted_left_out(module)
    return net


def _convolution_backward(
    gradient: Sequence[int], pictures: Sequence[int], weight: Sequence[int], *rest: Any, **_: Any
) -> int:
    """Operations of a convolution's gradients: as many as forward for each of the two asked for.

    In place of torch's own count, which takes no account of groups: for the depthwise convolutions
    of a MobileNet it is their channels times too large.
    """
    transposed, asked = rest[4], rest[-1]
    places = pictures if transposed else gradient
    forward = 2 * places[0] * math.prod(places[2:]) * math.prod(weight)
    return forward * sum(asked[:2])
