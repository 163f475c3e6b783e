"""Search a model's parameters: ``python -m benchmark.search --model cnn --grid raf-db-report``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
from sklearn.model_selection import ParameterGrid

from benchmark import session
from benchmark.core import models
from benchmark.core.protocols import Fair, Search, derive_seed
from benchmark.core.records import Trial
from benchmark.core.runs import Run
from benchmark.options import ONE_SPLIT, TRIALS, Options, command, read_yaml
from benchmark.scores import searches
from benchmark.scores.rows import read_row
from benchmark.view import console
from datasets import InputError, limits
from datasets.names import readable

SHIPPED = Path(__file__).with_name("grids")
# Points asked for together, whatever the jobs: with another number the sampler asks for others.
POINTS = 10_000  # of a grid
AT_ONCE = 4

Settings = dict[str, Any]


@command(
    *("data", "drop_class", "drop_duplicates", "crop", "train_size", "grid", "sampler", "trials"),
    *("metric", "size", "device", "jobs", "threads", "time_limit", "memory_limit", "retry", "out"),
    *("backend", "scheduler"),
    model={"required": True, "help": "One name, or timm:NAME."},
    split=ONE_SPLIT,
)
def main(options: Options) -> int:
    """Try parameters on the validation pictures; score the best, once, on the test pictures."""
    if options.trials is not None and options.sampler == "grid":
        raise click.UsageError("--trials is for --sampler optuna: a grid is gone through whole")
    n_models = len(models.find(options.model))
    if n_models > 1:
        raise click.UsageError(
            f"--model {options.model} names {n_models} models: search one at a time"
        )
    trials = Trials(replace(options, protocol=(Search.name,)), read(options.grid))
    if options.sampler == "grid":
        points = trials.space.points()
        trials.plan(points)  # wrong input is told before anything is fitted
        session.begin(options)
        trials.score(points)
    else:
        session.begin(options)
        trials.space.sample(options.trials or TRIALS, trials.seed(), trials.score)
    best = trials.best()
    records = []
    if best is not None:
        winner = session.plan(replace(options, settings=best.settings))
        records = session.make(winner, options)
    board = session.publish(options.results)
    from benchmark.view import sections  # with matplotlib, which the workers need not load

    console.show(
        sections.of_search(each, board) for each in board.searches if each.name == trials.name
    )
    others = "leaderboard.csv, leaderboard.md, trials/"
    click.echo(readable(f"written: {options.out / 'report.html'}, {others}"))
    if best is None:
        session.say("no trial is ok: the reasons are in trials/")
        return 1
    return session.tell_failures(records)


@dataclass
class Trials:
    """The trials of a search as they are made, and what the results folder says of them."""

    options: Options
    space: Space
    runs: dict[str, Run] = field(default_factory=dict)  # by key, in the order tried
    name: str = ""

    def plan(self, points: Sequence[Settings]) -> list[Run]:
        """Return a run for each point."""
        asked = (replace(self.options, settings=point) for point in points)
        return [run for options in asked for run in session.plan(options)]

    def seed(self) -> int:
        """Seed of the sampler: the same for the same search."""
        options = self.options
        (dataset,) = session.load(options)
        (protocol,) = session.protocols(options, dataset)
        return derive_seed(
            dataset.fingerprint, protocol, options.model, self.space, options.best_in
        )

    def score(self, points: Sequence[Settings]) -> list[float | None]:
        """Make the runs of points that have no result yet, and score all: more is better."""
        options, asked = self.options, self.plan(points)
        new = {run.key: run for run in asked}
        self.runs |= new
        under = Fair(train_size=options.train_size)
        search = searches.entry(self.runs, under, self.space.name, options.sampler, options.best_in)
        self.name = search.name
        options.results.put_search(search)
        session.make([*new.values()], options, shown=[])
        rows = [read_row(options.results, run.board_rows[0]) for run in asked]
        return [searches.goodness(row, options.best_in) for row in rows]

    def best(self) -> Trial | None:
        """The best trial, or None if none is ok."""
        by_name = {search.name: search for search in searches.read(self.options.results)}
        return by_name[self.name].best


@dataclass(frozen=True)
class Space:
    """A grid in scikit-learn's form, whose values may also be ranges for a sampler.

    Attributes
    ----------
    name : str
        Of its file, without the ending.
    choices : list of dict
        By parameter a list of values, or a range: ``low``, ``high`` and, if it is to be gone
        through by its logarithm, ``log: true``.
    """

    name: str
    choices: list[dict[str, Any]]

    def points(self) -> list[Settings]:
        """Every point, in the order of `sklearn.model_selection.ParameterGrid`.

        Raises
        ------
        InputError
            If a parameter has a range or is no list of values.
        """
        for part in self.choices:
            for parameter, values in part.items():
                if isinstance(values, Mapping):
                    raise InputError(
                        f"{self.name}: {parameter} is a range: list its values, or use "
                        "--sampler optuna"
                    )
        lists = [
            [each for each in part.values() if isinstance(each, list)] for part in self.choices
        ]
        if (n := sum(math.prod(map(len, some)) for some in lists)) > POINTS:
            raise InputError(
                f"{self.name} has {n:,} points, and may have {POINTS:,}: list fewer values, or "
                "use --sampler optuna"
            )
        try:
            return list(ParameterGrid(self.choices))
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.name}: {error}") from error

    def sample(
        self, n: int, seed: int, evaluate: Callable[[list[Settings]], list[float | None]]
    ) -> None:
        """Let Optuna's tree-structured Parzen estimator choose points, each by those before it.

        The same seed and the same scores give the same points, so a search that was broken off is
        gone through again from the runs it left. (Bergstra, Bardenet, Bengio and Kegl, "Algorithms
        for hyper-parameter optimization", NIPS 2011.)

        Parameters
        ----------
        n : int
            Points to ask for; some may be alike.
        seed : int
        evaluate : callable
            Scores points, at most `AT_ONCE`; more is better, and None is no score.

        Raises
        ------
        InputError
            If Optuna is not installed, or the space is none that it can sample from.
        """
        try:
            import optuna
        except ImportError as error:
            raise InputError(
                "--sampler optuna needs Optuna: pip install 'classical-or-deep[search]'"
            ) from error
        if len(self.choices) > 1:
            raise InputError(
                f"{self.name}: Optuna samples from one list of parameters, and here are "
                f"{len(self.choices)}: leave one, or use --sampler grid"
            )
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for start in range(0, n, AT_ONCE):
            asked = [study.ask() for _ in range(min(AT_ONCE, n - start))]
            scores = evaluate([self._suggested(trial) for trial in asked])
            for trial, score in zip(asked, scores, strict=True):
                if score is None:
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
                else:
                    study.tell(trial, score)

    def _suggested(self, trial: Any) -> Settings:
        return {
            parameter: self._value(trial, parameter, values)
            for parameter, values in sorted(self.choices[0].items())
        }

    def _value(self, trial: Any, parameter: str, values: Any) -> Any:
        try:
            if not isinstance(values, Mapping):
                return trial.suggest_categorical(parameter, values)
            whole = all(isinstance(values[end], int) for end in ("low", "high"))
            suggest = trial.suggest_int if whole else trial.suggest_float
            return suggest(parameter, **values)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"{self.name}: {parameter}: {error}: give a list of values, or a range such as "
                "{low: 0.0001, high: 0.1, log: true}"
            ) from error


def read(wanted: str) -> Space:
    """Read a space from a YAML file.

    Parameters
    ----------
    wanted : str
        A path, or the name of a file that comes with the package.

    Raises
    ------
    InputError
        If there is none, or it is no grid.
    click.UsageError
        If the file cannot be read as YAML.
    """
    shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}
    path = shipped.get(wanted, Path(wanted))
    if not path.is_file():
        raise InputError(
            f"no grid is called '{wanted}': name a YAML file, or {' or '.join(shipped)}"
        )
    content = read_yaml(path)
    parts = content if isinstance(content, list) else [content]
    if not parts or not all(isinstance(part, dict) and part for part in parts):
        raise InputError(f"{path} is no grid: write lines of 'parameter: [values]'")
    for word in _words(parts):
        if readable(word) != word:
            raise InputError(
                f"{path} has '{limits.cut(readable(word))}': write it "
                "without what cannot be seen or begins a formula"
            )
    return Space(readable(path.stem), [{str(name): part[name] for name in part} for part in parts])


def _words(value: Any) -> Iterator[str]:
    """All texts in a grid: they are told, and tried again, as they stand in the results."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _words([*value, *value.values()])
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)


if __name__ == "__main__":
    main()
