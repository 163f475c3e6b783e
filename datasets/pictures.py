"""Where the pictures of a set lie, and how one is read: in files, in a table, or drawn."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from datasets import images, limits
from datasets.errors import InputError


class Pictures(ABC):
    """Pictures of a set before any is decoded, one a row.

    Attributes
    ----------
    sizes : range
        Pixels that their width and height may be given.
    mend : str
        What a user is to do about one that cannot be read.
    """

    sizes: range = range(8, 1025)
    mend: ClassVar[str] = "replace the picture or remove it"

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def stamp(self) -> object:
        """JSON value that is another whenever what the pictures hold may be another.

        Raises
        ------
        InputError
            If one is not there, or is no file that can be a picture.
        """

    @abstractmethod
    def content(self, row: int) -> bytes:
        """Return all that decides a picture, as it lies there; may raise OSError."""

    def decode(self, content: bytes) -> np.ndarray:
        """Turn it into a picture, ``(height, width, 1 or 3)`` of uint8; ValueError says why not."""
        return images.read(content)

    @abstractmethod
    def where(self, row: int) -> str:
        """File, and line, for a message."""


@dataclass(frozen=True)
class Files(Pictures):
    """Pictures in files of a folder.

    Attributes
    ----------
    root : Path
    names : sequence of str
        From there on, in row order; a name may come twice.
    missing : str
        What to do about a file that is not there.

    Raises
    ------
    InputError
        If a name leads out of the folder.
    """

    root: Path
    names: Sequence[str]
    missing: str = "it went away while being read"

    def __post_init__(self) -> None:
        for name in self.names:
            if name.startswith("/") or (".." in name and ".." in name.split("/")):
                raise InputError(f"'{name}' is outside {self.root}: {self.missing}")

    def __len__(self) -> int:
        return len(self.names)

    def where(self, row: int) -> str:
        """Path of a file."""
        return f"{self.root}/{self.names[row]}"

    def stamp(self) -> object:
        """Path, size and times of each file."""
        return [[self.where(row), *self._stat(row)] for row in range(len(self))]

    def _stat(self, row: int) -> list[int]:
        path = self.where(row)
        try:
            found = file_stamp(path, limits.PICTURE_BYTES)
        except FileNotFoundError as error:
            gone = sum(not Path(self.root, name).exists() for name in {*self.names}) - 1
            others = f" ({gone} more like it)" if gone > 0 else ""
            raise InputError(f"{path} is not there{others}: {self.missing}") from error
        if os.path.islink(path) and not Path(path).resolve().is_relative_to(self.root.resolve()):  # noqa: PTH114
            raise InputError(f"{path} is a link out of {self.root}: put the picture itself there")
        return found

    def content(self, row: int) -> bytes:
        """Return the whole file."""
        with Path(self.where(row)).open("rb", buffering=0) as file:  # a buffer only copies it again
            # No more than it says it has, since some of the system's files never end.
            return file.read(os.fstat(file.fileno()).st_size)


@dataclass(frozen=True, eq=False)
class Stack(Pictures):
    """Pictures that are rows of one array.

    Attributes
    ----------
    rows : ndarray of uint8, shape (n, height, width) or (n, height, width, 3)
    of : str
        The file or the package it is from, for a message.
    """

    mend: ClassVar[str] = "get the array again"

    rows: np.ndarray
    of: str

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, row: int) -> str:
        """Array and row."""
        return f"{self.of}, row {row}"

    def stamp(self) -> object:
        """Digest of all pixels."""
        return [self.of, hashlib.sha256(np.ascontiguousarray(self.rows).data).hexdigest()]

    def content(self, row: int) -> bytes:
        """Return a row's pixels."""
        return self.rows[row].tobytes()

    def decode(self, content: bytes) -> np.ndarray:
        """Give the pixels their shape again."""
        height, width, *channels = self.rows.shape[1:]
        return np.frombuffer(content, np.uint8).reshape(height, width, *(channels or [1]))


@dataclass(frozen=True)
class Drawn(Pictures):
    """Pictures that are made when they are asked for, at the size asked for.

    Attributes
    ----------
    n : int
    code : str
        Digest of what makes them.
    draw : callable
        Takes row numbers and a size, gives ``(len(rows), 3, size, size)`` of uint8.
    sizes : range
        Pixels that it can draw.
    """

    n: int
    code: str
    draw: Callable[[np.ndarray, int], np.ndarray]
    sizes: range

    CROPPED_FROM: ClassVar[int] = 96  # pixels at which a picture is drawn of which a part is kept

    def __len__(self) -> int:
        return self.n

    def where(self, row: int) -> str:
        """Which one it is."""
        return f"drawn picture {row}"

    def stamp(self) -> object:
        """What draws, and how many."""
        return [self.code, self.n]

    def content(self, row: int) -> bytes:
        """Return the number of the row and what draws it."""
        return f"{row} {self.code}".encode()


def read_whole(path: str | Path, most: int) -> bytes:
    """Read a regular file of `most` bytes at most; raises as `file_stamp` does."""
    size = file_stamp(path, most)[0]
    with Path(path).open("rb") as file:
        return file.read(size) if size else b""  # some of the system's files say 0 and never end


def open_arrays(path: Path, most: int) -> Any:
    """Open a file of numpy's arrays, which may have `most` bytes as they are and unpacked.

    Raises
    ------
    ValueError
        If it has more unpacked, or is damaged; `zipfile` and its codecs raise other kinds.
    InputError
        As `file_stamp` does.
    """
    file_stamp(path, most)
    with zipfile.ZipFile(path) as packed:
        if (unpacked := sum(each.file_size for each in packed.infolist())) > most:
            raise ValueError(f"{unpacked:,} bytes unpacked, may be {most:,}")
    return np.load(path, allow_pickle=False)


def read_text(path: Path) -> str:
    """Read a text of `limits.TEXT_BYTES` at most; bytes that are not UTF-8 are replaced."""
    return read_whole(path, limits.TEXT_BYTES).decode(errors="replace")


def file_stamp(path: str | Path, most: int) -> list[int]:
    """Size, times and number of a file: they are others whenever what it holds may be another.

    It may have `most` bytes.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    InputError
        If it is no regular file, cannot be looked at, or is larger.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null in its name
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{str(path)!r} cannot be read: {why}") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder, not a picture: move it")
    if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device need never end
        raise InputError(f"{path} is a pipe, a device or a socket, not a file: remove it")
    if status.st_size > most:
        raise InputError(
            f"{path} has {status.st_size:,} bytes, and may have {most:,}: is it what it should be?"
        )
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
