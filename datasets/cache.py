"""Decoded pictures, kept as one packed array on disk and opened as a memory map.

A packed set lives under the user's cache folder in a folder named after its key: a hash of the
content of every picture and of how they were prepared. It is written beside its place and renamed,
and its checksums are compared at every opening, so a stale or damaged one is rebuilt, never used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import joblib
import numpy as np
import platformdirs
from rich.console import Console
from rich.progress import track

from datasets import limits
from datasets.errors import InputError
from datasets.pictures import read_whole

logger = logging.getLogger(__name__)

FORMAT = 3
DRAFT = ".draft-"  # how what is being written is called
BLOCK = 1 << 22  # bytes of a packed set whose checksum a thread takes at a time
DIGEST = re.compile("[0-9a-f]{64}")

# What a producer yields: pictures in order of their rows, the rows it could not read and why, and
# for each picture whether what it was cropped to was found (None where nothing was cropped).
Chunk = tuple[np.ndarray, list[tuple[int, str]], np.ndarray | None]


@dataclass(frozen=True)
class Packed:
    """Pictures as they lie in the cache.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, 3, size, size)
        Read-only memory map of the readable pictures.
    digest : str
        SHA-256 of the images.
    unreadable : tuple of (int, str)
        Index in the order asked for, and the reason, of each picture left out.
    crop_found : ndarray of bool, shape (n,), or None
        Whether what each was cropped to was found; None where nothing was cropped.
    """

    images: np.ndarray
    digest: str
    unreadable: tuple[tuple[int, str], ...] = ()
    crop_found: np.ndarray | None = None


def folder() -> Path:
    """Return the project's folder under the user's cache folder.

    Raises
    ------
    InputError
        If nothing says where that is.
    """
    try:
        found = platformdirs.user_cache_dir("classical-or-deep", appauthor=False)
    except RuntimeError:
        found = "~"
    if found.startswith("~"):  # no such user, and no HOME
        raise InputError(
            "no folder of yours is known to keep prepared pictures in: set XDG_CACHE_HOME to one"
        )
    return Path(found)


def remembered(stamp: object, make: Callable[[], str]) -> str:
    """SHA-256 in hexadecimal digits that was made under a stamp, made now if there is none.

    The stamp is a JSON value, another one wherever the digest may be another.
    """
    path = folder() / "seen" / _hash(stamp)
    try:
        digest = read_whole(path, limits.TEXT_BYTES).decode(errors="replace")
    except (OSError, InputError):
        digest = ""
    if not DIGEST.fullmatch(digest):
        digest = make()
        with usable(), written_whole(path) as draft:
            draft.write_text(digest)
    return digest


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a draft to write, a file or a folder, that takes its place at the end or goes.

    All that is written to the cache is written so: no reader ever sees half of it, whoever else
    writes it and whenever a process is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=draft_prefix(), dir=path.parent))
    try:
        draft = aside / f"whole{path.suffix}"
        yield draft
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        draft.replace(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def draft_prefix() -> str:
    """How the names of this process's drafts begin."""
    return f"{DRAFT}{_machine()}-{os.getpid()}-"


def _machine() -> str:
    """Name this machine, or the container in it: each numbers its processes by itself."""
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:  # not Linux
        space = 0
    return f"{socket.gethostname()}-{space}"


def drafts(folder: Path) -> Iterator[Path]:
    """Go through the drafts in and below a folder, whatever others finish or remove meanwhile."""
    for parent, names, _ in os.walk(folder):
        yield from (Path(parent, name) for name in names if name.startswith(DRAFT))
        names[:] = [name for name in names if not name.startswith(DRAFT)]


