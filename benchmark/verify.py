"""Whether results are what their stored predictions say: ``python -m benchmark.verify results``."""

from __future__ import annotations

import base64
import io
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from rich.console import Console

import datasets
from benchmark.core.predictions import Predictions
from benchmark.core.protocols import PROTOCOLS, Rows
from benchmark.core.records import BoardRow, DataFacts, Record
from benchmark.core.store import DAMAGE, SUMS, Results, digest, file_digest, one_line
from benchmark.options import command
from datasets import Dataset, InputError

COLOUR_STEPS = 2  # of 255, by which rounding may change a drawn pixel from one machine to another
RUN_AGAIN = "remove that folder and run its command again"
WRITE_AGAIN = "write it again with 'python -m benchmark.report --out {out}'"
STATED = {"board.json", "searches.json", "audit.json"}  # what is published from, besides the runs
# What `page.publish` writes: folders, and how the names of its files begin. All files so called
# are its own, so that those of rows no longer on the board are found.
PUBLISHED = {
    *("leaderboard", "comparisons", "splits", "transfer", "learning-curves", "crossovers"),
    *("report", "classes", "trials"),
    *("confusion", "curves", "reliability", "told-apart"),
}


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
        Records of the runs that are sound, by key.
    models_absent : int
        Fitted models that are not kept; nothing shown is computed from them.
    files : int
        Published files that were made again and compared.
    """

    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)
    models_absent: int = 0
    files: int = 0


def verify(results: Results, data: str | None = None, require_data: bool = False) -> Findings:
    """Check the stored runs of a results folder, their data, and all that is published from them.

    Parameters
    ----------
    results : Results
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
    found, out = Findings(), results.path
    if not (out / "board.json").is_file():
        raise InputError(f"{out} holds no runs: make some with 'python -m benchmark.run'")
    try:
        sums = results.sums()
        found.failures += check_files(out, sums)
        rows = [*results.rows(), *(row for each in results.searches() for row in each.rows())]
    except (ValueError, OSError) as error:
        found.failures += [] if found.failures else [one_line(error)]
        found.notes.append("nothing else was checked")
        return found
    wrong = [*check_runs(results, rows, sums, found)]
    found.failures += wrong
    found.failures += check_data(results, rows, data, require_data, found)
    if wrong:
        found.notes.append("tables and pictures not compared: they come from the damaged runs")
    else:
        found.failures += check_published(out, found)
    return found


def check_files(out: Path, sums: dict[str, str]) -> Iterator[str]:
    """See that no file besides the runs was changed since it was written."""
    for name, sum_ in sums.items():
        here = (out / name).is_file() and not name.startswith("runs/")
        if here and file_digest(out / name) != sum_:
            yield f"{name}: changed since it was written: {WRITE_AGAIN.format(out=out)}"
    for name in sorted(STATED):
        if (out / name).is_file() and name not in sums:
            yield f"{name}: not in {SUMS}: bring that file back, or make these results again"


def check_runs(
    results: Results, rows: Sequence[BoardRow], sums: dict[str, str], found: Findings
) -> Iterator[str]:
    """Check every run of the board, and keep the records of those that are sound."""
    for row in rows:
        for repeat, key in enumerate(row.keys):
            if key in found.records or not results.run_folder(key).is_dir():
                continue  # not run yet, and that is what its row must say
            try:
                wrong = _wrong_files(results, key, sums, found)
                if not wrong:
                    record = results.read_record(key)
                    wrong = _wrong_record(record, row, repeat)
                if not wrong and record.status == "ok":
                    results.read_predictions(record)
            except DAMAGE as error:
                wrong = f"damaged: {one_line(error)}"
            if wrong:
                yield f"runs/{key}: {wrong}, of row {row.place}: {RUN_AGAIN}"
            else:
                found.records[key] = record


