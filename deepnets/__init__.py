"""Deep nets: one file for each family; `deepnets.training` trains them.

Every file in this folder is imported, so a net is added by adding a file. That does not import
torch; making a net does.
"""

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines import classifier, device
from deepnets.registry import ARCHITECTURES, TIMM, Architecture, architecture, register

if TYPE_CHECKING:
    from deepnets.training.classifier import NetClassifier

__all__ = ["ARCHITECTURES", "TIMM", "Architecture", "architecture", "files", "make", "register"]


def make(name: str, /, **settings: Any) -> "NetClassifier":
    """Make the unfitted classifier of a registered net, or of ``timm:NAME``.

    See `NetClassifier.with_settings` for the settings; the error is a ValueError.
    """
    from deepnets.training.classifier import NetClassifier

    return NetClassifier.with_settings(name, settings)


def files(name: str) -> set[Path]:
    """Files with the code that computes a net: its own, and those that all nets share."""
    folder = Path(__file__).parent
    own = Path(inspect.getfile(architecture(name).builder))
    with_classical = {Path(str(each.__file__)) for each in (classifier, device)}
    shared = {folder / "registry.py", *(folder / "training").glob("*.py")}
    return {own, *with_classical, *shared}


for _file in pkgutil.iter_modules(__path__):
    if not _file.ispkg:
        importlib.import_module(f"{__name__}.{_file.name}")
