"""The training loop: read it from top to bottom.

Pictures stay as uint8 on the device, or stream to it where they do not fit; a step picks a batch by
index, so there is no loader. What an epoch gave is summed on the device and read once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepnets.training.augment import Augmentation
from deepnets.training.balance import Shown, class_weights, log_prior
from deepnets.training.batches import Batches, Pictures
from deepnets.training.cuda_graph import Steps
from deepnets.training.device import Backend
from deepnets.training.optimiser import (
    Average,
    optimiser,
    schedule,
    set_rates,
    step_aside,
    train_mode,
)
from deepnets.training.recipes import Recipe

# Pixels of the pictures predicted at once, so that memory stays flat.
PREDICT_PIXELS = {"cpu": 500 * 32 * 32, "cuda": 2_000 * 32 * 32, "mps": 2_000 * 32 * 32}


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training pictures gave; a row of ``history.csv``."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


def train(
    net: nn.Module,
    training: Pictures,
    validation: Pictures | None,
    n_classes: int,
    recipe: Recipe,
    where: Backend,
    seed: int,
    on_epoch: Callable[[Epoch], None] | None = None,
    backbone: Sequence[Tensor] = (),
    n_shown: int | None = None,
) -> tuple[list[Epoch], int, str]:
    """Train a net and leave it with the weights of its best epoch, or of its last.

    Parameters
    ----------
    net : nn.Module
        On the device; uint8 pictures to logits, or a tuple of logits with auxiliary heads.
    training : Pictures
        What it learns from.
    validation : Pictures or None
        What the best epoch is chosen on and stopping decided by; a label of -1 is of a class the
        training pictures do not have. None: all epochs are made and the last weights kept.
    n_classes : int
        Of the net's logits.
    recipe : Recipe
        How.
    where : Backend
        Device and precision.
    seed : int
        Order of the pictures; what else is random comes from the device's own generator.
    on_epoch : callable, optional
        Told of every epoch as it ends.
    backbone : sequence of Tensor, optional
        The net's pre-trained parameters.
    n_shown : int, optional
        Pictures after which the training is over, in place of the recipe's `max_epochs`.

    Returns
    -------
    history : list of Epoch
    best : int
        The epoch whose weights the net has now, from 1.
    note : str
        What a reader should know of how it ran; mostly empty.

    Raises
    ------
    FloatingPointError
        If the loss is no longer a number.
    """
    generator = torch.Generator().manual_seed(seed)
    augment = Augmentation.parse(recipe.augment)
    majority = training.labels if training.labels.dim() == 1 else training.labels.argmax(1)
    shown = Shown(majority, n_classes, recipe.balance, recipe.balance_strength, generator)
    weights = None
    if recipe.balance == "weights":
        weights = class_weights(majority, n_classes, recipe.balance_strength).to(where.device)
    more = torch.zeros(n_classes, device=where.device)  # than the logits the net learns to give
    if recipe.balance == "logits":
        more = log_prior(majority, n_classes, recipe.balance_strength).to(where.device)
    optimise = optimiser(net, recipe, where, backbone)
    steps_an_epoch = math.ceil(len(shown) / recipe.batch_size)
    n_steps = recipe.max_epochs * steps_an_epoch
    if n_shown is not None:
        n_steps = max(round(n_shown / len(shown) * steps_an_epoch), 1)
    n_epochs = math.ceil(n_steps / steps_an_epoch)
    rates = schedule(optimise, recipe, n_steps)
    average = Average(net, recipe.ema, where) if recipe.ema else None
    judged = net if average is None else average.net
    n_numbers = len(optimise.param_groups) + 1  # see numbers() below
    batches = Batches(training, len(shown), recipe.batch_size, n_numbers, where)
    sums = torch.zeros(2, device=where.device)  # of an epoch: loss, right answers

    def numbers(made: int) -> list[float]:
        """The learning rates of a step, and what the weights after it add to their average."""
        return [*next(rates), 0.0 if average is None else average.weight(made)]

    def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
        logits, smoothed = logits.float() + more, recipe.label_smoothing
        if smoothed and recipe.balance == "logits":
            # Towards what the net is spared to learn: towards all classes alike, which the rare
            # ones are not, it would learn to name these.
            usual = functional.cross_entropy(logits, more.softmax(0).expand_as(logits))
            return (1 - smoothed) * functional.cross_entropy(logits, labels) + smoothed * usual
        return functional.cross_entropy(logits, labels, weights, label_smoothing=smoothed)

    def gradients(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with where.autocast():
            outputs = net(images)
            logits, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)
            loss, *extra = (loss_of(each, labels) for each in (logits, *auxiliary))
        optimise.zero_grad(set_to_none=True)
        (loss + recipe.auxiliary_weight * sum(extra)).backward()
        return loss.detach(), logits.detach()

    def step(n: int) -> None:
        """Learn from the next pictures; what changes from step to step lies on the device."""
        images, labels, (*rates_now, weight_now) = batches.pick(n)
        images, labels = augment(images, labels, n_classes)
        set_rates(optimise, rates_now)
        loss, logits = gradients(images, labels)
        if recipe.sam:
            back = step_aside(net, recipe.sam)
            gradients(images, labels)
            back()
        optimise.step()
        right = (logits.argmax(1) == (labels if labels.dim() == 1 else labels.argmax(1))).sum()
        sums.add_(torch.stack([loss * len(labels), right]))
        if average is not None:
            average.update(weight_now)

    steps = Steps(step, where.graph)
    history: list[Epoch] = []
    best, best_score, best_weights = 0, -math.inf, {}
    waited = made = 0
    for number in range(1, n_epochs + 1):
        start = time.perf_counter()
        train_mode(net, backbone, frozen=number <= recipe.frozen_epochs)
        if backbone and number == recipe.frozen_epochs + 1:
            steps.forget()  # graphs hold the gradients of what was not frozen
        sums.zero_()
        sizes = batches.sizes[: n_steps - made]
        batches.begin(shown.order(), [numbers(made + i) for i in range(1, len(sizes) + 1)])
        for i, n in enumerate(sizes):
            batches.bring(i)
            steps(n)
        seen, made = sum(sizes), made + len(sizes)
        scores = evaluate(judged, validation, where, recipe.test_time_flip)
        measured = torch.cat([sums, scores]).tolist()  # the one wait
        train_loss, train_right, loss_now, accuracy_now = measured
        if not math.isfinite(train_loss):
            raise FloatingPointError(
                f"the training loss is not a number in epoch {number}: lower the learning rate"
            )
        learnt = (train_loss / seen, train_right / seen)
        seconds = time.perf_counter() - start
        history.append(Epoch(number, *learnt, loss_now, accuracy_now, seconds))
        if on_epoch is not None:
            on_epoch(history[-1])
        if validation is None or recipe.keep == "last":
            best = number
            continue
        score = accuracy_now if recipe.monitor == "accuracy" else -loss_now
        if score > best_score:
            best, best_score = number, score
            best_weights = {name: value.clone() for name, value in judged.state_dict().items()}
        if recipe.stop == "stale":
            waited = number - best
        else:
            waited = waited + 1 if number > 1 and loss_now > history[-2].validation_loss else 0
        if recipe.patience is not None and waited >= recipe.patience:
            break
    for weight in backbone:
        weight.requires_grad_(True)
    net.load_state_dict(best_weights or judged.state_dict())
    return history, best, steps.note


def predict(net: nn.Module, images: Tensor, where: Backend, flip: bool = False) -> Tensor:
    """Class probabilities ``(n, n_classes)`` of float32, on the device.

    With `flip` they are the mean of those of a picture and of its mirror image. Where the device
    lacks memory, fewer pictures are asked about at once, down to one.
    """
    net.eval()
    at_once = max(PREDICT_PIXELS[where.device.type] // images[0, 0].numel(), 1)
    while True:
        try:
            return _predicted(net, images, where, flip, at_once)
        except torch.OutOfMemoryError:
            if at_once == 1:
                raise
        at_once = at_once // 2  # outside the handler, which holds on to what was computed
        torch.cuda.empty_cache()


def _predicted(net: nn.Module, images: Tensor, where: Backend, flip: bool, at_once: int) -> Tensor:
    parts = []
    with torch.inference_mode(), where.autocast():
        for chunk in images.split(at_once):
            seen = chunk.to(where.device, non_blocking=True)
            part = net(seen).float().softmax(1)
            if flip:
                part = (part + net(seen.flip(3)).float().softmax(1)) / 2
            parts.append(part)
    return torch.cat(parts)


def evaluate(
    net: nn.Module, pictures: Pictures | None, where: Backend, flip: bool = False
) -> Tensor:
    """Mean cross entropy and accuracy, ``(2,)`` of float32 on the device; NaN without pictures.

    Pictures labelled -1 are of a class the net does not know: wrong, and left out of the loss.
    """
    if pictures is None:
        return torch.full((2,), math.nan, device=where.device)
    labels = pictures.labels.to(where.device)
    probabilities = predict(net, pictures.images, where, flip)
    logs = probabilities.clamp_min(torch.finfo(torch.float32).tiny).log()
    loss = functional.nll_loss(logs, labels, ignore_index=-1)
    return torch.stack([loss, (probabilities.argmax(1) == labels).float().mean()])
