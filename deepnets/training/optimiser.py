"""What moves the weights: the optimiser, its learning rate over time, and SAM's step aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from timm.optim import Muon, param_groups_weight_decay
from torch import Tensor, nn
from torch.optim import lr_scheduler

from deepnets.training.recipes import Recipe

WARM_UP_SHARE = 0.2  # of a one-cycle training, while its learning rate rises
MOMENTUM = 0.9  # of gradient descent
LEAST_CYCLE = 10  # steps of one; a shorter training breaks off


def optimiser(
    net: nn.Module, recipe: Recipe, device: torch.device, backbone: Sequence[Tensor] = ()
) -> torch.optim.Optimizer:
    """Make the recipe's optimiser, with decoupled weight decay (arXiv:1711.05101) but for SGD's.

    Biases and normalisation layers do not decay. A pre-trained backbone has a learning rate of its
    own.
    """
    on_cuda = device.type == "cuda"
    pretrained = {id(weight) for weight in backbone}
    groups = []
    for group in param_groups_weight_decay(net, recipe.weight_decay):
        for known in (False, True):
            rate = recipe.learning_rate * (recipe.backbone_rate if known else 1.0)
            weights = [each for each in group["params"] if (id(each) in pretrained) is known]
            if weights:
                # A captured step reads the learning rate where it lies on the card.
                lr = torch.tensor(rate, device=device) if on_cuda else rate
                groups.append({**group, "params": weights, "lr": lr})
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True, fused=True)
    if recipe.optimiser == "muon":  # a step as long as AdamW's (arXiv:2502.16982)
        return Muon(groups, adjust_lr_fn="match_rms_adamw", capturable=on_cuda)
    return torch.optim.AdamW(groups, fused=True, capturable=on_cuda)


def schedule(optimiser: torch.optim.Optimizer, recipe: Recipe, n_steps: int) -> Callable[[], None]:
    """Return what changes the learning rate after a step.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
    recipe : Recipe
        ``cosine`` falls to nothing from the learning rate; ``one-cycle`` (arXiv:1708.07120) rises
        to it first.
    n_steps : int
        Steps of the whole training.
    """
    if recipe.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimiser, n_steps).step
    if recipe.schedule == "one-cycle":
        return lr_scheduler.OneCycleLR(
            optimiser,
            [float(group["lr"]) for group in optimiser.param_groups],
            max(n_steps, LEAST_CYCLE),
            pct_start=WARM_UP_SHARE,
            cycle_momentum=False,
        ).step
    return lambda: None


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
