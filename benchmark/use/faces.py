"""Faces in a picture, framed as those that a model learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from datasets import Dataset, audit, crops
from datasets.crops import Box

LOOKED_AT = 60  # pictures of a set that tell how its faces are framed
LEAST_FOUND = 1 / 3  # of those, with a face
AS_IT_IS = 0.6  # overlap of a picture with its face's frame from which on it is one by itself


@dataclass(frozen=True)
class Framing:
    """Where a picture of a set begins and ends around its face, in widths and heights of that."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, dataset: Dataset) -> Framing | None:
        """Measure it on some pictures of a set; None where no faces are found in them."""
        rows = np.unique(np.linspace(0, len(dataset) - 1, LOOKED_AT).astype(int))
        pictures = [audit.original(dataset, row) for row in rows]
        found = [(picture, crops.faces(picture)) for picture in pictures]
        ends = [_ends(picture, max(boxes, key=_area)) for picture, boxes in found if boxes]
        if len(ends) < LEAST_FOUND * len(rows):
            return None
        return cls(*(median(each) for each in zip(*ends, strict=True)))

    def around(self, face: Box) -> Box:
        """The frame of a face."""
        x, y = face.at(-self.left, -self.top)
        width = (1 + self.left + self.right) * face.width
        height = (1 + self.top + self.bottom) * face.height
        return Box(x, y, width, height)


def find(picture: np.ndarray, framing: Framing) -> list[Box]:
    """Find the faces of a picture, from left to right, each in its frame.

    A picture that is about the frame of its one face is taken as it is.
    """
    height, width = picture.shape[:2]
    whole = Box(0, 0, width, height)
    frames = [framing.around(face) for face in sorted(crops.faces(picture))]
    if len(frames) == 1 and _overlap(frames[0], whole) > AS_IT_IS:
        return [whole]
    return frames


def _ends(picture: np.ndarray, face: Box) -> Sequence[float]:
    height, width = picture.shape[:2]
    return (
        *(face.x / face.width, face.y / face.height),
        *((width - face.x) / face.width - 1, (height - face.y) / face.height - 1),
    )


def _area(box: Box) -> float:
    return box.width * box.height


def _overlap(one: Box, other: Box) -> float:
    """Common area as a share of the area of both together."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(width, 0) * max(height, 0)
    return common / (_area(one) + _area(other) - common)
