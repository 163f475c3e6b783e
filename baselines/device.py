"""Where models are computed, classical ones and nets: on a card where there is one."""

from __future__ import annotations

from collections.abc import Sequence


def choose(device: str, known: Sequence[str] = ("cuda", "mps", "cpu")) -> str:
    """Choose where to compute; choosing the CPU does not import torch, which is slow to.

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
        return device
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    here = {"cuda": cuda, "mps": mps, "cpu": True}
    if device == "auto":
        return next(each for each in known if here[each])
    if not here[device]:
        raise ValueError(f"no {device.upper()} device is here: use the device cpu, or auto")
    return device
