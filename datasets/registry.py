"""The data sets there are: each registered by the file that says where its pictures lie."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import limits
from datasets.errors import InputError
from datasets.names import readable, short
from datasets.packing import Listing

# Takes the set's folder; that of a set without a variable may be given None.
Read = Callable[..., Listing]


@dataclass(frozen=True)
class Loader:
    """How one data set is found and listed.

    Attributes
    ----------
    name : str
        What ``--data`` calls it.
    read : callable
        Says of a folder where pictures, labels and people are; never hears of size or crop.
    described : str
        Where its pictures come from, in words for a reader.
    folder_variable : str or None
        Of the environment, which names its folder; None where it has no usual place.
    looks_like : callable
        Whether a folder is laid out as this set is.
    get : str
        How a user gets the set: "get them from ...".
    faces : bool
        Whether it is one of faces.
    may_embed : bool
        Whether its pictures may be passed on, as they are within a page that is sent to somebody.
    usual : callable
        Its folder where nothing names one, or None.
    """

    name: str
    read: Read
    described: str
    folder_variable: str | None = None
    looks_like: Callable[[Path], bool] = lambda folder: False
    get: str = ""
    faces: bool = True
    may_embed: bool = False
    usual: Callable[[], Path | None] = lambda: None

    def find(self) -> Path | None:
        """Return the folder that the variable names, else the usual one, or None.

        Raises
        ------
        InputError
            If the variable is set but leads nowhere.
        """
        named = os.environ.get(self.folder_variable or "")
        if not named:
            return self.usual()
        try:
            folder = expanded(named)
            why = "" if folder.is_dir() else "which is no folder"
        except InputError:
            why = "a home of nobody here"
        except OSError as error:
            why = f"which cannot be read ({error.strerror})"
        if why:
            shown = readable(short(named, limits.NAME))
            raise InputError(f"{self.folder_variable} is '{shown}', {why}: correct it, or unset it")
        return folder

    def listing(self, root: Path | None) -> Listing:
        """List the pictures of the set's folder, which is None where it was not found.

        Raises
        ------
        InputError
            If it is not there or is not laid out as this set is.
        """
        if root is None and self.folder_variable is not None:
            raise InputError(
                f"the pictures of {self.name} are not here: {self.get}, then set "
                f"{self.folder_variable} to their folder or give --data {self.name}:FOLDER"
            )
        listing = self.read(root)
        return dataclasses.replace(
            listing,
            name=listing.name or self.name,
            described=listing.described or self.described,
            faces=self.faces,
            may_embed=self.may_embed,
        )


def expanded(given: str) -> Path:
    """Return the path that a user names, whose home ``~`` may stand for."""
    try:
        return Path(given).expanduser()
    except RuntimeError as error:  # of another user, who is not here
        raise InputError(f"'{given}' is not there: {error}") from error


LOADERS: dict[str, Loader] = {}


def register(name: str, **facts: Any) -> Callable[[Read], Read]:
    """Make a function that lists a set a data set of that name (a decorator).

    Parameters
    ----------
    name, **facts
        The attributes of `Loader`.
    """

    def add(read: Read) -> Read:
        if name in LOADERS:
            raise ValueError(f"two data sets are called '{name}'")
        LOADERS[name] = Loader(name, read, **facts)
        return read

    return add
