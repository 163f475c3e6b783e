"""Where a model looks: ways to say which parts of a picture speak for a class.

In come a fitted classifier, a picture as it takes it and the number of a class; out comes a `Map`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr

from datasets import InputError

if TYPE_CHECKING:  # slow to import, and classical models do without
    from torch import Tensor, nn

SEED = 0
PIECES = 50  # of a picture, for LIME: about seven along each side
SHOWN = 500  # pictures of some of these pieces
KERNEL = 0.25  # distance, as a cosine, at which such a picture's weight has fallen to 0.6
AT_ONCE = 250  # pictures that a model is asked about
HIDDEN = 1 / 4  # of a picture's side: the square that is hidden; it moves by half its width
LEAST_PLACES = 4  # along each side of a net's maps: with fewer all is "somewhere in the picture"
UNTRAINED = 5  # nets without training that a trained one is compared with
# Rank correlation from which on half of the order of a map's places is there without training:
# its square is the share of the one's variance that the other accounts for.
MOST_ALIKE = 0.7


@dataclass(frozen=True, eq=False)
class Map:
    """How much each place of a picture speaks for a class.

    Attributes
    ----------
    way : str
        Name of the way it was made.
    values : ndarray of float64, shape (size, size)
        Above 0 where it speaks for the class, below 0 where against it.
    told : str
        What the values mean, for a reader of the picture.
    """

    way: str
    values: np.ndarray
    told: str

    @property
    def share(self) -> np.ndarray:
        """The values as shares of the greatest, in -1 to 1."""
        return self.values / (np.abs(self.values).max() or 1.0)


@dataclass(frozen=True)
class Way:
    """A way to make a map.

    Attributes
    ----------
    title : str
    of : callable
        ``of(classifier, picture, number)`` makes the `Map` of a picture ``(3, size, size)`` of
        uint8 and the class of a number in ``classifier.classes_``.
    why_not : callable
        Says of a classifier why it has no such map, or nothing.
    libraries : tuple of str
        Modules that it needs beside what is always here.
    """

    title: str
    of: Callable[[Any, np.ndarray, int], Map]
    why_not: Callable[[Any], str]
    libraries: tuple[str, ...] = ()


def lime(classifier: Any, picture: np.ndarray, number: int) -> Map:
    """Hide pieces of a picture at random, and fit how much each counts: LIME.

    Ribeiro, Singh and Guestrin, "Why should I trust you?" (KDD 2016), with the settings of its
    authors' library but for the pieces, of which that makes a handful of so small a picture. A
    hidden piece has its mean colour.
    """
    import torch
    from captum.attr import Lime
    from skimage.segmentation import slic

    pieces = slic(picture.transpose(1, 2, 0), PIECES, sigma=1, start_label=0)
    n = int(pieces.max()) + 1
    pixels = picture.reshape(3, -1).astype(np.float64)
    counts = np.bincount(pieces.ravel())
    means = np.stack([np.bincount(pieces.ravel(), plane) / counts for plane in pixels])
    fitted = _scored_ridge()
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        found = Lime(_probability(classifier), fitted, _nearness).attribute(
            torch.from_numpy(pixels.reshape(1, *picture.shape)),
            baselines=torch.from_numpy(means[:, pieces])[None],
            target=_place(classifier, number),
            feature_mask=torch.from_numpy(pieces.astype(np.int64))[None, None],
            n_samples=SHOWN,
            perturbations_per_eval=AT_ONCE,
        )
    values = found[0, 0].double().numpy()
    told = (
        f"{n} pieces hidden at random, {SHOWN:,} times: what showing one adds to the "
        f"probability, at most {100 * np.abs(values).max():.1f} points. So simple a sum fits "
        f"{100 * max(fitted.score, 0):.0f} % of how it varied."
    )
    return Map("lime", values, told)


def _nearness(_: Tensor, __: Tensor, shown: Tensor, **___: Any) -> float:
    """Weight of a picture of which these pieces are shown, as the authors' library has it."""
    far = 1 - float(shown.double().mean().sqrt())  # cosine distance to all pieces
    return float(np.sqrt(np.exp(-((far / KERNEL) ** 2))))


