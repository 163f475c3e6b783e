"""A fitted model as one ONNX graph: uint8 pictures in, a probability of each of its classes out.

What is a net, is linear or compares pictures is written in torch, which exports it; what
scikit-learn's other estimators make of the pixels is converted by skl2onnx. All that a model does
to a picture before lies inside, so that pictures go in as they come out of a file of this size.
"""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional

from baselines.base import PictureClassifier
from baselines.cuda import OnCuda
from baselines.neighbours import EXACT_FEATURES, NearestRows
from baselines.patches import CONTRAST_FLOOR, STEPS, PatchEncoder, Patches
from datasets import InputError
from deepnets.training.classifier import NetClassifier
from deepnets.training.frozen import FrozenClassifier
from deepnets.training.layers import Float32Conv2d, Resized

INPUT, OUTPUT = "pictures", "probabilities"
OPSET, ML_OPSET, IR_VERSION = 20, 3, 10  # which ONNX Runtime reads since 1.17
BEFORE, PIXELS = "scaled", "pixels"  # where the parts of a graph meet that skl2onnx has made


@dataclass(frozen=True, eq=False)
class Graph:
    """A model as ONNX.

    Attributes
    ----------
    proto : onnx.ModelProto
        Takes `INPUT`, uint8 ``(n, 3, size, size)``, and gives `OUTPUT`, float32
        ``(n, n_classes)``, a column for each of the model's ``classes_``.
    in_8_bits : {"static", "dynamic", "no"}
        How its products can be computed in 8 bits: with ranges measured beforehand on pictures, or
        on the pictures asked about.
    why_not : str
        Why they cannot, or nothing.
    """

    proto: onnx.ModelProto
    in_8_bits: Literal["static", "dynamic", "no"]
    why_not: str = ""


def graph(model: Any) -> Graph:
    """Make the graph of a fitted classifier, see `Graph`.

    Raises
    ------
    InputError
        If what it computes cannot be said in ONNX, with the reason.
    """
    if isinstance(model, NetClassifier):
        return Graph(_exported(_Net(model), model), "static")
    if isinstance(model, FrozenClassifier):
        if model.head != "logistic":
            raise InputError(
                f"a frozen net with the head {model.head} is not exported: use that with "
                "head=logistic"
            )
        return Graph(_exported(_Frozen(model), model), "static")
    if isinstance(model, PictureClassifier):
        return _classical(model)
    raise InputError(f"{type(model).__name__} is of no kind that ONNX is known of")


def _classical(model: PictureClassifier) -> Graph:
    fitted = _on_cpu(model.estimator_)
    if isinstance(fitted, DummyClassifier):
        return Graph(_exported(_Always(fitted), model), "no", "it multiplies nothing")
    if isinstance(fitted, NearestRows):
        why = "the pictures that it compares with are kept in 8 bits as it is"
        return Graph(_exported(_Nearest(fitted), model), "no", why)
    if isinstance(model, Patches):
        return Graph(_exported(_Patches(model), model), "dynamic")
    if type(model).features is not PictureClassifier.features:
        raise InputError(
            f"{type(model).__name__} learns from features that code of its own ({_module(model)}) "
            "computes of a picture, and no operator of ONNX computes the same"
        )
    if isinstance(fitted, LogisticRegression):
        net = nn.Sequential(_Pixels(), _linear(fitted.coef_, fitted.intercept_), nn.Softmax(1))
        return Graph(_exported(net, model), "dynamic")
    converted = _converted(fitted, model)
    if any(node.op_type in ("Gemm", "MatMul") for node in converted.graph.node):
        return Graph(converted, "dynamic")
    return Graph(converted, "no", "it has no product of matrices")


def _module(model: PictureClassifier) -> str:
    """Where the features of a model are computed."""
    return type(model).features.__module__


def _on_cpu(fitted: Any) -> Any:
    """scikit-learn's own estimator in place of one fitted on a GPU, which predicts the same."""
    if not isinstance(fitted, OnCuda):
        return fitted
    own = copy.copy(fitted)
    own.__class__ = next(each for each in type(fitted).__mro__ if each.__module__[:7] == "sklearn")
    return own


