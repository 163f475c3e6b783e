"""The nets of the FER-2013 poster: a small one, and a VGG of five blocks, fine-tuned or not."""

from deepnets.registry import Module, register


@register("poster-baseline", family="CNN", smallest=4)
def baseline(n_classes: int, size: int, hidden: int = 128) -> Module:
    """Build two pooled 3x3 convolutions and a hidden layer; the poster only says "small".

    Parameters
    ----------
    hidden : int
        Width of the hidden layer.
    """
    from torch import nn

    layers: list[Module] = [nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    layers += [nn.Linear(64 * (size // 4) ** 2, hidden), nn.ReLU(), nn.Linear(hidden, n_classes)]
    return nn.Sequential(*layers)


@register(
    "poster-vgg-finetuned",
    family="VGG",
    smallest=32,
    settings={"pretrained": True},
    hub="vgg16_bn",
    head=("head.",),
)
@register("poster-vgg", family="VGG", smallest=32)
def vgg(
    n_classes: int,
    size: int,
    batch_norm: bool = True,
    hidden: int = 512,
    dropout: float = 0.5,
) -> Module:
    """Build VGG16's five blocks of 3x3 convolutions, with dropout and one hidden layer.

    Parameters
    ----------
    batch_norm : bool
        Batch normalisation after each convolution; the poster's net has none.
    hidden : int
        Width of the hidden layer.
    dropout : float
        Share of its inputs dropped.
    """
    from collections import OrderedDict

    from torch import nn
    from torchvision.models import vgg as parts

    features = parts.make_layers(parts.cfgs["D"], batch_norm)
    head: list[Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)]
    head += [nn.Linear(512, hidden), nn.ReLU(), nn.Linear(hidden, n_classes)]
    # Named as VGG16's published weights are.
    return nn.Sequential(OrderedDict(features=features, head=nn.Sequential(*head)))
