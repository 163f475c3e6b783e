"""Any folder of pictures with one folder a class: ``root/<class>/*``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from datasets.dataset import LOADERS, Dataset, Listing, assemble, register
from datasets.errors import InputError
from datasets.files import packed
from datasets.images import SUFFIXES

DIVIDED = {"train", "training", "val", "valid", "validation", "test", "testing"}


def _visible(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:  # no Path a picture: they would take more memory than it
        return sorted(entry.name for entry in entries if not entry.name.startswith("."))


def _order(name: str) -> bytes:
    return hashlib.sha256(os.fsencode(name)).digest()


@register("folder")
def load(folder: Path | None, size: int) -> Dataset:
    """Load ``folder/<class>/<picture>``, every sub-folder a class.

    A folder has no order of its own, so rows are put in the order of a hash of their names: classes
    are mixed, as the slides' "first 500 rows" needs, and a new picture does not move the others.

    Parameters
    ----------
    folder : Path or None
        Where the class folders are; None is an error, a folder has no usual place.
    size : int
        Width and height in pixels.

    Raises
    ------
    InputError
        If there are no class folders, one holds no picture, or pictures cannot be read.
    """
    if folder is None:
        raise InputError("'folder' needs to know which: give --data the folder's path itself")
    classes = tuple(name for name in _visible(folder) if (folder / name).is_dir())
    if len(classes) < 2:
        raise InputError(
            f"{folder} has {len(classes)} class folders: put the pictures of each class in a "
            f"folder of its own, as in {folder.name}/<class>/<picture>.jpg"
        )
    if {name.lower() for name in classes} <= DIVIDED:
        raise InputError(
            f"{folder} is divided into {', '.join(classes)} already, which "
            "the protocols do themselves: put the class folders together, or name one of the parts"
        )
    rows = []
    for label, class_name in enumerate(classes):
        names = _visible(folder / class_name)
        pictures = [name for name in names if name.lower().endswith(tuple(SUFFIXES))]
        if not pictures:
            raise InputError(
                f"class folder {folder / class_name} holds no pictures "
                f"({', '.join(sorted(SUFFIXES))}): add some or remove the folder"
            )
        rows += [(f"{class_name}/{name}", label) for name in pictures]
    rows.sort(key=lambda row: _order(row[0]))
    ids = [name for name, _ in rows]
    name = folder.resolve().name
    return assemble(
        # A folder must not pass for a set that is known by its name.
        f"{name}-folder" if name in LOADERS else name,
        Listing(ids, [label for _, label in rows], classes, root=folder),
        packed([f"{folder}/{name}" for name in ids], size, "it went away while being read"),
        f"pictures in {name}/",
    )
