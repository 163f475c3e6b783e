"""Files of results: written whole or not at all, known by their digests, and damaged or not."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import io
import json
import os
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pandas as pd
from safetensors import SafetensorError

from benchmark.core.records import without_nan
from datasets import InputError, cache, limits

# What json, numpy, zipfile and safetensors raise of a file in which any one byte was changed.
DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError),
    *(IndexError, ArithmeticError, MemoryError, zipfile.BadZipFile, zlib.error, SafetensorError),
)


class DamagedError(ValueError):
    """A stored file is not what was written."""


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, the same whatever the order of its keys."""
    return hashlib.sha256(json.dumps(without_nan(value), sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file; raises DamagedError of what is none and may never end, or is too large."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > limits.ARRAY_BYTES:
        raise DamagedError(f"{path} is no regular file, or too large")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(path: Path, content: str | bytes, lasting: bool = False) -> None:
    """Write a file whole or not at all, see `written`.

    Only what is `lasting` is sure to be there after a loss of power; it takes longer.
    """
    with written(path) as draft:
        draft.write_bytes(as_bytes(content))
        if lasting:
            sync(draft)
    if lasting:
        sync(path.parent)


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give a draft that becomes a file at the end; nothing but a file or a link makes room."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder is there", str(path))
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "a pipe, a device or a socket is there", str(path))
    with cache.written_whole(path) as draft:
        yield draft


def as_bytes(content: str | bytes) -> bytes:
    """Encode a text as UTF-8; what is none of it, such as bytes of a name, is written out."""
    return content.encode(errors="backslashreplace") if isinstance(content, str) else content


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the names that a folder lists."""
    if path.is_dir() and sys.platform == "win32":
        return  # it has no way to ask for that
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # which is how some shares say that they cannot
            raise
    finally:
        os.close(handle)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV where a user wants it, or raise InputError if that cannot be."""
    try:
        write_file(path, table.to_csv(index=False))
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from error


def read_header(file: IO[str]) -> list[str]:
    """Read which columns a CSV file, open at its beginning, names in its first line.

    They are to be compared before `read_lines` goes on with them: of a header that pandas reads
    itself it takes the square of columns that are named alike.

    Raises
    ------
    ValueError
        If that line is too long, or no CSV.
    """
    line = file.readline(limits.LINE)
    if len(line) == limits.LINE:
        raise ValueError("its first line is too long")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise ValueError(f"its first line: {error}") from error


def read_lines(file: IO[str], columns: list[str], **settings: Any) -> pd.DataFrame:
    """Read the lines after the header of a CSV file, with `settings` of `pandas.read_csv`.

    Raises
    ------
    ValueError
        If they are no CSV, or have more cells than columns: pandas would take the first for names
        of the rows, and give each of the others to the column before its own.
    """
    start = file.tell()
    beginning = csv.reader(io.StringIO(file.read(limits.LINE), newline=""))
    file.seek(start)
    try:
        n_cells = len(next(filter(None, beginning), []))
    except csv.Error as error:
        raise ValueError(f"its second line: {error}") from error
    if n_cells > len(columns):  # pandas would take minutes and gigabytes for very many
        raise ValueError("its lines have more cells than its first line names columns")
    table: pd.DataFrame = pd.read_csv(file, names=columns, **settings)
    if not isinstance(table.index, pd.RangeIndex) and len(table):
        raise ValueError("its lines have more cells than its first line names columns")
    return table


def check_apart(folder: Path, pictures: Iterable[Path], flag: str) -> None:
    """Raise InputError if a folder that is written to, by a flag, lies in one of pictures."""
    for each in pictures:
        if folder.resolve().is_relative_to(each.resolve()):
            raise InputError(
                f"the folder {folder} is among the pictures in {each}, where its files would be "
                f"taken for pictures: name another {flag}"
            )


def make_folder(path: Path) -> None:
    """Make a folder where a user wants it, or raise InputError if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made ({error.strerror}): name another --to") from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say of what reading a file raises that it is damaged."""
    try:
        yield
    except DAMAGE as error:
        raise DamagedError(f"{path} is damaged ({one_line(error)})") from error


def stamp(path: Path) -> list[int]:
    """What is another number wherever a file is written or put in place of another."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def one_line(error: BaseException) -> str:
    """What went wrong, cut to one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