def _scored_ridge() -> Any:
    """Ridge regression that notes in `score` what share of the variance it explains."""
    from captum._utils.models.linear_model import SkLearnRidge
    from sklearn.metrics import r2_score

    class Scored(SkLearnRidge):
        score = 0.0

        def fit(self, train_data: Any, **how: Any) -> Any:
            told = super().fit(train_data, **how)
            ((shown, said, weight),) = train_data
            self.score = float(r2_score(said, self(shown).detach(), sample_weight=weight))
            return told

    return Scored(alpha=1.0)


def _probability(classifier: Any) -> Callable[[Tensor], Tensor]:
    """What a classifier says of pictures, for captum: ``(n, n_classes)``."""
    import torch

    def probability(pictures: Tensor) -> Tensor:
        shown = pictures.round().to(torch.uint8).numpy()
        return torch.from_numpy(np.asarray(classifier.predict_proba(shown), np.float64))

    return probability


def occlusion(classifier: Any, picture: np.ndarray, number: int) -> Map:
    """Hide one square after another with the picture's mean colour, and see what that costs.

    Zeiler and Fergus, "Visualizing and understanding convolutional networks" (ECCV 2014).
    """
    import torch
    from captum.attr import Occlusion

    given = torch.from_numpy(picture.astype(np.float64))[None]
    side = max(round(HIDDEN * picture.shape[-1]), 1)
    step = max(side // 2, 1)
    found = Occlusion(_probability(classifier)).attribute(
        given,
        sliding_window_shapes=(3, side, side),
        strides=(3, step, step),
        baselines=given.mean(dim=(2, 3), keepdim=True).expand_as(given),
        target=_place(classifier, number),
        perturbations_per_eval=AT_ONCE,
    )
    values = found[0].mean(dim=0).numpy()
    told = (
        f"A square of {side} x {side} pixels hidden at one place after another: by how much the "
        f"probability falls, at most {100 * np.abs(values).max():.1f} points."
    )
    return Map("occlusion", values, told)


def gradcam(classifier: Any, picture: np.ndarray, number: int) -> Map:
    """Weigh the last maps of a net by how much they raise the class, and add them: Grad-CAM.

    Selvaraju et al., "Grad-CAM" (ICCV 2017): what speaks against the class is left out.
    """
    net = differentiable(classifier)
    assert net is not None
    values, places = _gradcam(net, classifier, picture[None], [number])
    told = (
        f"Where the net's last maps of at least {LEAST_PLACES} x {LEAST_PLACES} places, here "
        f"{places} x {places}, raise the score of the class. What speaks against it is left out."
    )
    if not (values > 0).any():
        told += " Here that is everything: no place speaks for it."
    return Map("gradcam", np.maximum(values[0], 0), told)


def weights(classifier: Any, picture: np.ndarray, number: int) -> Map:
    """Show what a brighter pixel counts in a linear model, the same for every picture."""
    values = class_weights(classifier)
    assert values is not None
    told = "What each pixel counts where it is brighter, the same for every picture."
    return Map("weights", values[_place(classifier, number)], told)


def class_weights(classifier: Any) -> np.ndarray | None:
    """Weights of a linear model of the pixels, ``(n_classes, size, size)``; None of any other.

    Those of the three colours are added: that is what counts in a grey picture.
    """
    found = getattr(getattr(classifier, "estimator_", None), "coef_", None)
    shape = classifier.picture_shape_
    if found is None or np.ndim(found) != 2 or found.shape[1] != np.prod(shape):
        return None
    if len(found) == 1:  # of two classes scikit-learn keeps the second alone
        found = np.concatenate([-found, found]) / 2
    return np.asarray(found, np.float64).reshape(-1, *shape).sum(axis=1)


def differentiable(classifier: Any) -> nn.Module | None:
    """The net of a classifier from uint8 pictures to logits; None if it is not a net throughout."""
    if not hasattr(classifier, "net_"):
        return None
    from torch import nn

    from deepnets.training.frozen import FrozenClassifier
    from deepnets.training.layers import Resized

    if not isinstance(classifier, FrozenClassifier):
        return classifier.net_.eval()
    if classifier.head != "logistic":
        return None
    import torch

    slopes = classifier.coefficients_ / classifier.scale_
    head = nn.Linear(slopes.shape[1], len(slopes))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(slopes))
        head.bias.copy_(torch.from_numpy(classifier.intercepts_ - slopes @ classifier.mean_))
    seen = Resized(classifier.net_, classifier.size_)
    return nn.Sequential(seen, head.to(_device(classifier.net_))).eval()


