"""How a net is trained: every choice by name, and the sets of choices that ship."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Literal, get_args

from deepnets.registry import USUAL_BUDGET, check_choice
from deepnets.training.augment import Augmentation

Balance = Literal["none", "weights", "sampling", "bootstrap", "logits"]
Monitor = Literal["accuracy", "loss"]
Schedule = Literal["constant", "cosine", "one-cycle"]
Stop = Literal["stale", "rises"]
Keep = Literal["best", "last"]
Optimiser = Literal["adam", "sgd", "muon"]

CHOICES = {
    "balance": Balance,
    "keep": Keep,
    "monitor": Monitor,
    "optimiser": Optimiser,
    "schedule": Schedule,
    "stop": Stop,
}
# Where a number must lie, in words and as a test, and the numbers that must.
RANGES: Sequence[tuple[str, Callable[[float], bool], tuple[str, ...]]] = (
    ("1 or more", lambda x: x >= 1, ("max_epochs", "batch_size", "net_size")),
    (
        "0 or more",
        lambda x: x >= 0,
        ("weight_decay", "sam", "frozen_epochs", "backbone_rate", "changed_from"),
    ),
    ("above 0", lambda x: x > 0, ("learning_rate", "budget")),
    ("in [0, 1)", lambda x: 0 <= x < 1, ("ema", "label_smoothing")),
    ("in [0, 1]", lambda x: 0 <= x <= 1, ("balance_strength",)),
)
MAY_BE_NONE = {("patience", None), ("budget", None), ("net_size", None)}


@dataclass(kw_only=True)
class Recipe:
    """What the training loop goes by; all beyond plain Adam is off unless asked for.

    Parameters
    ----------
    max_epochs : int
        Most passes over the training pictures.
    budget : float or None
        Arithmetic of the training, forward and backward, in units of 10**12 operations: it is over
        when this is spent, whatever the number of pictures, and `max_epochs` does not count.
        None: `max_epochs` are made.
    net_size : int or None
        Width in pixels to which pictures are brought for the net. None: their own, or the smallest
        that it works on.
    batch_size : int
        Pictures a step.
    optimiser : {"adam", "sgd", "muon"}
        Adam; gradient descent with Nesterov momentum of 0.9; or Muon, which makes the steps of a
        layer's weights orthogonal (Jordan et al. 2024).
    learning_rate : float
        The optimiser's; with a schedule the largest.
    schedule : {"constant", "cosine", "one-cycle"}
        The learning rate over the whole training: constant; falling to nothing along half a
        cosine; or rising to it first, in a fifth of the time.
    weight_decay : float
        Decoupled from the gradient (AdamW); biases and normalisation layers are left out.
    sam : float
        Radius of sharpness-aware minimisation, such as 0.05, at twice the time; 0 is off.
    ema : float in [0, 1)
        Decay of a moving average of the weights after each step, such as 0.999, which is judged
        and kept in place of the weights; shorter in the first steps. 0 is off.
    augment : str
        How training pictures are changed at random, such as ``flip+shift=0.1+mixup``; see
        `deepnets.training.augment.USUAL` for the ways and their usual strengths.
    changed_from : int
        Epochs of a training from which on pictures are changed by other ways than mirroring: where
        each is seen a few times only, learning them as they are takes all of it.
    balance : {"none", "weights", "sampling", "bootstrap", "logits"}
        What makes rare classes count more: weights of the loss, drawing rows by class, showing
        rows of rare classes again (bootstrap oversampling), or logit adjustment: the loss adds
        the logarithm of each class's share, which answers then lack.
    balance_strength : float in [0, 1]
        How much more: 1 makes all classes alike, 0.5 goes half way (in the logarithm).
    label_smoothing : float in [0, 1)
        Share of the target spread over all classes: q' = (1 - eps) q + eps / n_classes.
    auxiliary_weight : float
        Weight of each auxiliary head's loss, for nets that have them.
    frozen_epochs : int
        Epochs at the beginning in which only the head of a pre-trained net is trained.
    backbone_rate : float
        Learning rate of the rest afterwards, as a share of `learning_rate`.
    test_time_flip : bool
        Whether what is predicted is the mean over a picture and its mirror image.
    stop : {"stale", "rises"}
        What ends the training early: no better epoch, or a risen validation loss, for `patience`
        epochs in a row.
    patience : int or None
        How many; None never stops early.
    keep : {"best", "last"}
        The weights of which epoch are kept.
    monitor : {"accuracy", "loss"}
        What the best epoch is best in, on the validation pictures.
    mirror_check : bool
        Whether pictures are first looked at by `baselines.mirror`, and where a mirror image does
        not show the same, neither changed to it nor asked about by it.
    """

    max_epochs: int = 30
    budget: float | None = None
    net_size: int | None = None
    batch_size: int = 100
    optimiser: Optimiser = "adam"
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    weight_decay: float = 0.0
    sam: float = 0.0
    ema: float = 0.0
    augment: str = ""
    changed_from: int = 0
    balance: Balance = "none"
    balance_strength: float = 1.0
    label_smoothing: float = 0.0
    auxiliary_weight: float = 0.0
    frozen_epochs: int = 3
    backbone_rate: float = 0.1
    test_time_flip: bool = False
    stop: Stop = "stale"
    patience: int | None = 10
    keep: Keep = "best"
    monitor: Monitor = "accuracy"
    mirror_check: bool = False

    def check_values(self) -> None:
        """Refuse what cannot be.

        Raises
        ------
        ValueError
            If a choice is not known or a number out of its range; names it.
        """
        for name, accepted in CHOICES.items():
            check_choice(name, getattr(self, name), get_args(accepted))
        numbers = {each.name for each in fields(Recipe) if isinstance(each.default, int | float)}
        numbers |= {"budget", "net_size"}
        for name in sorted(n for n in numbers if (n, getattr(self, n)) not in MAY_BE_NONE):
            if not isinstance(getattr(self, name), Real):
                raise ValueError(f"{name} is '{getattr(self, name)}': it must be a number")
        for words, lies_there, names in RANGES:
            for name in names:
                if (name, getattr(self, name)) in MAY_BE_NONE:
                    continue
                if not lies_there(getattr(self, name)):
                    raise ValueError(f"{name} is {getattr(self, name)}: it must be {words}")
        Augmentation.parse(self.augment)


HOUSE, FINE_TUNING = "house", "fine-tuning"

# How every net is trained under `fair`; chosen on validation pictures, see docs/recipes.md.
_HOUSE: Mapping[str, Any] = {
    "budget": USUAL_BUDGET,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "schedule": "one-cycle",
    "weight_decay": 0.05,
    "augment": "flip+shift=0.06+rotation=8+crop=0.9+brightness=0.2",
    "changed_from": 40,
    "label_smoothing": 0.1,
    "test_time_flip": True,
    "mirror_check": True,
    "keep": "last",
    "patience": None,
}

# What to try beside the house recipe, by the recipe that it stands for.
PORTFOLIOS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    HOUSE: ({"learning_rate": 3e-3}, {"learning_rate": 3e-4}, {"augment": "flip"}),
    FINE_TUNING: ({"learning_rate": 1e-3, "backbone_rate": 1.0}, {"net_size": 128}),
}

# Parameters by the recipe's name. What a net has of its own (InceptionV3's label smoothing) stays
# where a recipe does not speak of it.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "published": {},
    HOUSE: _HOUSE,
    FINE_TUNING: {
        **_HOUSE,
        "learning_rate": 3e-3,
        "backbone_rate": 1 / 3,
        "frozen_epochs": 0,
        "changed_from": 10,
    },
    "strong": {
        "max_epochs": 40,
        "batch_size": 64,
        "learning_rate": 1.5e-3,
        "schedule": "one-cycle",
        "weight_decay": 0.05,
        "ema": 0.999,
        "augment": "flip+shift=0.06+rotation=8+crop=0.9+brightness=0.2+mixup=0.2",
        "balance": "logits",
        "balance_strength": 0.25,
        "label_smoothing": 0.1,
        "test_time_flip": True,
        "patience": None,
    },
}
