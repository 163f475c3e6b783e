"""A run's fitted model on disk, with what its pictures must be and what its answers mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.core.records import Record, to_text


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
    (draft / "model.json").write_text(to_text(use))
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
        If the file asks for code that is neither ours nor scikit-learn's or numpy's.
    """
    weights = home / "model.safetensors"
    if weights.is_file():
        import deepnets

        return deepnets.load(weights)
    import skops.io

    path = home / "model.skops"
    asked = skops.io.get_untrusted_types(file=path)
    trusted = "baselines", "numpy", "sklearn"
    if foreign := [name for name in asked if name.split(".")[0] not in trusted]:
        raise ValueError(
            f"{path} asks for {', '.join(foreign)}: it was not written by this project"
        )
    return skops.io.load(path, trusted=asked)
