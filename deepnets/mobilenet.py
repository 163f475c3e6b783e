"""MobileNet (Howard et al., arXiv:1704.04861), from timm."""

from deepnets.registry import Module, register


@register("mobilenet", family="MobileNet")
def mobilenet(
    n_classes: int,
    size: int,
    width: float = 1.0,
    resolution: float = 1.0,
    stem_stride: int = 1,
    dropout: float = 0.0,
) -> Module:
    """Build depthwise separable convolutions with the paper's two multipliers.

    Parameters
    ----------
    width : float in (0, 1]
        The paper's alpha: share of each layer's channels.
    resolution : float in (0, 1]
        The paper's rho: share of the picture's width and height.
    stem_stride : int
        Stride of the first convolution; published: 2.
    dropout : float
        Share of the last layer's inputs dropped.

    Raises
    ------
    ValueError
        If a multiplier is outside (0, 1].
    """
    from timm.models.efficientnet import _gen_mobilenet_v1

    from deepnets.training.layers import Resized

    for name, value in (("width", width), ("resolution", resolution)):
        if not 0 < value <= 1:
            raise ValueError(f"mobilenet's {name} multiplier is {value}: it must be in (0, 1]")
    net = _gen_mobilenet_v1(
        "mobilenetv1_100", channel_multiplier=width, num_classes=n_classes, drop_rate=dropout
    )
    net.conv_stem.stride = (stem_stride, stem_stride)
    # timm scales this layer's first weights for a thousand classes: for eight they are so large
    # that the first epochs go into undoing them (docs/nets.md).
    net.classifier.reset_parameters()
    return net if resolution == 1 else Resized(net, max(round(size * resolution), 8))
