"""Classical classifiers of pictures: one file per family, every model a scikit-learn classifier.

Every file in this folder is imported, so a model is added by adding a file.
"""

import importlib
import pkgutil

from baselines.registry import BASELINES, Baseline, files, make, portfolio, register

__all__ = ["BASELINES", "Baseline", "files", "make", "portfolio", "register"]

for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")
