"""A pre-trained net that is not trained: a simple classifier on what it sees."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import filelock
import numpy as np
import safetensors
import safetensors.torch
import skops.io
import timm
import torch
from torch import Tensor
from torch.nn import functional

from baselines.base import laid_out
from baselines.classifier import Classifier
from deepnets.registry import FROZEN, architecture, check_choice
from deepnets.training.device import Backend, backend
from deepnets.training.heads import HEADS
from deepnets.training.layers import Standardised
from deepnets.training.pretrained import NOT_LEARNT, Weights, find, tensors

NOT_SETTINGS = {"architecture", "device", "random_state", "cache"}
AT_ONCE = 64  # pictures, always: with another number the last digits may be others
# Types of ours that a head's file may ask for; beside scikit-learn's and numpy's it has none.
OF_HEADS = ["baselines.hog.CalibratedMachine", "deepnets.training.heads.Neighbours"]
PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {"net_size": 128},
    {"head": "svm"},
    {"net_size": 160},
    {"head": "knn"},
)


@dataclass(eq=False, repr=False)
class FrozenClassifier(Classifier):
    """A simple classifier on the features of a pre-trained net, which stays as it is.

    With logistic regression known as a linear probe, after Kornblith, Shlens and Le, "Do better
    ImageNet models transfer better?" (CVPR 2019). Features are those before the net's last layer,
    brought to mean 0 and deviation 1.

    Parameters
    ----------
    architecture : str
        ``frozen:NAME``, where NAME is any of timm.
    head : {"logistic", "knn", "svm"}
        The classifier: logistic regression, the nearest neighbours (`Neighbours`), or a
        support-vector machine with an RBF kernel on the direction of 200 principal components, with
        probabilities as hog-svm's.
    C : float, optional
        Inverse of the penalty's strength of ``logistic`` and ``svm``. None: that which `HEADS`
        tries with the lowest log loss on the validation pictures, or its usual one without any. The
        number of neighbours is always chosen so.
    net_size : int, optional
        Width in pixels to which pictures are brought for the net. None: their own, but at least
        `SMALLEST_PRETRAINED` and at most what the net was published with.
    weights : str, optional
        Safetensors file of weights to use in place of those timm publishes.
    device : {"auto", "cpu", "cuda", "mps"}
        Where features are computed.
    random_state : int, optional
        Seed of the folds that ``svm`` is calibrated on; nothing else is random.
    cache : str, optional
        Folder in which features are kept, so that a picture's are computed once.
    """

    architecture: str = f"{FROZEN}tf_efficientnet_lite0"
    head: str = "logistic"
    C: float | None = None
    net_size: int | None = None
    weights: str | None = None
    device: str = "auto"
    random_state: int | None = None
    cache: str | None = None

    @classmethod
    def with_settings(cls, name: str, settings: Mapping[str, Any]) -> Self:
        """Make the classifier of ``frozen:NAME`` with the settings that a user gives.

        Raises
        ------
        ValueError
            If timm has no such net, or a name is no parameter, or a value cannot be.
        """
        architecture(name)
        known = cls().get_params().keys() - NOT_SETTINGS
        for each in settings:
            if each not in known:
                has = ", ".join(sorted(known))
                raise ValueError(f"{name} has no parameter '{each}': it has {has}")
        self = cls(name, **settings)
        check_choice("head", self.head, HEADS)
        if self.C is not None and not self.C > 0:
            raise ValueError(f"{name}: C is {self.C}: it must be above 0")
        if self.net_size is not None and self.net_size < 1:
            raise ValueError(f"{name}: net_size is {self.net_size}: it must be 1 or more")
        return self

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_val: np.ndarray | None,
        y_val: np.ndarray | None,
        shares: np.ndarray | None,
    ) -> None:
        self.look(X.shape[-1])
        features = self.features(X)
        self.mean_, self.scale_ = features.mean(axis=0), features.std(axis=0).clip(1e-6)
        rows = (features - self.mean_) / self.scale_
        known = np.isin(y_val, self.classes_) if y_val is not None else np.zeros(0, bool)
        head, judged = HEADS[self.head], None
        C = self.C if head.penalised else None
        if C is None and X_val is not None and y_val is not None and known.any():
            judged = (self.features(X_val[known]) - self.mean_) / self.scale_, y_val[known]
        fitted, told = head.fit(rows, y, judged, C, self.random_state)
        self.note_ = f"frozen, seen at {self.size_} px, {told}"
        if self.head != "logistic":
            self.fitted_ = laid_out(fitted)
            return
        self.coefficients_, self.intercepts_ = fitted.coef_, fitted.intercept_
        if len(self.classes_) == 2:  # of which scikit-learn keeps the second alone
            self.coefficients_ = np.concatenate([-fitted.coef_, fitted.coef_]) / 2
            self.intercepts_ = np.concatenate([-fitted.intercept_, fitted.intercept_]) / 2
        self.n_parameters_ = self.coefficients_.size + self.intercepts_.size

    def look(self, size: int) -> Self:
        """Make the net ready to look at pictures of a width in pixels, without a classifier."""
        where = backend(self.device)
        self.device_, self.saved_seconds_ = where.device.type, 0.0
        self.size_ = self._size(size)
        self.net_ = self._backbone(self.starting_weights()).to(where.device).eval()
        return self

    def _predict_proba(self, X: np.ndarray) -> np.ndarray:
        rows = (self.features(X) - self.mean_) / self.scale_
        if self.head != "logistic":
            return self.fitted_.predict_proba(rows)
        logits = rows @ self.coefficients_.T + self.intercepts_
        return functional.softmax(torch.from_numpy(logits), dim=1).numpy()

    def _size(self, size: int) -> int:
        net = architecture(self.architecture)
        return self.net_size or min(max(size, net.smallest), net.published_size)

    @property
    def _kept_arrays(self) -> tuple[str, ...]:
        linear = ("coefficients", "intercepts") if self.head == "logistic" else ()
        return "mean", "scale", *linear

    @property
    def _timm_name(self) -> str:
        return self.architecture.removeprefix(FROZEN)

    def starting_weights(self) -> Weights:
        """Find the pre-trained weights.

        Raises
        ------
        ValueError
            If they cannot be had.
        """
        return find(architecture(self.architecture), self.weights)

    def check(self, size: int, n_classes: int = 2) -> None:
        """Try the net and its weights on pictures of a width in pixels.

        Raises
        ------
        ValueError
            If they cannot be had, do not fit, or the net does not take the pictures.
        """
        net = self._backbone(self.starting_weights()).eval()
        at = self._size(size)
        try:
            with torch.inference_mode():
                net(torch.zeros(1, 3, at, at, dtype=torch.uint8))
        except (RuntimeError, AssertionError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"{self.architecture} cannot see {at} px: {reason}") from error

    def _backbone(self, weights: Weights | None) -> Standardised:
        """Build the net without its last layer, with its weights unless these are loaded later."""
        net = timm.create_model(self._timm_name, num_classes=0)
        if weights is None:
            return Standardised(net, torch.zeros(3), torch.ones(3))
        found = tensors(architecture(self.architecture), weights)
        learnt = [name for name in net.state_dict() if not name.endswith(NOT_LEARNT)]
        missing = [name for name in learnt if name not in found]
        if missing:
            raise ValueError(
                f"{weights.path.name} does not fit {self.architecture}: it lacks {missing[0]}"
                f"{' and more' * (len(missing) > 1)}: give weights of this architecture"
            )
        net.load_state_dict({name: found[name] for name in learnt}, strict=False)
        return Standardised(net, found["mean"], found["deviation"])

    def features(self, X: np.ndarray) -> np.ndarray:
        """What the net sees of pictures, ``(n, n_features)`` of float32, as far as kept in `cache`.

        What computing the kept ones took is added to `saved_seconds_`.
        """
        if self.cache is None:
            return self._seen(X)
        names = np.array([hashlib.sha256(x.tobytes()).hexdigest() for x in X])
        path = Path(self.cache) / f"{self._stamp()}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_suffix(".lock")):
            kept, pace = _kept(path)
            new = [i for i, name in enumerate(names) if name not in kept]
            self.saved_seconds_ += pace * (len(X) - len(new))
            if new:
                start = time.perf_counter()
                kept |= dict(zip(names[new], self._seen(X[new]), strict=True))
                pace = (time.perf_counter() - start) / len(new)  # seconds a picture
                draft = path.with_suffix(".draft.npz")
                features = np.stack([*kept.values()])
                np.savez(draft, names=np.array([*kept]), features=features, pace=pace)
                draft.rename(path)
        return np.stack([kept[name] for name in names])

    def _stamp(self) -> str:
        """Name of what the features follow from, but for the pictures."""
        state = hashlib.sha256()
        for value in self.net_.state_dict().values():
            state.update(value.cpu().numpy().tobytes())
        what = [self.architecture, self.size_, state.hexdigest(), self.device_, timm.__version__]
        return hashlib.sha256(json.dumps([*what, torch.__version__]).encode()).hexdigest()

    def _seen(self, X: np.ndarray) -> np.ndarray:
        where: Backend = backend(self.device)
        parts = []
        with torch.inference_mode(), where.autocast():
            for start in range(0, len(X), AT_ONCE):
                block = X[start : start + AT_ONCE]
                padded = np.concatenate(
                    [block, np.zeros((AT_ONCE - len(block), *X.shape[1:]), "u1")]
                )
                pictures = torch.from_numpy(padded).to(where.device)
                seen = self.net_(_resized(pictures, self.size_)).float()
                parts.append(seen[: len(block)].cpu().numpy())
        return np.concatenate(parts)

    def save(self, path: Path) -> None:
        """Write the net, the classifier and what is needed to use them as one safetensors file."""
        here_only = ("weights", "cache")
        parameters = {k: v for k, v in self.get_params().items() if k not in here_only}
        about = {
            "parameters": parameters,
            "classes": self.classes_.tolist(),
            "size": self.picture_shape_[-1],
        }
        arrays = {name: getattr(self, f"{name}_") for name in self._kept_arrays}
        if self.head != "logistic":
            arrays["head"] = np.frombuffer(skops.io.dumps(self.fitted_), np.uint8)
        head = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        net = {f"net.{name}": value.cpu() for name, value in self.net_.state_dict().items()}
        everything = {name: value.contiguous() for name, value in {**head, **net}.items()}
        safetensors.torch.save_file(everything, path, metadata={"frozen": json.dumps(about)})

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Read a classifier that `save` wrote, ready to predict."""
        with safetensors.safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["frozen"])
        self = cls(**{**about["parameters"], "device": device})
        size, state = about["size"], safetensors.torch.load_file(path)
        self.classes_, self.picture_shape_ = np.array(about["classes"]), (3, size, size)
        self.size_, self.device_ = self._size(size), backend(device).device.type
        self.saved_seconds_ = 0.0
        for name in self._kept_arrays:
            setattr(self, f"{name}_", state.pop(name).numpy())
        if self.head != "logistic":
            self.fitted_ = skops.io.loads(state.pop("head").numpy().tobytes(), OF_HEADS)
        self.net_ = self._backbone(None)
        self.net_.load_state_dict({name.removeprefix("net."): v for name, v in state.items()})
        self.net_.to(backend(device).device).eval()
        return self


def _kept(path: Path) -> tuple[dict[str, np.ndarray], float]:
    """Features by picture and the seconds one took; none if the file is not there or not whole."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            by_picture = dict(zip(stored["names"].tolist(), stored["features"], strict=True))
            return by_picture, float(stored["pace"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}, 0.0


def _resized(pictures: Tensor, size: int) -> Tensor:
    """Bring uint8 pictures to a width, in grey levels."""
    if pictures.shape[-1] == size:
        return pictures
    return functional.interpolate(
        pictures.float(), (size, size), mode="bilinear", antialias=True
    ).clamp(0, 255)