def untrained(classifier: Any, seed: int) -> nn.Module:
    """Build the net of a classifier anew, behind the same scaling, with random weights."""
    import torch
    from torch import nn

    from deepnets import architecture
    from deepnets.training.layers import Standardised

    size = getattr(classifier, "size_", classifier.net_size)  # of a frozen net what it looks at
    options = getattr(classifier, "options", None) or {}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = architecture(classifier.architecture).build(
            len(classifier.classes_), classifier.picture_shape_[-1], size, **options
        )
        for layer in net.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d) and not layer.weight.any():
                layer.reset_parameters()  # of a last layer that starts as nothing, so has no map
    scaling = classifier.net_.mean.detach().cpu(), classifier.net_.deviation.detach().cpu()
    return Standardised(net, *scaling).to(_device(classifier.net_)).eval()


@dataclass(frozen=True, eq=False)
class Likeness:
    """How like the maps of a trained net are to those of the same net with random weights.

    After Adebayo et al., "Sanity checks for saliency maps" (NeurIPS 2018, arXiv:1810.03292): a map
    that does not change says what is in the picture, not what was learnt.

    Attributes
    ----------
    correlations : ndarray of float64, shape (UNTRAINED, n)
        Rank correlation of the places by random net and picture; 0 where a map is flat. Without
        its sign: random weights turn a map as often into its reverse, of the same places, and the
        mean of both would hide that.
    """

    correlations: np.ndarray

    @property
    def mean(self) -> float:
        """Over nets and pictures."""
        return float(self.correlations.mean())

    @property
    def hardly_learnt(self) -> bool:
        """Whether the maps hardly depend on what was learnt."""
        return self.mean > MOST_ALIKE

    def lines(self) -> list[str]:
        """Say it."""
        by_net, n = self.correlations.mean(axis=1), self.correlations.shape[1]
        told = (
            f"sanity check of Grad-CAM: rank correlation {self.mean:.2f}, either sign, of the maps "
            f"of the trained net and of {len(by_net)} with random weights ({by_net.min():.2f} to "
            f"{by_net.max():.2f}), over {n} picture{'s' * (n > 1)}"
        )
        why = (
            f"above {MOST_ALIKE} half of the order of the places, {MOST_ALIKE} squared, is there "
            "without any training"
        )
        hardly = "hardly " * self.hardly_learnt
        return [told, f"so the map {hardly}depends on what was learnt: {why}"]


def likeness(classifier: Any, pictures: np.ndarray, numbers: Sequence[int]) -> Likeness:
    """Compare the Grad-CAM of a trained net with that of the same net with random weights.

    Before what speaks against the class is left out: places of no value have no order.

    Parameters
    ----------
    classifier : classifier
        One that `gradcam` takes.
    pictures : ndarray of uint8, shape (n, 3, size, size)
    numbers : sequence of int
        Of the class that each is asked about.
    """
    net = differentiable(classifier)
    assert net is not None
    trained, _ = _gradcam(net, classifier, pictures, numbers)
    correlations = np.zeros((UNTRAINED, len(pictures)))
    for seed in range(UNTRAINED):
        other, _ = _gradcam(untrained(classifier, seed), classifier, pictures, numbers)
        for i, (one, two) in enumerate(zip(trained, other, strict=True)):
            if np.ptp(one) and np.ptp(two):
                correlations[seed, i] = abs(spearmanr(one.ravel(), two.ravel()).statistic)
    return Likeness(correlations)


