"""Say what new pictures show: ``python -m benchmark.predict my-picture.jpg``."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from benchmark.core.store import write_table
from benchmark.options import POSITIVE, Options, command
from benchmark.use import film, fitted, look, scenes
from benchmark.use.doubt import COVERED, USUAL
from benchmark.use.fitted import Fitted
from benchmark.use.look import Looker, Surroundings
from benchmark.use.scenes import Scene
from benchmark.view import console, text
from datasets import InputError

SHOWN = 20  # answers on the screen; all are in the table
AT_ONCE = 64  # pictures that are looked at together
TABLE = "predictions.csv"


@command("out")
@click.argument("what", nargs=-1, required=True)
@click.option(
    "--model",
    "named",
    help="A model on the leaderboard (BOARD/MODEL if on several), or a run's key.  "
    "[default: the winner]",
)
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("predicted"),
    show_default=True,
    help="Folder of the answers.",
)
@click.option("--every", type=POSITIVE, default=1, help="Of a film look at one picture in so many.")
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), help="Of a film or a camera, at most."
)
@click.option("--no-pictures", is_flag=True, help="Write the table only.")
def main(
    options: Options,
    what: Sequence[str],
    named: str | None,
    to: Path,
    every: int,
    seconds: float | None,
    no_pictures: bool,
) -> None:
    """Say what WHAT shows: pictures, folders of them, films, or 'camera' (ended by Ctrl-C)."""
    given = [each for one in what for each in scenes.given(one)]
    row = fitted.find(options.results, named)
    model = Fitted.load(options.results, row)
    looker = Looker(model, Surroundings.of(row))
    console.say(told(looker), console.output())
    _make(to)
    lines: list[dict[str, Any]] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        pictures = [each for each in given if not each.is_film]
        found = itertools.chain.from_iterable(
            each.scenes() for each in progress.track(pictures, description="pictures")
        )
        for one in looker.at(found, AT_ONCE if pictures else 1):
            lines += one.lines(model)
            if one.parts and not no_pictures:
                Image.fromarray(one.drawn(model)).save(to / f"{_file_name(one.scene.name)}.png")
        for each in progress.track([each for each in given if each.is_film], description="films"):
            path = None if no_pictures else to / f"{_file_name(each.name)}{film.SUFFIX}"
            scenes_of = _first(each.scenes(every), seconds)
            lines += _film(looker, scenes_of, path, each.rate() / every, each.path is None)
    answers = look.table(lines, model)
    write_table(to / TABLE, answers)
    _show(answers)
    click.echo(f"written: {to / TABLE}{'' if no_pictures else f', and the pictures in {to}/'}")


def told(looker: Looker) -> list[str]:
    """Say which model answers, how good it is, and what its confidence and its sets mean."""
    model, around = looker.model, looker.around
    row = model.row
    low, high = row.intervals["accuracy"]
    right = text.score(row.mean("accuracy"))
    ends = f"95 % interval {text.score(low)} to {text.score(high)}"
    one = f", repeat {model.record.repeat + 1} of {len(row.runs)}" if len(row.runs) > 1 else ""
    lines = [
        f"{row.place.model} ({row.entry.model.kind}), of {row.place.dataset} {row.board}{one}: "
        f"right on {right} % ({ends}) of {row.n_test:,} test pictures"
    ]
    if model.least is None:
        lines.append("confidence as it comes, and no sets of classes: nothing was selected on")
    else:
        lines.append(
            f"confidence is brought to temperature {model.temperature:.2f}; a set of classes "
            f"holds the true one for {100 * COVERED:.0f} % of people like the {model.n_people:,} "
            "it was selected on"
        )
        if model.least == 0:
            lines.append("who are too few to tell: every set is of all classes")
    if around.known is None:
        lines.append(f"whether pictures are unlike those it knows is not told: {around.missing}")
    else:
        lines.append(
            f"'{look.UNLIKE}': farther from the nearest than {100 * USUAL:.0f} % of theirs are"
        )
    if row.never_said:
        lines.append(f"it never said {', '.join(row.never_said)} of any test picture")
    return lines


def _first(found: Iterator[Scene], seconds: float | None) -> Iterator[Scene]:
    """Scenes of so many seconds."""
    return itertools.takewhile(
        lambda scene: seconds is None or (scene.seconds or 0) < seconds, found
    )


def _film(
    looker: Looker, found: Iterator[Scene], path: Path | None, rate: float, is_camera: bool
) -> list[dict[str, Any]]:
    """Look at a film's scenes, and write them with what was said if a path is given."""
    lines: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(film.Film(path, rate)) if path else None
        try:
            for one in looker.at(found, 1 if is_camera else AT_ONCE):
                lines += one.lines(looker.model)
                if writer is not None:
                    writer.add(one.drawn(looker.model))
        except KeyboardInterrupt:
            if not is_camera:
                raise  # of a camera it is how one says that it is enough
    return lines


def _file_name(name: str) -> str:
    """A picture's name as that of a file beside the others."""
    return re.sub(r"[/\\:]", "_", name)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be made ({error.strerror}): name another --to"
        ) from error


def _show(answers: pd.DataFrame) -> None:
    """Print the first answers, and how many there are of each class."""
    first = answers.head(SHOWN)
    shown = pd.DataFrame({"file": first["file"]})
    if "seconds" in first:
        shown["seconds"] = ["" if pd.isna(each) else f"{each:.2f}" for each in first["seconds"]]
    shown["said"] = first["said"].fillna("")
    shown["sure %"] = ["" if pd.isna(each) else text.score(each) for each in first["confidence"]]
    for name in ("set", "remark"):
        if name in first:
            shown[name] = first[name].fillna("")
    more = f"the first {SHOWN} of {len(answers):,}" if len(answers) > SHOWN else f"{len(answers)}"
    console.print_table(f"Answers ({more})", shown, console.output(), notes="remark")
    counts = answers["said"].value_counts()
    if len(answers) > 1 and len(counts):
        told_counts = ", ".join(f"{name} {n:,}" for name, n in counts.items())
        console.say([f"in all: {told_counts}"], console.output())


if __name__ == "__main__":
    main()
