"""The pictures of a training, picked a batch at a time where they lie.

What changes from step to step is in tables that a counter reads: the order of the pictures, and the
numbers of each step. On a card all of it lies there, so that every step is the same work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepnets.training.device import Backend


@dataclass(frozen=True)
class Pictures:
    """Pictures ``(n, 3, size, size)`` of uint8 and labels: ``(n,)`` of int64, or soft ones.

    Soft labels are the share of each class, ``(n, n_classes)`` of float32. Both lie on the device,
    or in the host's memory, from where a batch at a time is copied.
    """

    images: Tensor
    labels: Tensor


class Batches:
    """The batches of an epoch, one after the other.

    A last batch of a single picture is left out: batch normalisation of 1x1 maps has no variance to
    take from it, and another epoch has another order.

    Parameters
    ----------
    pictures : Pictures
    n_shown : int
        Rows that an epoch shows.
    size : int
        Pictures of a batch; the last may have fewer.
    n_numbers : int
        How many numbers go with each step.
    where : Backend

    Attributes
    ----------
    sizes : list of int
        Pictures of each batch of an epoch.
    made : Tensor of int64, shape (1,)
        Steps made in this epoch. It and the tables lie on a card, and else in the host's memory,
        which can then read a number without waiting.
    """

    def __init__(
        self, pictures: Pictures, n_shown: int, size: int, n_numbers: int, where: Backend
    ) -> None:
        sizes = [min(size, n_shown - start) for start in range(0, n_shown, size)]
        self.sizes = sizes[:-1] if sizes[-1] == 1 < n_shown else sizes
        self.size, self.pictures = size, pictures
        tables = where.device if where.on_card else torch.device("cpu")
        self.made = torch.zeros(1, dtype=torch.int64, device=tables)
        self.order = torch.arange(n_shown, device=tables)
        self.numbers = torch.zeros(len(sizes), n_numbers, dtype=torch.float64, device=tables)
        self.near, self.streamed = pictures, pictures.images.device.type != where.device.type
        if self.streamed:  # a batch at a time, whose rows are then in order
            self.order %= size
            self.near = Pictures(
                pictures.images.new_empty((size, *pictures.images.shape[1:]), device=where.device),
                pictures.labels.new_empty((size, *pictures.labels.shape[1:]), device=where.device),
            )

    def begin(self, order: Tensor, numbers: Sequence[Sequence[float]]) -> None:
        """Begin an epoch, with the rows it shows and the numbers of each of its steps."""
        self.rows = order.split(self.size)
        if not self.streamed:
            _copy(order, self.order)
        _copy(torch.tensor(numbers, dtype=torch.float64), self.numbers[: len(numbers)])
        self.made.zero_()

    def bring(self, number: int) -> None:
        """Have a batch on the device if pictures do not lie there; the copy waits for no step."""
        if self.streamed:
            rows = self.rows[number]
            _copy(self.pictures.images[rows], self.near.images[: len(rows)])
            _copy(self.pictures.labels[rows], self.near.labels[: len(rows)])

    def pick(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the pictures and labels of the next `n` rows, and the numbers of this step."""
        places = self.made * self.size + torch.arange(n, device=self.made.device)
        rows = self.order.index_select(0, places)
        numbers = self.numbers.index_select(0, self.made)[0]
        self.made.add_(1)
        return self.near.images[rows], self.near.labels[rows], numbers


def _copy(values: Tensor, to: Tensor) -> None:
    """Copy from the host; to a card from pinned memory, so that nobody waits for it."""
    if to.device.type != "cpu" and values.device.type == "cpu":
        values = values.pin_memory()
    to.copy_(values, non_blocking=True)
