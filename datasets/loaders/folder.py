"""Any folder of pictures: ``root/<class>/*``, or divided as ``root/{train,val,test}/<class>/*``."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.dataset import Part, safe_name
from datasets.errors import InputError
from datasets.images import SUFFIXES
from datasets.packing import Listing
from datasets.pictures import Files
from datasets.registry import LOADERS, register

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
    root : Path
    ids : list of str
        File names from the folder on.
    classes : list of str
        Name of the class folder each is in.
    parts : list of Part, or None
        Of the official split; None where the folder is undivided.
    """

    root: Path
    ids: list[str]
    classes: list[str]
    parts: list[Part] | None

    def listing(self, labels: list[int], class_names: tuple[str, ...], **more: Any) -> Listing:
        """List them with their labels, and whatever else a `Listing` says."""
        files = Files(self.root, self.ids)
        return Listing(
            files, self.ids, labels, class_names, root=self.root, parts=self.parts, **more
        )


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
        folder,
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


@register("folder", described="a folder of pictures", faces=False)
def folder(root: Path | None) -> Listing:
    """List a folder of class folders, divided into parts or not."""
    if root is None:
        raise InputError("'folder' needs to know which: give --data the folder's path itself")
    found = find(root)
    name = safe_name(root.resolve().name)
    # A folder must not pass for a set that is known by its name, nor for what is made of one.
    known = re.split("[-+]", name)[0] in LOADERS
    return found.listing(
        [*map(sorted({*found.classes}).index, found.classes)],
        tuple(sorted({*found.classes})),
        name=f"{name}-folder" if known else name,
        described=f"pictures in {name}/",
    )
