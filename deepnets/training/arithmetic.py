"""How much arithmetic training a net takes, by torch's own counter: a budget is spent on it."""

from __future__ import annotations

from collections.abc import Callable

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
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        outputs = build().train()(torch.zeros(COUNTED, 3, size, size, dtype=torch.uint8))
        logits = outputs if isinstance(outputs, tuple) else (outputs,)
        torch.stack([each.sum() for each in logits]).sum().backward()
    return max(counter.get_total_flops() // COUNTED, 1)
