"""Where and how a net computes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from baselines.device import choose

RESIDENT_SHARE = 0.2  # of a card's free memory, which several runs may share


@dataclass(frozen=True)
class Backend:
    """Where and how a net computes.

    Attributes
    ----------
    device : torch.device
        Where the pictures and the net lie.
    bf16 : bool
        Whether convolutions and products are computed in bfloat16 (weights stay float32).
    graph : bool
        Whether a step is captured in a CUDA graph, which spares the launching of its kernels.
    """

    device: torch.device
    bf16: bool
    graph: bool = False

    @property
    def on_card(self) -> bool:
        """Whether the host must not read a number there, since it would wait for the step."""
        return self.device.type == "cuda"

    def autocast(self) -> torch.autocast:
        """Return the context in which the net is called."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def has_room(self, n_bytes: int) -> bool:
        """Whether pictures of this size may stay on the device for a whole training."""
        return not self.on_card or n_bytes < RESIDENT_SHARE * torch.cuda.mem_get_info()[0]


def backend(device: str, graph: bool = True) -> Backend:
    """Choose where a net computes, as `choose` does, with bfloat16 where the hardware has it.

    `graph` is whether CUDA graphs are wanted. A device that is not here is a ValueError.
    """
    chosen = choose(device)
    if chosen == "cuda":
        return Backend(torch.device("cuda"), native_bf16(), graph)
    has_bf16 = chosen == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return Backend(torch.device(chosen), has_bf16)


def native_bf16() -> bool:
    """Whether the card computes in bfloat16 itself.

    One that only imitates it (before Ampere) would make convolutions picture by picture, without
    cuDNN.
    """
    return torch.cuda.is_bf16_supported(including_emulation=False)
