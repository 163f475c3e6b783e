"""Weights that a net starts from, learnt on other pictures: of a package, timm's hub or a file.

What the number of classes changes in a net is its head, and starts anew; all else is its backbone,
and comes from the weights, every tensor of it, or the weights are refused.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import safetensors
import safetensors.torch
import timm
import torch
from torch import Tensor, nn

from deepnets.registry import PACKAGED, Architecture

REACH_SECONDS = 5.0  # for the hub to answer at all
WEIGHTS_FILE = "model.safetensors"
NOT_LEARNT = "num_batches_tracked"  # of batch normalisation; older files lack it


@dataclass(frozen=True)
class Weights:
    """Pre-trained weights on this machine.

    Attributes
    ----------
    path : Path
        Their file.
    source : str
        What they are, for the reader of a leaderboard.
    layout : {"file", "hub", "package"}
        A safetensors file named as timm names its tensors or as `NetClassifier.save` does; one
        that timm published; or a torch file of a package, see `PACKAGED`.
    """

    path: Path
    source: str
    layout: Literal["file", "hub", "package"]


def find(net: Architecture, file: str | None) -> Weights:
    """Find the weights a net is to start from: in a package, or get them from the hub if need be.

    Parameters
    ----------
    net : Architecture
        What starts from them.
    file : str or None
        A safetensors file; None: those of a package, or those timm publishes for the architecture.

    Raises
    ------
    ValueError
        If they cannot be had, in one line with the remedy.
    """
    if file is not None:
        path = Path(file)
        try:
            with safetensors.safe_open(path, framework="pt"):
                return Weights(path, f"other pictures ({path.name})", "file")
        except (OSError, safetensors.SafetensorError) as error:
            raise ValueError(f"{file} cannot be read as safetensors: {error}") from error
    if (packaged := _from_package(net.hub)) is not None:
        return packaged
    about = timm.get_pretrained_cfg(net.hub) if net.hub else None
    if about is None or not about.hf_hub_id:
        raise ValueError(f"the hub has no weights of {net.name}: give a file with --weights FILE")
    try:
        path = _from_hub(about.hf_hub_id)
    except Exception as error:  # Whatever the hub's library and the network below it raise.
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"the weights of {net.name} cannot be had from the hub ({reason}): "
            "give a file with --weights FILE"
        ) from error
    tag = about.tag or ""
    only = tag.endswith("_in1k") and "_ft_" not in tag
    learnt_from = "ImageNet-1k" if only else "other pictures"
    return Weights(path, f"{learnt_from} ({about.hf_hub_id})", "hub")


def _from_package(name: str) -> Weights | None:
    """Find the weights of timm's `name` in a package, if one has them and it is installed."""
    module, file, source = PACKAGED.get(name, ("", "", ""))
    spec = importlib.util.find_spec(module) if module else None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / file
    return Weights(path, source, "package") if path.is_file() else None


def _from_hub(name: str) -> Path:
    """Find the file of these weights in the hub's cache on this machine, or else at the hub."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    wanted = partial(hf_hub_download, repository, WEIGHTS_FILE, revision=revision or None)
    try:
        return Path(wanted(local_files_only=True))
    except LocalEntryNotFoundError:
        # The download itself tries again and again for half a minute where there is no network.
        url = hf_hub_url(repository, WEIGHTS_FILE, revision=revision or None)
        get_hf_file_metadata(url, timeout=REACH_SECONDS)
        return Path(wanted())


def start(net: nn.Module, other: nn.Module, about: Architecture, weights: Weights) -> list[Tensor]:
    """Put pre-trained weights in a net's backbone, and its input's scaling in place of its own.

    Parameters
    ----------
    net : nn.Module
        A `Standardised` net; changed.
    other : nn.Module
        The same for another number of classes, whose shapes tell the head; on any device.
    about : Architecture
        What it is.
    weights : Weights
        Where they lie.

    Returns
    -------
    list of Tensor
        The backbone's parameters.

    Raises
    ------
    ValueError
        If a tensor of the backbone is missing or of another shape; names the first of them.
    """
    found = tensors(about, weights)
    shapes = {_bare(name): value.shape for name, value in other.state_dict().items()}
    backbone = {
        name: value
        for name, value in net.state_dict().items()
        if value.shape == shapes[_bare(name)]
        and not _bare(name).startswith(about.head)
        and not name.endswith(NOT_LEARNT)
    }
    misfits = [
        _bare(name)
        for name, value in backbone.items()
        if _bare(name) not in found or found[_bare(name)].shape != value.shape
    ]
    if misfits:
        more = ", ..." if len(misfits) > 3 else ""
        raise ValueError(
            f"{weights.path.name} does not fit {about.name}: {len(misfits)} of the backbone's "
            f"{len(backbone)} tensors are missing or of another shape "
            f"({', '.join(misfits[:3])}{more}): give weights of this architecture"
        )
    net.load_state_dict({name: found[_bare(name)] for name in backbone}, strict=False)
    return [p for name, p in net.named_parameters() if name in backbone and p.requires_grad]


def tensors(about: Architecture, weights: Weights) -> dict[str, Tensor]:
    """Every tensor by its bare name, with the scaling of the input that they were learnt with."""
    if weights.layout == "package":
        read = torch.load(weights.path, map_location="cpu", weights_only=True)
        names = timm.create_model(about.hub).state_dict()
        found = dict(zip(names, read.values(), strict=True))
    elif (
        weights.layout == "hub"
    ):  # timm renames what needs it, and is strict for the published classes
        overlay = {"file": str(weights.path), "custom_load": False}
        try:
            net = timm.create_model(about.hub, pretrained=True, pretrained_cfg_overlay=overlay)
        except RuntimeError as error:
            raise ValueError(f"{weights.source} does not fit {about.name}: {error}") from error
        found = net.state_dict()
    else:
        found = safetensors.torch.load_file(weights.path)
    found = {_bare(name): value for name, value in found.items()}
    published = timm.get_pretrained_cfg(about.hub) if about.hub else None
    if "mean" not in found and published is not None:
        for name, share in (("mean", published.mean), ("deviation", published.std)):
            found[name] = 255 * torch.tensor(share).view(1, 3, 1, 1)
    return found


def _bare(name: str) -> str:
    """Return a tensor's name without its net's wrappers, which differ with the pictures' size."""
    while name.startswith("net."):
        name = name.removeprefix("net.")
    return name
