"""InceptionV3 (Szegedy et al., arXiv:1512.00567), from torchvision."""

from deepnets.registry import Module, check_choice, register


@register(
    "inceptionv3",
    family="Inception",
    smallest=32,
    settings={"auxiliary_weight": 0.4, "label_smoothing": 0.1},
)
def inceptionv3(
    n_classes: int, size: int, stem: str = "stride1-pool", dropout: float = 0.5
) -> Module:
    """Build its 42 layers of factorised convolutions, with an auxiliary head.

    Section 8 of the paper keeps the cost of a smaller picture equal by reducing the stride of the
    first layer to 1, and further by taking out the pooling after it.

    Parameters
    ----------
    stem : {"resized", "stride1-pool", "stride1"}
        Enlarge the picture to the smallest the published net accepts, or the paper's two recipes.
    dropout : float
        Share of the last layer's inputs dropped.
    """
    from torch import nn
    from torchvision.models import Inception3

    from deepnets.training.layers import Resized, SmallMapAuxiliary

    check_choice("stem", stem, ("resized", "stride1-pool", "stride1"))
    net = Inception3(n_classes, aux_logits=True, init_weights=False, dropout=dropout)
    net.AuxLogits = SmallMapAuxiliary(768, n_classes)
    if stem == "resized":
        return Resized(net, max(size, 75))
    for layer in (net.Conv2d_1a_3x3, net.Conv2d_2a_3x3, net.Conv2d_4a_3x3):
        layer.conv.stride, layer.conv.padding = (1, 1), (1, 1)
    net.maxpool1 = nn.MaxPool2d(3, 2, padding=1) if stem == "stride1-pool" else nn.Identity()
    net.maxpool2 = nn.MaxPool2d(3, 2, padding=1)
    return net
