"""The scikit-learn face of every net."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import safetensors
import safetensors.torch
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from deepnets.registry import architecture
from deepnets.training.device import Backend, backend
from deepnets.training.engine import Epoch, Pictures, predict, train
from deepnets.training.layers import Resized, Standardised, spare_slow_bf16
from deepnets.training.pretrained import Weights, find, start
from deepnets.training.recipes import Balance, Recipe, Schedule

SMALLEST_BATCH = 8  # down to which a batch is halved for lack of memory


class NetClassifier(ClassifierMixin, BaseEstimator):
    """A net as a classifier of pictures, trained with Adam on the cross entropy.

    All that is beyond that (from `schedule` to `test_time_flip`) is off unless asked for.

    Parameters
    ----------
    architecture : str
        A registered name, or ``timm:NAME``.
    options : mapping, optional
        Passed to the architecture's builder, such as MobileNet's ``width``.
    max_epochs : int
        Most passes over the training pictures.
    batch_size : int
        Pictures a step.
    learning_rate : float
        Adam's; with a schedule the largest.
    schedule : {"constant", "cosine", "one-cycle"}
        The learning rate over `max_epochs`: constant; falling to nothing along half a cosine; or
        rising to it first, in a fifth of the time.
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
    balance : {"none", "weights", "sampling", "bootstrap", "logits"}
        What makes rare classes count more: weights of the loss, drawing rows by class, showing
        rows of rare classes again (bootstrap oversampling), or logit adjustment: the loss adds
        the logarithm of each class's share, which answers then lack.
    balance_strength : float in [0, 1]
        How much more: 1 makes all classes alike, 0.5 goes half way (in the logarithm).
    stop : {"stale", "rises"}
        What ends the training early: no better epoch, or a risen validation loss, for `patience`
        epochs in a row.
    patience : int or None
        How many; None never stops early.
    monitor : {"accuracy", "loss"}
        What the best epoch is best in, on the validation pictures.
    label_smoothing : float in [0, 1)
        Share of the target spread over all classes: q' = (1 - eps) q + eps / n_classes.
    auxiliary_weight : float
        Weight of each auxiliary head's loss, for nets that have them.
    pretrained : bool
        Whether the net starts from weights that timm publishes for its architecture, and with the
        scaling of the input that belongs to them; the head is new.
    weights : str, optional
        Safetensors file of the weights to start from in place of those, with timm's names or
        written by `save`.
    frozen_epochs : int
        Epochs at the beginning in which only the head of a pre-trained net is trained.
    backbone_rate : float
        Learning rate of the rest afterwards, as a share of `learning_rate`.
    test_time_flip : bool
        Whether what is predicted is the mean over a picture and its mirror image.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    cuda_graph : bool
        Whether a step on CUDA is captured in a graph; nets that cannot be run without.
    random_state : int, optional
        Seed of the weights, the order of the pictures, their changes and dropout.
    on_epoch : callable, optional
        Told of every `Epoch` as it ends.
    """

    def __init__(
        self,
        architecture: str = "seresnet18",
        options: Mapping[str, Any] | None = None,
        max_epochs: int = 30,
        batch_size: int = 100,
        learning_rate: float = 1e-3,
        schedule: Schedule = "constant",
        weight_decay: float = 0.0,
        sam: float = 0.0,
        ema: float = 0.0,
        augment: str = "",
        balance: Balance = "none",
        balance_strength: float = 1.0,
        stop: Literal["stale", "rises"] = "stale",
        patience: int | None = 10,
        monitor: Literal["accuracy", "loss"] = "accuracy",
        label_smoothing: float = 0.0,
        auxiliary_weight: float = 0.0,
        pretrained: bool = False,
        weights: str | None = None,
        frozen_epochs: int = Recipe.frozen_epochs,
        backbone_rate: float = Recipe.backbone_rate,
        test_time_flip: bool = False,
        device: str = "auto",
        cuda_graph: bool = True,
        random_state: int | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> None:
        self.architecture = architecture
        self.options = options
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.sam = sam
        self.ema = ema
        self.augment = augment
        self.balance = balance
        self.balance_strength = balance_strength
        self.stop = stop
        self.patience = patience
        self.monitor = monitor
        self.label_smoothing = label_smoothing
        self.auxiliary_weight = auxiliary_weight
        self.pretrained = pretrained
        self.weights = weights
        self.frozen_epochs = frozen_epochs
        self.backbone_rate = backbone_rate
        self.test_time_flip = test_time_flip
        self.device = device
        self.cuda_graph = cuda_graph
        self.random_state = random_state
        self.on_epoch = on_epoch

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_val: np.ndarray | None = None,
        y_val: np.ndarray | None = None,
        shares: np.ndarray | None = None,
    ) -> Self:
        """Train on labelled pictures.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, 3, size, size)
            RGB planes.
        y : ndarray of int64, shape (n,)
            Class indices.
        X_val, y_val : ndarray, optional
            Pictures that decide when to stop and which epoch's weights are kept. Without them all
            epochs are made and the last weights kept.
        shares : ndarray of float32, shape (n, n_classes), optional
            What is learned in place of `y`: the share of annotators who chose each class, where
            `y` is their majority and column k is class k.

        Raises
        ------
        ValueError
            If the device, the architecture or its weights are not to be had.
        FloatingPointError
            If the training diverges.
        """
        where = self._backend()
        self.classes_ = np.unique(y)
        self.size_ = X.shape[-1]
        self.device_ = where.device.type
        training = self._pictures(X, y, where, shares)
        validation = None
        if X_val is not None and y_val is not None and len(y_val):
            validation = self._pictures(X_val, y_val, where)
        self.batch_size_ = self.batch_size
        halved = ""
        while (note := self._train(training, validation, where)) is None:
            self.batch_size_ //= 2
            halved = f"batch of {self.batch_size_}: no memory on the card for more"
            if where.device.type == "cuda":
                torch.cuda.empty_cache()
        self.n_parameters_ = sum(p.numel() for p in self.net_.parameters() if p.requires_grad)
        epochs = f"epoch {self.best_epoch_} of {len(self.history_)}"
        self.note_ = "; ".join(filter(None, [epochs, halved, note]))
        return self

    def _train(self, training: Pictures, validation: Pictures | None, where: Backend) -> str | None:
        """Train a new net and say how it ran; None if the card's memory may hold half the batch."""
        seed = 0 if self.random_state is None else self.random_state
        recipe = replace(self.recipe(), batch_size=self.batch_size_)
        with torch.random.fork_rng(), _repeatable():
            torch.manual_seed(seed)
            n_classes = len(self.classes_)
            statistics = _channel_statistics(training.images)
            self.net_ = Standardised(self._build(n_classes, self.size_), *statistics)
            backbone = self._start(self.net_, n_classes, self.size_)
            _place(self.net_, where)
            try:
                self.history_, self.best_epoch_, note = train(
                    self.net_,
                    training,
                    validation,
                    n_classes,
                    recipe,
                    where,
                    seed,
                    self.on_epoch,
                    backbone,
                )
            except torch.OutOfMemoryError:
                del self.net_
                if self.batch_size_ < 2 * SMALLEST_BATCH:
                    raise
                return None
        return note

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probability of each class in `classes_`.

        Parameters
        ----------
        X : ndarray of uint8, shape (n, 3, size, size)
            Pictures of the size trained on.

        Returns
        -------
        ndarray of float32, shape (n, n_classes)
            Rows sum to 1.

        Raises
        ------
        ValueError
            If the pictures are of another size.
        """
        check_is_fitted(self, "net_")
        if X.shape[1:] != (3, self.size_, self.size_):
            raise ValueError(
                f"pictures of shape {X.shape[1:]}, but the net was trained on "
                f"{(3, self.size_, self.size_)}: load them at the same size"
            )
        where = self._backend()
        return predict(self.net_, _tensor(X), where, self.test_time_flip).cpu().numpy()

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class of each picture, ``(n,)`` of int64."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def save(self, path: Path) -> None:
        """Write the weights and what is needed to use them as one safetensors file."""
        here_only = ("on_epoch", "weights")  # what the net started from is in it
        parameters = {k: v for k, v in self.get_params().items() if k not in here_only}
        about = {"parameters": parameters, "classes": self.classes_.tolist(), "size": self.size_}
        weights = {name: value.cpu().contiguous() for name, value in self.net_.state_dict().items()}
        safetensors.torch.save_file(weights, path, metadata={"classifier": json.dumps(about)})

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Read a net that `save` wrote, ready to predict."""
        with safetensors.safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["classifier"])
        self = cls(**{**about["parameters"], "device": device})
        self.classes_, self.size_ = np.array(about["classes"]), about["size"]
        built = self._build(len(self.classes_), self.size_)
        self.net_ = Standardised(built, torch.zeros(3), torch.ones(3))
        self.net_.load_state_dict(safetensors.torch.load_file(path))
        _place(self.net_, self._backend())
        return self

    def recipe(self) -> Recipe:
        """Return the parameters that the training loop goes by.

        Raises
        ------
        ValueError
            If one is out of its range.
        """
        return Recipe(**{each.name: getattr(self, each.name) for each in fields(Recipe)})

    def starting_weights(self) -> Weights | None:
        """Find the pre-trained weights the net is to start from; None if it is to start anew.

        Raises
        ------
        ValueError
            If they cannot be had.
        """
        if not self.pretrained and self.weights is None:
            return None
        return find(architecture(self.architecture), self.weights)

    def check_weights(self, size: int) -> None:
        """Try the pre-trained weights, if any, on pictures of a size in pixels.

        Raises
        ------
        ValueError
            If they cannot be had or do not fit.
        """
        if self.starting_weights() is not None:
            net = Standardised(self._build(2, size), torch.zeros(3), torch.ones(3))
            self._start(net, 2, size)

    def _start(self, net: Standardised, n_classes: int, size: int) -> list[torch.Tensor]:
        """Give a net its pre-trained weights, if it is to have any; the backbone's parameters."""
        weights = self.starting_weights()
        if weights is None:
            return []
        with torch.random.fork_rng():
            other = Standardised(self._build(n_classes + 1, size), net.mean, net.deviation)
        return start(net, other, architecture(self.architecture), weights)

    def _build(self, n_classes: int, size: int) -> torch.nn.Module:
        net = architecture(self.architecture)
        built_for = max(size, net.smallest)
        built = net.build(n_classes, built_for, **(self.options or {}))
        return built if built_for == size else Resized(built, built_for)

    def _backend(self) -> Backend:
        return backend(self.device, self.cuda_graph)

    def _pictures(
        self, X: np.ndarray, y: np.ndarray, where: Backend, shares: np.ndarray | None = None
    ) -> Pictures:
        """Pictures on the device if they fit, labels as places in `classes_` (-1: not in it)."""
        places = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        places = np.where(self.classes_[places] == y, places, -1)
        images, labels = _tensor(X), torch.from_numpy(places.astype(np.int64))
        if shares is not None:  # of the classes that are the majority of some picture
            known = torch.from_numpy(np.ascontiguousarray(shares[:, self.classes_], np.float32))
            labels = known / known.sum(1, keepdim=True)
        if not where.has_room(images.nbytes):
            return Pictures(images, labels, resident=False)
        return Pictures(images.to(where.device), labels.to(where.device))


def _channel_statistics(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel over the training pictures, in grey levels."""
    values = torch.arange(256, dtype=torch.float64)
    counts = torch.zeros(3, 256, dtype=torch.int64)
    for part in pixels.split(1000):  # counting takes eight bytes a pixel for a while
        planes = part.transpose(0, 1).flatten(1)
        counts += torch.stack([torch.bincount(plane, minlength=256) for plane in planes]).cpu()
    share = counts.double() / pixels[:, 0].numel()
    mean = share @ values
    variance = share @ values**2 - mean**2
    return mean.float(), variance.clamp_min(1.0).sqrt().float()


def _tensor(X: np.ndarray) -> torch.Tensor:
    # A tensor over a read-only map would let torch write to it, so such pictures are copied.
    return torch.from_numpy(X.copy() if not X.flags.writeable else np.ascontiguousarray(X))


def _place(net: torch.nn.Module, where: Backend) -> None:
    net.to(where.device)
    net.to(memory_format=torch.channels_last)
    if where.bf16 and where.device.type == "cpu":
        spare_slow_bf16(net)


@contextmanager
def _repeatable() -> Iterator[None]:
    """Ask cuDNN for the algorithms that give the same bits each time, and put its choice back."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before
