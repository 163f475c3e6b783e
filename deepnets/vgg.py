"""VGG (Simonyan and Zisserman, arXiv:1409.1556), from torchvision's convolutions."""

from deepnets.registry import Module, register


@register("vgg19", family="VGG", smallest=32, depth=19)
@register("vgg16", family="VGG", smallest=32, depth=16)
@register("vgg13", family="VGG", smallest=32, depth=13)
@register("vgg11", family="VGG", smallest=32, depth=11)
def vgg(
    n_classes: int,
    size: int,
    depth: int,
    batch_norm: bool = True,
    hidden: int = 0,
    dropout: float = 0.5,
) -> Module:
    """Build a VGG whose five poolings end at ``size / 32`` pixels, averaged to one.

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

    published = {11: "A", 13: "B", 16: "D", 19: "E"}[depth]
    net = parts.VGG(parts.make_layers(parts.cfgs[published], batch_norm), n_classes)
    net.avgpool = nn.AdaptiveAvgPool2d(1)
    widths = [512, *([hidden, hidden] if hidden else [])]
    head: list[Module] = []
    for n_in, n_out in zip(widths, [*widths[1:], n_classes], strict=True):
        head += [nn.Dropout(dropout), nn.Linear(n_in, n_out), nn.ReLU(inplace=True)]
    net.classifier = nn.Sequential(*head[:-1])
    return net
