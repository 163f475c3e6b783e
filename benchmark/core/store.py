"""A results folder: the only code that reads or writes one. Every file is there whole, or not."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import logging
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import filelock
import numpy as np
import pandas as pd

from benchmark.core import model_files
from benchmark.core.predictions import Predictions
from benchmark.core.records import (
    SCHEMA,
    Asked,
    BoardRow,
    Record,
    SearchRecord,
    from_json,
    to_text,
    without_nan,
)
from datasets import Dataset, InputError, cache
from datasets.dataset import Part
from datasets.names import readable

logger = logging.getLogger(__name__)

SUMS = "SHA256SUMS"
# What json, numpy and zipfile raise of a file in which any one byte was changed.
DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError),
    *(MemoryError, zipfile.BadZipFile, zlib.error),
)

T = TypeVar("T", BoardRow, SearchRecord)


class DamagedError(ValueError):
    """A stored file is not what was written."""


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, the same whatever the order of its keys."""
    return hashlib.sha256(json.dumps(without_nan(value), sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; a folder of that name is left alone."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder is there", str(path))
    with cache.written_whole(path) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV where a user wants it, or raise InputError if that cannot be."""
    try:
        write_file(path, table.to_csv(index=False))
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from error


def make_folder(path: Path) -> None:
    """Make a folder where a user wants it, or raise InputError if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made ({error.strerror}): name another --to") from error


class Results:
    """A results folder; what is written there is listed with its digest in ``SHA256SUMS``."""

    def __init__(self, path: Path) -> None:
        self.path = path  # made when something is written

    def __reduce__(self) -> tuple[type[Results], tuple[Path]]:
        return Results, (self.path,)  # a worker has a lock of its own

    def check_writable(self) -> None:
        """Raise InputError if no file can be written, before hours of work have nowhere to go.

        What killed processes have left half-written is removed.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.path):
                cache.clear_drafts(self.path)
        except OSError as error:
            raise InputError(
                f"the results folder {self.path} cannot be written to ({error.strerror}): "
                "name another --out"
            ) from error

    # Rows of the leaderboard and searches: lists in one file each, and an InputError if that is
    # damaged or of another schema.

    def rows(self) -> list[BoardRow]:
        """Return the rows of the leaderboard with the keys of their runs."""
        return self._entries("board.json", BoardRow)

    def check_not_empty(self) -> None:
        """Raise InputError if the folder has no rows of a leaderboard."""
        if not self.rows():
            raise InputError(f"{self.path} holds no runs: make some with 'python -m benchmark.run'")

    def put_rows(self, rows: Iterable[BoardRow], ranked_by: str | None = None) -> None:
        """Keep rows in place of those that are on the board at the same place.

        From then on the models are ranked by a metric, if that is given.
        """
        self._put("board.json", BoardRow, rows, lambda row: str(row.place), ranked_by=ranked_by)

    @property
    def ranked_by(self) -> str | None:
        """The metric that models are ranked by, if one was ever asked for."""
        with self._checked("board.json"):
            named = self._read("board.json").get("ranked_by")
            return None if named is None else str(named)

    def searches(self) -> list[SearchRecord]:
        """Return the searches with the keys of their trials' runs."""
        return self._entries("searches.json", SearchRecord)

    def put_search(self, search: SearchRecord) -> None:
        """Keep a search in place of an earlier one of the same name."""
        self._put("searches.json", SearchRecord, [search], lambda search: search.name)

    def asked(self) -> Asked | None:
        """Return what advice was asked on, if it was."""
        with self._checked("advice.json"):
            found = self._read("advice.json")
            return from_json(Asked, found["asked"]) if found else None

    def put_asked(self, asked: Asked) -> None:
        """Keep what advice is asked on."""
        self.write("advice.json", to_text({"schema": SCHEMA, "asked": asdict(asked)}))

    def _entries(self, name: str, kind: type[T]) -> list[T]:
        with self._checked(name):
            found = self._read(name)
            return [from_json(kind, entry) for entry in found["entries"]] if found else []

    def _read(self, name: str) -> dict[str, Any]:
        """What a file of lists holds; nothing if it is not there."""
        path = self.path / name
        if not path.exists():
            return {}
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            raise ValueError(f"not of schema {SCHEMA}")
        return found

    @contextlib.contextmanager
    def _checked(self, name: str) -> Iterator[None]:
        """Say of what reading such a file raises what to do."""
        try:
            yield
        except DAMAGE as error:
            raise InputError(
                f"{self.path / name} is damaged or of another version ({one_line(error)}): remove "
                "it and run the same command, which uses the stored runs again"
            ) from error

    def _put(
        self,
        name: str,
        kind: type[T],
        entries: Iterable[T],
        name_of: Callable[[T], str],
        **more: Any,
    ) -> None:
        with self._lock:
            kept = {name_of(entry): entry for entry in self._entries(name, kind)}
            kept |= {name_of(entry): entry for entry in entries}
            together = [asdict(entry) for entry in kept.values()]
            asked = {key: value for key, value in more.items() if value is not None}
            whole = {**self._read(name), "schema": SCHEMA, **asked, "entries": together}
            self.write(name, to_text(whole))

    # Runs: a folder each.

    def run_folder(self, key: str) -> Path:
        """Return where the run of this key is kept; raises InputError if outside the results."""
        return self._inside(f"runs/{key}")

    def put(
        self,
        record: Record,
        predictions: Predictions | None = None,
        history: Sequence[Any] = (),
        model: Any = None,
    ) -> None:
        """Keep a run, in place of an earlier one of the same key; a dataclass an epoch of history.

        The files are ``run.json``, ``predictions.npz``, ``history.csv`` and those of `model_files`.
        """
        with self._placed(record.key) as draft:
            (draft / "run.json").write_text(to_text({"schema": SCHEMA, **asdict(record)}))
            if predictions is not None:
                np.savez_compressed(draft / "predictions.npz", **vars(predictions))
            if history:
                table = pd.DataFrame([asdict(epoch) for epoch in history])
                table.to_csv(draft / "history.csv", index=False)
            if model is not None:
                model_files.save(draft, model, record)

    def put_files(self, key: str, files: Mapping[str, bytes]) -> None:
        """Keep a run that was put into another results folder: its `files_of_run` there."""
        with self._placed(key) as draft:
            for name, content in files.items():
                (draft / Path(name).name).write_bytes(content)

    def files_of_run(self, key: str) -> dict[str, bytes]:
        """Return what lies in a run's folder by name; nothing if it was never put."""
        return {path.name: path.read_bytes() for path in sorted(self.run_folder(key).glob("*"))}

    @contextlib.contextmanager
    def _placed(self, key: str) -> Iterator[Path]:
        """Give a draft of a run's folder, which takes its place once it is written."""
        home = self.run_folder(key)
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=cache.draft_prefix(), dir=home.parent) as aside:
            draft = Path(aside) / home.name
            draft.mkdir()
            yield draft
            folder = f"runs/{home.name}/"
            sums = {f"{folder}{path.name}": file_digest(path) for path in draft.iterdir()}
            with self._lock:
                if home.exists():
                    shutil.rmtree(home)
                draft.rename(home)
                self._list(sums, instead_of=folder)

    def record(self, key: str) -> Record | None:
        """Return the record of a run, or None if it was never made.

        Raises
        ------
        DamagedError
        InputError
            If another version of the project wrote it.
        """
        path = self.run_folder(key) / "run.json"
        if not path.is_file():
            return None
        with _reading(path):
            found = json.loads(path.read_bytes())
            schema = found.pop("schema")
            if schema == SCHEMA:
                return from_json(Record, found)
        raise InputError(
            f"{path} is of schema {schema}, this version reads {SCHEMA}: "
            "use the version that wrote it, or another --out"
        )

    def predictions(self, record: Record) -> Predictions:
        """Return what a run that is ``ok`` said of its pictures.

        Raises
        ------
        DamagedError
            Or not there.
        """
        path = self.run_folder(record.key) / "predictions.npz"
        with _reading(path), np.load(path, allow_pickle=False) as arrays:
            predictions = Predictions(*(arrays[each.name] for each in fields(Predictions)))
            predictions.check(record)
            return predictions

    def is_finished(self, key: str) -> bool:
        """Whether a run has a result; failed and damaged ones have none and are tried again."""
        try:
            record = self.record(key)
            if record is None or record.status != "ok":
                return False
            self.predictions(record)
        except DamagedError as error:
            logger.warning("%s: the run does not count", error)
            return False
        return True

    def history(self, key: str) -> pd.DataFrame | None:
        """Return a net's epochs, a row each, or None for a model that has none."""
        path = self.run_folder(key) / "history.csv"
        return pd.read_csv(path) if path.is_file() else None

    def model_file(self, key: str) -> Path | None:
        """Return where the fitted model of a run lies, or None if it was not kept."""
        return next(self.run_folder(key).glob("model.s*"), None)

    def model(self, key: str) -> Any:
        """Load the fitted classifier of a run, ready to predict; see `model_files.load`."""
        return model_files.load(self.run_folder(key))

    # All other files.

    def put_pictures(self, dataset: Dataset) -> None:
        """Write which file each row of a data set is, with its label, person and part, once."""
        name = _list_of_pictures(dataset.fingerprint)
        if (self.path / name).is_file():
            return
        files = [readable(name) for name in dataset.ids]
        table = pd.DataFrame({"row": range(len(dataset)), "file": files})
        table["label"] = np.array(dataset.class_names)[dataset.labels]
        table["person"] = "" if dataset.groups is None else dataset.groups
        table["part"] = ""
        if dataset.parts is not None:
            table["part"] = [Part(part).name.lower() for part in dataset.parts]
        if dataset.other is not None:
            table.loc[dataset.other, "part"] = "other set"
        self.write(name, table.to_csv(index=False))

    def files(self, fingerprint: str) -> list[str] | None:
        """Return which file each row of a data set is, or None if that is not kept."""
        name = _list_of_pictures(fingerprint)
        if not (self.path / name).is_file():
            return None
        with self._checked(name):
            listed = pd.read_csv(self.path / name, dtype=str, keep_default_na=False)
            return [*listed["file"]]

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file, named from the results folder on."""
        with self._lock:
            path = self._inside(name)
            write_file(path, content)
            self._list({name: file_digest(path)})

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._lock:
            self._inside(name).unlink(missing_ok=True)
            self._list({}, instead_of=name)

    def remove_folder(self, name: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        if self._inside(name).is_dir():
            with self._lock:
                shutil.rmtree(self._inside(name))
                self._list({}, instead_of=f"{name}/")

    def sums(self) -> dict[str, str]:
        """Return the digest of every file as it was written, by name.

        Raises
        ------
        DamagedError
        """
        path = self.path / SUMS
        with _reading(path):
            text = path.read_text() if path.is_file() else ""
            sums = {line[66:]: line[:64] for line in text.splitlines()}
            if text != _listed(sums):
                raise ValueError("not as it was written")
            return sums

    def _list(self, sums: Mapping[str, str], instead_of: str = "\n") -> None:
        try:
            listed = self.sums()
        except DamagedError as error:
            logger.warning("%s: begun anew", error)
            listed = {}
        kept = {name: each for name, each in listed.items() if not name.startswith(instead_of)}
        write_file(self.path / SUMS, _listed({**kept, **sums}))

    def _inside(self, name: str) -> Path:
        path = self.path / name
        if ".." in path.parts or Path(name).is_absolute() or "\n" in name:
            raise InputError(f"{name!r} is no name of a file in {self.path}: remove board.json")
        return path

    @functools.cached_property
    def _lock(self) -> filelock.BaseFileLock:
        self.path.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.path / ".lock")  # the same one may be taken again inside


def _list_of_pictures(fingerprint: str) -> str:
    return f"data/{fingerprint[:12]}.csv"


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say of what reading a file raises that it is damaged."""
    try:
        yield
    except DAMAGE as error:
        raise DamagedError(f"{path} is damaged ({one_line(error)})") from error


def _listed(sums: Mapping[str, str]) -> str:
    """What ``sha256sum`` writes."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def one_line(error: BaseException) -> str:
    """What went wrong, cut to one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
