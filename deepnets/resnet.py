"""ResNet (arXiv:1512.03385) and SE-ResNet (arXiv:1709.01507), from timm."""

from deepnets.registry import Module, check_choice, register


@register("seresnet34", family="SE-ResNet", timm_name="seresnet34")
@register("seresnet18", family="SE-ResNet", timm_name="seresnet18")
@register("resnet18", family="ResNet", timm_name="resnet18")
def resnet(
    n_classes: int,
    size: int,
    timm_name: str,
    stem: str = "3x3-pool",
    width: float = 1.0,
    dropout: float = 0.0,
) -> Module:
    """Build a residual net of timm with a stem for small pictures.

    Parameters
    ----------
    timm_name : str
        timm's name.
    stem : {"published", "7x7", "3x3-pool", "3x3"}
        First convolution (7x7 at stride 2 as published, or 3x3 at stride 1) and whether its maps
        are pooled by 2.
    width : float
        Share of each stage's channels; the first convolution keeps its 64.
    dropout : float
        Share of the last layer's inputs dropped.
    """
    import timm
    from torch import nn

    check_choice("stem", stem, ("published", "7x7", "3x3-pool", "3x3"))
    channels = tuple(max(round(width * usual), 8) for usual in (64, 128, 256, 512))
    net = timm.create_model(timm_name, num_classes=n_classes, channels=channels, drop_rate=dropout)
    if stem.startswith("3x3"):
        net.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
    if stem != "published":
        net.maxpool = nn.MaxPool2d(2) if stem == "3x3-pool" else nn.Identity()
    return net
