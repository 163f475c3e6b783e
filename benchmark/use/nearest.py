"""The pictures that a model learnt from which are most like a new one, to a pre-trained net."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.core.protocols import PROTOCOLS, Split
from benchmark.core.records import WITHIN
from benchmark.use.doubt import Eyes, spread
from benchmark.use.fitted import Fitted
from benchmark.use.look import pictures_of
from datasets import Dataset, InputError
from datasets.names import readable

MOST = 2_000  # training pictures that are compared


@dataclass(frozen=True)
class Neighbour:
    """A picture that a model learnt from.

    Attributes
    ----------
    file, label : str
        Its name and its class.
    picture : ndarray of uint8, shape (3, size, size)
    """

    file: str
    label: str
    picture: np.ndarray


@dataclass(frozen=True, eq=False)
class Learnt:
    """Pictures that a model learnt from, all or evenly spaced ones.

    Attributes
    ----------
    dataset : Dataset
    rows : ndarray of int64, shape (n,)
    eyes : Eyes
    features : ndarray of float32, shape (n, n_features)
    """

    dataset: Dataset
    rows: np.ndarray
    eyes: Eyes
    features: np.ndarray

    @classmethod
    def of(cls, model: Fitted) -> Learnt:
        """Find the training pictures of a model's run, which its protocol gives again.

        Raises
        ------
        InputError
            If the pictures are not here, or its protocol or split is not known here.
        """
        record = model.record
        dataset, facts = pictures_of(model.row), record.protocol
        split: Split = "across" if facts.split == WITHIN else facts.split  # type: ignore[assignment]
        try:
            protocol = PROTOCOLS[facts.name](split, record.repeat + 1, facts.train_size)
            rows = protocol.rows(dataset, record.model.deep, record.repeat).training
        except KeyError as error:
            raise InputError(
                f"made by a protocol that is not known here ({facts.label}, {facts.split}): use "
                "the version that made it"
            ) from error
        some = spread(rows, MOST)
        eyes = Eyes.open(dataset.size)
        return cls(dataset, some, eyes, eyes.features(dataset.take(some), keep=True))

    def nearest(self, picture: np.ndarray, n: int) -> list[Neighbour]:
        """The nearest to a picture ``(3, size, size)`` of uint8, nearest first."""
        alike = (self.eyes.features(picture[None]) @ self.features.T)[0]
        return [
            Neighbour(
                readable(self.dataset.ids[row]),
                self.dataset.class_names[self.dataset.labels[row]],
                self.dataset.take(np.array([row]))[0],
            )
            for row in self.rows[np.argsort(-alike, kind="stable")[:n]]
        ]
