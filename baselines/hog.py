"""The strong classical entry: gradient histograms and a kernel machine."""

from __future__ import annotations

import cv2
import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from baselines.base import PictureClassifier
from baselines.registry import register

CELL = 4  # pixels; at 32 px this makes the 8x8 cells that the descriptor's authors use


@register("hog-svm", family="HOG + SVM")
class HogSvm(PictureClassifier):
    """Histograms of oriented gradients, PCA, and a support-vector machine with an RBF kernel.

    Descriptor after Dalal and Triggs, "Histograms of oriented gradients for human detection"
    (CVPR 2005). Probabilities by temperature scaling of the machine's decision values on
    cross-validated training pictures.

    Parameters
    ----------
    n_components : int
        Principal components kept; fewer where there are fewer training pictures.
    C : float
        Inverse of the penalty's strength.
    random_state : int, optional
        Seed of the components' solver and of the calibration folds.
    """

    def __init__(
        self, n_components: int = 200, C: float = 10.0, random_state: int | None = None
    ) -> None:
        self.n_components = n_components
        self.C = C
        self.random_state = random_state

    def features(self, X: np.ndarray) -> np.ndarray:
        """Gradient histograms of the grey picture, ``(n, n_features)`` of float32."""
        side = max(X.shape[2] // (2 * CELL), 1) * 2 * CELL
        descriptor = cv2.HOGDescriptor(
            (side, side), (2 * CELL, 2 * CELL), (CELL, CELL), (CELL, CELL), 9
        )
        rows = []
        for planes in X:
            grey = cv2.cvtColor(planes.transpose(1, 2, 0), cv2.COLOR_RGB2GRAY)
            if grey.shape != (side, side):
                grey = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
            rows.append(descriptor.compute(grey))
        return np.stack(rows)

    def build(self, y: np.ndarray) -> CalibratedClassifierCV:  # noqa: D102
        folds = KFold(3, shuffle=True, random_state=self.random_state)
        components = min(self.n_components, len(y) * 2 // 3 - 1)
        machine = make_pipeline(
            StandardScaler(),
            PCA(components, random_state=self.random_state),
            SVC(C=self.C, gamma="scale"),
        )
        # The folds go in as index pairs: as a splitter, scikit-learn would refuse a class with
        # fewer pictures than folds, which small sets have.
        return CalibratedClassifierCV(
            machine, method="temperature", ensemble=False, cv=list(folds.split(y))
        )
