"""The strongest classical entry: an alphabet of patches learnt from the pictures themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from baselines.base import KNOWN_DEVICES, PictureClassifier
from baselines.cuda import full_precision
from baselines.device import choose
from baselines.registry import register

if TYPE_CHECKING:
    from torch import Tensor

LEARNT_FROM = 50_000  # patches, drawn at random from the training pictures
CONTRAST_FLOOR = 10.0  # grey levels squared, added to a patch's variance: flat ones stay flat
WHITENING_FLOOR = 0.1  # added to the variances of the patches' principal components
STEPS = 32  # of a patch along a picture's side: larger pictures are gone over in longer steps
BLOCK = {"cpu": 2**24, "cuda": 2**27}  # distances held at once, so that memory stays flat
MAX_ITER = 1000  # of lbfgs


@register(
    "patches",
    family="k-means patches",
    portfolio=[{"C": 0.03}, {"n_centroids": 800, "n_components": 600}, {"C": 0.003}],
)
@dataclass(eq=False, repr=False)
class Patches(PictureClassifier):
    """Likeness of the picture's parts to patches found by k-means, and a linear classifier.

    Coates, Lee and Ng, "An analysis of single-layer networks in unsupervised feature learning"
    (AISTATS 2011), where it beats the deep nets of its time on small pictures. Here the likenesses
    are averaged over more parts of the picture than theirs, since faces are aligned, and reduced to
    their principal components.

    Parameters
    ----------
    n_centroids : int
        Patches to compare with.
    width : int
        Of a patch in pixels.
    parts : int
        Along each side of the picture, over which likenesses are averaged.
    n_components : int
        Principal components kept; fewer where there are fewer training pictures.
    C : float
        Inverse of the penalty's strength.
    mirrored : bool, optional
        Whether the mirror images of the training pictures are learnt from too. None: if they show
        the same, see `baselines.mirror`.
    random_state : int, optional
        Seed of the patches drawn, of k-means and of the components' solver.
    device : {"auto", "cpu", "cuda"}
        Where pictures are compared with patches; the rest is on the CPU.
    """

    n_centroids: int = 400
    width: int = 6
    parts: int = 4
    n_components: int = 300
    C: float = 0.01
    mirrored: bool | None = None
    random_state: int | None = None
    device: str = "auto"

    def features(self, X: np.ndarray) -> np.ndarray:
        """The pictures as they are, ``(n, 3, height, width)`` of uint8."""
        return X

    def build(self, rows: np.ndarray, y: np.ndarray) -> Pipeline:  # noqa: D102
        if self.device_ == "cuda":
            self.note_ = "pictures compared with patches on CUDA; the rest on the CPU"
        seed = self.random_state
        encoder = PatchEncoder(self.n_centroids, self.width, self.parts, seed, self.device_)
        components = min(self.n_components, len(rows) - 1, self.n_centroids * self.parts**2)
        return make_pipeline(
            encoder,
            StandardScaler(),
            PCA(components, random_state=seed),
            LogisticRegression(C=self.C, max_iter=MAX_ITER),
        )


@dataclass(eq=False, repr=False)
class PatchEncoder(TransformerMixin, BaseEstimator):
    """How like each part of a picture is to each of the patches that are typical of all.

    Patches lose their brightness and contrast and are whitened (ZCA); their likeness to a centroid
    is the "triangle" of the paper above: by how much it is nearer than the mean of all centroids.
    Square roots are taken of the averages, so that a few strong likenesses do not outweigh all
    others (Perronnin, Sánchez and Mensink, "Improving the Fisher kernel for large-scale image
    classification", ECCV 2010).

    Parameters
    ----------
    n_centroids, width, parts : int
        See `Patches`.
    random_state : int or None
        Seed.
    device : {"cpu", "cuda"}
        Where pictures are encoded; on the CPU where CUDA is gone since.
    """

    n_centroids: int
    width: int
    parts: int
    random_state: int | None
    device: str

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> Self:
        """Find the centroids in pictures, ``(n, 3, side, side)`` of uint8."""
        import torch

        if min(self.n_centroids, self.width, self.parts) < 1 or self.width > X.shape[-1]:
            raise ValueError(
                f"n_centroids={self.n_centroids}, width={self.width} and parts={self.parts} must "
                f"be 1 or more, and the width that of the pictures, {X.shape[-1]}, or less"
            )
        rng = np.random.default_rng(self.random_state)
        windows = np.lib.stride_tricks.sliding_window_view(X, (self.width,) * 2, axis=(2, 3))
        n, _, high, wide = windows.shape[:4]
        places = (rng.integers(most, size=LEARNT_FROM) for most in (n, high, wide))
        picture, top, left = places
        drawn = windows[picture, :, top, left].reshape(LEARNT_FROM, -1)
        patches = _normalised(torch.from_numpy(drawn).float()[..., None])[..., 0]
        self.mean_ = patches.mean(dim=0).numpy()
        variances, axes = torch.linalg.eigh(torch.cov(patches.T))
        scaled = axes * (variances.clamp_min(0) + WHITENING_FLOOR).rsqrt()
        self.whitening_ = (scaled @ axes.T).numpy()
        whitened = (patches.numpy() - self.mean_) @ self.whitening_
        found = MiniBatchKMeans(
            min(self.n_centroids, LEARNT_FROM),
            init="random",
            n_init=1,
            max_iter=20,
            batch_size=2048,
            random_state=self.random_state,
        ).fit(whitened)
        self.centroids_ = found.cluster_centers_.astype(np.float32)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Encode pictures: ``(n, n_centroids * parts**2)`` of float32."""
        import torch

        place = choose("auto" if self.device == "cuda" else "cpu", KNOWN_DEVICES)
        stride = max(X.shape[-1] // STEPS, 1)
        along = (X.shape[-1] - self.width) // stride + 1
        at_once = max(BLOCK[place] // (along**2 * len(self.centroids_)), 1)
        mean, whitening, centroids = (
            torch.from_numpy(each).to(place)
            for each in (self.mean_, self.whitening_, self.centroids_)
        )
        encoded = []
        with full_precision(), torch.inference_mode():
            for start in range(0, len(X), at_once):
                block = np.array(X[start : start + at_once])  # torch minds what is read only
                pictures = torch.from_numpy(block).to(place).float()
                patches = torch.nn.functional.unfold(pictures, self.width, stride=stride)
                patches = (_normalised(patches).transpose(1, 2) - mean) @ whitening
                near = _triangle(patches, centroids).transpose(1, 2)
                near = near.reshape(len(block), -1, along, along)
                pooled = torch.nn.functional.adaptive_avg_pool2d(near, self.parts)
                encoded.append(pooled.flatten(1).sqrt().cpu().numpy())
        return np.concatenate(encoded)


def _normalised(patches: Tensor) -> Tensor:
    """Patches ``(n, n_pixels, places)`` without their brightness and contrast."""
    centred = patches - patches.mean(dim=1, keepdim=True)
    return centred / (centred.square().mean(dim=1, keepdim=True) + CONTRAST_FLOOR).sqrt()


def _triangle(patches: Tensor, centroids: Tensor) -> Tensor:
    """By how much each centroid is nearer than the mean of all: ``(n, places, n_centroids)``."""
    squares = patches.square().sum(dim=2, keepdim=True) + centroids.square().sum(dim=1)
    distances = (squares - 2 * patches @ centroids.T).clamp_min_(0).sqrt_()
    return (distances.mean(dim=2, keepdim=True) - distances).clamp_min_(0)