class _Net(nn.Module):
    """A net, and where the recipe asks for it the mean over a picture and its mirror image."""

    def __init__(self, model: NetClassifier) -> None:
        super().__init__()
        self.net = _plain(model.net_)
        self.flips = model.flips_

    def forward(self, pictures: Tensor) -> Tensor:
        if not self.flips:
            return self.net(pictures).softmax(1)
        said = self.net(torch.cat([pictures, pictures.flip(3)])).softmax(1)
        return said.reshape(2, -1, said.shape[1]).mean(0)


class _Frozen(nn.Module):
    """A net that stays as it was published, and a linear classifier of what it sees."""

    mean: Tensor
    scale: Tensor

    def __init__(self, model: FrozenClassifier) -> None:
        super().__init__()
        net = _plain(model.net_)
        self.net = net if model.size_ == model.picture_shape_[-1] else Resized(net, model.size_)
        self.register_buffer("mean", torch.from_numpy(model.mean_))
        self.register_buffer("scale", torch.from_numpy(model.scale_))
        self.head = _linear(model.coefficients_, model.intercepts_)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head((self.net(pictures.float()) - self.mean) / self.scale).softmax(1)


class _Pixels(nn.Module):
    """All pixels in 0 to 1, as `PictureClassifier.features` has them."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.flatten(1).float() / 255


class _Always(nn.Module):
    """The same probabilities of every picture."""

    shares: Tensor

    def __init__(self, fitted: DummyClassifier) -> None:
        super().__init__()
        shares = fitted.predict_proba(np.zeros((1, 1)))
        self.register_buffer("shares", torch.from_numpy(shares).float())

    def forward(self, pictures: Tensor) -> Tensor:
        return self.shares.expand(pictures.shape[0], -1).clone()


class _Nearest(nn.Module):
    """The votes of the nearest pictures, by distances in whole numbers: `NearestRows`."""

    rows: Tensor
    lengths: Tensor
    places: Tensor
    known: Tensor

    def __init__(self, fitted: NearestRows) -> None:
        super().__init__()
        self.votes = min(fitted.n_neighbors, len(fitted.rows_))
        rows = torch.from_numpy(fitted.rows_.copy())
        self.register_buffer("rows", rows)
        self.register_buffer("lengths", (rows.long() - 128).square().sum(1))
        self.register_buffer("places", torch.arange(len(rows)))
        known = functional.one_hot(torch.from_numpy(fitted.codes_.copy()).long())
        self.register_buffer("known", known.float())

    def forward(self, pictures: Tensor) -> Tensor:
        asked, rows = pictures.flatten(1).float() - 128, self.rows.float() - 128
        order = self.lengths
        for a, b in zip(asked.split(EXACT_FEATURES, 1), rows.split(EXACT_FEATURES, 1), strict=True):
            order = order - 2 * (a @ b.T).long()
        ranks = order * len(self.places) + self.places  # none are equal: the earlier is nearer
        nearest = ranks.topk(self.votes, dim=1, largest=False).indices
        return self.known[nearest].mean(1)


class _Patches(nn.Module):
    """Likeness of a picture's parts to patches, and a linear classifier of it: `Patches`."""

    mean: Tensor
    whitening: Tensor
    centroids: Tensor
    pool: Tensor

    def __init__(self, model: Patches) -> None:
        super().__init__()
        encoder, scaler, pca, last = (step for _, step in model.estimator_.steps)
        assert isinstance(encoder, PatchEncoder)
        size = model.picture_shape_[-1]
        self.width, self.stride = encoder.width, max(size // STEPS, 1)
        self.along = (size - self.width) // self.stride + 1
        for name in ("mean", "whitening", "centroids"):
            self.register_buffer(name, torch.from_numpy(getattr(encoder, f"{name}_")))
        # Means over parts of unequal widths, which ONNX has no operator for: a product a side.
        places = torch.eye(self.along)
        self.register_buffer("pool", functional.adaptive_avg_pool1d(places, encoder.parts).T)
        coef, intercept = (each.astype(np.float64) for each in (last.coef_, last.intercept_))
        # Scaling, components and classifier are linear one after the other: one layer.
        turned = coef @ pca.components_
        mean = scaler.mean_ / scaler.scale_ + pca.mean_
        self.last = _linear(turned / scaler.scale_, intercept - turned @ mean)

    def forward(self, pictures: Tensor) -> Tensor:
        patches = functional.unfold(pictures.float(), self.width, stride=self.stride)
        centred = patches - patches.mean(1, keepdim=True)
        spread = (centred.square().mean(1, keepdim=True) + CONTRAST_FLOOR).sqrt()
        white = ((centred / spread).transpose(1, 2) - self.mean) @ self.whitening
        squares = white.square().sum(2, keepdim=True) + self.centroids.square().sum(1)
        far = (squares - 2 * white @ self.centroids.T).clamp_min(0).sqrt()
        near = (far.mean(2, keepdim=True) - far).clamp_min(0).transpose(1, 2)
        near = near.reshape(pictures.shape[0], -1, self.along, self.along)
        return self.last((self.pool @ near @ self.pool.T).flatten(1).sqrt()).softmax(1)


def _plain(net: nn.Module) -> nn.Module:
    """A copy of a net on the CPU, in float32 throughout."""
    net = copy.deepcopy(net).cpu().eval()
    convolutions: list[Any] = [each for each in net.modules() if type(each) is Float32Conv2d]
    for each in convolutions:
        each.__class__ = nn.Conv2d
    return net


def _linear(coefficients: np.ndarray, intercepts: np.ndarray) -> nn.Linear:
    """A linear layer of a linear classifier; of two classes scikit-learn keeps the second alone."""
    if len(coefficients) == 1:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    layer = nn.Linear(coefficients.shape[1], len(coefficients))
    layer.weight.data = torch.from_numpy(coefficients).float()
    layer.bias.data = torch.from_numpy(intercepts).float()
    return layer


def _exported(module: nn.Module, model: Any, output: str = OUTPUT) -> onnx.ModelProto:
    """Export a torch module that takes a model's pictures, however many at once."""
    with _quiet():
        try:
            program = torch.onnx.export(
                module.eval(),
                (torch.zeros(2, *model.picture_shape_, dtype=torch.uint8),),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[output],
                dynamic_shapes=({0: torch.export.Dim("n")},),
                verbose=False,
            )
        except Exception as error:  # whatever a net's layers and the exporter raise
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"torch cannot export {type(model).__name__}: {reason}") from error
    assert program is not None
    proto = program.model_proto
    proto.ir_version = IR_VERSION
    return proto


