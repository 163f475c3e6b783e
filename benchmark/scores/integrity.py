"""Whether stored runs are as they were written, possible, and of the pictures that are here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

import datasets
from benchmark.core import protocols, runs, store
from benchmark.scores import searches
from datasets import Dataset, InputError, crops

SUM_TOLERANCE = 1e-3  # of the probabilities of a picture, as float32
AGAIN = "remove that folder and run its command again"
PARTS = {"model", "protocol", "dataset", "device", "keys"}  # of a row of board.json

Board = Mapping[str, dict[str, Any]]


@dataclass
class Findings:
    """What was found.

    Attributes
    ----------
    failures : list of str
        A line each: what is wrong, why, and what to do.
    notes : list of str
        What could not be checked, and is no failure.
    records : dict
        ``run.json`` of the runs on the board that are sound, by key.
    models_absent : int
        Fitted models that are not kept; nothing shown is computed from them.
    files : int
        Published files that were made again and compared.
    """

    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    models_absent: int = 0
    files: int = 0


def check_board(out: Path) -> Iterator[str]:
    """Check that neither the leaderboard's rows nor the searches were changed since written."""
    yield from _check_sealed(out / "board.json", lambda row: "/".join(runs.place(row)))
    if (out / "searches.json").is_file():
        yield from _check_sealed(out / "searches.json", searches.name)


def _check_sealed(path: Path, name_of: Callable[[dict[str, Any]], str]) -> Iterator[str]:
    """Check entries that are stored with a digest each, by names that follow from them."""
    remedy = "remove it and run the same commands, which use the stored runs again"
    try:
        text = path.read_text()
        entries = json.loads(text)
        if text != store.to_text(entries):
            yield f"{path.name}: changed since it was written: {remedy}"
        for name, entry in entries.items():
            sealed = entry.pop("digest", None)
            # Rows of before there were digests have none; their runs have none either.
            changed = sealed != store.digest(entry) if sealed or set(entry) != PARTS else False
            if changed or name != name_of(entry):
                yield f"{path.name}: {name} was changed since it was written: {remedy}"
    except (OSError, *store.DAMAGE, AttributeError, TypeError) as error:
        yield f"{path.name}: damaged ({one_line(error)}): {remedy}"


def check_runs(out: Path, board: Board, found: Findings) -> Iterator[str]:
    """Check every run of the board, and keep the records of those that are sound."""
    runs = [
        (row, entry, repeat, key)
        for row, entry in board.items()
        for repeat, key in enumerate(entry["keys"])
    ]
    for row, entry, repeat, key in _with_a_bar(runs, "checking runs"):
        if not store.folder(out, key).is_dir():
            continue  # not run yet, and that is what its row must say
        try:
            record = _read(store.folder(out, key) / "run.json")
            wrong = _wrong_in_run(out, key, record, entry, repeat, found)
        except (OSError, *store.DAMAGE, TypeError, AttributeError) as error:
            wrong = f"runs/{key}/run.json: damaged ({one_line(error)})"
        if wrong:
            yield f"{wrong}, of row {row}: {AGAIN}"
        else:
            found.records[key] = record


def _read(path: Path) -> dict[str, Any]:
    """Read a record that is as it was written."""
    text = path.read_text()
    record = json.loads(text)
    if record["schema"] != store.SCHEMA:
        raise ValueError(f"schema {record['schema']}, this version reads {store.SCHEMA}")
    about = {name: value for name, value in record.items() if name != "digest"}
    if text != store.to_text(record) or record.get("digest", "") != (
        store.digest(about) if "files" in record else ""
    ):
        raise ValueError("changed since it was written")
    return record


def _wrong_in_run(
    out: Path,
    key: str,
    record: Mapping[str, Any],
    entry: Mapping[str, Any],
    repeat: int,
    found: Findings,
) -> str:
    """What is wrong with a run, or nothing."""
    home, where = store.folder(out, key), f"runs/{key}"
    if not key == record["key"] == store.digest(record["parts"]):
        return f"{where}/run.json: the key is not that of its parts"
    parts, shown = record["parts"], ("model", "protocol")
    if (parts["data"], parts["repeat"]) != (entry["dataset"]["fingerprint"], repeat) or not any(
        all(row[name] == entry[name] for name in shown) for row in runs.rows_of(record)
    ):
        return f"{where}/run.json: a run of something else"
    if "files" in record:
        present = {path.name for path in home.iterdir()} - {"run.json"}
        for name in sorted(present | set(record["files"])):
            if name not in record["files"]:
                return f"{where}/{name}: not a file of this run"
            if name in present and store.file_digest(home / name) != record["files"][name]:
                return f"{where}/{name}: changed since it was written"
            if name not in present and not name.startswith("model."):
                return f"{where}/{name}: missing"
            # A run that is on two rows counts once.
            found.models_absent += name not in present and key not in found.records
    if record["status"] != "ok":
        return ""
    predictions = store.read_predictions(out, key)
    wrong = "damaged" if predictions is None else _wrong_in_predictions(predictions, record)
    return wrong and f"{where}/predictions.npz: {wrong}"


