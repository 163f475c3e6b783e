"""Whether results are what their stored predictions say: ``python -m benchmark.verify results``."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import itertools
import json
import operator
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import click
import numpy as np
from PIL import Image
from rich.console import Console

import datasets
from benchmark.core.files import DAMAGE, DamagedError, digest, file_digest, one_line
from benchmark.core.predictions import Predictions
from benchmark.core.protocols import PROTOCOLS
from benchmark.core.records import OUTSIDE, BoardRow, DataFacts, Record
from benchmark.core.store import SUMS, Results
from benchmark.options import command
from datasets import Dataset, InputError, limits
from datasets.names import readable

COLOUR_STEPS = 2  # of 255, by which rounding may change a drawn pixel from one machine to another
NUMBER = re.compile(rb"-?(?<!\d)\d+\.\d+")
ROUNDING = 0.05  # of such numbers in a page, among them places in its pictures, in points
LAST_DIGITS = 1e-6  # of a table's number, which another processor may sum in another order
RUN_AGAIN = "remove that folder and run its command again"
WRITE_AGAIN = "write it again with 'python -m benchmark.report --out {out}'"
PUBLISHED_FROM = ("board.json", "searches.json", "audit.json", "advice.json")  # besides the runs
# How the names begin of what is listed in a results folder and is not made by `page.publish`.
NOT_PUBLISHED = (*PUBLISHED_FROM, "runs/", "data/", "audit", "ablation.", "perf.", "tensorboard/")


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
        Where the pictures are, as `datasets.load` takes it; without it they are looked for where
        the runs had them from.
    require_data : bool
        Whether pictures that are not here are a failure.

    Raises
    ------
    InputError
        If the folder holds no results.
    """
    findings, out = Findings(), results.path
    if not (out / "board.json").is_file():
        raise InputError(f"{out} holds no runs: make some with 'python -m benchmark.run'")
    try:
        sums = results.sums()
        findings.failures += check_files(out, sums)
        rows = [*results.rows(), *(row for each in results.searches() for row in each.rows())]
    except (ValueError, OSError) as error:
        findings.failures += [] if findings.failures else [one_line(error)]
        findings.notes.append("nothing else was checked")
        return findings
    wrong = [*check_runs(results, rows, sums, findings)]
    findings.failures += wrong
    findings.failures += check_others(results, rows, findings)
    findings.failures += check_data(results, rows, data, require_data, findings)
    if wrong:
        findings.notes.append("tables and pictures not compared: they come from the damaged runs")
    else:
        findings.failures += check_published(out, findings)
    return findings


def check_files(out: Path, sums: dict[str, str]) -> Iterator[str]:
    """See that no file besides the runs was changed since it was written."""
    for name, sum_ in sums.items():
        here = (out / name).is_file() and not name.startswith("runs/")
        if here and file_digest(out / name) != sum_:
            of_report = not name.startswith(NOT_PUBLISHED)
            remedy = WRITE_AGAIN.format(out=out) if of_report else "run its command again"
            yield f"{name}: changed since it was written: {remedy}"
    lists = (f"data/{path.name}" for path in sorted((out / "data").glob("*.csv")))
    for name in (*PUBLISHED_FROM, *lists):
        if (out / name).is_file() and name not in sums:
            yield f"{name}: not in {SUMS}: bring that file back, or make these results again"


def check_runs(
    results: Results, rows: Sequence[BoardRow], sums: dict[str, str], findings: Findings
) -> Iterator[str]:
    """Check every run of the board, and keep the records of those that are sound."""
    for row in itertools.chain.from_iterable(each.settings for each in rows):
        for repeat, key in enumerate(row.keys):
            if not results.run_folder(key).is_dir():
                continue  # not run yet, and that is what its row must say
            record = findings.records.get(key)
            try:
                wrong = "" if record else _wrong_files(results, key, sums, findings)
                known, record = record, record or (None if wrong else results.record(key))
                if record:
                    wrong = _wrong_record(record, row, repeat)
                    if not wrong and not known and record.status == "ok":
                        wrong = _wrong_predictions(record, results.predictions(record))
            except DAMAGE as error:
                wrong = one_line(error)
            if wrong:
                yield f"runs/{key}: {wrong}, of row {row.place}: {RUN_AGAIN}"
            elif record:
                findings.records[key] = record


