"""The nets of the RAF-DB report and of its template: plain convolutions, squeeze, residuals.

The report gives the layers in words; their widths are those of its authors' public code, which the
parameter counts in the tests are of.
"""

import itertools

from deepnets.registry import Module, register

WIDTHS = (64, 128, 256, 512)
REDUCTION = 16  # of the channels, in the layers that weight them
RESIDUAL_WIDTHS = (64, 128, 256, 512, 1024, 2048)


@register("cnn3", family="CNN", smallest=8, depth=3)
@register("cnn-se", family="CNN", smallest=16, squeeze=True)
@register("cnn", family="CNN", smallest=16)
def cnn(
    n_classes: int,
    size: int,
    depth: int = 4,
    squeeze: bool = False,
    dropout: float = 0.2,
    head_dropout: float = 0.5,
) -> Module:
    """Build pooled 3x3 convolutions with batch normalisation, and three linear layers.

    Parameters
    ----------
    depth : int
        Convolutions: four in the report, three in its template.
    squeeze : bool
        Whether the first convolution's channels are weighted (squeeze and excitation,
        arXiv:1709.01507).
    dropout, head_dropout : float
        Share dropped after each pooling, and between the linear layers.
    """
    from timm.layers import SqueezeExcite
    from torch import nn

    layers: list[Module] = []
    n_in = 3
    for width in WIDTHS[:depth]:
        layers += [nn.Conv2d(n_in, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        if squeeze and n_in == 3:
            layers += [SqueezeExcite(width, rd_channels=width // REDUCTION, bias=False)]
        layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
        n_in = width
    return nn.Sequential(*layers, *_head(n_in, 2 * n_in, n_in, n_classes, head_dropout))


@register("cnn-se-residual", family="CNN")
def residual(n_classes: int, size: int, head_dropout: float = 0.5) -> Module:
    """Build a convolution with weighted channels, and residual blocks that each halve the map."""
    from timm.layers import SqueezeExcite
    from timm.models.resnet import BasicBlock, downsample_conv
    from torch import nn

    first = RESIDUAL_WIDTHS[0]
    layers: list[Module] = [nn.Conv2d(3, first, 3, padding=1), nn.BatchNorm2d(first), nn.ReLU()]
    layers += [SqueezeExcite(first, rd_channels=first // REDUCTION, bias=False)]
    for n_in, width in itertools.pairwise(RESIDUAL_WIDTHS):
        shortcut = downsample_conv(n_in, width, kernel_size=1, stride=2)
        layers.append(BasicBlock(n_in, width, stride=2, downsample=shortcut))
    widest = RESIDUAL_WIDTHS[-1]
    return nn.Sequential(*layers, *_head(widest, 2 * widest, widest, n_classes, head_dropout))


def _head(n_in: int, hidden: int, last: int, n_classes: int, dropout: float) -> list[Module]:
    from torch import nn

    layers: list[Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers += [nn.Linear(n_in, hidden), nn.ReLU(), nn.Dropout(dropout)]
    layers += [nn.Linear(hidden, last), nn.ReLU(), nn.Dropout(dropout)]
    return [*layers, nn.Linear(last, n_classes)]
