"""Where a set's files are, their packed pictures, and how many unreadable ones are borne."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from datasets import cache
from datasets.errors import InputError

logger = logging.getLogger(__name__)

# One bad file in a thousand is an accident to report; more is a broken data set to mend.
BORNE = 1 / 1000


def named_by(variable: str) -> Path | None:
    """Return the folder that an environment variable names, or None where it is not set.

    Raises
    ------
    InputError
        If it is set but leads nowhere.
    """
    named = os.environ.get(variable)
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise InputError(f"{variable} is '{named}', which is no folder: correct it, or unset it")
    return folder


def on_request(folder: Path | None, name: str, variable: str, asked: str) -> Path:
    """Folder of a set that may not be passed on: the one given, else what the variable names.

    Parameters
    ----------
    folder : Path or None
        As given on the command line.
    name : str
        What ``--data`` calls the set.
    variable : str
        Of the environment.
    asked : str
        Where its owners give the set out.

    Raises
    ------
    InputError
        If there is none; says where the set is asked for and how its folder is named.
    """
    found = folder or named_by(variable)
    if found is None:
        raise InputError(
            f"the pictures of {name} are not here: get them from {asked}, "
            f"then set {variable} to their folder or give --data {name}:FOLDER"
        )
    return found


def packed(paths: Sequence[str], size: int, crop: str, missing: str) -> cache.Packed:
    """Packed pictures of the files, with the few unreadable ones reported and left out.

    Parameters
    ----------
    paths : sequence of str
        In row order.
    size : int
        Width and height in pixels, 8 to 1024.
    crop : str
        One of `crops.CROPS`.
    missing : str
        What to do about a file that is not there.

    Raises
    ------
    InputError
        If a file is not there, or more than one in a thousand cannot be read.
    """
    check_size(size)
    try:
        result = cache.packed_files(paths, size, crop)
    except FileNotFoundError as error:
        gone = sum(not Path(path).exists() for path in set(paths)) - 1
        others = f" ({gone} more like it)" if gone > 0 else ""
        raise InputError(f"{error.filename} is not there{others}: {missing}") from error
    except IsADirectoryError as error:
        raise InputError(f"{error.filename} is a folder, not a picture: move it") from error
    return borne(result, len(paths), lambda row: paths[row], "replace the picture or remove it")


def check_size(size: int) -> None:
    """Raise InputError unless pictures can be stretched to a size."""
    if not 8 <= size <= 1024:
        raise InputError(f"the picture size is {size}: it must be from 8 to 1024 pixels")


def borne(result: cache.Packed, n: int, place: Callable[[int], str], remedy: str) -> cache.Packed:
    """Report the unreadable pictures of a packed set, if they are few enough to do without.

    Parameters
    ----------
    result : Packed
    n : int
        Pictures asked for.
    place : callable
        Where a row's picture lies.
    remedy : str
        What to do about an unreadable one.

    Raises
    ------
    InputError
        If more than one in a thousand cannot be read.
    """
    bad = [(place(row), reason) for row, reason in result.unreadable]
    if len(bad) > BORNE * n:
        where, reason = bad[0]
        others = f" ({len(bad) - 1} more like it)" if len(bad) > 1 else ""
        raise InputError(f"{where}: {reason}{others}: {remedy}")
    for where, reason in bad:
        logger.warning("left out %s: %s", where, reason)
    return result
