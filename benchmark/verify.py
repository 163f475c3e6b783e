"""Whether results are what their stored predictions say: ``python -m benchmark.verify results``."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

import datasets
from benchmark import protocols, store
from benchmark.command import command
from datasets import Dataset, InputError

COLOUR_STEPS = 2  # of 255, by which rounding may change a drawn pixel from one machine to another
SUM_TOLERANCE = 1e-3  # of the probabilities of a picture, as float32
AGAIN = "remove that folder and run its command again"
WRITE_AGAIN = "write it again with 'python -m benchmark.report --out {out}'"
PICTURE_FOLDERS = ("confusion", "curves")
OF_CURVES = {"learning-curves", "crossovers"}  # made where a curve is on the board

STATED = {"board.json", "audit.json"}  # what is published from, besides the runs
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


def verify(out: Path, data: str | None = None, require_data: bool = False) -> Findings:
    """Check the stored runs of a results folder, their data, and all that is published from them.

    Parameters
    ----------
    out : Path
        The results folder.
    data : str, optional
        Where the pictures are, as `datasets.load` takes it; without it they are looked for by the
        name the runs know them by.
    require_data : bool
        Whether pictures that are not here are a failure.

    Raises
    ------
    InputError
        If the folder holds no results.
    """
    found = Findings()
    if not (out / "board.json").is_file():
        raise InputError(f"{out} holds no runs: make some with 'python -m benchmark.run'")
    found.failures += check_board(out)
    if found.failures:
        found.notes.append("nothing else was checked: board.json says what belongs to what")
        return found
    board = store.read_board(out)
    found.failures += check_runs(out, board, found)
    damaged = bool(found.failures)
    undigested = [key for key, record in found.records.items() if "files" not in record]
    if undigested:
        found.failures.append(
            f"runs/{undigested[0]}: written, as {len(undigested)} of the runs, before there were "
            "digests, so that a change cannot be seen: remove their folders and run again"
        )
    found.failures += check_data(out, board, data, require_data, found)
    if damaged:
        found.notes.append("tables and pictures not compared: they come from the damaged runs")
    else:
        found.failures += check_published(out, found)
    return found


def check_board(out: Path) -> Iterator[str]:
    """Check that no row of ``board.json`` was changed since it was written."""
    remedy = "remove it and run the same commands, which use the stored runs again"
    try:
        text = (out / "board.json").read_text()
        board = json.loads(text)
        if text != store.to_text(board):
            yield f"board.json: changed since it was written: {remedy}"
        for row, entry in board.items():
            sealed = entry.pop("digest", None)
            where = entry["dataset"]["name"], entry["protocol"]["label"], entry["protocol"]["split"]
            # Rows of before there were digests have none; their runs have none either.
            changed = sealed != store.digest(entry) if sealed or set(entry) != PARTS else False
            if changed or row != "/".join([*where, entry["model"]["label"]]):
                yield f"board.json: row {row} was changed since it was written: {remedy}"
    except (OSError, *store.DAMAGE, AttributeError, TypeError) as error:
        yield f"board.json: damaged ({_line(error)}): {remedy}"


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
            wrong = f"runs/{key}/run.json: damaged ({_line(error)})"
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
    if (parts["data"], parts["repeat"]) != (entry["dataset"]["fingerprint"], repeat) or any(
        record[name] != entry[name] for name in shown
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
            found.models_absent += name not in present
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
    sets: dict[tuple[str, str, int], list[str]] = {}
    for entry in board.values():
        about = entry["dataset"]
        keys = sets.setdefault((about["name"], about["source"], about["size"]), [])
        keys += [key for key in entry["keys"] if key in found.records]
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
    if given is not None:
        dataset = datasets.load(given, size)
        if alone or dataset.name == name:
            return dataset
        raise InputError(f"{given} is {dataset.name}")
    # Drawn faces may lie where the real pictures are looked for.
    usual = [datasets.default()] if name == "generated" else []
    for named in dict.fromkeys([*usual, name]):
        dataset = datasets.load(named, size)
        if (dataset.name, dataset.source) == (name, source):
            return dataset
    raise InputError(f"'{name}' is here {dataset.source}, and was {source}")


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
            return f"made by a protocol that is not known here ({_line(error)})"
        known[which] = rows.test
    if not np.array_equal(predictions.rows, known[which]):
        return "scored on other pictures than the protocol says"
    if not np.array_equal(predictions.labels, dataset.labels[predictions.rows]):
        return "labels that are not those of the pictures"
    people = predictions.rows if dataset.groups is None else dataset.groups[predictions.rows]
    if not np.array_equal(predictions.groups, people):
        return "people that are not those on the pictures"
    return ""


def check_published(out: Path, found: Findings) -> Iterator[str]:
    """Write tables, pictures and page anew, elsewhere, and compare each file."""
    from benchmark import report  # with matplotlib, which takes seconds to load

    remedy = WRITE_AGAIN.format(out=out)
    with tempfile.TemporaryDirectory() as temporary, _waiting("drawing everything anew"):
        fresh = Path(temporary)
        for name in STATED:
            if (out / name).is_file():
                shutil.copy(out / name, fresh)
        (fresh / "runs").symlink_to((out / "runs").resolve())
        try:
            report.publish(fresh)
        except Exception as error:  # Whatever breaks it, these results cannot be shown.
            yield f"the leaderboard cannot be computed ({_line(error)}): run again"
            return
        made = _files(fresh) - STATED
        for name in sorted(made):
            there = out / name
            if not there.is_file():
                if name == "report.html":  # holds nothing that the other files do not
                    found.notes.append("report.html is not kept")
                    continue
                yield f"{name}: missing: {remedy}"
                continue
            found.files += 1
            stored, computed = there.read_bytes(), (fresh / name).read_bytes()
            if stored != computed and not _same_but_for_rounding(name, stored, computed):
                yield f"{name}: {_how_it_differs(name, stored, computed)}: {remedy}"
        for name in sorted(_files(out) - made):
            kinds = {other.split(".")[0] for other in made if "/" not in other} | OF_CURVES
            if name.split("/")[0] in PICTURE_FOLDERS or name.split(".")[0] in kinds:
                yield f"{name}: no run on the board makes this file: remove it"


def _files(out: Path) -> set[str]:
    """Files of a results folder but for the runs and what begins with a dot."""
    inside = [
        path
        for entry in out.iterdir()
        if entry.name != "runs"
        for path in (entry.rglob("*") if entry.is_dir() else [entry])
    ]
    return {
        path.relative_to(out).as_posix()
        for path in inside
        if path.is_file() and not path.name.startswith(".")
    }


EMBEDDED = re.compile(rb'data:image/png;base64,([^"]*)')


def _same_but_for_rounding(name: str, stored: bytes, computed: bytes) -> bool:
    """Whether pictures look the same, and all beside them is the same."""
    if name.endswith(".png"):
        return same_picture(stored, computed)
    if not name.endswith(".html") or EMBEDDED.sub(b"", stored) != EMBEDDED.sub(b"", computed):
        return False
    try:
        pictures = [
            [base64.b64decode(text, validate=True) for text in EMBEDDED.findall(page)]
            for page in (stored, computed)
        ]
    except ValueError:
        return False
    return all(same_picture(*pair) for pair in zip(*pictures, strict=True))


def same_picture(stored: bytes, computed: bytes) -> bool:
    """Whether two PNGs are whole and no pixel differs by more than `COLOUR_STEPS`.

    Bytes may differ where another release of a library packed the same pixels.
    """
    if not _is_whole_png(stored):
        return False
    try:
        one, other = (
            np.asarray(Image.open(io.BytesIO(each)).convert("RGBA"), np.int16)
            for each in (stored, computed)
        )
    except Exception:  # Pillow raises many kinds; whatever the fault, it is not the picture.
        return False
    return one.shape == other.shape and bool((np.abs(one - other) <= COLOUR_STEPS).all())


def _is_whole_png(png: bytes) -> bool:
    """Whether every byte is covered by a checksum that holds; readers leave some unread."""
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        return False
    place, kind = 8, b""
    while place < len(png) and kind != b"IEND":
        end = place + 8 + int.from_bytes(png[place : place + 4], "big")
        kind = png[place + 4 : place + 8]
        if zlib.crc32(png[place + 4 : end]).to_bytes(4, "big") != png[end : end + 4]:
            return False
        place = end + 4
    return kind == b"IEND" and place == len(png)


def _how_it_differs(name: str, stored: bytes, computed: bytes) -> str:
    if name.endswith(".png"):
        try:
            by = [Image.open(io.BytesIO(each)).info.get("Software") for each in (stored, computed)]
        except OSError:
            return "damaged"
        if by[0] != by[1]:
            return f"another picture than is drawn here, by {by[0] or 'an earlier version'}"
        return "another picture than the stored predictions give"
    lines = zip(stored.splitlines(), computed.splitlines(), strict=False)
    number = next((i for i, (one, other) in enumerate(lines, 1) if one != other), None)
    where = f"line {number}" if number else "its end"
    return f"{where} is not what the stored predictions give"


def _with_a_bar(steps: list[Any], what: str) -> Any:
    console = Console(stderr=True)
    return track(steps, what, console=console, transient=True, disable=not console.is_terminal)


def _waiting(what: str) -> Any:
    return Console(stderr=True).status(what)  # a moving sign on a terminal, nothing elsewhere


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


@command
@click.argument(
    "out", type=click.Path(path_type=Path, exists=True, file_okay=False), default="results"
)
@click.option("--data", help="A name, NAME:PATH or a folder.  [default: by the name in OUT]")
@click.option("--require-data", is_flag=True, help="Fail where the pictures are not here.")
def main(out: Path, data: str | None, require_data: bool) -> int:
    """Recompute all that OUT shows from its stored predictions; status 1 if anything differs."""
    if data is not None:
        datasets.load(data)  # wrong input, if it cannot be
    found = verify(out, data, require_data)
    for line in found.failures:
        click.echo(line)
    for line in found.notes:
        click.echo(line)
    models = f", {found.models_absent} fitted models not kept" if found.models_absent else ""
    n_failures = len(found.failures)
    end = f"{n_failures} failures" if n_failures else "all is what the stored predictions give"
    click.echo(
        f"{len(found.records)} sound runs{models}, "
        f"{found.files} tables and pictures compared: {end}"
    )
    return 1 if found.failures else 0


if __name__ == "__main__":
    main()