def _gradcam(
    net: nn.Module, classifier: Any, pictures: np.ndarray, numbers: Sequence[int]
) -> tuple[np.ndarray, int]:
    """Signed maps ``(n, size, size)``, and how many places the net's have along a side.

    Where a picture and its mirror image are asked about, it is the mean of the maps of both.
    """
    import torch
    from captum.attr import LayerAttribution, LayerGradCam

    layer, size = last_maps(net, pictures.shape[-1]), pictures.shape[-1]
    assert layer is not None
    places = torch.tensor([_place(classifier, number) for number in numbers])
    given = torch.tensor(np.ascontiguousarray(pictures), dtype=torch.float32)
    found, along = [], 0
    with torch.backends.cudnn.flags(enabled=True, deterministic=True):
        explainer = LayerGradCam(net, layer)
        for part, target in zip(given.split(AT_ONCE), places.split(AT_ONCE), strict=True):
            part, target = part.to(_device(net)), target.to(_device(net))
            maps = explainer.attribute(part, target)
            if getattr(classifier, "flips_", False):
                maps = (maps + explainer.attribute(part.flip(3), target).flip(3)) / 2
            along = maps.shape[-1]
            large = LayerAttribution.interpolate(maps, (size, size), "bilinear")
            found.append(large[:, 0].detach().cpu().double().numpy())
    return np.concatenate(found), along


def last_maps(net: nn.Module, size: int) -> nn.Module | None:
    """Find the last layer of a net whose output is maps of at least 4 x 4 places; None without.

    That of the last convolution, and what follows it as long as places remain; where branches come
    together, as in an inception block, all of these and not the last branch alone.
    """
    import torch
    from torch import nn

    called: list[tuple[nn.Module, bool]] = []
    convolutions: list[nn.Module] = []

    def note(layer: nn.Module, _: Any, output: Any) -> None:
        is_map = (
            isinstance(output, torch.Tensor)
            and output.ndim == 4
            and output.shape[2] == output.shape[3] >= LEAST_PLACES
        )
        if isinstance(layer, nn.Conv2d) and is_map:
            convolutions.append(layer)
        called.append((layer, is_map and bool(convolutions)))

    hooks = [layer.register_forward_hook(note) for layer in net.modules()]
    try:
        with torch.no_grad():
            net(torch.zeros(1, 3, size, size, device=_device(net)))
    finally:
        for hook in hooks:
            hook.remove()
    layers = [layer for layer, _ in called]
    fitting = [layer for layer, is_map in called if is_map and layers.count(layer) == 1]
    return fitting[-1] if fitting else None


def _device(net: nn.Module) -> Any:
    return next(net.parameters()).device


def _place(classifier: Any, number: int) -> int:
    """Where a class is among those that a classifier knows."""
    return int(np.searchsorted(classifier.classes_, number))


def _no_gradcam(classifier: Any) -> str:
    net = differentiable(classifier)
    if net is None:
        return "it is no net from the picture to the class"
    if last_maps(net, classifier.picture_shape_[-1]) is None:
        return f"no maps of its convolutions have {LEAST_PLACES} x {LEAST_PLACES} places"
    return ""


def _no_weights(classifier: Any) -> str:
    return "it is not linear in the pixels" if class_weights(classifier) is None else ""


WAYS: dict[str, Way] = {
    "lime": Way("LIME", lime, lambda classifier: "", ("captum", "skimage")),
    "gradcam": Way("Grad-CAM", gradcam, _no_gradcam, ("captum",)),
    "occlusion": Way("Occlusion", occlusion, lambda classifier: "", ("captum",)),
    "weights": Way("Weights", weights, _no_weights),
}


def chosen(classifier: Any, ways: Sequence[str] | None) -> tuple[str, ...]:
    """Return the ways that are asked for, or the usual ones: LIME, and Grad-CAM or else occlusion.

    Raises
    ------
    InputError
        If the classifier has no map of a way, or a library is not here.
    """
    if ways is not None:
        check(classifier, ways)
        return tuple(ways)
    usual = "lime", "occlusion" if _no_gradcam(classifier) else "gradcam"
    check(classifier, usual)
    return usual


def check(classifier: Any, ways: Sequence[str]) -> None:
    """See that a classifier has maps of these ways, and that their libraries are here.

    Raises
    ------
    InputError
    """
    for name in ways:
        way = WAYS[name]
        for library in way.libraries:
            try:
                importlib.import_module(library)
            except ImportError as error:
                raise InputError(
                    f"{way.title} needs {library}: pip install 'classical-or-deep[explain]'"
                ) from error
        if why := way.why_not(classifier):
            raise InputError(f"the model has no {way.title}: {why}")
