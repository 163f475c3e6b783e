"""Whether results are what their stored predictions say: ``python -m benchmark.verify results``."""

from __future__ import annotations

import base64
import io
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from rich.console import Console

import datasets
from benchmark.core import store
from benchmark.options import command
from benchmark.scores import searches
from benchmark.scores.integrity import Findings, check_board, check_data, check_runs, one_line
from datasets import InputError

COLOUR_STEPS = 2  # of 255, by which rounding may change a drawn pixel from one machine to another
WRITE_AGAIN = "write it again with 'python -m benchmark.report --out {out}'"
STATED = {"board.json", "searches.json", "audit.json"}  # what is published from, besides the runs
# What `page.publish` writes: folders, and how the names of its files begin. All files so called
# are its own, so that those of rows no longer on the board are found.
PUBLISHED = {
    *("leaderboard", "comparisons", "splits", "transfer", "learning-curves", "crossovers"),
    *("report", "classes", "trials"),
    *("confusion", "curves", "reliability", "told-apart"),
}


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
    board = {**store.read_board(out), **searches.rows(store.read_searches(out))}
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
            page.publish(fresh)
        except Exception as error:  # Whatever breaks it, these results cannot be shown.
            yield f"the leaderboard cannot be computed ({one_line(error)}): run again"
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
