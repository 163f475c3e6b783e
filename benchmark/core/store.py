"""A results folder: the only code that reads or writes one. Every file is there whole, or not."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import itertools
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import filelock
import numpy as np
import pandas as pd

from benchmark.core import model_files
from benchmark.core.derived import Derived
from benchmark.core.files import (
    DAMAGE,
    DamagedError,
    as_bytes,
    file_digest,
    one_line,
    read_header,
    read_lines,
    reading,
    stamp,
    sync,
    write_file,
)
from benchmark.core.predictions import Predictions
from benchmark.core.records import (
    EPOCHS,
    MOST,
    SCHEMA,
    Asked,
    BoardRow,
    Record,
    SearchRecord,
    from_json,
    to_text,
)
from datasets import Dataset, InputError, cache, limits
from datasets.dataset import Part
from datasets.names import readable
from datasets.pictures import file_stamp, open_arrays, read_whole

logger = logging.getLogger(__name__)

SUMS = "SHA256SUMS"
PREDICTIONS = "predictions.npz"  # of a run
FILE_NAME = 255  # bytes, which systems let a file's name have
LISTED = ["row", "file", "label", "person", "part"]  # columns of a list of pictures
T = TypeVar("T", BoardRow, SearchRecord)
# Digests by file, and the file or the folder (which ends with a slash) they are listed in place of.
Change = tuple[Mapping[str, str], str]


class Results:
    """A results folder; what is written there is listed with its digest in ``SHA256SUMS``."""

    def __init__(self, path: Path) -> None:
        self.path = path  # made when something is written
        self.derived = Derived()  # from the stored runs; kept by `remembering` only
        self._waiting: list[Change] | None = None  # to be listed, within `together`
        self._listed: dict[str, str] = {}  # likewise: as if they were

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
        content = to_text({"schema": SCHEMA, "asked": asdict(asked)})
        self.write("advice.json", content, lasting=True)

    def _entries(self, name: str, kind: type[T]) -> list[T]:
        with self._checked(name):
            found = self._read(name)
            return [from_json(kind, entry) for entry in found["entries"]] if found else []

    def _read(self, name: str) -> dict[str, Any]:
        """What a file of lists holds; nothing if it is not there."""
        path = self.path / name
        if not path.exists():
            return {}
        found = json.loads(read_whole(path, limits.BOARD_BYTES))
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
            self.write(name, to_text(whole), lasting=True)

    # Runs: a folder each.

    def run_folder(self, key: str) -> Path:
        """Return where the run of this key is kept; raises InputError if outside the results."""
        return self._inside(f"runs/{key}")

    def keys(self) -> set[str]:
        """Return the keys of all runs that lie here, on a board or not."""
        return {path.name for path in self.path.glob("runs/[!.]*")}

    def put(
        self,
        record: Record,
        predictions: Predictions | None = None,
        history: Sequence[Any] = (),
        model: Any = None,
    ) -> Record:
        """Keep a run, in place of an earlier one of the same key; a dataclass an epoch of history.

        The files are ``run.json``, ``predictions.npz``, ``history.csv`` and those of `model_files`.
        A run without a result takes no other's place that has one, which another command may have
        made meanwhile. Returns the record that is kept.
        """
        with self._placed(record.key, record.status == "ok") as draft:
            (draft / "run.json").write_text(
                to_text({"schema": SCHEMA, **asdict(record)}), encoding="utf-8"
            )
            if predictions is not None:
                np.savez_compressed(draft / PREDICTIONS, **vars(predictions))
            if history:
                table = pd.DataFrame([asdict(epoch) for epoch in history])
                table.to_csv(draft / "history.csv", index=False)
            if model is not None:
                model_files.save(draft, model, record)
        return self.kept(record)

    def put_files(self, key: str, files: Mapping[str, bytes], has_result: bool = True) -> None:
        """Keep a run, as `put` does, that lies in another results folder: its `files_of_run`."""
        with self._placed(key, has_result) as draft:
            for name, content in files.items():
                (draft / Path(name).name).write_bytes(content)

    def kept(self, record: Record) -> Record:
        """Return what is kept of a run that was put: of one without a result maybe an earlier."""
        return record if record.status == "ok" else self.record(record.key) or record

    def files_of_run(self, key: str) -> dict[str, bytes]:
        """Return what lies in a run's folder by name; nothing if it was never put."""
        return {path.name: path.read_bytes() for path in sorted(self.run_folder(key).glob("*"))}

    @contextlib.contextmanager
    def _placed(self, key: str, has_result: bool) -> Iterator[Path]:
        """Give a draft of a run's folder, which takes its place once it is written.

        It is listed and on the disk before that, so that a run that is there is whole, whenever the
        process or the machine ends.
        """
        home = self._ours(f"runs/{key}")
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=cache.draft_prefix(), dir=home.parent) as aside:
            draft = Path(aside) / home.name
            draft.mkdir()
            yield draft
            folder = f"runs/{home.name}/"
            sums = {f"{folder}{path.name}": file_digest(path) for path in draft.iterdir()}
            for path in (*draft.iterdir(), draft):
                sync(path)
            with self._lock:
                if not has_result and self.is_finished(key):
                    return
                if home.exists():
                    shutil.rmtree(home)
                self._list(sums, instead_of=folder)
                draft.rename(home)
                sync(home.parent)

    def record(self, key: str) -> Record | None:
        """Return the record of a run, or None if it was never made.

        Raises
        ------
        DamagedError
        InputError
            If another version of the project wrote it.
        """
        path = self.run_folder(key) / "run.json"
        if not path.exists():
            return None
        with reading(path):
            found = json.loads(read_whole(path, limits.RECORD_BYTES))
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
        path = self.run_folder(record.key) / PREDICTIONS
        most = _bytes_of_predictions(record)
        with reading(path), open_arrays(path, most) as arrays:
            predictions = Predictions(*(arrays[each.name] for each in fields(Predictions)))
            predictions.check(record)
            return predictions

    def is_finished(self, key: str) -> bool:
        """Whether a run has a result, which failed and damaged ones have not."""
        try:
            record = self.record(key)
            if record is None or record.status != "ok":
                return False
            self.predictions(record)
        except DamagedError as error:
            logger.warning("%s: the run does not count", error)
            return False
        return True

    def has_failed(self, key: str) -> bool:
        """Whether a run was made and has no result, for a reason that its record gives."""
        with contextlib.suppress(DamagedError):
            record = self.record(key)
            return record is not None and record.status != "ok"
        return False

    def history(self, key: str) -> pd.DataFrame | None:
        """Return a net's epochs, a row each, or None for a model of which none are known."""
        path = self.run_folder(key) / "history.csv"
        if not path.is_file():
            return None
        try:
            with reading(path):
                file = io.StringIO(read_whole(path, limits.RECORD_BYTES).decode(), newline="")
                if read_header(file) != EPOCHS:
                    raise ValueError("it is no table of epochs")
                table = read_lines(file, EPOCHS)
                _check_epochs(table)
                return table
        except DamagedError as error:
            logger.warning("%s: its epochs are not shown", error)
            return None

    def model_file(self, key: str) -> Path | None:
        """Return where the fitted model of a run lies, or None if it was not kept."""
        return next(self.run_folder(key).glob("model.s*"), None)

    def model(self, key: str) -> Any:
        """Load the fitted classifier of a run, ready to predict; see `model_files.load`.

        Raises
        ------
        DamagedError
            If it is not as it was written, which is seen before it is read, or no such model.
        """
        path = self.model_file(key)
        if path is None or not self.is_sound(f"runs/{key}/{path.name}"):
            raise DamagedError(f"{path or self.run_folder(key)} is not as it was written")
        with reading(path):
            return model_files.load(self.run_folder(key))

    # What is derived from the stored files, and many files at once.

    @contextlib.contextmanager
    def remembering(self) -> Iterator[None]:
        """Use again what was computed from these stored files before, and keep what is now."""
        self.derived.open_for(self.path)
        try:
            yield
        except BaseException:
            self.derived.save(everything=True)
            raise
        self.derived.save()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """List all that is written and removed meanwhile at the end, at once."""
        if self._waiting is not None:
            yield
            return
        self._waiting, self._listed = [], self._read_list()
        try:
            yield
        finally:
            changes, self._waiting = self._waiting, None
            if changes:
                with self._lock:  # others may have listed something in the meantime
                    self._write_list(changes)

    def digest(self, name: str) -> str | None:
        """SHA-256 of a file as it is now, or None if it is not there.

        One that was neither written nor touched since its digest was taken is not read again.
        """
        path, key = self._inside(name), f"digest of {name}"
        if not path.is_file():
            return None
        now, known = stamp(path), self.derived.before(key)
        if known is None or known[1:] != now:
            known = [file_digest(path), *now]
        self.derived.put(key, known)
        return str(known[0])

    def is_sound(self, name: str) -> bool:
        """Whether a file is here as it was written."""
        listed = self._read_list() if self._waiting is None else self._listed
        return name in listed and listed[name] == self.digest(name)

    def is_written(self, sums: Mapping[str, str]) -> bool:
        """Whether files are here, and listed, with these digests."""
        listed = self._read_list() if self._waiting is None else self._listed
        return all(
            listed.get(name) == each and self.digest(name) == each for name, each in sums.items()
        )

    # All other files.

    def put_pictures(self, dataset: Dataset) -> None:
        """Write which file each row of a data set is, with its label, person and part, once."""
        name = list_of_pictures(dataset.fingerprint)
        if self.is_sound(name):
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
        self.write(name, table.to_csv(index=False), lasting=True)

    def files(self, fingerprint: str, n: int | None = None) -> list[str] | None:
        """Return which file each row of a data set, of `n`, is, or None if that is not kept."""
        name = list_of_pictures(fingerprint)
        if not (self.path / name).is_file():
            return None
        with self._checked(name):
            file_stamp(self.path / name, limits.TABLE_BYTES)
            with (self.path / name).open(encoding="utf-8", newline="") as lines:
                columns = read_header(lines)
                if not {"file"} <= {*columns} <= {*LISTED}:
                    raise ValueError("it is no list of pictures")
                listed = read_lines(lines, columns, dtype=str, keep_default_na=False)
            files = [*listed["file"]]
        if n is not None and len(files) != n:
            logger.warning("%s lists %s of %s pictures", self.path / name, len(files), n)
            return None
        return files

    def write(self, name: str, content: str | bytes, lasting: bool = False) -> None:
        """Write a file, named from the results folder on, unless it is there as it should be.

        What cannot be made again from the stored runs must be `lasting`, see `write_file`.
        """
        path = self._ours(name)
        whole = as_bytes(content)
        sum_ = hashlib.sha256(whole).hexdigest()
        if not self.is_written({name: sum_}):
            with self._lock:
                write_file(path, whole, lasting)
                self._list({name: sum_})
            self.derived.put(f"digest of {name}", [sum_, *stamp(path)])

    def is_from(self, name: str, source: str) -> bool:
        """Whether a file is here as `write_from` wrote it from the same source, if that is told."""
        key = f"file {name} from {source}"
        known = self.derived.before(key)
        same = bool(source) and known is not None and self.is_written({name: known})
        if same:
            self.derived.put(key, known)
        return same

    def write_from(self, name: str, source: str, make: Callable[[], str | bytes]) -> None:
        """Write a file unless it is here as it was made from the same source before.

        The source is a digest of all that decides what is in it, or empty where that is not known.
        """
        if not self.is_from(name, source):
            self.write(name, make())
            self.note_source(name, source)

    def note_source(self, name: str, source: str) -> None:
        """Remember of a file as it is what it is made from, if that is known."""
        if source:
            self.derived.put(f"file {name} from {source}", self.digest(name))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._lock:
            self._ours(name).unlink(missing_ok=True)
            self._list({}, instead_of=name)

    def written_in(self, folder: str) -> list[str]:
        """Names of the files in and below a folder that this project wrote."""
        return [name for name in self._read_list() if name.startswith(f"{folder}/")]

    def remove_folder(self, name: str) -> None:
        """Remove a folder with all that was written in it; what a user has put there stays."""
        if not (folder := self._ours(name)).is_dir() or folder.is_symlink():
            return
        with self._lock:
            written = self.written_in(name)
            for each in written:
                self._ours(each).unlink(missing_ok=True)
            folders = {Path(each).parent for each in written}
            folders |= {above for each in folders for above in each.parents if above.name}
            for below in sorted(folders, key=lambda each: -len(each.parts)):
                with contextlib.suppress(OSError):  # something else is in it
                    self._ours(str(below)).rmdir()
            self._list({}, instead_of=f"{name}/")

    def sums(self) -> dict[str, str]:
        """Return the digest of every file as it was written, by name.

        Raises
        ------
        DamagedError
        """
        path = self.path / SUMS
        with reading(path):
            text = read_whole(path, limits.BOARD_BYTES).decode() if path.exists() else ""
            sums = _parsed(text)
            if text != _as_text(sums):
                odd = [name for line in text.splitlines() if not _is_inside(name := line[66:])]
                why = f"'{readable(odd[0])}' is no name of a file in it" if odd else ""
                raise ValueError(why or "not as it was written")
            return sums

    def _list(self, sums: Mapping[str, str], instead_of: str = "") -> None:
        """List files in place of a file or a folder; now, or at the end of `together`."""
        change = sums, instead_of
        if self._waiting is None:
            self._write_list([change])
        else:
            self._waiting.append(change)
            self._listed = _changed(self._listed, change)

    def _read_list(self) -> dict[str, str]:
        try:
            return self.sums()
        except DamagedError as error:
            logger.warning("%s: what can be read of it is kept", error)
        with contextlib.suppress(OSError, DamagedError):
            path = self.path / SUMS
            return _parsed(read_whole(path, limits.BOARD_BYTES).decode(errors="replace"))
        return {}

    def _write_list(self, changes: Sequence[Change]) -> None:
        before = self._read_list()
        after = functools.reduce(_changed, changes, dict(before))
        if after != before or not (self.path / SUMS).is_file():
            write_file(self.path / SUMS, _as_text(after), lasting=True)

    def _inside(self, name: str) -> Path:
        parts = Path(name).parts
        longest = max(len(part.encode(errors="surrogatepass")) for part in (*parts, ""))
        strange = ".." in parts or Path(name).is_absolute() or "\n" in name
        if strange or longest > FILE_NAME or len(name) > 2 * FILE_NAME:
            shown = limits.cut(repr(name))
            raise InputError(f"{shown} is no name of a file in {self.path}: remove board.json")
        return self.path / name

    def _ours(self, name: str) -> Path:
        """Where a file is to be written or removed: not through a link, which may lead anywhere."""
        path = self._inside(name)
        for folder in itertools.takewhile(lambda each: each != self.path, path.parents):
            if folder.is_symlink():
                raise InputError(f"{folder} is a link, and may lead out of {self.path}: remove it")
        return path

    @functools.cached_property
    def publishing(self) -> filelock.BaseFileLock:
        """A lock to hold while all that is shown is written, so that it is of one leaderboard."""
        self.path.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.path / ".publishing")

    @functools.cached_property
    def _lock(self) -> filelock.BaseFileLock:
        self.path.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.path / ".lock")  # the same one may be taken again inside


