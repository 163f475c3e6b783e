"""Say what new pictures show: ``python -m benchmark.predict my-picture.jpg``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from benchmark.core.files import make_folder, write_file, write_table
from benchmark.options import Options, command, of_pictures
from benchmark.use import film, fitted, look, scenes
from benchmark.use.doubt import COVERED, USUAL
from benchmark.use.fitted import Fitted
from benchmark.use.look import Looked, Looker, Surroundings
from benchmark.view import console, text
from datasets.names import readable

SHOWN = 20  # answers on the screen; all are in the table
TABLE = "predictions.csv"


@command("out")
@of_pictures("predicted")
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
    given = scenes.several(what)
    row = fitted.find(options.results, named)
    look.check_apart(to, what, row)
    model = Fitted.load(options.results, row)
    looker = Looker(model, Surroundings.of(row))
    console.say(told(looker), console.output())
    make_folder(to)
    lines: list[dict[str, Any]] = []

    def noted(one: Looked) -> np.ndarray:
        lines.extend(one.lines(model))
        return one.scene.picture if no_pictures else one.drawn(model)

    with Progress(console=Console(stderr=True), transient=True) as progress:
        pictures = [each for each in given if not each.is_film]
        for one in looker.pictures(progress.track(pictures, description="pictures")):
            lines += one.lines(model)
            if one.parts and not no_pictures:
                name = f"{scenes.file_name(one.scene.name)}.png"
                write_file(to / name, encoded(one.drawn(model)))
        for each in progress.track([each for each in given if each.is_film], description="films"):
            path = to / f"{scenes.file_name(each.name)}{film.SUFFIX}"
            looker.film(each, every, seconds, None if no_pictures else path, noted)
    answers = look.table(lines, model)
    write_table(to / TABLE, answers)
    _show(answers)
    pictures_too = "" if no_pictures else f", and the pictures in {to}/"
    click.echo(readable(f"written: {to / TABLE}{pictures_too}"))


def encoded(picture: np.ndarray) -> bytes:
    """Return a picture as a PNG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


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


def _show(answers: pd.DataFrame) -> None:
    """Print the first answers, and how many there are of each class."""
    first = answers.head(SHOWN)
    shown = pd.DataFrame({"file": first["file"]})
    if "seconds" in first:
        shown["seconds"] = ["" if pd.isna(each) else f"{each:.2f}" for each in first["seconds"]]
    shown["said"] = first["said"].astype(object).fillna("")  # numbers if nothing is said
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