def _wrong_files(results: Results, key: str, sums: dict[str, str], found: Findings) -> str:
    home, prefix = results.run_folder(key), f"runs/{key}/"
    listed = {name.removeprefix(prefix) for name in sums if name.startswith(prefix)}
    present = {path.name for path in home.iterdir()}
    for name in sorted(present | listed):
        if name not in listed:
            return f"{name} is not in {SUMS}"
        if name in present and file_digest(home / name) != sums[prefix + name]:
            return f"{name} was changed since it was written"
        if name not in present and not name.startswith("model."):
            return f"{name} is missing"
        found.models_absent += name != "model.json" and name not in present
    return ""


def _wrong_record(record: Record, row: BoardRow, repeat: int) -> str:
    if not row.keys[repeat] == record.key == digest(record.parts):
        return "the key is not that of its parts"
    facts = record.model, replace(record.protocol, split=row.protocol.split), record.repeat
    same_data = record.parts["data"] == record.dataset.fingerprint == row.dataset.fingerprint
    if not same_data or facts != (row.model, row.protocol, repeat):
        return "a run of something else"
    return ""


def check_data(
    results: Results, rows: Sequence[BoardRow], given: str | None, required: bool, found: Findings
) -> Iterator[str]:
    """Check the sound runs against their pictures, as far as these are here."""
    sets: dict[tuple[str, str, int], DataFacts] = {}
    for row in rows:
        facts = row.dataset
        sets.setdefault((facts.name, facts.described, facts.size), facts)
    for which, facts in sets.items():
        try:
            dataset = _load(facts, given, alone=len({name for name, _, _ in sets}) == 1)
        except InputError as error:
            line = f"data not here: fingerprints of {facts.name} not checked ({error})"
            if required:
                yield f"{line}: name the folder with --data"
            else:
                found.notes.append(line)
            continue
        mine = [
            record
            for record in found.records.values()
            if (record.dataset.name, record.dataset.described, record.dataset.size) == which
        ]
        fresh = [each for each in mine if each.dataset.fingerprint == dataset.fingerprint]
        if mine and len(fresh) == len(mine):
            found.notes.append(f"{facts.name}: the pictures here have the fingerprint of the runs")
        stale = [each for each in mine if each not in fresh]
        for stored in sorted({each.dataset.fingerprint for each in stale}):
            theirs = [each for each in stale if each.dataset.fingerprint == stored]
            yield (
                f"{facts.name}: the pictures here have fingerprint {dataset.fingerprint}, "
                f"{len(theirs)} runs (the first is runs/{theirs[0].key}) were made on {stored}: "
                "bring those pictures back, or run again"
            )
        known: dict[str, Rows] = {}
        for record in fresh:
            wrong = _differs_from_data(results, record, dataset, known)
            if wrong:
                yield f"runs/{record.key}: {wrong}: {RUN_AGAIN}"


def _load(facts: DataFacts, given: str | None, alone: bool) -> Dataset:
    """Load what runs call by a name, or what is given in its place."""
    whole, crop = facts.name.removesuffix(f"-{facts.crop}"), facts.crop
    if given is not None:
        dataset = datasets.load(given, facts.size, crop)
        if alone or dataset.name == facts.name:
            return dataset
        raise InputError(f"{given} is {dataset.name}")
    # Drawn faces may lie where the real pictures are looked for.
    usual = [datasets.default()] if whole == "generated" else []
    for named in dict.fromkeys([*usual, whole]):
        dataset = datasets.load(named, facts.size, crop)
        if (dataset.name, dataset.described) == (facts.name, facts.described):
            return dataset
    raise InputError(f"'{facts.name}' is here {dataset.described}, and was {facts.described}")