def _bytes_of_predictions(record: Record) -> int:
    """How many bytes what a run said may have unpacked: generous, and never those of a bomb."""
    n_pictures, n_classes = record.dataset.n, record.dataset.n_classes
    return min(2 * n_pictures * (8 * n_classes + 200) + (1 << 20), limits.TABLE_BYTES)


def _check_epochs(table: pd.DataFrame) -> None:
    """Raise ValueError if a table cannot be that of a net's epochs."""
    values = table.to_numpy(np.float64)
    seconds, numbered = table["seconds"], np.arange(1, len(table) + 1)
    if (
        not len(table)
        or np.isinf(values).any()
        or not np.array_equal(table["epoch"], numbered)
        or not seconds.between(0, MOST).all()
        or np.isnan(values[:, 1:3]).all()
    ):
        raise ValueError("it says what no net's epochs are")


def list_of_pictures(fingerprint: str) -> str:
    """Name of the file that says which picture each row of a data set is."""
    return f"data/{fingerprint[:12]}.csv"


def _changed(listed: dict[str, str], change: Change) -> dict[str, str]:
    """Add to a list of files in place of a file or a folder; the list itself is changed."""
    sums, instead_of = change
    listed.pop(instead_of, None)
    if instead_of.endswith("/"):
        for name in [name for name in listed if name.startswith(instead_of)]:
            del listed[name]
    listed.update(sums)
    return listed


def _parsed(text: str) -> dict[str, str]:
    """Digests by the name of their file, of the lines that can be of such a list."""
    lines = [(line[66:], line[:64]) for line in text.splitlines()]
    return {name: said for name, said in lines if cache.DIGEST.fullmatch(said) and _is_inside(name)}


def _is_inside(name: str) -> bool:
    """Whether a name is one of a file below the folder it is listed in."""
    path = Path(name)
    return (
        bool(name) and readable(name) == name and not path.is_absolute() and ".." not in path.parts
    )


def _as_text(sums: Mapping[str, str]) -> str:
    """What ``sha256sum`` writes."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
