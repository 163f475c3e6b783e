"""The net of the Group 6 slides on FER-2013."""

from deepnets.registry import Module, register

POOLED = 6  # pixels of the maps that are flattened: those of 48 pixels after three poolings


@register("group6-cnn", family="CNN", smallest=8)
def group6(n_classes: int, size: int, dropout: float = 0.25, head_dropout: float = 0.5) -> Module:
    """Build blocks of two 3x3 convolutions, each pooled and with dropout, and a hidden layer.

    The slides break off before the last block; it goes on to 256 filters here.

    Parameters
    ----------
    dropout, head_dropout : float
        Share dropped after each block, and before the last layer.
    """
    from torch import nn

    layers: list[Module] = []
    n_in = 3
    for narrow, wide in ((32, 64), (128, 128), (256, 256)):
        layers += [nn.Conv2d(n_in, narrow, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(narrow, wide, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(wide)]
        layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        n_in = wide
    layers += [nn.AdaptiveAvgPool2d(POOLED), nn.Flatten()]
    layers += [nn.Linear(n_in * POOLED**2, 512), nn.ReLU(), nn.Dropout(head_dropout)]
    return nn.Sequential(*layers, nn.Linear(512, n_classes))
