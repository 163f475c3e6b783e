"""What a search may try: parameters and their values, gone through or sampled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.model_selection import ParameterGrid

from benchmark.options import read_yaml, typed
from datasets import InputError

SHIPPED = Path(__file__).with_name("grids")
# Points asked for together, whatever the jobs: with another number the sampler asks for others.
AT_ONCE = 4

Settings = dict[str, Any]


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
        except (KeyError, TypeError, ValueError) as error:
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
    return Space(path.stem, [{str(name): _typed(part[name]) for name in part} for part in parts])


def _typed(values: Any) -> Any:
    """Values as meant: to YAML 1e-3 is a word."""
    if isinstance(values, str):
        return typed(values)
    if isinstance(values, Sequence):
        return [_typed(value) for value in values]
    if isinstance(values, Mapping):
        return {name: _typed(value) for name, value in values.items()}
    plain = values is None or isinstance(values, int | float)
    return values if plain else str(values)  # dates and the like are kept as words
