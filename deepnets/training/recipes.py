"""How a net is trained: every choice by name, and the two sets of choices that ship."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deepnets.training.augment import Augmentation

Balance = Literal["none", "weights", "sampling", "bootstrap", "logits"]
Schedule = Literal["constant", "cosine", "one-cycle"]


@dataclass(frozen=True)
class Recipe:
    """The parameters of `NetClassifier` that the training loop goes by; it says what each does.

    Raises
    ------
    ValueError
        If one is out of its range.
    """

    max_epochs: int = 30
    batch_size: int = 100
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    weight_decay: float = 0.0
    sam: float = 0.0
    ema: float = 0.0
    augment: str = ""
    balance: Balance = "none"
    balance_strength: float = 1.0
    label_smoothing: float = 0.0
    auxiliary_weight: float = 0.0
    frozen_epochs: int = 3
    backbone_rate: float = 0.1
    test_time_flip: bool = False
    stop: Literal["stale", "rises"] = "stale"
    patience: int | None = 10
    monitor: Literal["accuracy", "loss"] = "accuracy"

    def __post_init__(self) -> None:
        least = {"max_epochs": 1, "batch_size": 1, "weight_decay": 0, "sam": 0}
        least |= {"frozen_epochs": 0, "backbone_rate": 0}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be {value} or more")
        for name in ("ema", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be in [0, 1)")
        if not 0 <= self.balance_strength <= 1:
            raise ValueError(f"balance_strength is {self.balance_strength}: it must be in [0, 1]")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate is {self.learning_rate}: it must be above 0")
        Augmentation.parse(self.augment)


# Parameters of the net's classifier by the recipe's name. What a net has of its own (InceptionV3's
# label smoothing) stays where a recipe does not speak of it.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "published": {},
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
