"""The benchmark from Python: `bench` makes runs, `board` opens those of a folder."""

from __future__ import annotations

import contextlib
import functools
import html
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from benchmark import session
from benchmark.core.store import Results
from benchmark.options import Options
from benchmark.scores import picks
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import Row
from benchmark.use import fitted, look, scenes
from benchmark.use.fitted import Answers, Fitted
from benchmark.use.look import Looker, Surroundings
from datasets import InputError


class Model:
    """A fitted model of a board, to ask about new pictures.

    Attributes
    ----------
    fitted : Fitted
        The classifier, with what its confidence means.
    """

    def __init__(self, model: Fitted) -> None:
        self.fitted = model

    def __repr__(self) -> str:
        return f"Model({self.fitted.row.board}/{self.fitted.row.place.model})"

    @property
    def class_names(self) -> list[str]:
        """All classes, in the order of the columns of `predict_proba`."""
        return self.fitted.class_names

    @functools.cached_property
    def _looker(self) -> Looker:
        return Looker(self.fitted, Surroundings.of(self.fitted.row))

    def predict(self, *what: str | Path) -> pd.DataFrame:
        """Say what pictures show: files, folders of them, or films.

        Returns
        -------
        DataFrame
            A row for each answer, as ``predictions.csv`` of ``python -m benchmark.predict`` has it.

        Raises
        ------
        InputError
            If one is not there.
        """
        given = scenes.several([str(one) for one in what])
        looked = self._looker.at((scene for one in given for scene in one.scenes()), look.AT_ONCE)
        return look.table((line for one in looked for line in one.lines(self.fitted)), self.fitted)

    def predict_proba(self, pictures: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of pictures that are loaded already.

        Parameters
        ----------
        pictures : ndarray of uint8, shape (n, 3, size, size)
            Of the size that it was trained with, as ``datasets.load(..., size).images``.

        Returns
        -------
        ndarray of float64, shape (n, n_classes)
        """
        return self.answers(pictures).probabilities

    def answers(self, pictures: np.ndarray) -> Answers:
        """Answer about loaded pictures, with the sets that hold the true class for 90 %."""
        return self.fitted.answers(pictures)


class Board:
    """The leaderboard of a results folder.

    Attributes
    ----------
    leaderboard : Leaderboard
        All that its predictions show.
    """

    def __init__(self, leaderboard: Leaderboard) -> None:
        self.leaderboard = leaderboard

    @property
    def results(self) -> Results:
        """The results folder."""
        return self.leaderboard.results

    def frame(self) -> pd.DataFrame:
        """The leaderboard, a row a model, the best of each board first."""
        return self.leaderboard.table.copy()

    @property
    def winner(self) -> str | None:
        """Name of the model that the report names first; None without a result."""
        row = picks.winner(self.leaderboard)
        return None if row is None else row.place.model

    def model(self, name: str | None = None) -> Model:
        """Load a fitted model by name, ``BOARD/NAME`` or its run's key; the winner without.

        Raises
        ------
        InputError
            If there is none of that name, or its model was not kept.
        """
        return Model(Fitted.load(self.results, self._row(name)))

    def mistakes(self, name: str | None = None) -> pd.DataFrame:
        """The test pictures that a model gets wrong in its first repeat, the surest first.

        Returns
        -------
        DataFrame
            Columns ``file``, ``true``, ``said`` and ``confidence``, as the model gives it.
        """
        row = self._row(name)
        if not row.good:
            raise InputError(f"{row.place.model} has no result: {row.reason}")
        said = self.results.predictions(row.good[0]).of(row.entry.protocol.part)
        files = self.results.files(row.fingerprint)
        names = np.array(row.class_names)
        answer, sure = said.probabilities.argmax(axis=1), said.probabilities.max(axis=1)
        table = pd.DataFrame(
            {
                "file": said.rows if files is None else np.array(files, object)[said.rows],
                "true": names[said.labels],
                "said": names[answer],
                "confidence": sure,
            }
        )
        wrong = table[answer != said.labels]
        return wrong.sort_values("confidence", ascending=False, ignore_index=True, kind="stable")

    def compare(self, one: str, other: str) -> pd.Series:
        """Compare two models of a board on the same test pictures.

        Returns
        -------
        Series
            As a row of ``comparisons.csv``: the scores, the better model as ``model_a``, their
            difference with its 95 % interval, p on its own and among all pairs, and whether they
            are told apart.

        Raises
        ------
        InputError
            If they are not of one board, or were not scored on the same pictures.
        """
        rows = self._row(one), self._row(other)
        pairs = self.leaderboard.pairs_of(rows[0])
        models = {row.place.model for row in rows}
        found = pairs[pairs["model_a"].isin(models) & pairs["model_b"].isin(models)]
        if len(models) < 2 or len(found) != 1:
            raise InputError(
                f"{one} and {other} were not scored on the same pictures: name two of one board"
            )
        return found.iloc[0]

    def _row(self, name: str | None) -> Row:
        return fitted.find_on(self.leaderboard, name)

    def __repr__(self) -> str:
        models = len({row.place.model for row in self.leaderboard.rows})
        return f"Board({str(self.results.path)!r}: {models} models, winner {self.winner})"

    def _repr_html_(self) -> str:
        """What Jupyter shows: rank, model, score with its interval and seconds, by board."""
        from benchmark.view import sections

        return "".join(
            f"<h4>{html.escape(each.title)}</h4>{each.table.to_html(index=False)}"
            for each in sections.boards(self.leaderboard)
            if each.table is not None
        )


def bench(
    data: str | Path,
    models: str | Sequence[str] = "all",
    *,
    out: str | Path = "results",
    settings: Mapping[str, Any] | None = None,
    **flags: Any,
) -> Board:
    """Fit and score models on pictures, as ``python -m benchmark.run`` does.

    Parameters
    ----------
    data : str or Path
        A folder with one folder a class, or the name of a set.
    models : str or sequence of str
        Names or patterns.
    out : str or Path
        Folder of the results; runs that are there are used again.
    settings : mapping, optional
        Parameters of the models.
    **flags
        Other flags of the command, such as ``train_size=500``, ``repeats=3``, ``budget=10``.

    Raises
    ------
    InputError
        If something given cannot be used; one line that says what to do.
    TypeError
        If there is no such flag.
    """
    named = models if isinstance(models, str) else ",".join(models)
    flags = {key: _several(value) if key in TUPLES else value for key, value in flags.items()}
    options = Options(
        model=named, data=str(data), out=Path(out), settings=dict(settings or {}), **flags
    )
    try:
        with _without_main():
            runs = session.plan(options)
            session.begin(options, ((run.source, run.protocol) for run in runs))
            session.make(runs, options)
            return Board(session.publish(options.results))
    except click.UsageError as error:
        raise InputError(error.format_message()) from error


def board(out: str | Path = "results") -> Board:
    """Open the leaderboard of a results folder.

    Raises
    ------
    InputError
        If it holds no runs.
    """
    results = Results(Path(out))
    results.check_not_empty()
    return Board(Leaderboard.compute(results))


TUPLES = ("protocol", "split", "test_data", "drop_class")  # flags that may be given several times


def _several(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Keep workers from running the script that calls, which need not say what it is to them."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is None or getattr(main, "__spec__", None) is not None:
        yield
        return
    del main.__file__
    try:
        yield
    finally:
        main.__file__ = file
