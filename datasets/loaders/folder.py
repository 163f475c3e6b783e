"""Any folder of pictures: ``root/<class>/*``, or divided as ``root/{train,val,test}/<class>/*``."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from datasets.dataset import Part, safe_name
from datasets.errors import InputError
from datasets.images import SUFFIXES
from datasets.names import readable
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
OF_SYSTEMS = ("Thumbs.db", "desktop.ini")  # which Windows puts beside pictures
Number = Callable[[str, Sequence[str], str], int]  # from a word, the classes and the word's place


def find(
    root: Path,
    class_names: Sequence[str] = (),
    number: Number = lambda word, classes, where: classes.index(word),
) -> Listing:
    """List the pictures of a folder of class folders, divided into parts or not.

    A folder has no order of its own, so rows are put in the order of a hash of their names: classes
    are mixed, as the slides' "first 500 rows" needs, and a new picture does not move the others.

    The classes are `class_names`, of which `number` gives that of a class folder, as
    `labels.by_word` and `labels.by_number` do; without them each class folder is one.

    Raises
    ------
    InputError
        If there are fewer than two class folders, or one holds no picture.
    """
    inside = _folders(root)
    divided = bool(inside) and {name.lower() for name in inside} <= set(PARTS)
    rows = []
    for top in inside if divided else [""]:
        words = _folders(root / top)
        if len(words) < (1 if divided else 2):
            raise InputError(
                f"{root / top} has {len(words)} class folders: put the pictures of each class in a "
                f"folder of its own, as in {(root / top).name}/<class>/<picture>.jpg"
            )
        for word in words:
            prefix = f"{top}/{word}" if divided else word
            rows += [(f"{prefix}/{name}", word, top) for name in _pictures(root / prefix)]
    rows.sort(key=lambda row: hashlib.sha256(os.fsencode(row[0])).digest())
    ids, words, tops = map(list, zip(*rows, strict=True))
    present = sorted({*words})
    class_names = tuple(class_names or present)
    label = {word: number(word, class_names, f"{root}, folder {word}") for word in present}
    return Listing(
        Files(root, ids),
        ids,
        [label[word] for word in words],
        class_names,
        root=root,
        parts=[PARTS[top.lower()] for top in tops] if divided else None,
        remarks=_not_read(root, inside if divided else [], ids),
    )


def _not_read(root: Path, parts: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    """Say what lies there and is no picture of a class, so that nobody takes it for one."""
    homes = dict.fromkeys(name.rpartition("/")[0] for name in ids)
    left = [f"{home}/{name}" for home in homes for name in _visible(root / home)]
    left = [name for name in left if not _is_picture(name) and Path(name).name not in OF_SYSTEMS]
    loose = [f"{top}/{name}" for top in parts for name in _visible(root / top)]
    loose = [name for name in (*_visible(root), *loose) if _is_picture(name)]
    left += [name for name in loose if not (root / name).is_dir()]
    if not left:
        return ()
    files = "file or folder is" if len(left) == 1 else "files and folders are"
    return (f"{len(left):,} {files} not read, such as {readable(left[0])}",)


def _is_picture(name: str) -> bool:
    return name.lower().endswith(tuple(SUFFIXES))


def _folders(folder: Path) -> list[str]:
    return [name for name in _visible(folder) if (folder / name).is_dir()]


def _pictures(folder: Path) -> list[str]:
    pictures = [name for name in _visible(folder) if _is_picture(name)]
    if not pictures:
        raise InputError(
            f"class folder {folder} holds no pictures "
            f"({', '.join(sorted(SUFFIXES))}): add some or remove the folder"
        )
    return pictures


def _visible(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:  # no Path a picture: they would take more memory than it
        return sorted(entry.name for entry in entries if not entry.name.startswith("."))


@register("folder", described="a folder of pictures", faces=False, may_embed=True)
def folder(root: Path | None) -> Listing:
    """List a folder of class folders, divided into parts or not."""
    if root is None:
        raise InputError("'folder' needs to know which: give --data the folder's path itself")
    name = safe_name(root.resolve().name)
    # A folder must not pass for a set that is known by its name, nor for what is made of one.
    known = re.split("[-+]", name)[0] in LOADERS
    return dataclasses.replace(
        find(root),
        name=f"{name}-folder" if known else name,
        described=f"pictures in {root.resolve().name}/",
    )
