"""Deep nets: one file per family, the training loop, and the estimator that wraps both.

Every file of a family is imported, so a net is added by adding a file. Importing this package does
not import torch; building a net does.
"""

import importlib
import pkgutil

from deepnets.registry import ARCHITECTURES, TIMM, Architecture, architecture, register

__all__ = ["ARCHITECTURES", "TIMM", "Architecture", "architecture", "register"]

_NEEDS_TORCH = {
    "augment",
    "backend",
    "balance",
    "capture",
    "classifier",
    "engine",
    "layers",
    "optimise",
    "pretrained",
    "recipes",
}

for _file in pkgutil.iter_modules(__path__):
    if _file.name not in _NEEDS_TORCH:
        importlib.import_module(f"{__name__}.{_file.name}")