def _wrong_in_predictions(p: store.Predictions, record: Mapping[str, Any]) -> str:
    about = record["dataset"]
    shape = (record["n_test"], len(about["class_counts"]))
    if p.probabilities.shape != shape or any(
        part.shape != shape[:1] or part.dtype != np.int64 for part in (p.rows, p.labels, p.groups)
    ):
        return f"not {shape[0]} predictions of {shape[1]} classes"
    if len(np.unique(p.rows)) < len(p.rows) or not _within(p.rows, about["n"]):
        return f"rows that are not {shape[0]} different ones of {about['n']}"
    if not _within(p.labels, shape[1]):
        return f"labels that are not among {shape[1]} classes"
    if not np.isfinite(p.probabilities).all() or (p.probabilities < 0).any():
        return "probabilities that are negative or no numbers"
    sums = p.probabilities.sum(axis=1, dtype=np.float64)
    if (np.abs(sums[sums > 0] - 1) > SUM_TOLERANCE).any():
        return "probabilities that do not sum to 1"
    return ""


def _within(numbers: np.ndarray, n: int) -> bool:
    return bool((numbers >= 0).all() and (numbers < n).all())


def check_data(
    out: Path, board: Board, given: str | None, required: bool, found: Findings
) -> Iterator[str]:
    """Check the sound runs against their pictures, as far as these are here."""
    sets: dict[tuple[str, str, int], dict[str, None]] = {}  # the keys of the runs, in order
    for entry in board.values():
        about = entry["dataset"]
        keys = sets.setdefault((about["name"], about["source"], about["size"]), {})
        keys |= dict.fromkeys(key for key in entry["keys"] if key in found.records)
    for (name, source, size), keys in sets.items():
        try:
            dataset = _load(name, source, size, given, alone=len({n for n, _, _ in sets}) == 1)
        except InputError as error:
            line = f"data not here: fingerprints of {name} not checked ({error})"
            if required:
                yield f"{line}: name the folder with --data"
            else:
                found.notes.append(line)
            continue
        if keys and all(found.records[key]["parts"]["data"] == dataset.fingerprint for key in keys):
            found.notes.append(f"{name}: the pictures here have the fingerprint of the runs")
        fresh = [key for key in keys if found.records[key]["parts"]["data"] == dataset.fingerprint]
        for stored in sorted({found.records[key]["parts"]["data"] for key in {*keys} - {*fresh}}):
            stale = [key for key in keys if found.records[key]["parts"]["data"] == stored]
            yield (
                f"{name}: the pictures here have fingerprint {dataset.fingerprint}, {len(stale)} "
                f"runs (the first is runs/{stale[0]}) were made on {stored}: "
                "bring those pictures back, or run again"
            )
        rows: dict[str, np.ndarray] = {}
        for key in fresh:
            wrong = _differs_from_data(out, key, found.records[key], dataset, rows)
            if wrong:
                yield f"runs/{key}/predictions.npz: {wrong}: {AGAIN}"


def _load(name: str, source: str, size: int, given: str | None, alone: bool) -> Dataset:
    """Load what runs call by a name, or what is given in its place."""
    whole, crop = crops.parted(name)
    if given is not None:
        dataset = datasets.load(given, size, crop)
        if alone or dataset.name == name:
            return dataset
        raise InputError(f"{given} is {dataset.name}")
    # Drawn faces may lie where the real pictures are looked for.
    usual = [datasets.default()] if whole == "generated" else []
    for named in dict.fromkeys([*usual, whole]):
        dataset = datasets.load(named, size, crop)
        if (dataset.name, dataset.described) == (name, source):
            return dataset
    raise InputError(f"'{name}' is here {dataset.described}, and was {source}")


def _differs_from_data(
    out: Path, key: str, record: Mapping[str, Any], dataset: Dataset, known: dict[str, np.ndarray]
) -> str:
    predictions = store.read_predictions(out, key) if record["status"] == "ok" else None
    if predictions is None or "files" not in record:
        return ""
    about = dict(record["parts"]["protocol"])
    which = store.digest([about, record["model"]["deep"], record["repeat"]])
    if which not in known:
        try:
            protocol = protocols.PROTOCOLS[about.pop("name")](**about)
            rows = protocol.rows(dataset, record["model"]["deep"], record["repeat"])
        except (KeyError, TypeError, InputError) as error:
            return f"made by a protocol that is not known here ({one_line(error)})"
        known[which] = rows.test
    if not np.array_equal(predictions.rows, known[which]):
        return "scored on other pictures than the protocol says"
    if not np.array_equal(predictions.labels, dataset.labels[predictions.rows]):
        return "labels that are not those of the pictures"
    people = predictions.rows if dataset.groups is None else dataset.groups[predictions.rows]
    if not np.array_equal(predictions.groups, people):
        return "people that are not those on the pictures"
    return ""


def _with_a_bar(steps: list[Any], what: str) -> Any:
    console = Console(stderr=True)
    return track(steps, what, console=console, transient=True, disable=not console.is_terminal)


def one_line(error: BaseException) -> str:
    """What went wrong, cut to one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
