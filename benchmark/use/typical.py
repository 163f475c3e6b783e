"""The typical and the confused pictures of each class, by what a model said of test pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.core.store import Results
from benchmark.use import doubt
from benchmark.use.fitted import Fitted
from benchmark.use.look import pictures_of
from datasets import Dataset, InputError, audit

MOST = 4  # pictures that are shown of a kind


@dataclass(frozen=True, eq=False)
class Said:
    """A test picture ``(height, width, 1 or 3)`` and what a model said of it, how surely."""

    picture: np.ndarray
    said: str
    confidence: float


@dataclass(frozen=True, eq=False)
class Typical:
    """Pictures of a class.

    Attributes
    ----------
    name : str
    n : int
        Pictures of the class in the data.
    mean : ndarray of uint8, shape (size, size, 3)
        Of all of these.
    right, wrong : sequence of Said
        Test pictures of the class that the model is surest of, rightly and wrongly.
    """

    name: str
    n: int
    mean: np.ndarray
    right: Sequence[Said]
    wrong: Sequence[Said]


def of(results: Results, model: Fitted) -> list[Typical]:
    """Find them for every class that has pictures, the surest first.

    Raises
    ------
    InputError
        If the pictures are not here.
    """
    try:
        dataset = pictures_of(model.row)
    except InputError as error:
        raise InputError(
            f"--classes needs the pictures of {model.row.place.dataset}: {error}"
        ) from error
    stored = results.predictions(model.record).scored
    probabilities = doubt.tempered(stored.probabilities, model.temperature)
    said, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)

    def surest(which: np.ndarray) -> list[Said]:
        places = np.flatnonzero(which)
        first = places[np.argsort(-sure[places], kind="stable")][:MOST]
        return [
            Said(audit.original(dataset, stored.rows[i]), model.class_names[said[i]], sure[i])
            for i in first
        ]

    found = []
    for number, name in enumerate(model.class_names):
        rows = np.flatnonzero(dataset.labels == number)
        if len(rows):
            true = stored.labels == number
            right = surest(true & (said == number))
            wrong = surest(true & (said != number))
            found.append(Typical(name, len(rows), _mean(dataset, rows), right, wrong))
    return found


def _mean(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    total = np.zeros((3, dataset.size, dataset.size))
    for part in np.array_split(rows, -(-len(rows) // 1000)):  # memory stays flat
        total += dataset.take(part).sum(axis=0, dtype=np.float64)
    return (total / len(rows)).round().astype(np.uint8).transpose(1, 2, 0)
