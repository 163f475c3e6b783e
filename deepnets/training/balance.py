"""What rare classes count while training: by their weight, or by how often they are shown."""

from __future__ import annotations

import torch
from torch import Tensor

from deepnets.training.recipes import Balance


def class_weights(labels: Tensor, n_classes: int, strength: float) -> Tensor:
    """Weight of each class, ``(n_classes,)`` of float32 on the CPU, whose mean over pictures is 1.

    Parameters
    ----------
    labels : Tensor of int64, shape (n,)
    n_classes : int
    strength : float in [0, 1]
        Power of the inverse of a class's count: 0 leaves all alike, 1 makes all classes count the
        same (scikit-learn's "balanced"); 0.5 is half way.
    """
    counts = torch.bincount(labels.cpu(), minlength=n_classes).float()
    weights = counts.clamp_min(1) ** -strength
    return weights * (counts.sum() / (counts * weights).sum())


def log_prior(labels: Tensor, n_classes: int, strength: float) -> Tensor:
    """Logarithm of each class's share, times `strength`: ``(n_classes,)`` of float32 on the CPU.

    Added to the logits while training, so that a net need not learn from the pictures how rare a
    class is, and answers as if classes were more alike (logit adjustment, arXiv:2007.07314).
    """
    counts = torch.bincount(labels.cpu(), minlength=n_classes).clamp_min(1).float()
    return strength * (counts / counts.sum()).log()


class Shown:
    """The rows that an epoch shows, in its order.

    Parameters
    ----------
    labels : Tensor of int64, shape (n,)
    n_classes : int
    balance : {"none", "weights", "sampling", "bootstrap", "logits"}
        ``sampling`` draws as many rows as there are, with replacement and by the weight of their
        class; ``bootstrap`` shows every row and, drawn once for all epochs, rows of the rarer
        classes again, up to the count of the commonest at full strength; the others show all.
    strength : float in [0, 1]
        See `class_weights`.
    generator : torch.Generator
        Of the CPU.
    """

    def __init__(
        self,
        labels: Tensor,
        n_classes: int,
        balance: Balance,
        strength: float,
        generator: torch.Generator,
    ) -> None:
        labels = labels.cpu()
        self.generator = generator
        self.rows = torch.arange(len(labels))
        self.chances: Tensor | None = None
        if balance == "sampling":
            self.chances = class_weights(labels, n_classes, strength)[labels]
        elif balance == "bootstrap":
            counts = torch.bincount(labels, minlength=n_classes)
            for place in counts.nonzero().flatten().tolist():
                rows = self.rows[: len(labels)][labels == place]
                wanted = float(counts[place] * (counts.max() / counts[place]) ** strength)
                again = torch.randint(len(rows), (round(wanted) - len(rows),), generator=generator)
                self.rows = torch.cat([self.rows, rows[again]])

    def __len__(self) -> int:
        """Rows an epoch shows."""
        return len(self.rows)

    def order(self) -> Tensor:
        """Rows of the next epoch, ``(len(self),)`` of int64."""
        if self.chances is not None:
            return torch.multinomial(
                self.chances, len(self.rows), replacement=True, generator=self.generator
            )
        return self.rows[torch.randperm(len(self.rows), generator=self.generator)]
