"""VGG (Simonyan and Zisserman, arXiv:1409.1556), from torchvision's convolutions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from deepnets.registry import register

if TYPE_CHECKING:
    from torch import nn


def vgg(
    n_classes: int,
    size: int,
    depth: int,
    batch_norm: bool = True,
    hidden: int = 0,
    dropout: float = 0.5,
) -> nn.Module:
    """VGG whose five poolings end at ``size / 32`` pixels, averaged to one.

    Parameters
    ----------
    depth : int
        11, 13, 16 or 19 weighted layers, as published with the three-layer head.
    batch_norm : bool
        Batch normalisation after each convolution; the published nets have none.
    hidden : int
        Width of the head's two hidden layers; 0 for a linear head. Published: 4096.
    dropout : float
        Share of the head's inputs dropped.
    """
    from torch import nn
    from torchvision.models import vgg as parts

    features = parts.make_layers(
        parts.cfgs[{11: "A", 13: "B", 16: "D", 19: "E"}[depth]], batch_norm
    )
    net = parts.VGG(features, n_classes)
    net.avgpool = nn.AdaptiveAvgPool2d(1)
    widths = [512, *([hidden, hidden] if hidden else [])]
    head: list[nn.Module] = []
    for n_in, n_out in zip(widths, [*widths[1:], n_classes], strict=True):
        head += [nn.Dropout(dropout), nn.Linear(n_in, n_out), nn.ReLU(inplace=True)]
    net.classifier = nn.Sequential(*head[:-1])
    return net


for depth in (11, 13, 16, 19):
    register(
        f"vgg{depth}",
        family="VGG",
        smallest=32,
        adaptation="batch normalisation, and a linear head in place of two layers of 4096",
    )(partial(vgg, depth=depth))