def check_others(results: Results, rows: Sequence[BoardRow], findings: Findings) -> Iterator[str]:
    """Check the runs that no board shows, which the ledger counts; note those that are gone."""
    shown = {key for row in rows for each in row.settings for key in each.keys}
    here = results.keys()
    sums = results.sums()  # again: a run that was stored meanwhile is listed before it is here
    for key in sorted(here - shown):
        try:
            wrong = _wrong_files(results, key, sums, findings)
        except DAMAGE as error:
            wrong = one_line(error)
        if wrong:
            yield f"runs/{key}: {wrong}: {RUN_AGAIN}"
    for key in sorted({name.split("/")[1] for name in sums if name.startswith("runs/")} - here):
        findings.notes.append(f"runs/{key} is listed in {SUMS} and gone: the ledger lacks it")


def _wrong_predictions(record: Record, predictions: Predictions) -> str:
    """What is wrong with predictions of elsewhere, whose digest is a part of their key."""
    said = hashlib.sha256(predictions.probabilities.tobytes()).hexdigest()
    if record.model.family == OUTSIDE and record.parts.get("predictions") != said:
        return "other predictions than were handed in"
    return ""


def _wrong_files(results: Results, key: str, sums: dict[str, str], findings: Findings) -> str:
    prefix = f"runs/{key}/"
    listed = {name.removeprefix(prefix): sums[name] for name in sums if name.startswith(prefix)}
    present = {path.name: file_digest(path) for path in results.run_folder(key).iterdir()}
    for name in sorted({"run.json", *present, *listed}):
        if name not in listed:
            return f"{name} is not in {SUMS}"
        if name in present and present[name] != listed[name]:
            return f"{name} was changed since it was written"
        if name not in present and not name.startswith("model."):
            return f"{name} is missing"
        findings.models_absent += name != "model.json" and name not in present
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
    results: Results,
    rows: Sequence[BoardRow],
    given: str | None,
    required: bool,
    findings: Findings,
) -> Iterator[str]:
    """Check the sound runs against their pictures, as far as these are here."""
    sets = {row.dataset.fingerprint: row.dataset for row in rows}
    several = len({facts.name for facts in sets.values()}) > 1
    for fingerprint, facts in sets.items():
        try:
            dataset = _load(facts, given, several)
        except InputError as error:
            line = f"data not here: fingerprints of {facts.name} not checked ({error})"
            if required:
                yield f"{line}: name the folder with --data"
            else:
                findings.notes.append(line)
            continue
        records = [
            record
            for record in findings.records.values()
            if record.dataset.fingerprint == fingerprint
        ]
        if records and dataset.fingerprint != fingerprint:
            yield (
                f"{facts.name}: the pictures here have fingerprint {dataset.fingerprint}, "
                f"{len(records)} runs (the first is runs/{records[0].key}) were made on "
                f"{fingerprint}: bring those pictures back, or run again"
            )
        elif records:
            findings.notes.append(
                f"{facts.name}: the pictures here have the fingerprint of the runs"
            )
            for record in records:
                if wrong := _differs_from_data(results, record, dataset):
                    yield f"runs/{record.key}: {wrong}: {RUN_AGAIN}"


def _load(facts: DataFacts, given: str | None, several: bool) -> Dataset:
    """Load what runs were made on, or what is given in its place."""
    dataset = datasets.load(given or facts.source or facts.name, facts.size, facts.crop)
    if dataset.name != facts.name and (several or given is None):
        raise InputError(f"{given or facts.source or facts.name} is {dataset.name}")
    return dataset