def _differs_from_data(
    results: Results, record: Record, dataset: Dataset, known: dict[str, Rows]
) -> str:
    if record.status != "ok":
        return ""
    predictions = results.read_predictions(record)
    settings = dict(record.parts["protocol"])
    which = digest([settings, record.model.deep, record.repeat])
    if which not in known:
        try:
            protocol = PROTOCOLS[settings.pop("name")](**settings)
            known[which] = protocol.rows(dataset, record.model.deep, record.repeat)
        except (KeyError, TypeError, InputError) as error:
            return f"made by a protocol that is not known here ({one_line(error)})"
    if _parts(predictions) != {name: {*rows} for name, rows in known[which].by_part().items()}:
        return "about other pictures than the protocol says"
    if not np.array_equal(predictions.labels, dataset.labels[predictions.rows]):
        return "labels that are not those of the pictures"
    people = predictions.rows if dataset.groups is None else dataset.groups[predictions.rows]
    if not np.array_equal(predictions.groups, people):
        return "people that are not those on the pictures"
    return ""


def _parts(predictions: Predictions) -> dict[str, set[int]]:
    return {name: {*predictions.of(name).rows} for name in dict.fromkeys(predictions.part.tolist())}


def check_published(out: Path, found: Findings) -> Iterator[str]:
    """Write tables, pictures and page anew, elsewhere, and compare each file."""
    from benchmark.view import page  # with matplotlib, which takes seconds to load

    remedy = WRITE_AGAIN.format(out=out)
    with tempfile.TemporaryDirectory() as temporary, _waiting("drawing everything anew"):
        fresh = Path(temporary)
        for name in STATED:
            if (out / name).is_file():
                shutil.copy(out / name, fresh)
        (fresh / "runs").symlink_to((out / "runs").resolve())
        try:
            page.publish(Results(fresh))
        except Exception as error:  # Whatever breaks it, these results cannot be shown.
            yield f"the leaderboard cannot be computed ({one_line(error)}): run again"
            return
        made = _files(fresh) - STATED - {SUMS}
        for name in sorted(made):
            there = out / name
            if not there.is_file():
                if name == "report.html":  # holds nothing that the other files do not
                    found.notes.append("report.html is not kept")
                    continue
                yield f"{name}: missing: {remedy}"
                continue
            found.files += 1
            if any(line.startswith(f"{name}:") for line in found.failures):
                continue
            stored, computed = there.read_bytes(), (fresh / name).read_bytes()
            if stored != computed and not _same_but_for_rounding(name, stored, computed):
                yield f"{name}: {_how_it_differs(name, stored, computed)}: {remedy}"
        for name in sorted(_files(out) - made):
            if is_published(name):
                yield f"{name}: no run on the board makes this file: remove it"


def is_published(name: str) -> bool:
    """Whether a file of this name, relative to the results folder, is one of `PUBLISHED`."""
    return re.split("[./]", name)[0] in PUBLISHED


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
    """Whether no pixel of two pictures differs by more than `COLOUR_STEPS`.

    Bytes may differ where another release of a library packed the same pixels.
    """
    try:
        one, other = (
            np.asarray(Image.open(io.BytesIO(each)).convert("RGBA"), np.int16)
            for each in (stored, computed)
        )
    except Exception:  # Pillow raises many kinds; whatever the fault, it is not the picture.
        return False
    return one.shape == other.shape and bool((np.abs(one - other) <= COLOUR_STEPS).all())


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


def _waiting(what: str) -> Any:
    return Console(stderr=True).status(what)  # a moving sign on a terminal, nothing elsewhere


@command()
@click.argument(
    "out", type=click.Path(path_type=Path, exists=True, file_okay=False), default="results"
)
@click.option("--data", help="A name, NAME:PATH or a folder.  [default: by the name in OUT]")
@click.option("--require-data", is_flag=True, help="Fail where the pictures are not here.")
def main(out: Path, data: str | None, require_data: bool) -> int:
    """Recompute all that OUT shows from its stored predictions; status 1 if anything differs."""
    if data is not None:
        datasets.load(data)  # wrong input, if it cannot be
    found = verify(Results(out), data, require_data)
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
