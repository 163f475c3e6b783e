"""Does bfloat16 give the right numbers here, and sooner? Each kind of layer against float32.

Kernels of bfloat16 for processors have been wrong (pytorch#163347) and slow (pytorch#183815) in
some releases of torch on some processors, and no error tells it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CHANNELS, SIDE, BATCH = 32, 16, 16
ROUNDS = 3
# Of the largest value. bfloat16 keeps 8 bits, an error of 0.004 in each of the numbers summed up.
MOST_APART = 0.05

KINDS: Mapping[str, Callable[[], nn.Module]] = {
    "convolution 3x3": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
    "convolution 1x1": lambda: nn.Conv2d(CHANNELS, CHANNELS, 1),
    "strided convolution": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, 2, 1),
    "depthwise convolution": lambda: nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1, groups=CHANNELS),
    "strided depthwise convolution": lambda: nn.Conv2d(
        CHANNELS, CHANNELS, 3, 2, 1, groups=CHANNELS
    ),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(CHANNELS * SIDE * SIDE, CHANNELS)),
    "batch normalisation": lambda: nn.BatchNorm2d(CHANNELS),
    "layer normalisation": lambda: nn.LayerNorm([CHANNELS, SIDE, SIDE]),
    "GELU": nn.GELU,
    "average pooling": lambda: nn.AdaptiveAvgPool2d(1),
}


@dataclass(frozen=True)
class Layer:
    """What bfloat16 makes of a kind of layer, forward and backward.

    Attributes
    ----------
    name : str
    apart : float
        Largest difference from float32 in its outputs and gradients, as a share of the largest.
    float32, bfloat16 : float
        Seconds of a step in each.
    """

    name: str
    apart: float
    float32: float
    bfloat16: float

    @property
    def is_right(self) -> bool:
        """Whether its numbers are float32's but for rounding; never of what is no number."""
        return self.apart <= MOST_APART


def layers(device: str = "cpu") -> list[Layer]:
    """Check each of `KINDS` on a device, with one thread of a processor."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_checked(name, make, device) for name, make in KINDS.items()]
    finally:
        torch.set_num_threads(threads)


def _checked(name: str, make: Callable[[], nn.Module], device: str) -> Layer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = make().to(device).to(memory_format=torch.channels_last)
        seen = torch.randn(BATCH, CHANNELS, SIDE, SIDE)
    seen = seen.to(device, memory_format=torch.channels_last)

    def step(bf16: bool) -> list[Tensor]:
        pictures = seen.clone().requires_grad_()
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            said = layer(pictures.bfloat16() if bf16 else pictures)
        towards = torch.rand(said.shape, generator=torch.Generator().manual_seed(1))
        (said.float() * towards.to(device)).mean().backward()
        given = [pictures.grad, *(weight.grad for weight in layer.parameters())]
        layer.zero_grad()
        return [said.detach().float(), *(each.float() for each in given if each is not None)]

    exact, rounded = step(False), step(True)
    apart = max(
        float((a - b).abs().max() / a.abs().max().clamp_min(1e-12))
        for a, b in zip(exact, rounded, strict=True)
    )
    return Layer(name, apart, _seconds(lambda: step(False)), _seconds(lambda: step(True)))


def _seconds(work: Callable[[], list[Tensor]]) -> float:
    """Median seconds of a step; reading a value waits for a card."""
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()[0].sum().item()
        took.append(time.perf_counter() - start)
    return statistics.median(took)