def _differs_from_data(results: Results, record: Record, dataset: Dataset) -> str:
    if record.status != "ok":
        return ""
    try:
        predictions = results.predictions(record)
    except DamagedError as error:  # since it was looked at
        return one_line(error)
    try:
        settings = dict(record.parts["protocol"])
        protocol = PROTOCOLS[settings.pop("name")](**settings)
        divided = protocol.rows(dataset, record.model.deep, record.repeat)
    except (KeyError, TypeError, ValueError) as error:  # InputError is of these
        return f"made by a protocol that is not known here ({one_line(error)})"
    # What was scored from outside says nothing of the pictures selected on.
    rows = divided.test if record.model.family == OUTSIDE else divided.by_part()
    parts = {name: {*predictions.of(name).rows} for name in {*predictions.part.tolist()}}
    if parts != {name: {*part} for name, part in rows.items()}:
        return "about other pictures than the protocol says"
    if not np.array_equal(predictions.labels, dataset.labels[predictions.rows]):
        return "labels that are not those of the pictures"
    people = predictions.rows if dataset.groups is None else dataset.groups[predictions.rows]
    if not np.array_equal(predictions.groups, people):
        return "people that are not those on the pictures"
    return ""


def check_published(out: Path, findings: Findings) -> Iterator[str]:
    """Write tables, pictures and page anew, elsewhere, and compare each file."""
    from benchmark.view import page, predictions  # with matplotlib, which takes seconds to load

    remedy = WRITE_AGAIN.format(out=out)
    waiting = Console(stderr=True).status("drawing everything anew")  # on a terminal only
    with tempfile.TemporaryDirectory() as temporary, waiting:
        fresh = Path(temporary)
        for name in PUBLISHED_FROM:
            file = out / name
            if file.is_file() and file.stat().st_size <= limits.TABLE_BYTES:  # or it is not read
                shutil.copy(file, fresh)
        for folder in ("runs", "data"):
            (fresh / folder).symlink_to((out / folder).resolve())
        listed = Results(out).sums()
        also = [(out / folder).is_dir() for folder in (predictions.FOLDER, page.SVG)]
        try:
            page.publish(Results(fresh), None, *also)
        except Exception as error:  # Whatever breaks it, these results cannot be shown.
            yield f"the leaderboard cannot be computed ({one_line(error)}): run again"
            return
        made = Results(fresh).sums()
        for name in made:
            if not (out / name).is_file():
                if name == "report.html":  # holds nothing that the other files do not
                    findings.notes.append("report.html is not kept")
                else:
                    yield f"{name}: missing: {remedy}"
                continue
            findings.files += 1
            if name not in listed:
                yield f"{name}: not in {SUMS}: {remedy}"
            if not any(line.startswith(f"{name}:") for line in findings.failures):
                computed = (fresh / name).read_bytes()
                if (out / name).stat().st_size > 2 * len(computed) + limits.TEXT_BYTES:
                    yield f"{name}: too large to be what the stored predictions give: {remedy}"
                    continue
                stored = (out / name).read_bytes()
                if wrong := _difference(name, stored, computed):
                    yield f"{name}: {wrong}: {remedy}"
    for name in listed:
        if name not in made and not name.startswith(NOT_PUBLISHED) and (out / name).is_file():
            yield f"{name}: no run on the board makes this file: remove it"


