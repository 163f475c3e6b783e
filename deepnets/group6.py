"""The net of the Group 6 slides on FER-2013."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepnets.registry import register

if TYPE_CHECKING:
    from torch import nn

POOLED = 6  # pixels of the maps that are flattened: those of 48 pixels after three poolings


@register(
    "group6-cnn",
    family="CNN",
    smallest=8,
    adaptation="blocks go on to 256 filters, where the slides break off; maps pooled to 6x6",
)
def group6(
    n_classes: int, size: int, dropout: float = 0.25, head_dropout: float = 0.5
) -> nn.Module:
    """Blocks of two 3x3 convolutions, batch normalisation, pooling and dropout; a hidden layer.

    Parameters
    ----------
    dropout, head_dropout : float
        Share dropped after each block, and before the last layer.
    """
    from torch import nn

    layers: list[nn.Module] = []
    n_in = 3
    for narrow, wide in ((32, 64), (128, 128), (256, 256)):
        layers += [nn.Conv2d(n_in, narrow, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(narrow, wide, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(wide)]
        layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        n_in = wide
    return nn.Sequential(
        *layers,
        *(nn.AdaptiveAvgPool2d(POOLED), nn.Flatten(), nn.Linear(n_in * POOLED**2, 512), nn.ReLU()),
        *(nn.Dropout(head_dropout), nn.Linear(512, n_classes)),
    )
