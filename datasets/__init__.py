"""Where pictures come from: one file per data set, all loaded as the same `Dataset`."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

# Each registers itself.
from datasets import crops
from datasets.aggregate import aggregate, transfer
from datasets.classes import without_class
from datasets.dataset import LOADERS, Dataset
from datasets.duplicates import without_duplicates
from datasets.errors import InputError
from datasets.loaders import ckplus, fer2013, ferplus, folder, muxspace, rafdb  # noqa: F401
from datasets.loaders.drawn import generated  # noqa: F401

__all__ = ["Dataset", "InputError", "default", "load", "names", "without_duplicates"]

DEDUPLICATED = "deduplicated:"  # before a name: that set without its duplicates
WITHOUT = "without:"  # and a class and a colon before a name: that set without the class
ON = "-on-"  # between two: learn from the first, test on it and on the second


def names() -> list[str]:
    """Names `load` knows besides the path of a folder."""
    return sorted(LOADERS)


def default() -> str:
    """Name of the data that is used where none is named: real pictures if any are here."""
    return "muxspace" if muxspace.find() else "generated"


def load(name_or_path: str | Path | None = None, size: int = 32, crop: str = crops.NONE) -> Dataset:
    """Load a data set with its pictures stretched to one size.

    Parameters
    ----------
    name_or_path : str or Path, optional
        A known name, ``NAME:PATH``, or the path of a folder, which is read as the set whose layout
        it has and else as one folder a class. Several with ``+`` between are joined; `ON` between
        two makes a set to learn from the first and test on both. Without one, what `default` says.
        `DEDUPLICATED` before any of these leaves duplicates out, `WITHOUT` a class.
        The name of a crop before all, as in ``eyes:muxspace``, stands for the argument.
    size : int
        Width and height of the pictures in pixels.
    crop : {"none", "eyes", "mouth", "face"}
        What of each picture is kept and stretched, see `datasets.crops`; the set is then called
        ``muxspace-eyes`` and so on.

    Raises
    ------
    InputError
        If there is no such data set or it cannot be used; one line that says what to do.
    """
    given = str(name_or_path) if name_or_path is not None else default()
    before, colon, rest = given.partition(":")
    if colon and before in crops.WORDS:
        crop, given = before, rest
    if crop not in crops.CROPS:
        raise InputError(f"no crop is called '{crop}': use one of {', '.join(crops.CROPS)}")
    try:
        dataset = _load(given, size, crop)
    except PermissionError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error
    if dataset.found is None:
        return dataset
    told = f"{crops.WORDS[crop]} {crops.said(crop, dataset.found.mean())}"
    return dataclasses.replace(
        dataset, name=f"{dataset.name}-{crop}", source=f"{dataset.source}, {told}"
    )


def _load(given: str, size: int, crop: str) -> Dataset:
    if given.startswith(DEDUPLICATED):
        return without_duplicates(_load(given.removeprefix(DEDUPLICATED), size, crop))
    if given.startswith(WITHOUT):
        class_name, _, rest = given.removeprefix(WITHOUT).partition(":")
        return without_class(_load(rest, size, crop), class_name)
    if len(sides := _apart(given, ON)) > 1:
        if len(sides) > 2:
            raise InputError(f"{given} names two sets to test on: name one, or each in its turn")
        return transfer(*(_load(side, size, crop) for side in sides))
    if len(several := _apart(given, "+")) > 1:
        return aggregate([_load(one, size, crop) for one in several])
    name, root = _found(given)
    return LOADERS[name].load(root, size, crop)


def on(learned: str, tested: str) -> str:
    """Name, for `load`, the set to learn from one and test on both; either may be a path."""
    sets = (_found(one) for one in _apart(tested, "+"))
    return learned + ON + "+".join(f"{name}:{root}" if root else name for name, root in sets)


def _apart(given: str, sign: str) -> list[str]:
    # Before a set's name only, since either sign may be part of a path, as in CK+48.
    return re.split(rf"{re.escape(sign)}(?=(?:{'|'.join(LOADERS)})(?:[:+]|{ON}|$))", given)


def _found(given: str) -> tuple[str, Path | None]:
    """Which loader reads what is given, and the folder it reads, if that is said."""
    if given in LOADERS:
        return given, None
    name, colon, rest = given.partition(":")
    if colon and name in LOADERS:
        return name, _existing(rest)
    path = Path(given)
    if not path.exists() and "/" not in given:
        raise InputError(
            f"no data set or folder is called '{given}': "
            f"use one of {', '.join(names())}, or the path of a folder"
        )
    path = _existing(given)
    known = [name for name, loader in LOADERS.items() if loader.recognises(path)]
    if len(known) > 1:
        raise InputError(f"{path} is {' and '.join(known)}: say which, as in {known[0]}:{path}")
    return known[0] if known else "folder", path


def _existing(given: str) -> Path:
    path = Path(given).expanduser()
    if not path.is_dir():
        if path.exists():
            raise InputError(f"{given} is a file, not a folder: name the folder it is in")
        raise InputError(f"the folder {given} is not there: check the path")
    return path
