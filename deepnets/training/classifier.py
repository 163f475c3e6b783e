"""Every net as a scikit-learn classifier: uint8 pictures in, class probabilities out."""

from __future__ import annotations

import copy
import functools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors
import safetensors.torch
import torch

from baselines.classifier import Classifier
from baselines.mirror import shows_the_same
from deepnets.registry import architecture, check_choice, is_of_timm
from deepnets.training.arithmetic import TERA, training_operations
from deepnets.training.batches import Pictures
from deepnets.training.device import Backend, backend
from deepnets.training.engine import Epoch, predict, train
from deepnets.training.layers import (
    Resized,
    Standardised,
    spare_compiled_kernels,
    spare_slow_bf16,
)
from deepnets.training.pretrained import Weights, find, start
from deepnets.training.recipes import FINE_TUNING, HOUSE, RECIPES, Recipe

# Parameters that say which net it is, and where and how visibly it is trained: not a user's.
NOT_SETTINGS = {"architecture", "options", "device", "random_state", "on_epoch"}


@dataclass(eq=False, repr=False)
class NetClassifier(Classifier, Recipe):
    """A net as a classifier of pictures, trained with Adam on the cross entropy.

    Its other parameters are those of a `Recipe`.

    Parameters
    ----------
    architecture : str
        A registered name, or ``timm:NAME``.
    options : mapping, optional
        Passed to the architecture's builder, such as MobileNet's ``width``.
    pretrained : bool
        Whether the net starts from weights that timm publishes for its architecture, and with the
        scaling of the input that belongs to them; the head is new.
    weights : str, optional
        Safetensors file of the weights to start from in place of those, with timm's names or
        written by `save`.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    cuda_graph : bool
        Whether a step on CUDA is captured in a graph; nets that cannot be run without.
    random_state : int, optional
        Seed of the weights, the order of the pictures, their changes and dropout.
    on_epoch : callable, optional
        Told of every `Epoch` as it ends.
    """

    architecture: str = "seresnet18"
    options: Mapping[str, Any] | None = None
    pretrained: bool = False
    weights: str | None = None
    device: str = "auto"
    cuda_graph: bool = True
    random_state: int | None = None
    on_epoch: Callable[[Epoch], None] | None = None

    @classmethod
    def with_settings(cls, name: str, settings: Mapping[str, Any]) -> Self:
        """Make the classifier of a net with the settings that a user gives.

        Parameters
        ----------
        name : str
            A registered name, or ``timm:NAME``.
        settings : mapping
            Parameters that differ from the net's usual ones, options of its builder such as
            ``stem``, and ``recipe``, which stands for several; ``house`` is ``fine-tuning`` where
            the net starts from weights.

        Raises
        ------
        ValueError
            If a name is none of the net's, or a value cannot be.
        """
        net = architecture(name)
        recipe = settings.get("recipe") or "published"
        check_choice("recipe", recipe, RECIPES)
        parameters = cls().get_params().keys() - NOT_SETTINGS
        options = {k: v for k, v in settings.items() if k not in {"recipe", *parameters}}
        for each in sorted(options.keys() - net.options.keys()):
            if each in NOT_SETTINGS or not is_of_timm(name):
                has = ", ".join(sorted({"recipe", *parameters, *net.options}))
                raise ValueError(f"{name} has no parameter '{each}': it has {has}")
        starts = {**net.settings, **settings}
        if recipe == HOUSE and (starts.get("pretrained") or starts.get("weights")):
            recipe = FINE_TUNING
        chosen = {**net.settings, **RECIPES[recipe], **settings}
        if "max_epochs" in settings and "budget" not in settings:
            chosen["budget"] = None  # epochs are asked for
        self = cls(name, options or None, **{k: v for k, v in chosen.items() if k in parameters})
        try:
            self.check_values()
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        return self

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_val: np.ndarray | None,
        y_val: np.ndarray | None,
        shares: np.ndarray | None,
    ) -> None:
        self.check_values()
        where = backend(self.device, self.cuda_graph)
        self.device_ = where.device.type
        training = self._pictures(X, y, where, shares)
        validation = None
        if X_val is not None and y_val is not None and len(y_val):
            validation = self._pictures(X_val, y_val, where)
        seed = 0 if self.random_state is None else self.random_state
        repeatable = torch.backends.cudnn.flags(enabled=True, deterministic=True)
        cards = [torch.cuda.current_device()] if self.device_ == "cuda" else []
        with torch.random.fork_rng(cards), repeatable:
            torch.manual_seed(seed)
            n_classes, size = len(self.classes_), X.shape[-1]
            shown = self.pictures_shown(n_classes, size)
            recipe = self._recipe(X, y, self._epochs(len(X), shown))
            self.flips_ = recipe.test_time_flip
            self.net_ = self._net(n_classes, size, *_scaling(training.images))
            backbone = self._start(self.net_, n_classes, size)
            _place(self.net_, where)
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
                shown,
            )
        self.n_parameters_ = sum(p.numel() for p in self.net_.parameters() if p.requires_grad)
        epochs = f"epoch {self.best_epoch_} of {len(self.history_)}"
        inner = self.net_.net
        seen = f"seen at {inner.size} px" if isinstance(inner, Resized) else ""
        self.note_ = "; ".join(filter(None, [epochs, seen, note]))

    def _predict_proba(self, X: np.ndarray) -> np.ndarray:
        where = backend(self.device, self.cuda_graph)
        return predict(self.net_, _tensor(X), where, self.flips_).cpu().numpy()

    def _recipe(self, X: np.ndarray, y: np.ndarray, n_epochs: int) -> Recipe:
        """The recipe for these pictures and so many epochs.

        Without mirror images where they show something else, and without other changes where the
        training is short.
        """
        ways, flips = self.augment.split("+"), self.test_time_flip
        if n_epochs < self.changed_from:
            ways = [way for way in ways if _is_flip(way)]
        if self.mirror_check and not shows_the_same(X, y):
            ways, flips = [way for way in ways if not _is_flip(way)], False
        return copy.copy(self).set_params(augment="+".join(ways), test_time_flip=flips)

    def save(self, path: Path) -> None:
        """Write the weights and what is needed to use them as one safetensors file."""
        here_only = ("on_epoch", "weights")  # what the net started from is in it
        parameters = {k: v for k, v in self.get_params().items() if k not in here_only}
        classes, size = self.classes_.tolist(), self.picture_shape_[-1]
        about = {"parameters": parameters, "classes": classes, "size": size, "flips": self.flips_}
        weights = {name: value.cpu().contiguous() for name, value in self.net_.state_dict().items()}
        safetensors.torch.save_file(weights, path, metadata={"classifier": json.dumps(about)})

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Read a net that `save` wrote, ready to predict."""
        with safetensors.safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["classifier"])
        self = cls(**{**about["parameters"], "device": device})
        size = about["size"]
        self.classes_, self.picture_shape_ = np.array(about["classes"]), (3, size, size)
        self.flips_ = about["flips"]
        self.net_ = self._net(len(self.classes_), size)
        self.net_.load_state_dict(safetensors.torch.load_file(path))
        _place(self.net_, backend(device))
        return self

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

    def check(self, size: int, n_classes: int = 2) -> None:
        """Try the net and the weights it is to start from, before anything is fitted.

        Parameters
        ----------
        size : int
            Width and height of the pictures in pixels.
        n_classes : int

        Raises
        ------
        ValueError
            If the net cannot be built, or the weights cannot be had or do not fit.
        """
        try:
            if self.pictures_shown(n_classes, size) is None:  # to tell, the net is tried
                with torch.device("meta"), torch.no_grad():  # shapes alone: nothing is computed
                    self._net(n_classes, size).eval()(torch.zeros(1, 3, size, size))
        except Exception as error:  # Whatever the builder and the layers it is made of raise.
            given = f" with {_listed(self.options)}" if self.options else f" at {size} px"
            usual = _listed(architecture(self.architecture).options)
            reason = " ".join(str(error).split())[:200] + (f" (usual: {usual})" if usual else "")
            raise ValueError(f"{self.architecture} cannot be built{given}: {reason}") from error
        if self.starting_weights() is not None:
            self._start(self._net(2, size), 2, size)

    def pictures_shown(self, n_classes: int, size: int) -> int | None:
        """Return how many pictures the budget pays for, each as often as shown; None without one.

        Sharpness-aware minimisation goes through each twice.
        """
        if self.budget is None:
            return None
        operations = self._operations(n_classes, size)
        return max(int(self.budget * TERA / operations / (2 if self.sam else 1)), 1)

    def counted(self, n_classes: int, size: int) -> tuple[int, int]:
        """Return the net's layers, and the operations of training it with one picture."""
        with torch.device("meta"):
            net = self._net(n_classes, size)
        layers = sum(not any(module.children()) for module in net.modules())
        return layers, self._operations(n_classes, size)

    def _operations(self, n_classes: int, size: int) -> int:
        options = json.dumps(self.options or {}, sort_keys=True)
        return _operations(self.architecture, options, self.net_size, n_classes, size)

    def planned_epochs(self, n: int, n_classes: int, size: int) -> int:
        """Return how many epochs the training makes of `n` pictures if nothing stops it early."""
        return self._epochs(n, self.pictures_shown(n_classes, size))

    def _epochs(self, n: int, shown: int | None) -> int:
        return self.max_epochs if shown is None else max(math.ceil(shown / n), 1)

    def _start(self, net: Standardised, n_classes: int, size: int) -> list[torch.Tensor]:
        """Give a net its pre-trained weights, if it is to have any; the backbone's parameters."""
        weights = self.starting_weights()
        if weights is None:
            return []
        with torch.device("meta"):
            other = self._net(n_classes + 1, size)
        return start(net, other, architecture(self.architecture), weights)

    def _net(self, n_classes: int, size: int, *scaling: torch.Tensor) -> Standardised:
        """Build the untrained net behind the scaling of its input, which may be loaded later."""
        options = self.options or {}
        net = architecture(self.architecture).build(n_classes, size, self.net_size, **options)
        return Standardised(net, *(scaling or (torch.zeros(3), torch.ones(3))))

    def _pictures(
        self, X: np.ndarray, y: np.ndarray, where: Backend, shares: np.ndarray | None = None
    ) -> Pictures:
        """Pictures, on the device if they fit; labels as places in `classes_` (-1: not in it)."""
        places = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        places = np.where(self.classes_[places] == y, places, -1)
        images, labels = _tensor(X), torch.from_numpy(places.astype(np.int64))
        if shares is not None:  # of the classes that are the majority of some picture
            known = torch.from_numpy(np.ascontiguousarray(shares[:, self.classes_], np.float32))
            labels = known / known.sum(1, keepdim=True)
        place = where.device if where.has_room(images.nbytes) else "cpu"
        return Pictures(images.to(place), labels.to(place))


@functools.cache
def _operations(
    architecture: str, options: str, net_size: int | None, n_classes: int, size: int
) -> int:
    """Operations of training a net with one picture; counting takes a fifth of a second."""
    net = NetClassifier(architecture, json.loads(options), net_size=net_size)
    return training_operations(lambda: net._net(n_classes, size), size)


def _is_flip(way: str) -> bool:
    return way.partition("=")[0] == "flip"


def _listed(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _scaling(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
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
    if where.on_card:
        spare_compiled_kernels(net)
    if where.bf16 and where.device.type == "cpu":
        spare_slow_bf16(net)
