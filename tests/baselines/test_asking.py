"""What a classifier is asked is checked alike for classical models and nets."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.classifier import Classifier
from baselines.neighbours import Neighbours
from datasets import Dataset
from deepnets.training.classifier import NetClassifier

UNFITTED = [Neighbours(device="cpu"), NetClassifier("cnn3", max_epochs=1, device="cpu")]


@pytest.mark.parametrize("model", UNFITTED, ids=["classical", "net"])
def test_pictures_of_another_kind_or_size_are_refused(model: Classifier, shapes: Dataset) -> None:
    with pytest.raises(ValueError, match="pictures must be uint8"):
        model.fit(shapes.images.astype(np.float32), shapes.labels)
    with pytest.raises(ValueError, match="pictures must be uint8"):
        model.fit(shapes.images.reshape(len(shapes), -1), shapes.labels)
    model.fit(shapes.images[:20], shapes.labels[:20])
    with pytest.raises(ValueError, match=r"shape \(3, 16, 16\), but .* load them at the same size"):
        model.predict_proba(shapes.images[:5, :, :16, :16])
