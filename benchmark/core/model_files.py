"""A run's fitted model on disk, with what its pictures must be and what its answers mean."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.records import Record, to_text
from datasets import limits

# What is asked for besides scikit-learn's estimators, which skops knows, and classes of ours.
TRUSTED = frozenset({"sklearn.tree._tree.Tree"})
OURS = "baselines."
TIGHTEST = 4  # times that a file of a model may be larger once it is unpacked


def save(draft: Path, model: Any, record: Record) -> None:
    """Save a fitted model, a net as ``.safetensors`` and others by skops: nothing is pickled."""
    names = [*record.dataset.class_counts]
    trained = record.measured.trained_classes if record.measured else ()
    use = {
        "class_names": [names[i] for i in trained],  # a column of its answers each
        "size": record.dataset.size,
        "crop": record.dataset.crop,
        "pictures": "uint8, RGB planes, (n, 3, size, size), cropped and stretched to the size",
    }
    (draft / "model.json").write_text(to_text(use), encoding="utf-8")
    if hasattr(model, "save"):
        model.save(draft / "model.safetensors")
    else:
        import skops.io

        skops.io.dump(model, draft / "model.skops")


def load(home: Path) -> Any:
    """Load the fitted model that a run's folder holds, ready to predict.

    Raises
    ------
    ValueError
        If the file asks for anything but estimators of scikit-learn and classes that we define.
    """
    weights = home / "model.safetensors"
    if weights.is_file():
        import deepnets

        return deepnets.load(weights, side=limits.SIDE)
    import skops.io

    path = home / "model.skops"
    with zipfile.ZipFile(path) as packed:  # `dump` packs nothing tighter
        if sum(each.file_size for each in packed.infolist()) > TIGHTEST * path.stat().st_size:
            raise ValueError(f"{path} is packed tighter than this project writes models")
    asked = skops.io.get_untrusted_types(file=path)
    if foreign := [name for name in asked if name not in TRUSTED and not _is_ours(name)]:
        raise ValueError(
            f"{path} asks for {', '.join(foreign)}: it was not written by this project"
        )
    return skops.io.load(path, trusted=asked)


def check(model: Any, record: Record) -> None:
    """See that a model can be that of a run: it knows the classes, and answers about a picture.

    Raises
    ------
    ValueError
        What is wrong with it; what is no model at all raises whatever it likes.
    """
    classes = np.asarray(model.classes_)
    trained = [*record.measured.trained_classes] if record.measured else []
    if classes.dtype.kind != "i" or classes.tolist() != trained:
        raise ValueError("it is no model of the classes that the run was shown")
    size = record.dataset.size
    answers = np.asarray(model.predict_proba(np.zeros((1, 3, size, size), np.uint8)))
    if answers.shape != (1, len(trained)) or not np.isfinite(answers).all():
        raise ValueError("it answers with no probability of each class")


def _is_ours(name: str) -> bool:
    """Whether a class is defined, and not only imported, in one of our modules of models."""
    module, _, of_class = name.rpartition(".")
    if not module.startswith(OURS):
        return False
    try:
        found = getattr(importlib.import_module(module), of_class, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__ == module
