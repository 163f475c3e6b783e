"""The register of classical models: one decorator in the file that defines a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sklearn.base import BaseEstimator

NOT_SETTINGS = {"device", "random_state"}  # where a model is fitted, and its seed: not a user's


@dataclass(frozen=True)
class Baseline:
    """A registered classical model.

    Attributes
    ----------
    name, family : str
        As on the leaderboard.
    estimator : type
        Its class.
    portfolio : tuple of mapping
        Settings worth trying in place of the usual ones, the most promising first.
    """

    name: str
    family: str
    estimator: type[BaseEstimator]
    portfolio: tuple[Mapping[str, Any], ...] = ()


BASELINES: dict[str, Baseline] = {}

Estimator = TypeVar("Estimator", bound=type[BaseEstimator])


def register(
    name: str, family: str, portfolio: Sequence[Mapping[str, Any]] = ()
) -> Callable[[Estimator], Estimator]:
    """Register an estimator class as a model (a decorator); see `Baseline`."""

    def add(estimator: Estimator) -> Estimator:
        if name in BASELINES:
            raise ValueError(f"two classical models are called '{name}'")
        BASELINES[name] = Baseline(name, family, estimator, tuple(portfolio))
        return estimator

    return add


def make(name: str, /, **settings: Any) -> BaseEstimator:
    """Make the unfitted classifier of a registered model, with parameters that differ from its own.

    Raises
    ------
    ValueError
        If the model has no such parameter.
    """
    estimator = BASELINES[name].estimator()
    known = sorted(set(estimator.get_params()) - NOT_SETTINGS)
    for each in settings:
        if each not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise ValueError(f"{name} has no parameter '{each}': {has}")
    return estimator.set_params(**settings)


def portfolio(name: str) -> tuple[Mapping[str, Any], ...]:
    """Return the settings worth trying of a model, see `Baseline`."""
    return BASELINES[name].portfolio


def files(name: str) -> set[Path]:
    """Files of this folder with the code that computes a model: its own, and those of no model."""
    families = {Path(inspect.getfile(each.estimator)) for each in BASELINES.values()}
    own = Path(inspect.getfile(BASELINES[name].estimator))
    return {own, *set(Path(__file__).parent.glob("*.py")) - families}