def _converted(fitted: Any, model: PictureClassifier) -> onnx.ModelProto:
    """Convert a scikit-learn estimator of the pixels by skl2onnx, and put the pixels before it."""
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    n_pixels = math.prod(model.picture_shape_)
    try:
        with _quiet():
            proto = skl2onnx.convert_sklearn(
                fitted,
                initial_types=[(PIXELS, FloatTensorType([None, n_pixels]))],
                options={id(fitted): {"zipmap": False}},
                target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
            )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise InputError(f"skl2onnx has no converter for {type(fitted).__name__}") from error
    proto.ir_version = IR_VERSION
    for each in proto.opset_import:
        if not each.domain:  # it was made for OPSET, and says the lowest that would do
            each.version = OPSET
    last = proto.graph.output[-1].name
    before = _exported(_Pixels(), model, BEFORE)
    joined = onnx.compose.merge_models(before, proto, io_map=[(BEFORE, PIXELS)], outputs=[last])
    return _renamed(joined, last)


def _renamed(proto: onnx.ModelProto, output: str) -> onnx.ModelProto:
    """Call a graph's output `OUTPUT`."""
    for node in proto.graph.node:
        node.output[:] = [OUTPUT if name == output else name for name in node.output]
        node.input[:] = [OUTPUT if name == output else name for name in node.input]
    proto.graph.output[0].name = OUTPUT
    return proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' remarks, which are about their own code, from the user."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
