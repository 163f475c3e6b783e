"""A data set without the pictures of one of its classes."""

from __future__ import annotations

import dataclasses

from datasets import subset
from datasets.dataset import Dataset, assemble
from datasets.errors import InputError


def without_class(dataset: Dataset, class_name: str) -> Dataset:
    """Leave a class out, as studies do that have no neutral faces; `Dataset.remarks` says so.

    Raises
    ------
    InputError
        If no picture is of that class, or fewer than two classes are left.
    """
    shown = {name: count for name, count in dataset.class_counts.items() if count}
    if class_name not in shown:
        raise InputError(
            f"{dataset.name} shows no class '{class_name}' that could be left out: "
            f"it shows {', '.join(shown)}"
        )
    classes = tuple(name for name in dataset.class_names if name != class_name)
    rows = subset.showing(dataset, classes)
    rest = assemble(
        f"{dataset.name}-without-{class_name}",
        subset.listing(dataset, rows, classes),
        subset.packed([(dataset, rows)]),
        dataset.source,
        generated=dataset.generated,
        remarks=(*dataset.remarks, f"without {shown[class_name]:,} {class_name}, as asked"),
    )
    return dataclasses.replace(rest, left_out=dataset.left_out)
