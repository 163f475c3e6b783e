"""GoogLeNet (Szegedy et al., arXiv:1409.4842), from torchvision."""

from deepnets.registry import Module, check_choice, register


@register("googlenet", family="GoogLeNet", settings={"auxiliary_weight": 0.3})
def googlenet(n_classes: int, size: int, stem: str = "3x3-pool", dropout: float = 0.2) -> Module:
    """Build its 22 layers with two auxiliary heads, weighted 0.3 as published.

    Parameters
    ----------
    stem : {"published", "3x3-pool", "3x3"}
        First convolution (stride 2 as published, or 1) and whether its maps are pooled by 2.
    dropout : float
        Share of the last layer's inputs dropped.
    """
    from torch import nn
    from torchvision.models import GoogLeNet
    from torchvision.models.googlenet import BasicConv2d

    check_choice("stem", stem, ("published", "3x3-pool", "3x3"))
    net = GoogLeNet(n_classes, aux_logits=True, init_weights=False, dropout=dropout)
    if stem != "published":
        net.conv1 = BasicConv2d(3, 64, kernel_size=3, padding=1)
        if stem == "3x3":
            net.maxpool1 = nn.Identity()
    return net
