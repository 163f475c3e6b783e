"""The data sets there are: each registered by the file that says where its pictures lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from datasets import packing
from datasets.dataset import Dataset
from datasets.errors import InputError
from datasets.packing import Listing

# Takes the set's folder; a set without a variable may be given None.
List = Callable[..., Listing]


@dataclass(frozen=True)
class Loader:
    """How one data set is found and listed.

    Attributes
    ----------
    name : str
        What ``--data`` calls it.
    listing : callable
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
    usual : callable
        Its folder where nothing names one, or None.
    """

    name: str
    listing: List
    described: str
    folder_variable: str | None
    looks_like: Callable[[Path], bool]
    get: str
    faces: bool
    usual: Callable[[], Path | None]

    def load(self, root: Path | None, size: int, crop: str) -> Dataset:
        """Load it from a folder, or from where it usually is.

        Raises
        ------
        InputError
            If it is not there or cannot be used.
        """
        if root is None and self.folder_variable is not None:
            root = self.find()
            if root is None:
                raise InputError(
                    f"the pictures of {self.name} are not here: {self.get}, then set "
                    f"{self.folder_variable} to their folder or give --data {self.name}:FOLDER"
                )
        listing = self.listing(root)
        described = listing.described or self.described
        return packing.load(listing, listing.name or self.name, described, self.faces, size, crop)

    def find(self) -> Path | None:
        """Return the folder that the variable names, else the usual one, or None.

        Raises
        ------
        InputError
            If the variable is set but leads nowhere.
        """
        variable = self.folder_variable or ""
        named = os.environ.get(variable)
        if not named:
            return self.usual()
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise InputError(
                f"{variable} is '{named}', which is no folder: correct it, or unset it"
            )
        return folder


LOADERS: dict[str, Loader] = {}


def register(
    name: str,
    *,
    described: str,
    folder_variable: str | None = None,
    looks_like: Callable[[Path], bool] = lambda folder: False,
    get: str = "",
    faces: bool = True,
    usual: Callable[[], Path | None] = lambda: None,
) -> Callable[[List], List]:
    """Make a function that lists a set a data set of that name (a decorator).

    Parameters
    ----------
    name, described, folder_variable, looks_like, get, faces, usual
        See `Loader`.
    """

    def add(listing: List) -> List:
        if name in LOADERS:
            raise ValueError(f"two data sets are called '{name}'")
        LOADERS[name] = Loader(
            name, listing, described, folder_variable, looks_like, get, faces, usual
        )
        return listing

    return add