def clear_drafts(folder: Path) -> None:
    """Remove the drafts in and below a folder that killed processes of this machine have left."""
    ours = re.compile(rf"{re.escape(DRAFT)}{re.escape(_machine())}-(\d+)-")
    for path in drafts(folder):
        found = ours.match(path.name)
        if found and not _is_alive(int(found[1])):
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # there the question would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def packed(key: dict[str, Any], size: int, produce: Callable[[], Iterable[Chunk]]) -> Packed:
    """Return the packed pictures under a key, produced now if they are not there whole.

    Parameters
    ----------
    key : dict
        Everything that decides the pixels; JSON values only.
    size : int
        Width and height in pixels.
    produce : callable
        Called only when needed; yields the pictures in chunks, so memory stays flat.
    """
    home = folder() / "packed" / _hash([FORMAT, size, key])
    stored = _open(home, size)
    if stored is not None:
        return stored
    lock = folder() / "locks" / home.name
    with usable():
        lock.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(lock):
            clear_drafts(home.parent)
            stored = _open(home, size)  # another process may have made it while we waited
            if stored is None:
                with written_whole(home) as draft:
                    draft.mkdir()
                    _fill(draft, produce())
                stored = _open(home, size)
    if stored is None:
        raise InputError(f"the cache at {home} does not hold what was written: check the disk")
    return stored


@contextmanager
def usable() -> Iterator[None]:
    """Tell the user which folder it is that cannot be written to, and the way out."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"the cache folder {folder()} cannot be used ({error.strerror or error}): "
            "make room or set XDG_CACHE_HOME to another"
        ) from error


def _fill(draft: Path, chunks: Iterable[Chunk]) -> None:
    digest, n = hashlib.sha256(), 0
    unreadable: list[tuple[int, str]] = []
    crop_found: list[bool] = []
    with (draft / "images.u8").open("wb") as out:
        for pictures, failures, located in chunks:
            data = np.ascontiguousarray(pictures).data
            digest.update(data)
            out.write(data)
            n += len(pictures)
            unreadable += failures
            crop_found += [] if located is None else located.tolist()
    meta = {
        "n": n,
        "sha256": digest.hexdigest(),
        "unreadable": unreadable,
        "crop_found": crop_found,
    }
    sealed = {"meta": meta, "seal": _hash([meta, *_blocks(draft / "images.u8")])}
    (draft / "meta.json").write_text(json.dumps(sealed))


def _open(home: Path, size: int) -> Packed | None:
    if not (home / "meta.json").exists():
        return None
    try:
        sealed = json.loads(read_whole(home / "meta.json", limits.ARRAY_BYTES))
        meta = sealed["meta"]
        if _hash([meta, *_blocks(home / "images.u8")]) != sealed["seal"]:
            raise ValueError("its checksum does not match")
        shape = (meta["n"], 3, size, size)
        if meta["n"] == 0:
            pictures = np.empty(shape, np.uint8)
        else:
            pictures = np.memmap(home / "images.u8", np.uint8, mode="r", shape=shape)
        unreadable = tuple((int(row), str(reason)) for row, reason in meta["unreadable"])
        crop_found = np.array(meta["crop_found"], bool) if meta["crop_found"] else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, InputError) as error:
        logger.warning("the picture cache %s is damaged (%s): building it again", home, error)
        return None
    return Packed(pictures, meta["sha256"], unreadable, crop_found)


def show(steps: Sequence[int], what: str) -> Iterable[int]:
    """Go through steps with a bar and the time left on a terminal, silently elsewhere."""
    return track(
        steps,
        description=what,
        console=Console(stderr=True),
        transient=True,
        disable=sys.stderr is None or not sys.stderr.isatty(),
    )


def _blocks(path: Path) -> list[str]:
    """SHA-256 of each part of a file, several at once."""

    def digest(start: int) -> str:
        # Read, not mapped: pages seen through a map would stay in this process's memory.
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            return hashlib.sha256(file.read(BLOCK)).hexdigest()

    with ThreadPoolExecutor(joblib.cpu_count()) as threads:
        return [*threads.map(digest, range(0, path.stat().st_size, BLOCK))]


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=os.fspath)
    return hashlib.sha256(text.encode()).hexdigest()
