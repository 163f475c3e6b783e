"""The register of classical models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sklearn.base import ClassifierMixin


@dataclass(frozen=True)
class Baseline:
    """A registered classical model: its name, family and estimator class."""

    name: str
    family: str
    estimator: type[ClassifierMixin]


BASELINES: dict[str, Baseline] = {}

Estimator = TypeVar("Estimator", bound=type[ClassifierMixin])


def register(name: str, family: str) -> Callable[[Estimator], Estimator]:
    """Put an estimator class on the list of models under a name (a decorator)."""

    def add(estimator: Estimator) -> Estimator:
        if name in BASELINES:
            raise ValueError(f"two classical models are called '{name}'")
        BASELINES[name] = Baseline(name, family, estimator)
        return estimator

    return add
