"""RAF-DB, single-label part: as its owners give it out, or as class folders of the same pictures.

Li, Deng and Du, "Reliable crowdsourcing and deep locality-preserving learning for expression
recognition in the wild", CVPR 2017. Its training and test part are kept; there is no validation
part. Labels are numbered from 1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path, PurePath

from datasets.dataset import Part
from datasets.errors import InputError
from datasets.loaders import folder, tables
from datasets.loaders.labels import by_number
from datasets.packing import Listing
from datasets.pictures import Files, read_text
from datasets.registry import register

OWNERS = "its owners, by e-mail as whdeng.cn/RAF/model1.html says"
CLASSES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
LISTS = ("EmoLabel/list_patition_label.txt", "basic/EmoLabel/list_patition_label.txt")  # spelled so
PARTS = {"train": Part.TRAINING, "test": Part.TEST}
from_one = functools.partial(by_number, first=1)


def read_list(path: Path) -> Listing:
    """Read the owners' list, ``train_00001.jpg 5`` a line, in its own order.

    Raises
    ------
    InputError
        If a line is not of that form or there twice, its number is no emotion's, or there is none.
    """
    ids, labels, parts, seen = [], [], [], set()
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        cells = text.split()
        if not cells:
            continue
        where = f"{path}, line {line}"
        part = PARTS.get(cells[0].partition("_")[0])
        if len(cells) != 2 or part is None:
            raise InputError(f"{where}: '{text}' is not of the form 'train_00001.jpg 5'")
        if (name := f"{Path(cells[0]).stem}_aligned.jpg") in seen:
            raise InputError(f"{where}: {cells[0]} is there twice: take one out")
        seen.add(name)
        ids.append(name)
        labels.append(from_one(cells[1], CLASSES, where))
        parts.append(part)
    if not ids:
        raise InputError(f"{path} names no picture: get it again from {OWNERS}")
    home = path.parent.parent / "Image/aligned"
    missing = f"{path} names it: unpack Image/aligned.zip, or take the line out"
    return Listing(Files(home, ids, missing), ids, labels, CLASSES, root=home, parts=parts)


def read_folders(root: Path) -> Listing:
    """List ``{train,test}/<number>/*``, which may lie in a folder ``DATASET``.

    Raises
    ------
    InputError
        If a folder's number is no emotion's, or ``train_labels.csv`` or ``test_labels.csv`` is
        there and gives a picture another, or lists others than lie in that part.
    """
    inner = root / "DATASET" if (root / "DATASET").is_dir() else root
    listing = folder.find(inner, CLASSES, from_one)
    for part in PARTS:
        if (path := root / f"{part}_labels.csv").is_file():
            _compare(path, part, listing.ids)
    return listing


def _compare(path: Path, part: str, ids: Sequence[str]) -> None:
    """Raise InputError unless a table lists the pictures of a part, in their folders."""
    split = [("", *PurePath(name).parts)[-3:] for name in ids]  # such as test/5/name
    lies_in = {name: number for of, number, name in split if of.lower() == part}
    listed = set()
    for where, (name, number) in tables.rows(path, ("image", "label")):
        if lies_in.get(name) != number:
            lies = f"lies in folder {lies_in[name]}" if name in lies_in else f"is not in {part}"
            raise InputError(f"{where}: {name} is labelled {number} but {lies}: get the set again")
        listed.add(name)
    if left := sorted({*lies_in} - listed):
        raise InputError(f"{path} does not list {left[0]}: get the set again")


def _looks_like(root: Path) -> bool:
    as_folders = (root / "DATASET").is_dir() and (root / "train_labels.csv").is_file()
    return tables.first_there(root, LISTS) is not None or as_folders


@register(
    "rafdb",
    described="RAF-DB",
    folder_variable="RAFDB_DIR",
    looks_like=_looks_like,
    get=f"get them from {OWNERS}",
)
def rafdb(root: Path) -> Listing:
    """List the aligned pictures.

    Either of ``Image/aligned/*`` and ``EmoLabel/list_patition_label.txt``, or of
    ``DATASET/{train,test}/<number>/*``.
    """
    path = tables.first_there(root, LISTS)
    return read_list(path) if path else read_folders(root)
