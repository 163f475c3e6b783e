"""Looking at scenes with a fitted model: where, what it says there, and when that is in doubt."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.core import files
from benchmark.core.predictions import probability_column
from benchmark.core.runs import load
from benchmark.scores.rows import Row
from benchmark.use import draw, faces, scenes
from benchmark.use.doubt import Known
from benchmark.use.faces import Framing
from benchmark.use.film import Film
from benchmark.use.fitted import Answers, Fitted, stacked
from benchmark.use.scenes import Given, Scene
from datasets import Dataset, InputError, Source, crops
from datasets.crops import Box
from datasets.names import readable
from datasets.registry import expanded

WHERE = ("x", "y", "width", "height")  # of a part, in pixels
NO_FACE, UNLIKE = "no face found", "unlike what it knows"
MOST_WRITTEN = 3  # classes of a set that are written onto a picture
AT_ONCE = 64  # pictures that are looked at together
HELD_BYTES = 1 << 26  # of them meanwhile, and no others are read beyond these


def pictures_of(row: Row) -> Dataset:
    """Load the data set that a row is of.

    Raises
    ------
    InputError
        If it is not here, or not as it was.
    """
    about = row.entry.dataset
    dataset = load(Source.parse(about.source), about.size)
    if dataset.fingerprint != about.fingerprint:
        raise InputError("they were changed since")
    return dataset


def check_apart(to: Path, what: Sequence[str], row: Row) -> None:
    """Raise InputError if answers would lie among the pictures asked about, or those of a row.

    The next command would take what is drawn for pictures.
    """
    of_row: list[Path] = []
    with contextlib.suppress(InputError):  # they are not here
        of_row = Source.parse(row.entry.dataset.source).folders
    asked = [path for path in map(expanded, what) if path.is_dir()]
    files.check_apart(to, [*asked, *of_row], "--to")


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the pictures of a model's data set tell, where they are here.

    Attributes
    ----------
    known : Known or None
        What new pictures are compared with.
    framing : Framing or None
        How faces are framed in them; None if the model is of whole pictures.
    missing : str
        Why the pictures are not here, or nothing.
    """

    known: Known | None
    framing: Framing | None
    missing: str = ""

    @classmethod
    def of(cls, row: Row, compared: bool = True) -> Surroundings:
        """Look at the pictures that a row's model was chosen on; `known` only if `compared`."""
        about = row.entry.dataset
        try:
            dataset = pictures_of(row)
            looks_for_faces = about.faces and not about.generated and about.crop == crops.NONE
            framing = Framing.of(dataset) if looks_for_faces else None
            return cls(Known.of(dataset) if compared else None, framing)
        except InputError as error:
            return cls(None, None, readable(str(error)))


@dataclass(frozen=True, eq=False)
class Looked:
    """A scene, its parts that were looked at, and what was said of each.

    Attributes
    ----------
    scene : Scene
    parts : sequence of Box
        Faces, or the whole picture; none where it could not be read, or in a scene of a film
        without a face.
    answers : Answers
        A row a part.
    distances : ndarray, shape (n,), or None
        See `Known.distances`.
    remark : str
        Of the scene, or nothing.
    """

    scene: Scene
    parts: Sequence[Box]
    answers: Answers
    distances: np.ndarray | None = None
    remark: str = ""

    def lines(self, model: Fitted) -> Iterator[dict[str, Any]]:
        """A line of the table for each part, by column; one that says why if there is none."""
        first = {"file": readable(self.scene.name), "seconds": self.scene.seconds}
        if not self.parts:
            yield {**first, "remark": self.remark}
        said, sure = self.answers.said, self.answers.confidence
        for i, box in enumerate(self.parts):
            distance = None if self.distances is None else float(self.distances[i])
            yield {
                **first,
                **dict(zip(WHERE, map(round, box), strict=True)),
                "said": model.class_names[said[i]],
                "confidence": float(sure[i]),
                "set": "; ".join(self._held(i, model)) if model.least is not None else None,
                "distance": distance,
                "remark": "; ".join(self._remarks(i)),
                **{
                    probability_column(name): float(self.answers.probabilities[i, number])
                    for number, name in enumerate(model.class_names)
                },
            }

    def drawn(self, model: Fitted) -> np.ndarray:
        """The picture with its parts framed and what was said of each, see `draw.labelled`."""
        said, sure = self.answers.said, self.answers.confidence
        labels = []
        for i, box in enumerate(self.parts):
            name, remarks = model.class_names[said[i]], self._remarks(i)
            lines = [f"{name} {100 * sure[i]:.0f} %"]
            others = [each for each in self._held(i, model) if each != name]
            if model.least is not None and others:
                few, more = others[:MOST_WRITTEN], len(others) - MOST_WRITTEN
                lines.append(f"or {', '.join(few)}{f' or {more} more' if more > 0 else ''}")
            labels.append(draw.Label(box, [*lines, *remarks], in_doubt=bool(remarks)))
        return draw.labelled(self.scene.picture, labels)

    def _held(self, part: int, model: Fitted) -> list[str]:
        """Classes of a part's set, the most probable first."""
        order = np.argsort(-self.answers.probabilities[part], kind="stable")
        return [model.class_names[i] for i in order if self.answers.sets[part, i]]

    def _remarks(self, part: int) -> list[str]:
        unlike = self.distances is not None and self.distances[part] > 1
        return [each for each in (self.remark, UNLIKE if unlike else "") if each]


