"""Where models are computed, classical ones and nets: on a card where there is one.

Importing this does not import torch, nor does choosing the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

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

    def autocast(self) -> torch.autocast:
        """Return the context in which the net is called."""
        import torch

        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def has_room(self, n_bytes: int) -> bool:
        """Whether pictures of this size may stay on the device for a whole training."""
        if self.device.type != "cuda":
            return True
        import torch

        return n_bytes < RESIDENT_SHARE * torch.cuda.mem_get_info()[0]


def choose(device: str, known: Sequence[str] = ("cuda", "mps", "cpu")) -> str:
    """Choose where to compute.

    Parameters
    ----------
    device : str
        One of `known`, or "auto": the first of them that is here.
    known : sequence of {"cuda", "mps", "cpu"}
        What the model can compute on, the fastest first.

    Raises
    ------
    ValueError
        If the device is not here or unknown.
    """
    if device not in ("auto", *known):
        raise ValueError(f"no device is called '{device}': use auto, {', '.join(sorted(known))}")
    if device == "cpu":
        return device  # torch is not needed, and slow to import
    import torch

    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(each for each in known if here[each])
    if not here[device]:
        raise ValueError(f"no {device.upper()} device is here: use the device cpu, or auto")
    return device


def backend(device: str, graph: bool = True) -> Backend:
    """Choose where a net computes, with bfloat16 where the hardware has it.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"}
        See `choose`.
    graph : bool
        Whether CUDA graphs are wanted.

    Raises
    ------
    ValueError
        If the device is not here or unknown.
    """
    import torch

    chosen = choose(device)
    if chosen == "cuda":
        return Backend(torch.device("cuda"), torch.cuda.is_bf16_supported(), graph)
    has_bf16 = chosen == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return Backend(torch.device(chosen), has_bf16)
