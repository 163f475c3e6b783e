"""MedMNIST's arrays of medical pictures: one ``.npz`` file a set, in three parts.

Yang et al., "MedMNIST v2", Scientific Data 10, 2023 (medmnist.com). The flat sets of one label a
picture are read; the files do not name the classes, so they are called by their numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets import limits
from datasets.dataset import Part
from datasets.errors import InputError
from datasets.packing import Listing
from datasets.pictures import Stack, open_arrays
from datasets.registry import register

PARTS = {"train": Part.TRAINING, "val": Part.VALIDATION, "test": Part.TEST}
ARRAYS = tuple(f"{part}_{what}" for part in PARTS for what in ("images", "labels"))


def _files(root: Path) -> list[Path]:
    return sorted(root.glob("*mnist*.npz"))


@register(
    "medmnist",
    described="MedMNIST",
    folder_variable="MEDMNIST_DIR",
    looks_like=lambda root: bool(_files(root)),
    get="get them from medmnist.com, a file such as bloodmnist.npz",
    faces=False,
)
def medmnist(root: Path) -> Listing:
    """List the one file of a folder."""
    found = _files(root)
    if len(found) != 1:
        names = f"holds {', '.join(path.name for path in found)}" if found else "holds none"
        raise InputError(f"{root} {names}: put one of MedMNIST's .npz files in a folder of its own")
    path = found[0]
    try:
        with open_arrays(path, limits.ARRAY_BYTES) as file:
            arrays = {name: file[name] for name in ARRAYS}
    except InputError:
        raise
    except Exception as error:  # whatever else damage makes numpy, zip and its codecs raise
        raise InputError(f"{path} is no file of MedMNIST ({error}): get it again") from error
    images = [np.atleast_1d(arrays[f"{part}_images"]) for part in PARTS]
    for part, some in zip(PARTS, images, strict=True):
        numbers = arrays[f"{part}_labels"]
        if numbers.ndim == 0 or len(numbers) != len(some) or numbers.dtype.kind not in "iu":
            raise InputError(f"{path} has no whole number for each picture of {part}: get it again")
        if 0 in some.shape:
            raise InputError(f"{path} has no pictures in {part}: get it again")
    labels = [
        arrays[f"{part}_labels"].reshape(len(some), -1)
        for part, some in zip(PARTS, images, strict=True)
    ]
    flat = all(each.ndim == 3 or (each.ndim == 4 and each.shape[3] == 3) for each in images)
    if not flat or any(each.dtype != np.uint8 for each in images):
        raise InputError(f"{path} has no flat grey or colour pictures of 8 bits: name another set")
    if len({each.shape[1:] for each in images}) > 1:
        raise InputError(f"{path} has pictures of several forms: get it again")
    if sum(map(len, images)) > limits.PICTURES:
        raise InputError(f"{path} has more than {limits.PICTURES:,} pictures: name another set")
    if any(each.shape[1] != 1 for each in labels):
        raise InputError(f"{path} has several labels a picture: name a set that has one")
    numbers = np.concatenate(labels)[:, 0].astype(np.int64)
    if not 0 <= numbers.min() <= numbers.max() < limits.CLASSES:
        raise InputError(f"{path} has labels that are no numbers of classes: get it again")
    parts = np.repeat([*PARTS.values()], [len(each) for each in images])
    ids = [
        f"{part}{row}" for part, some in zip(PARTS, images, strict=True) for row in range(len(some))
    ]
    return Listing(
        Stack(np.concatenate(images), str(path)),
        ids,
        numbers.tolist(),
        tuple(map(str, range(numbers.max() + 1))),
        parts=parts.tolist(),
        name=path.stem,
        described=f"MedMNIST's {path.stem}",
    )
