"""The training loop: read it from top to bottom.

Pictures stay on the device as uint8; a step picks a batch by index, so there is no loader. Losses
are summed on the device and read once an epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

PREDICT_PIXELS = 500 * 32 * 32  # of the pictures predicted at once, so that memory stays flat


@dataclass(frozen=True)
class Backend:
    """Where and how a net computes.

    Attributes
    ----------
    device : torch.device
        Where the pictures and the net lie.
    bf16 : bool
        Whether convolutions and products are computed in bfloat16 (weights stay float32).
    """

    device: torch.device
    bf16: bool

    def autocast(self) -> torch.autocast:
        """Return the context in which the net is called."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)


def backend(device: str, bf16_on_cpu: bool = True) -> Backend:
    """Choose where to compute.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        "auto" takes CUDA where there is one.
    bf16_on_cpu : bool
        Whether bfloat16 pays for this net on a processor that has it.

    Raises
    ------
    ValueError
        If CUDA is asked for and not there, or the device is unknown.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"no device is called '{device}': use auto, cpu or cuda")
    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ValueError("no CUDA device is here: use the device cpu, or auto")
    if has_cuda and device != "cpu":
        return Backend(torch.device("cuda"), torch.cuda.is_bf16_supported())
    return Backend(torch.device("cpu"), bf16_on_cpu and torch.cpu._is_avx512_bf16_supported())


@dataclass(frozen=True)
class Recipe:
    """How a net is trained; see `NetClassifier` for the meaning of each."""

    max_epochs: int
    batch_size: int
    learning_rate: float
    stop: Literal["stale", "rises"]
    patience: int | None
    monitor: Literal["accuracy", "loss"]
    label_smoothing: float
    auxiliary_weight: float


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training pictures gave; a row of ``history.csv``."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Pictures:
    """Pictures ``(n, 3, size, size)`` of uint8 and labels ``(n,)`` of int64, on the device."""

    images: Tensor
    labels: Tensor


def train(
    net: nn.Module,
    training: Pictures,
    validation: Pictures | None,
    recipe: Recipe,
    where: Backend,
    seed: int,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> tuple[list[Epoch], int]:
    """Train a net and leave it with the weights of its best epoch.

    Parameters
    ----------
    net : nn.Module
        On the device; uint8 pictures to logits, or a tuple of logits with auxiliary heads.
    training : Pictures
        What it learns from.
    validation : Pictures or None
        What the best epoch is chosen on and stopping decided by; a label of -1 is of a class the
        training pictures do not have. None: all epochs are made and the last weights kept.
    recipe : Recipe
        How.
    where : Backend
        Device and precision.
    seed : int
        Order of the pictures.
    on_epoch : callable, optional
        Told of every epoch as it ends.

    Returns
    -------
    history : list of Epoch
    best : int
        The epoch whose weights the net has now, from 1.

    Raises
    ------
    FloatingPointError
        If the loss is no longer a number.
    """
    optimiser = torch.optim.Adam(net.parameters(), recipe.learning_rate, fused=True)
    generator = torch.Generator().manual_seed(seed)
    history: list[Epoch] = []
    best, best_score, best_weights = 0, -math.inf, {}
    waited = 0
    for number in range(1, recipe.max_epochs + 1):
        start = time.perf_counter()
        net.train()
        order = torch.randperm(len(training.labels), generator=generator).to(where.device)
        sums = torch.zeros(3, device=where.device)  # loss, right answers, pictures
        for rows in batches(order, recipe.batch_size):
            labels = training.labels[rows]
            with where.autocast():
                outputs = net(training.images[rows])
                logits, auxiliary = (
                    (outputs[0], outputs[1:]) if isinstance(outputs, tuple) else (outputs, ())
                )
                loss = functional.cross_entropy(
                    logits.float(), labels, label_smoothing=recipe.label_smoothing
                )
                total = loss + recipe.auxiliary_weight * sum(
                    functional.cross_entropy(
                        extra.float(), labels, label_smoothing=recipe.label_smoothing
                    )
                    for extra in auxiliary
                )
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            optimiser.step()
            right = (logits.detach().argmax(1) == labels).sum()
            sums += torch.stack([loss.detach() * len(rows), right, right.new_tensor(len(rows))])
        train_loss, train_right, seen = sums.tolist()
        if not math.isfinite(train_loss):
            raise FloatingPointError(
                f"the training loss is not a number in epoch {number}: lower the learning rate"
            )
        loss_now, accuracy_now = evaluate(net, validation, where)
        history.append(
            Epoch(
                number,
                train_loss / seen,
                train_right / seen,
                loss_now,
                accuracy_now,
                time.perf_counter() - start,
            )
        )
        if on_epoch is not None:
            on_epoch(history[-1])
        if validation is None:
            best = number
            continue
        score = accuracy_now if recipe.monitor == "accuracy" else -loss_now
        if score > best_score:
            best, best_score = number, score
            best_weights = {name: value.clone() for name, value in net.state_dict().items()}
        if recipe.stop == "stale":
            waited = number - best
        else:
            waited = waited + 1 if number > 1 and loss_now > history[-2].validation_loss else 0
        if recipe.patience is not None and waited >= recipe.patience:
            break
    if best_weights:
        net.load_state_dict(best_weights)
    return history, best


def batches(order: Tensor, size: int) -> Iterator[Tensor]:
    """Cut an order into batches; a last one of a single picture is left out.

    Batch normalisation of 1x1 maps has no variance to take from one picture; another epoch has
    another order, so no picture is left out for good.
    """
    for rows in order.split(size):
        if len(rows) > 1 or len(order) == 1:
            yield rows


def predict(net: nn.Module, images: Tensor, where: Backend) -> Tensor:
    """Class probabilities ``(n, n_classes)`` of float32, on the device."""
    net.eval()
    at_once = max(PREDICT_PIXELS // images[0, 0].numel(), 1)
    with torch.inference_mode(), where.autocast():
        parts = [net(chunk).float().softmax(1) for chunk in images.split(at_once)]
    return torch.cat(parts)


def evaluate(net: nn.Module, pictures: Pictures | None, where: Backend) -> tuple[float, float]:
    """Mean cross entropy and accuracy; not a number where there are no pictures.

    Pictures labelled -1 are of a class the net does not know: wrong, and left out of the loss.
    """
    if pictures is None:
        return math.nan, math.nan
    probabilities = predict(net, pictures.images, where)
    logs = probabilities.clamp_min(torch.finfo(torch.float32).tiny).log()
    loss = functional.nll_loss(logs, pictures.labels, ignore_index=-1)
    accuracy = (probabilities.argmax(1) == pictures.labels).float().mean()
    loss_value, accuracy_value = torch.stack([loss, accuracy]).tolist()
    return loss_value, accuracy_value