@dataclass(eq=False)
class Looker:
    """A fitted model that looks at scenes.

    Attributes
    ----------
    model : Fitted
    around : Surroundings
    """

    model: Fitted
    around: Surroundings = field(default_factory=lambda: Surroundings(None, None))

    def at(self, found: Iterable[Scene], at_once: int = 1) -> Iterator[Looked]:
        """Look at scenes, so many together, or fewer where they are large."""
        several: list[Scene] = []
        for scene in found:
            several.append(scene)
            held = sum(each.picture.nbytes for each in several)
            if len(several) == at_once or held > HELD_BYTES:
                yield from self._at(several)
                several = []
        if several:
            yield from self._at(several)

    def _at(self, several: Sequence[Scene]) -> Iterator[Looked]:
        found = [self._parts(scene) for scene in several]
        prepared = [
            self.model.prepared(box.of(scene.picture))
            for scene, (parts, _) in zip(several, found, strict=True)
            for box in parts
        ]
        pictures = stacked(prepared, self.model.size)
        answers = self.model.answers(pictures)
        far = self.around.known and len(pictures) and self.around.known.distances(pictures)
        start = 0
        for scene, (parts, remark) in zip(several, found, strict=True):
            which = slice(start, start + len(parts))
            start += len(parts)
            distances = far[which] if isinstance(far, np.ndarray) else None
            yield Looked(scene, parts, answers.part(which), distances, remark)

    def pictures(self, given: Iterable[Given]) -> Iterator[Looked]:
        """Look at the pictures among what is handed in."""
        found = itertools.chain.from_iterable(each.scenes() for each in given if not each.is_film)
        return self.at(found, AT_ONCE)

    def film(
        self,
        given: Given,
        every: int,
        seconds: float | None,
        path: Path | None,
        drawn: Callable[[Looked], np.ndarray],
    ) -> None:
        """Look at a film's scenes and write them again as they are drawn.

        Parameters
        ----------
        given : Given
            A film or a camera; of the camera Ctrl-C is how one says that it is enough.
        every : int
            One scene of so many is looked at.
        seconds : float or None
            At most.
        path : Path or None
            Of the film that is written; None for none.
        drawn : callable
            Called for every scene, returns it as an RGB picture.
        """
        is_camera = given.path is None
        found = scenes.first(given.scenes(every), seconds)
        with contextlib.ExitStack() as stack:
            writer = stack.enter_context(Film(path, given.rate() / every)) if path else None
            try:
                for one in self.at(found, 1 if is_camera else AT_ONCE):
                    picture = drawn(one)
                    if writer is not None:
                        writer.add(picture)
            except KeyboardInterrupt:
                if not is_camera:
                    raise

    def _parts(self, scene: Scene) -> tuple[list[Box], str]:
        """Which parts of a scene are looked at, and what is to be said of that."""
        if scene.fault:
            return [], scene.fault
        height, width = scene.picture.shape[:2]
        whole = [Box(0, 0, width, height)]
        if self.around.framing is None:
            return whole, ""
        found = faces.find(scene.picture, self.around.framing)
        if found:
            return found, ""
        return ([] if scene.seconds is not None else whole), NO_FACE


def table(lines: Iterable[dict[str, Any]], model: Fitted) -> pd.DataFrame:
    """Put lines of what was looked at into a table.

    Returns
    -------
    DataFrame
        Columns ``file``, ``seconds`` (of films), ``x``, ``y``, ``width``, ``height``, ``said``,
        ``confidence``, ``set`` (where there are some), ``distance`` (where it is known),
        ``remark``, and the probability of each class.
    """
    of_classes = [probability_column(name) for name in model.class_names]
    columns = ["file", "seconds", *WHERE, "said", "confidence", "set", "distance", "remark"]
    found = pd.DataFrame(lines, columns=[*columns, *of_classes])
    for name in WHERE:
        found[name] = found[name].astype("Int64")
    empty = [name for name in ("seconds", "set", "distance") if found[name].isna().all()]
    return found.drop(columns=empty)
