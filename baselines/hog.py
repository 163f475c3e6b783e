"""The strong classical entry: gradient histograms and a kernel machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import cv2
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from baselines.base import PictureClassifier
from baselines.cuda import OnCuda
from baselines.registry import register

FOLDS = 3  # of the calibration
CELLS = 8  # along a side; their blocks of 2x2, which overlap by half, are the descriptor's authors'


@register(
    "hog-svm",
    family="HOG + SVM",
    portfolio=[{"C": 2.0}, {"n_components": 400}, {"mirrored": False}],
)
@dataclass(eq=False, repr=False)
class HogSvm(PictureClassifier):
    """Histograms of oriented gradients, PCA, and a support-vector machine with an RBF kernel.

    Descriptor after Dalal and Triggs, "Histograms of oriented gradients for human detection"
    (CVPR 2005). Probabilities from the decisions between each two classes, see `CalibratedMachine`.

    Parameters
    ----------
    n_components : int
        Principal components kept; fewer where there are fewer training pictures.
    C : float
        Inverse of the penalty's strength.
    mirrored : bool, optional
        Whether the mirror images of the training pictures are learnt from too. None: if they show
        the same, see `baselines.mirror`, of up to 2,000 pictures: they gain 1.6 points on 400 faces
        and nothing on 7,334, where the machine takes four times as long.
    random_state : int, optional
        Seed of the components' solver and of the calibration folds.
    device : {"auto", "cpu", "cuda"}
        Where the scaling and the components are fitted; the rest is always on the CPU.
    """

    MOST_MIRRORED: ClassVar[float] = 2000

    n_components: int = 200
    C: float = 10.0
    mirrored: bool | None = None
    random_state: int | None = None
    device: str = "auto"

    def features(self, X: np.ndarray) -> np.ndarray:
        """Gradient histograms of the grey picture, ``(n, 1764)`` of float32.

        A cell is an eighth of the picture's side, since what is to be seen is as large a part of a
        large picture as of a small one.
        """
        cell = max(X.shape[2] // CELLS, 2)  # pixels
        side = CELLS * cell
        descriptor = cv2.HOGDescriptor(
            (side, side), (2 * cell, 2 * cell), (cell, cell), (cell, cell), 9
        )
        rows = []
        for planes in X:
            grey = cv2.cvtColor(planes.transpose(1, 2, 0), cv2.COLOR_RGB2GRAY)
            if grey.shape != (side, side):
                grey = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
            rows.append(descriptor.compute(grey))
        return np.stack(rows)

    def build(self, rows: np.ndarray, y: np.ndarray) -> CalibratedMachine:  # noqa: D102
        fewest = len(rows) * (FOLDS - 1) // FOLDS - self.copies_  # of a fold, centred
        components = max(min(self.n_components, rows.shape[1], fewest), 1)
        scaler, pca, normalizer = StandardScaler, PCA, "auto"
        if self.device_ == "cuda":
            self.note_ = "scaling and PCA fitted on CUDA; HOG and SVM on the CPU"
            # By QR, because tensors have no LU; the array API would warn and do the same.
            scaler, pca, normalizer = CudaScaler, CudaPCA, "QR"
        machine = make_pipeline(
            scaler(),
            pca(components, power_iteration_normalizer=normalizer, random_state=self.random_state),
            SVC(C=self.C, gamma="scale", decision_function_shape="ovo"),
        )
        return CalibratedMachine(machine, self.copies_, self.random_state)


class CudaScaler(OnCuda, StandardScaler):
    """scikit-learn's scaler, fitted on the GPU."""


class CudaPCA(OnCuda, PCA):
    """scikit-learn's PCA, fitted on the GPU."""

    def fit_transform(self, X: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Fit, then transform as later rows are; scikit-learn's own would fit on the CPU."""
        return self.fit(X).transform(X)


class CalibratedMachine(ClassifierMixin, BaseEstimator):
    """A support-vector machine with probabilities, by one temperature of its pairwise decisions.

    A decision between two classes, divided by the temperature, is taken as the log-odds between
    them; Price, Knerr, Personnaz and Dreyfus, "Pairwise neural network classifiers with
    probabilistic outputs" (NIPS 1994), give the probabilities of all classes from those of the
    pairs. The temperature (Guo et al., "On calibration of modern neural networks", ICML 2017) is
    fitted on cross-validated decisions about the training pictures, a class that a fold has not
    seen left out, so that classes with one picture do no harm.

    The class named stays the machine's own, that with most votes of the pairs; between classes with
    as many votes, of which `SVC` takes the first, it is the likelier. scikit-learn's
    ``CalibratedClassifierCV`` starts from the votes of each class, which differ little from one
    picture to the next: all pictures then get nearly the same confidence.

    Parameters
    ----------
    machine : classifier
        Unfitted; its ``decision_function`` is that of `SVC` with ``decision_function_shape="ovo"``.
    copies : int
        How often each picture is among the rows to fit to, all pictures once before any the second
        time. A fold learns from all copies of its pictures, and judges the first ones of others.
    random_state : int, optional
        Seed of the folds.
    """

    def __init__(self, machine: Any, copies: int = 1, random_state: int | None = None) -> None:
        self.machine = machine
        self.copies = copies
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Fit the machine to all rows, the temperature to what its likes say of unseen ones."""
        self.machine_ = clone(self.machine).fit(X, y)
        self.classes_ = self.machine_.classes_
        decided = []
        folds = KFold(FOLDS, shuffle=True, random_state=self.random_state)
        n = len(X) // self.copies
        for first, unseen in folds.split(X[:n]):
            learnt = np.concatenate([first + n * copy for copy in range(self.copies)])
            judged = unseen[np.isin(y[unseen], y[learnt])]
            if len(np.unique(y[learnt])) > 1 and len(judged):
                other = clone(self.machine).fit(X[learnt], y[learnt])
                truth = np.searchsorted(other.classes_, y[judged])
                decided.append((_margins(other, X[judged]), truth))

        def loss(log_temperature: float) -> float:
            logs = [
                _coupled(margins / np.exp(log_temperature))[np.arange(len(truth)), truth]
                for margins, truth in decided
            ]
            return -float(np.concatenate(logs).mean())

        best = minimize_scalar(loss, bounds=(-5, 5)).x if decided else 0.0
        self.temperature_ = float(np.exp(best))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities ``(n, n_classes)`` of float64, the highest that of the class named."""
        margins = _margins(self.machine_, X)
        known = np.exp(_coupled(margins / self.temperature_))
        votes = (margins > 0).sum(axis=2)
        rows, named, likeliest = np.arange(len(X)), (votes + known / 2).argmax(1), known.argmax(1)
        known[rows, named], known[rows, likeliest] = known[rows, likeliest], known[rows, named]
        return known


def _margins(machine: Any, X: np.ndarray) -> np.ndarray:
    """By how much each class (axis 1) is decided for against each (axis 2), minus is against it."""
    values = machine.decision_function(X)
    if values.ndim == 1:  # of two classes; positive is for the second
        values = -values[:, None]
    n_classes = len(machine.classes_)
    one, other = np.triu_indices(n_classes, 1)
    margins = np.zeros((len(X), n_classes, n_classes))
    margins[:, one, other] = values
    margins[:, other, one] = -values
    return margins


def _coupled(log_odds: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities ``(n, n_classes)`` from the log-odds of all pairs of classes."""
    return log_softmax(-logsumexp(-log_odds, axis=2), axis=1)