def _difference(name: str, stored: bytes, computed: bytes) -> str:
    """How a published file differs from the one made anew, but for rounding; or nothing."""
    if stored == computed:
        return ""
    if name.endswith(".png"):
        return "" if same_picture(stored, computed) else _other_picture(stored, computed)
    same: Callable[[bytes, bytes], bool] = operator.eq
    if name.endswith((".html", ".svg")):
        same = partial(same_line, absolute=ROUNDING)
        computed = without_thumbnails(computed)
        stored = without_thumbnails(stored, 2 * len(computed) + len(stored) + limits.TEXT_BYTES)
    elif name.endswith(".csv"):
        same = partial(same_line, relative=LAST_DIGITS)
    lines = [each.splitlines() for each in (stored, computed)]
    beside = enumerate(zip(*lines, strict=False), 1)
    number = next((i for i, (one, other) in beside if not same(one, other)), None)
    if number is None and same is not operator.eq and len(lines[0]) == len(lines[1]):
        return ""
    return f"{f'line {number}' if number else 'its end'} is not what the stored predictions give"


def without_thumbnails(page: bytes, most: int = limits.PICTURE_BYTES) -> bytes:
    """A page with its answers unpacked, less what is there only where the pictures are.

    They may have `most` bytes; what is unpacked of others is no JSON.
    """

    def unpacked(found: re.Match[bytes]) -> bytes:
        try:
            with gzip.open(io.BytesIO(base64.b64decode(found[0]))) as packed:
                answers = json.loads(packed.read(most))
            for each in answers["sets"]:
                del each["pictures"]
        except DAMAGE:
            return found[0]
        return json.dumps(answers).encode()

    return re.sub(rb'(?<=id="answers">)[^<]*', unpacked, page, count=1)


def same_line(one: bytes, other: bytes, absolute: float = 0, relative: float = 0) -> bool:
    """Whether two lines are the same but for so much of each number with a decimal point."""
    numbers = [np.array([*map(float, NUMBER.findall(line))]) for line in (one, other)]
    return NUMBER.sub(b"", one) == NUMBER.sub(b"", other) and bool(
        len(numbers[0]) == len(numbers[1])
        and np.allclose(numbers[1], numbers[0], rtol=relative, atol=absolute)
    )


def same_picture(stored: bytes, computed: bytes) -> bool:
    """Whether no pixel of two pictures differs by more than `COLOUR_STEPS`.

    Bytes may differ where another release of a library packed the same pixels.
    """
    try:
        pictures = [Image.open(io.BytesIO(each)) for each in (stored, computed)]
        if pictures[0].size != pictures[1].size:
            return False
        one, other = (np.asarray(each.convert("RGBA"), np.int16) for each in pictures)
    except Exception:  # Pillow raises many kinds; whatever the fault, it is not the picture.
        return False
    return bool((np.abs(one - other) <= COLOUR_STEPS).all())


def _other_picture(stored: bytes, computed: bytes) -> str:
    try:
        by = [Image.open(io.BytesIO(each)).info.get("Software") for each in (stored, computed)]
    except Exception:  # as above
        return "damaged"
    if by[0] != by[1]:
        drawn_by = limits.cut(str(by[0] or "an earlier version"))
        return f"another picture than is drawn here, by {drawn_by}"
    return "another picture than the stored predictions give"


@command()
@click.argument(
    "out", type=click.Path(path_type=Path, exists=True, file_okay=False), default="results"
)
@click.option("--data", help="A name, NAME:PATH or a folder.  [default: where they were]")
@click.option("--require-data", is_flag=True, help="Fail where the pictures are not here.")
def main(out: Path, data: str | None, require_data: bool) -> int:
    """Recompute all that OUT shows from its stored predictions; status 1 if anything differs."""
    if data is not None:
        datasets.load(data)  # wrong input, if it cannot be
    findings = verify(Results(out), data, require_data)
    for line in (*findings.failures, *findings.notes):
        click.echo(readable(line))
    models = f", {findings.models_absent} fitted models not kept" if findings.models_absent else ""
    n = len(findings.failures)
    click.echo(
        f"{len(findings.records)} sound runs{models}, {findings.files} tables and pictures "
        f"compared: {f'{n} failures' if n else 'all is what the stored predictions give'}"
    )
    return 1 if n else 0


if __name__ == "__main__":
    main()
