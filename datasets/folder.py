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


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _order(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()


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
    classes = [entry for entry in _visible(folder) if entry.is_dir()]
    if len(classes) < 2:
        raise InputError(
            f"{folder} has {len(classes)} class folders: put the pictures of each class in a "
            f"folder of its own, as in {folder.name}/<class>/<picture>.jpg"
        )
    if {entry.name.lower() for entry in classes} <= DIVIDED:
        raise InputError(
            f"{folder} is divided into {', '.join(entry.name for entry in classes)} already, which "
            "the protocols do themselves: put the class folders together, or name one of the parts"
        )
    paths = []
    for entry in classes:
        pictures = [path for path in _visible(entry) if path.suffix.lower() in SUFFIXES]
        if not pictures:
            raise InputError(
                f"class folder {entry} holds no pictures ({', '.join(sorted(SUFFIXES))}): "
                "add some or remove the folder"
            )
        paths += pictures
    ids = [path.relative_to(folder).as_posix() for path in paths]
    order = sorted(range(len(ids)), key=lambda row: _order(ids[row]))
    names = tuple(entry.name for entry in classes)
    name = folder.resolve().name
    return assemble(
        # A folder must not pass for a set that is known by its name.
        f"{name}-folder" if name in LOADERS else name,
        Listing(
            [ids[row] for row in order],
            [names.index(paths[row].parent.name) for row in order],
            names,
        ),
        packed([paths[row] for row in order], size, missing="it went away while being read"),
        f"pictures in {name}/",
    )
