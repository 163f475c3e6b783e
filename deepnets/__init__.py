"""Deep nets: one file per family, the training loop, and the estimator that wraps both.

Importing this package does not import torch; building a net does.
"""

from deepnets import googlenet, inception, mobilenet, resnet, vgg
from deepnets.registry import ARCHITECTURES, TIMM, Architecture, architecture, register

__all__ = [
    "ARCHITECTURES",
    "TIMM",
    "Architecture",
    "architecture",
    "googlenet",
    "inception",
    "mobilenet",
    "register",
    "resnet",
    "vgg",
]
