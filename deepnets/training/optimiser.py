"""What moves the weights: the optimiser, its rate over time, SAM's step aside, their average."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from timm.optim import Muon, param_groups_weight_decay
from torch import Tensor, nn
from torch.optim import lr_scheduler

from deepnets.training.device import Backend
from deepnets.training.recipes import Recipe

WARM_UP_SHARE = 0.2  # of a one-cycle training, while its learning rate rises
MOMENTUM = 0.9  # of gradient descent
LEAST_CYCLE = 10  # steps of one; a shorter training breaks off


def optimiser(
    net: nn.Module, recipe: Recipe, where: Backend, backbone: Sequence[Tensor] = ()
) -> torch.optim.Optimizer:
    """Make the recipe's optimiser, with decoupled weight decay (arXiv:1711.05101) but for SGD's.

    Biases and normalisation layers do not decay. A pre-trained backbone has a learning rate of its
    own.
    """
    pretrained = {id(weight) for weight in backbone}
    groups = []
    for group in param_groups_weight_decay(net, recipe.weight_decay):
        for known in (False, True):
            rate = recipe.learning_rate * (recipe.backbone_rate if known else 1.0)
            weights = [each for each in group["params"] if (id(each) in pretrained) is known]
            if weights:
                # A captured step reads the learning rate where it lies on the card.
                lr = torch.full((), rate, device=where.device) if where.on_card else rate
                groups.append({**group, "params": weights, "lr": lr, "usual": rate})
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True, fused=True)
    if recipe.optimiser == "muon":  # a step as long as AdamW's (arXiv:2502.16982)
        return Muon(groups, adjust_lr_fn="match_rms_adamw", capturable=where.on_card)
    return torch.optim.AdamW(groups, fused=True, capturable=where.on_card)


def schedule(
    optimiser: torch.optim.Optimizer, recipe: Recipe, n_steps: int
) -> Iterator[list[float]]:
    """Yield the learning rate of each group of weights, step after step.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        Made by `optimiser`; it is left as it is.
    recipe : Recipe
        ``cosine`` falls to nothing from the learning rate; ``one-cycle`` (arXiv:1708.07120) rises
        to it first.
    n_steps : int
        Steps of the whole training.
    """
    rates = [group["usual"] for group in optimiser.param_groups]
    if recipe.schedule == "constant":
        yield from itertools.repeat(rates)
    # The schedulers of torch move an optimiser's rates; this one has no weights to move.
    moved = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in rates])
    scheduler: lr_scheduler.LRScheduler
    if recipe.schedule == "cosine":
        scheduler = lr_scheduler.CosineAnnealingLR(moved, n_steps)
    else:
        scheduler = lr_scheduler.OneCycleLR(
            moved,
            rates,
            max(n_steps, LEAST_CYCLE),
            pct_start=WARM_UP_SHARE,
            cycle_momentum=False,
        )
    moved.step()
    while True:
        yield [group["lr"] for group in moved.param_groups]
        scheduler.step()


def set_rates(optimiser: torch.optim.Optimizer, rates: Iterable[Tensor]) -> None:
    """Set the learning rate of each group: a number, or a tensor where a graph reads it."""
    for group, rate in zip(optimiser.param_groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].copy_(rate)
        else:
            group["lr"] = float(rate)


class Average:
    """A moving average of a net's weights, of fewer steps in the first of them.

    It is that of timm's `ModelEmaV3` with its warm-up, which reads its decay on the host. Whole
    numbers, such as the count of batches, stay as they were.

    Parameters
    ----------
    net : nn.Module
    decay : float in [0, 1)
    where : Backend
        Of the net.

    Attributes
    ----------
    net : nn.Module
        With the averages.
    """

    def __init__(self, net: nn.Module, decay: float, where: Backend) -> None:
        self.net = copy.deepcopy(net).eval()
        self._decay, self._on_card = decay, where.on_card
        kept, now = ([*each.state_dict().values()] for each in (self.net, net))
        self._kept = [value for value in kept if value.is_floating_point()]
        self._now = [value for value in now if value.is_floating_point()]

    def weight(self, made: int) -> float:
        """What the weights after so many steps count for."""
        return 1 - min(self._decay, 1 - made ** -(2 / 3))

    def update(self, weight: Tensor) -> None:
        """Move the average towards the weights of now."""
        if self._on_card:  # there is no lerp by a number that lies there
            weight = weight.float()
            torch._foreach_mul_(self._kept, 1 - weight)
            torch._foreach_add_(self._kept, torch._foreach_mul(self._now, weight))
        else:
            torch._foreach_lerp_(self._kept, self._now, float(weight))


def train_mode(net: nn.Module, backbone: Sequence[Tensor], frozen: bool) -> None:
    """Set a net to training, its backbone frozen or not.

    What is frozen whole also keeps to its evaluation mode: its batch normalisation uses and leaves
    the averages it came with.
    """
    for weight in backbone:
        weight.requires_grad_(not frozen)
    net.train()
    for module in net.modules() if frozen and backbone else ():
        weights = [*module.parameters()]
        if weights and not any(weight.requires_grad for weight in weights):
            module.eval()


def step_aside(net: nn.Module, radius: float) -> Callable[[], None]:
    """Move the weights up their gradient, and return what moves them back.

    Sharpness-aware minimisation (arXiv:2010.01412) goes down the gradient found there, so that it
    settles where the loss is low all around.
    """
    pairs = [(weight, weight.grad) for weight in net.parameters() if weight.grad is not None]
    weights: list[Tensor] = [weight for weight, _ in pairs]
    gradients = [gradient for _, gradient in pairs]
    with torch.no_grad():
        length = torch.stack(torch._foreach_norm(gradients)).norm().clamp_min(1e-12)
        moves = list(torch._foreach_mul(gradients, radius / length))
        torch._foreach_add_(weights, moves)

    def back() -> None:
        with torch.no_grad():
            torch._foreach_sub_(weights, moves)

    return back
