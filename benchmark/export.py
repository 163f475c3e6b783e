"""Write a fitted model as an ONNX file with its card: ``python -m benchmark.export hog-svm``."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click
from rich.console import Console

from benchmark.core.files import DamagedError, as_bytes, written
from benchmark.core.store import Results
from benchmark.options import Options, Real, command
from benchmark.use import card, fitted, onnx_files
from benchmark.use.fitted import Fitted
from benchmark.use.onnx_files import TOLERANCE, Exported
from benchmark.view import console, page
from datasets import InputError, limits
from datasets.errors import reading
from datasets.names import readable
from datasets.pictures import read_text, read_whole

SUFFIX, CARD = ".onnx", ".md"


@command("out")
@click.argument("named", metavar="[ROW]", required=False)
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("model.onnx"),
    show_default=True,
    help="The file; the card, and the file in 8 bits, lie beside it.",
)
@click.option(
    "--tolerance",
    type=Real(0, 1),
    default=TOLERANCE,
    show_default=True,
    help="By which a probability may differ from the stored one.",
)
def main(options: Options, named: str | None, to: Path, tolerance: float) -> None:
    """Write the model of ROW as ONNX: a model on the leaderboard (BOARD/MODEL), or a run's key.

    Without ROW it is the winner's.
    """
    if to.suffix != SUFFIX:
        raise InputError(f"{to} does not end in {SUFFIX}: name another --to")
    _check_replaceable(to.with_suffix(CARD))
    onnx_files.check_installed()
    for path in (to, _small(to)):
        _check_is_ours(path)
    row = fitted.find(options.results, named)
    model = Fitted.load(options.results, row)
    with Console(stderr=True).status("loading") as status:
        exported = onnx_files.export(options.results, model, tolerance, status.update)
    written = _write(exported, to, _audit(options.results, model))
    console.print_table(
        f"{row.place.model}, of {row.place.dataset} {row.board}",
        card.files(exported, to.name),
        console.output(),
    )
    console.say(card.checks(exported), console.output())
    click.echo(readable(f"written: {', '.join(map(str, written))}"))


def _check_replaceable(path: Path) -> None:
    """Raise InputError if a file that is no card of ours, such as a README, is where one goes."""
    if path.exists() and not card.is_card(read_text(path)):
        raise InputError(
            f"{path} is no card of an exported model, and one would replace it: move it, or name "
            "another --to"
        )


def _check_is_ours(path: Path) -> None:
    """Raise InputError if a model that this project did not write is where one goes."""
    with reading(str(path)):
        if path.exists() and not onnx_files.is_ours(read_whole(path, limits.TABLE_BYTES)):
            raise InputError(
                f"{path} was not exported by this project, and would be replaced or removed: move "
                "it, or name another --to"
            )


def _small(to: Path) -> Path:
    """Where the file in 8 bits lies."""
    return to.with_name(f"{to.stem}.int8{SUFFIX}")


def _write(exported: Exported, to: Path, audit: str) -> list[Path]:
    """Write all the files or none; one in 8 bits of an earlier export goes at last."""
    contents: dict[Path, bytes | str] = {}
    for each in (exported.whole, exported.small):
        if each is not None:
            contents[to.with_name(card.name_of(to.name, each))] = each.content
    contents[to.with_suffix(CARD)] = card.card(exported, to.name, audit)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:  # each takes its place when all are written
            for path, content in contents.items():
                stack.enter_context(written(path)).write_bytes(as_bytes(content))
        if exported.small is None:
            _small(to).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{to} cannot be written ({error.strerror}): name another --to") from error
    return [*contents]


def _audit(results: Results, model: Fitted) -> str:
    """What an audit in the results folder found in the model's data, or nothing."""
    try:
        return page.audit_of(results, {model.record.dataset.fingerprint})
    except DamagedError as error:
        raise InputError(f"{error}: audit again, or remove it") from error


if __name__ == "__main__":
    main()
