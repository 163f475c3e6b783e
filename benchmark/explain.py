"""Show where a model looks in new pictures: ``python -m benchmark.explain my-picture.jpg``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmark.core.files import make_folder, write_file
from benchmark.core.store import Results
from benchmark.options import Options, Words, command, of_pictures
from benchmark.use import draw, film, fitted, look, maps, scenes
from benchmark.use import typical as of_classes
from benchmark.use.fitted import Fitted
from benchmark.use.look import Looked, Looker, Surroundings
from benchmark.use.maps import WAYS
from benchmark.view import console, plots, text
from datasets import InputError
from datasets.names import readable

ON_FILMS = ("gradcam", "occlusion")  # that take no seconds a scene, the better first
MOST_CHECKED = 100  # pictures that the sanity check is made on


@command("out")
@of_pictures("explained", required=False)
@click.option(
    "--how",
    type=Words([*WAYS]),
    help=f"Ways: {', '.join(WAYS)}; commas.  [default: lime, and gradcam or else occlusion]",
)
@click.option(
    "--classes", is_flag=True, help="Draw the typical and the confused pictures of each class too."
)
def main(
    options: Options,
    what: Sequence[str],
    named: str | None,
    to: Path,
    every: int,
    seconds: float | None,
    how: tuple[str, ...] | None,
    classes: bool,
) -> None:
    """Show where a model looks in WHAT: pictures, folders of them, films, or 'camera'."""
    if not what and not classes:
        raise click.UsageError("name pictures, a folder, a film or 'camera', or ask for --classes")
    given = scenes.several(what)
    row = fitted.find(options.results, named)
    look.check_apart(to, what, row)
    model = Fitted.load(options.results, row)
    written = []
    if classes:
        written.append(_classes(options.results, model, to))
    if given:
        ways = maps.chosen(model.model, how)
        looker = Looker(model, Surroundings.of(model.row, compared=False))
        make_folder(to)
        explainer = _Explainer(looker, ways, to)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            pictures = [each for each in given if not each.is_film]
            for one in looker.pictures(progress.track(pictures, description="pictures")):
                written += explainer.pictures(one)
            films = [each for each in given if each.is_film]
            for each in progress.track(films, description="films"):
                path = to / f"{scenes.file_name(each.name)}{film.SUFFIX}"
                looker.film(each, every, seconds, path, explainer.scene)
                written.append(path)
        if "weights" in ways:
            written.append(_weights(model, to))
        console.say(explainer.remarks, console.output())
        if "gradcam" in ways and explainer.seen:
            n = slice(MOST_CHECKED)
            found = maps.likeness(model.model, np.stack(explainer.seen[n]), explainer.said[n])
            console.say(found.lines(), console.output())
    few = ", ".join(map(str, written)) if len(written) < 4 else f"{len(written)} files in {to}/"
    click.echo(readable(f"written: {few or 'nothing'}"))


@dataclasses.dataclass(eq=False)
class _Explainer:
    """Draws what is looked at, and keeps what it was of.

    Attributes
    ----------
    looker : Looker
    ways : sequence of str
    to : Path
        Folder.
    seen : list of ndarray of uint8, shape (3, size, size)
        The parts that were explained, as the model takes them.
    said : list of int
        Number of the class that was said of each.
    remarks : list of str
        A line for each picture that could not be read, or that no face was found in.
    """

    looker: Looker
    ways: Sequence[str]
    to: Path
    seen: list[np.ndarray] = dataclasses.field(default_factory=list)
    said: list[int] = dataclasses.field(default_factory=list)
    remarks: list[str] = dataclasses.field(default_factory=list)

    def pictures(self, one: Looked) -> list[Path]:
        """Draw each part of a picture that was looked at, a file each."""
        model, written = self.looker.model, []
        if one.remark:
            self.remarks.append(f"{readable(one.scene.name)}: {one.remark}")
        for i, box in enumerate(one.parts):
            part = box.of(one.scene.picture)
            prepared, number = self._note(part, one.answers.said[i])
            face = f", face {i + 1} of {len(one.parts)}" if len(one.parts) > 1 else ""
            said = model.class_names[number]
            sure = text.score(one.answers.confidence[i])
            title = f"{readable(one.scene.name)}{face}: {said}, {sure} % sure, says\n{_of(model)}"
            made = [WAYS[way].of(model.model, prepared, number) for way in self.ways]
            path = self.to / f"{scenes.file_name(one.scene.name)}{f'.{i + 1}' * bool(face)}.png"
            drawn = plots.explained(model.seen(part), prepared, made, said, title)
            _write(path, plots.png(drawn, all_colours=True))
            written.append(path)
        return written

    def scene(self, one: Looked) -> np.ndarray:
        """A scene of a film with a map over each part, by the first way that is quick."""
        way = next((each for each in ON_FILMS if each in self.ways), self.ways[0])
        model, shown = self.looker.model, one.scene.picture.copy()
        for i, box in enumerate(one.parts):
            prepared, number = self._note(box.of(one.scene.picture), one.answers.said[i])
            found = WAYS[way].of(model.model, prepared, number)
            part = model.seen(box.of(shown))  # a view
            part[...] = draw.overlaid(part, found.share)
        scene = dataclasses.replace(one.scene, picture=shown)
        return draw.with_key(dataclasses.replace(one, scene=scene).drawn(model), WAYS[way].title)

    def _note(self, part: np.ndarray, number: int) -> tuple[np.ndarray, int]:
        prepared = self.looker.model.prepared(part)
        if len(self.seen) < MOST_CHECKED:
            self.seen.append(prepared)
            self.said.append(int(number))
        return prepared, int(number)


def _weights(model: Fitted, to: Path) -> Path:
    """Draw the weights of a linear model, a picture a class."""
    values = maps.class_weights(model.model)
    assert values is not None
    names = [model.class_names[number] for number in model.model.classes_]
    title = f"What each pixel counts: {_of(model)}"
    path = to / "weights.png"
    _write(path, plots.png(plots.weights(values, names, title), all_colours=True))
    return path


def _classes(results: Results, model: Fitted, to: Path) -> Path:
    """Draw the mean picture of each class, and those that the model is surest of."""
    found = of_classes.of(results, model)
    make_folder(to)
    path = to / "classes.png"
    title = f"Typical and confused test pictures: {_of(model)}"
    _write(path, plots.png(plots.typical(found, of_classes.MOST, title), all_colours=True))
    return path


def _of(model: Fitted) -> str:
    place = model.row.place
    return f"{place.model}, {place.dataset} {model.row.board}"


def _write(path: Path, content: bytes) -> None:
    try:
        write_file(path, content)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from error


if __name__ == "__main__":
    main()
