"""Small modules the nets share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.inception import BasicConv2d


class Standardised(nn.Module):
    """A net behind the scaling of its input: uint8 pictures to mean 0 and deviation 1 a channel."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: nn.Module, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", mean.view(1, 3, 1, 1))
        self.register_buffer("deviation", deviation.view(1, 3, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map uint8 pictures ``(n, 3, size, size)`` to logits."""
        scaled = (pictures.float() - self.mean) / self.deviation
        return self.net(scaled.contiguous(memory_format=torch.channels_last))


class Float32Conv2d(nn.Conv2d):
    """A convolution computed in float32 wherever it stands."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Convolve."""
        with torch.autocast(pictures.device.type, enabled=False):
            return super().forward(pictures.float())


def spare_slow_bf16(net: nn.Module) -> None:
    """Keep in float32 the convolutions whose bfloat16 gradient is slow on a CPU.

    Of grouped convolutions only those of 3x3 at stride 1 are fast in bfloat16; a strided one takes
    over ten times its float32 time (docs/performance.md).
    """
    for module in net.modules():
        if type(module) is nn.Conv2d and module.groups > 1:
            fast = module.kernel_size == (3, 3) and module.stride == (1, 1)
            if not fast:
                module.__class__ = Float32Conv2d


def spare_compiled_kernels(net: nn.Module) -> None:
    """Let a card make depthwise convolutions by PyTorch's own kernels, which are there.

    cuDNN's, which PyTorch asks for where channels lie last, are compiled by each process that needs
    them (docs/performance.md). Where pictures and weights lie plane by plane, it takes its own.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            # Of one plane a filter, weights with channels last count as such until they are viewed.
            module.weight.data = module.weight.data.flatten(1).view(module.weight.shape)
            module.register_forward_pre_hook(_plane_by_plane)


def _plane_by_plane(module: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    return (given[0].contiguous(),)


class Resized(nn.Module):
    """A net behind a bilinear change of the picture's size."""

    def __init__(self, net: nn.Module, size: int) -> None:
        super().__init__()
        self.net = net
        self.size = size

    def forward(self, pictures: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map pictures of any size to what the net says of them at its own."""
        return self.net(
            functional.interpolate(
                pictures, (self.size, self.size), mode="bilinear", antialias=True
            )
        )


class SmallMapAuxiliary(nn.Module):
    """InceptionV3's auxiliary head for maps of a few pixels: padded, without its first pooling."""

    def __init__(self, in_channels: int, n_classes: int) -> None:
        super().__init__()
        self.conv0 = BasicConv2d(in_channels, 128, kernel_size=1)
        self.conv1 = BasicConv2d(128, 768, kernel_size=5, padding=2)
        self.fc = nn.Linear(768, n_classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Logits from the maps before the last grid reduction."""
        maps = functional.adaptive_avg_pool2d(self.conv1(self.conv0(maps)), 1)
        return self.fc(maps.flatten(1))


def start_small(heads: nn.Module | Sequence[nn.Module]) -> None:
    """Set the last layer's weights to nothing, so that a net finds all classes as likely at first.

    Some families of timm start with weights scaled for a thousand classes, and spend their first
    epochs on undoing them. Nothing is how "Big Transfer" (Kolesnikov et al., ECCV 2020) starts the
    head of a net that is fine-tuned.

    Parameters
    ----------
    heads : nn.Module or sequence of them
        What timm's ``get_classifier`` returns.
    """
    for head in heads if isinstance(heads, Sequence) else (heads,):
        for layer in head.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                nn.init.zeros_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
