"""Deep nets: one file for each family; `deepnets.training` trains them.

Every file in this folder is imported, so a net is added by adding a file. That does not import
torch; making a net does.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines import classifier, device, hog, mirror
from deepnets.registry import (
    ARCHITECTURES,
    FAMILIES,
    FINE_TUNED,
    FROZEN,
    PACKAGED,
    TIMM,
    USUAL_BUDGET,
    Architecture,
    architecture,
    is_of_timm,
    register,
)
from deepnets.stored import check_options, check_weights, load

if TYPE_CHECKING:
    from deepnets.training.classifier import NetClassifier
    from deepnets.training.frozen import FrozenClassifier

__all__ = [
    "ARCHITECTURES",
    "FAMILIES",
    "FINE_TUNED",
    "FROZEN",
    "PACKAGED",
    "TIMM",
    "USUAL_BUDGET",
    "Architecture",
    "architecture",
    "files",
    "is_of_timm",
    "load",
    "make",
    "portfolio",
    "register",
]


def make(name: str, /, **settings: Any) -> "NetClassifier | FrozenClassifier":
    """Make the unfitted classifier of a registered net, or of one of timm.

    See `with_settings` of the two classes for the settings; the error is a ValueError.
    """
    if settings.get("weights"):
        check_weights(settings["weights"])
    check_options(name, settings.keys() - {"pretrained"})  # which is a setting of ours
    if name.startswith(FROZEN):
        from deepnets.training.frozen import FrozenClassifier

        return FrozenClassifier.with_settings(name, settings)
    from deepnets.training.classifier import NetClassifier

    return NetClassifier.with_settings(name, settings)


def portfolio(name: str, starts_from_weights: bool = False) -> tuple[Mapping[str, Any], ...]:
    """Return settings of a net worth trying in place of its recipe's under fair, the best first."""
    if name.startswith(FROZEN):
        from deepnets.training.frozen import PORTFOLIO

        return PORTFOLIO
    from deepnets.training.recipes import FINE_TUNING, HOUSE, PORTFOLIOS

    tuned = starts_from_weights or architecture(name).settings.get("pretrained")
    return PORTFOLIOS[FINE_TUNING if tuned else HOUSE]


def files(name: str) -> set[Path]:
    """Files with the code that computes a net: its own, and those that all nets share."""
    folder = Path(__file__).parent
    own = Path(inspect.getfile(architecture(name).builder))
    of_heads = [hog] if name.startswith(FROZEN) else []
    with_classical = {Path(str(each.__file__)) for each in (classifier, device, mirror, *of_heads)}
    shared = {folder / "registry.py", *(folder / "training").glob("*.py")}
    return {own, *with_classical, *shared}


for _file in pkgutil.iter_modules(__path__):
    if not _file.ispkg:
        importlib.import_module(f"{__name__}.{_file.name}")
