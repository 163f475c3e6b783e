"""The fitted model of a leaderboard's row, and what it says of new pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.core import model_files
from benchmark.core.files import reading
from benchmark.core.records import SELECTION, Record
from benchmark.core.store import Results
from benchmark.scores import picks
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import Row
from benchmark.use import doubt
from datasets import InputError, crops, images

AT_ONCE = 500  # pictures that a model is asked about
LEAST_KEY = 8  # digits of a run's key that tell which is meant


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of new pictures.

    Attributes
    ----------
    probabilities : ndarray of float64, shape (n, n_classes)
        Calibrated, a column for every class of the data set.
    sets : ndarray of bool, shape (n, n_classes)
        Which classes the true one is among for at least 90 % of people.
    """

    probabilities: np.ndarray
    sets: np.ndarray

    def part(self, which: slice) -> Answers:
        """Those to some of the pictures."""
        return Answers(self.probabilities[which], self.sets[which])

    @property
    def said(self) -> np.ndarray:
        """Number of the most probable class, ``(n,)``."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """Its probability, ``(n,)``."""
        return self.probabilities.max(axis=1)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model, ready to use.

    Attributes
    ----------
    row : Row
        Of the leaderboard.
    record : Record
        Of the run that fitted it, the first of the row's that is whole.
    model : classifier
    temperature : float
        See `doubt.temperature`; 1 where nothing was selected on.
    least : float or None
        See `doubt.least_probability`; None where nothing was selected on.
    n_people : int
        Whose pictures these two are of.
    """

    row: Row
    record: Record
    model: Any
    temperature: float = 1.0
    least: float | None = None
    n_people: int = 0

    @classmethod
    def load(cls, results: Results, row: Row) -> Fitted:
        """Load the model of a row's first run.

        Raises
        ------
        InputError
            If it has none, or none that can be its own.
        """
        where = f"{row.place.dataset} {row.board} {row.place.model}"
        if not row.good:
            raise InputError(f"{where} has no run that is ok: {row.reason}")
        record = row.good[0]
        if (path := results.model_file(record.key)) is None:
            raise InputError(
                f"{where} has its predictions in {results.path} but no fitted model: remove "
                f"runs/{record.key} and run the same command again"
            )
        try:
            model = results.model(record.key)
            with reading(path):
                model_files.check(model, record)
        except ValueError as error:
            raise InputError(
                f"{error}: remove runs/{record.key} and run the same command again"
            ) from error
        said = results.predictions(record).of(SELECTION)
        if not len(said.rows):
            return cls(row, record, model)
        heat = doubt.temperature(said.probabilities, said.labels)
        # Of the probabilities as they come: what else is chosen on these pictures costs coverage.
        least = doubt.least_probability(said.probabilities, said.labels, said.groups)
        return cls(row, record, model, heat, least, len(np.unique(said.groups)))

    @property
    def class_names(self) -> list[str]:
        """All classes, in the order of the columns of its answers."""
        return self.row.class_names

    @property
    def size(self) -> int:
        """Width and height in pixels of the pictures that it takes."""
        return self.record.dataset.size

    def seen(self, picture: np.ndarray) -> np.ndarray:
        """What of a picture ``(height, width, 1 or 3)`` it looks at: a view of that."""
        if self.record.dataset.crop != crops.NONE:
            picture, _ = crops.cut(picture, self.record.dataset.crop)
        return picture

    def prepared(self, picture: np.ndarray) -> np.ndarray:
        """Bring a picture ``(height, width, 1 or 3)`` to what it learnt from, as training did.

        Returns
        -------
        ndarray of uint8, shape (3, size, size)
        """
        planes = images.stretch(self.seen(picture), self.size)
        return np.repeat(planes, 3, axis=0) if len(planes) == 1 else planes

    def raw(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities as the model gives them, ``(n, n_classes)`` of float32.

        `pictures` are ``(n, 3, size, size)`` of uint8.
        """
        probabilities = np.zeros((len(pictures), len(self.class_names)), np.float32)
        for start in range(0, len(pictures), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            probabilities[part, self.model.classes_] = self.model.predict_proba(pictures[part])
        return probabilities

    def answers(self, pictures: np.ndarray) -> Answers:
        """Ask it about pictures ``(n, 3, size, size)`` of uint8."""
        raw = self.raw(pictures)
        return Answers(doubt.tempered(raw, self.temperature), doubt.sets(raw, self.least or 0.0))


def find(results: Results, named: str | None) -> Row:
    """Find a row of a results folder, as `find_on` does.

    Raises
    ------
    InputError
        If it has none, or none that is called so.
    """
    results.check_not_empty()
    return find_on(Leaderboard.compute(results), named)


def find_on(board: Leaderboard, named: str | None) -> Row:
    """Find a row of the leaderboard by its model's name, or by the key of one of its runs.

    Without a name it is the winner. Settings may be left out. Where several boards have the model,
    it is that of the winner's board; ``fair-500/knn`` says which, and where several data sets have
    that, ``muxspace fair-500/knn``.

    Raises
    ------
    InputError
        If there is none, or it cannot be told which is meant.
    """
    results, winner = board.results, picks.winner(board)
    if named is None:
        if winner is None:
            raise InputError(f"no model in {results.path} has a result: name one with --model")
        return winner
    if len(named) >= LEAST_KEY:
        for row in board.rows:
            for run in row.runs:
                if run.key.startswith(named):
                    _check_answers(run, row)
                    return row
    where, _, model = named.rpartition("/")
    there = [
        row
        for row in board.rows
        if where in ("", row.board, row.place.dataset, f"{row.place.dataset} {row.board}")
    ]
    fitting = [row for row in there if row.place.model == model]
    fitting = fitting or [row for row in there if row.place.model.startswith(f"{model}[")]
    if not fitting:
        known = dict.fromkeys(row.place.model for row in board.rows)
        raise InputError(f"no row in {results.path} is called '{named}': it has {', '.join(known)}")
    if winner is not None and len(fitting) > 1:
        same = [row for row in fitting if row.place[:3] == winner.place[:3]]
        fitting = same or fitting
    if len(fitting) > 1:
        rows = ", ".join(f"{row.place.dataset} {row.board}/{row.place.model}" for row in fitting)
        raise InputError(f"'{named}' may be any of {rows}: say which, as here")
    return fitting[0]


def _check_answers(run: Record, row: Row) -> None:
    """Raise InputError if another run of its row than the one named is the one that answers."""
    if row.good and run.key != row.good[0].key:
        raise InputError(
            f"{run.key[:LEAST_KEY]} is repeat {run.repeat + 1} of {row.place.model}, of which "
            f"repeat {row.good[0].repeat + 1} answers: name {row.good[0].key[:LEAST_KEY]}, or the "
            "model"
        )


def stacked(pictures: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Prepared pictures as one array ``(n, 3, size, size)``, which may be empty."""
    return np.stack(pictures) if len(pictures) else np.empty((0, 3, size, size), np.uint8)
