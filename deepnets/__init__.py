"""Deep nets: one file for each family; `deepnets.training` trains them.

Importing this package does not import torch; building a net does.
"""

# Each registers its nets; a new family is a new file here.
from deepnets import (  # noqa: F401
    any_timm,
    googlenet,
    group6,
    inception,
    mobilenet,
    poster,
    raf_db_report,
    resnet,
    vgg,
)
from deepnets.registry import ARCHITECTURES, TIMM, Architecture, architecture, register

__all__ = ["ARCHITECTURES", "TIMM", "Architecture", "architecture", "register"]
