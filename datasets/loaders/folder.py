"""Any folder of pictures: ``root/<class>/*``, or divided as ``root/{train,val,test}/<class>/*``."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from datasets import crops
from datasets.cache import Packed
from datasets.dataset import LOADERS, Dataset, Listing, Part, assemble, register
from datasets.errors import InputError
from datasets.images import SUFFIXES
from datasets.loaders import places

PARTS = {
    "train": Part.TRAINING,
    "training": Part.TRAINING,
    "val": Part.VALIDATION,
    "valid": Part.VALIDATION,
    "validation": Part.VALIDATION,
    "test": Part.TEST,
    "testing": Part.TEST,
}


@dataclass(frozen=True)
class Found:
    """Pictures of a folder, an entry a picture.

    Attributes
    ----------
    ids : list of str
        File names from the folder on.
    classes : list of str
        Name of the class folder each is in.
    parts : list of Part, or None
        Of the official split; None where the folder is undivided.
    """

    ids: list[str]
    classes: list[str]
    parts: list[Part] | None


def find(folder: Path) -> Found:
    """Find the pictures of a folder.

    A folder has no order of its own, so rows are put in the order of a hash of their names: classes
    are mixed, as the slides' "first 500 rows" needs, and a new picture does not move the others.

    Raises
    ------
    InputError
        If there are fewer than two class folders, or one holds no picture.
    """
    inside = _folders(folder)
    divided = bool(inside) and {name.lower() for name in inside} <= set(PARTS)
    rows = []
    for top in inside if divided else [""]:
        part = PARTS[top.lower()] if divided else None
        class_names = _folders(folder / top)
        if len(class_names) < (1 if divided else 2):
            raise _too_few(folder / top, len(class_names))
        for class_name in class_names:
            prefix = f"{top}/{class_name}" if divided else class_name
            rows += [(f"{prefix}/{name}", class_name, part) for name in _pictures(folder / prefix)]
    rows.sort(key=lambda row: _order(row[0]))
    return Found(
        [name for name, _, _ in rows],
        [class_name for _, class_name, _ in rows],
        [part for _, _, part in rows if part is not None] if divided else None,
    )


def _too_few(folder: Path, n: int) -> InputError:
    return InputError(
        f"{folder} has {n} class folders: put the pictures of each class in a "
        f"folder of its own, as in {folder.name}/<class>/<picture>.jpg"
    )


def _folders(folder: Path) -> list[str]:
    return [name for name in _visible(folder) if (folder / name).is_dir()]


def _pictures(folder: Path) -> list[str]:
    pictures = [name for name in _visible(folder) if name.lower().endswith(tuple(SUFFIXES))]
    if not pictures:
        raise InputError(
            f"class folder {folder} holds no pictures "
            f"({', '.join(sorted(SUFFIXES))}): add some or remove the folder"
        )
    return pictures


def _visible(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:  # no Path a picture: they would take more memory than it
        return sorted(entry.name for entry in entries if not entry.name.startswith("."))


def _order(name: str) -> bytes:
    return hashlib.sha256(os.fsencode(name)).digest()


def packed(folder: Path, found: Found, size: int, crop: str) -> Packed:
    """Packed pictures of what was found; raises as `datasets.loaders.places.packed` does."""
    paths = [f"{folder}/{name}" for name in found.ids]
    return places.packed(paths, size, crop, "it went away while being read")


@register("folder")
def load(folder: Path | None, size: int, crop: str) -> Dataset:
    """Load a folder of class folders, divided into parts or not.

    Parameters
    ----------
    folder : Path or None
        Where the class folders are; None is an error, a folder has no usual place.
    size : int
        Width and height in pixels.
    crop : str
        One of `crops.CROPS`.

    Raises
    ------
    InputError
        If there are no class folders, one holds no picture, or pictures cannot be read.
    """
    if folder is None:
        raise InputError("'folder' needs to know which: give --data the folder's path itself")
    found = find(folder)
    classes = tuple(sorted(set(found.classes)))
    number = {class_name: label for label, class_name in enumerate(classes)}
    labels = [number[class_name] for class_name in found.classes]
    name = folder.resolve().name
    return assemble(
        # A folder must not pass for a set that is known by its name, nor for a cropped one.
        f"{name}-folder" if name in LOADERS or crops.parted(name)[1] != crops.NONE else name,
        Listing(found.ids, labels, classes, root=folder, parts=found.parts),
        packed(folder, found, size, crop),
        f"pictures in {name}/",
    )
