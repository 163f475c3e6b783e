"""A classical model is the same wherever it is fitted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import skops.io
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from baselines import BASELINES
from baselines.cuda import full_precision
from baselines.hog import HogSvm
from baselines.linear import Logistic
from baselines.trees import Forest
from datasets import Dataset
from tests.pretend import OnCard, pretended_card

ON_GPU = ["knn", "logistic-regression", "hog-svm", "patches"]


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Do all that is done on a GPU, with tensors that say they are there."""
    with pretended_card(monkeypatch):
        yield


def stored(model: Any) -> Any:
    """The model as it comes back from disk."""
    data = skops.io.dumps(model)
    foreign = skops.io.get_untrusted_types(data=data)
    assert {name.split(".")[0] for name in foreign} <= {"baselines", "numpy", "sklearn"}
    return skops.io.loads(data, trusted=foreign)


def test_a_device_that_is_not_there_is_refused(no_gpu: None, shapes: Dataset) -> None:
    with pytest.raises(ValueError, match="no CUDA device is here: use the device cpu, or auto"):
        Logistic(device="cuda").fit(shapes.images, shapes.labels)
    with pytest.raises(ValueError, match="no device is called 'mps': use auto, cpu, cuda"):
        Logistic(device="mps").fit(shapes.images, shapes.labels)


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_model_fitted_on_the_cpu_says_so(name: str, no_gpu: None, shapes: Dataset) -> None:
    model = BASELINES[name].estimator().fit(shapes.images, shapes.labels)
    assert model.device_ == "cpu"
    assert "CUDA" not in model.note_


def test_models_on_the_cpu_do_without_torch_and_the_nets() -> None:
    script = """
import sys
import numpy as np
from baselines import BASELINES
X = np.random.default_rng(0).integers(0, 256, (30, 3, 16, 16), dtype=np.uint8)
for name in ("logistic-regression", "random-forest", "hog-svm"):
    model = BASELINES[name].estimator(device="cpu").fit(X, np.arange(30) % 3)
    model.predict_proba(X)
assert not {"torch", "deepnets"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_full_precision_ends_with_its_block() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with pytest.raises(KeyError), full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
            raise KeyError
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    ("build", "fitted_on_tensors"),
    [
        (lambda: Logistic(C=1e-2), LogisticRegression),
        (lambda: HogSvm(n_components=10, mirrored=False, random_state=0), StandardScaler),
        (lambda: HogSvm(n_components=10, mirrored=False, random_state=0), PCA),
    ],
    ids=["logistic regression", "scaler", "components"],
)
def test_the_model_fitted_on_tensors_is_the_same(
    build: Any,
    fitted_on_tensors: Any,
    pretended_gpu: None,
    shapes: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SCIPY_ARRAY_API", raising=False)
    given = []
    fit = fitted_on_tensors.fit

    def watched(self: Any, X: Any, *rest: Any) -> Any:
        given.append(type(X))
        return fit(self, X, *rest)

    monkeypatch.setattr(fitted_on_tensors, "fit", watched)
    train, test = np.arange(0, 90, 2), np.arange(1, 90, 2)
    X, y, unseen = shapes.images[train], shapes.labels[train], shapes.images[test]
    usual = build().set_params(device="cpu").fit(X, y)
    assert OnCard not in given
    given.clear()
    model = build().fit(X, y)
    assert set(given) == {OnCard}
    assert model.device_ == "cuda"
    assert (model.predict(unseen) == usual.predict(unseen)).all()
    # The solver stops within its tolerance, by steps that round otherwise.
    assert model.predict_proba(unseen) == pytest.approx(usual.predict_proba(unseen), abs=2e-3)
    assert "SCIPY_ARRAY_API" not in os.environ

    # What is kept needs no tensors.
    assert stored(model).predict_proba(unseen) == pytest.approx(
        model.predict_proba(unseen), abs=1e-6
    )


@pytest.mark.parametrize("name", ON_GPU)
def test_a_model_asked_on_the_gpu_says_what_it_says_on_the_cpu(
    name: str, pretended_gpu: None, shapes: Dataset
) -> None:
    X, y, unseen = shapes.images[::2], shapes.labels[::2], shapes.images[1::2]
    small = {"random_state": 0, "n_centroids": 20, "n_components": 10}
    models = [BASELINES[name].estimator(device=each) for each in ("cpu", "cuda")]
    for model in models:
        known = model.get_params()
        model.set_params(**{k: v for k, v in small.items() if k in known}).fit(X, y)
    here, there = models
    assert (here.device_, there.device_) == ("cpu", "cuda")
    assert there.predict_proba(unseen) == pytest.approx(here.predict_proba(unseen), abs=2e-3)
    assert not any(isinstance(value, torch.Tensor) for value in vars(there).values())


def test_what_lies_on_the_gpu_cannot_be_mixed_with_what_does_not(pretended_gpu: None) -> None:
    """Otherwise the tests above could not fail."""
    there = torch.ones(3).to("cuda")
    with pytest.raises(RuntimeError, match="same device"):
        there + torch.ones(3)
    with pytest.raises(TypeError, match="to numpy"):
        np.asarray(there)
    assert (there * 2).cpu().tolist() == [2, 2, 2]


def test_hog_svm_says_which_part_was_on_the_gpu(pretended_gpu: None, shapes: Dataset) -> None:
    model = HogSvm(random_state=0).fit(shapes.images, shapes.labels)
    assert model.note_ == "scaling and PCA fitted on CUDA; HOG and SVM on the CPU"
    assert model.set_params(device="cpu").fit(shapes.images, shapes.labels).note_ == ""


def test_a_forest_on_the_gpu_is_grown_by_cuml(
    pretended_gpu: None, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    class Grown:
        def __init__(self, **settings: Any) -> None:
            asked.update(settings)

        def fit(self, rows: np.ndarray, y: np.ndarray) -> Grown:
            self.forest = RandomForestClassifier(3, random_state=1).fit(rows, y)
            return self

        def as_sklearn(self) -> RandomForestClassifier:
            return self.forest

    ensemble = ModuleType("cuml.ensemble")
    ensemble.RandomForestClassifier = Grown  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuml", ModuleType("cuml"))
    monkeypatch.setitem(sys.modules, "cuml.ensemble", ensemble)
    model = Forest(n_estimators=7, random_state=5).fit(shapes.images, shapes.labels)
    assert asked == {"n_estimators": 7, "max_depth": None, "n_bins": 90, "random_state": 5}
    assert model.device_ == "cuda"
    assert model.note_ == "grown by cuML: splits between 90 bins of a feature's values"
    assert len(stored(model).estimator_.estimators_) == 3


def test_a_forest_is_grown_on_the_cpu_where_cuml_is_not(
    pretended_gpu: None, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cuml", None)
    model = Forest(random_state=0).fit(shapes.images, shapes.labels)
    assert model.device_ == "cpu"
    assert model.note_ == "grown on the CPU: cuML is not installed"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")
@pytest.mark.parametrize("name", ON_GPU)
def test_a_real_gpu_fits_the_same_model(name: str, shapes: Dataset) -> None:
    there = BASELINES[name].estimator(device="cuda").fit(shapes.images, shapes.labels)
    here = BASELINES[name].estimator(device="cpu").fit(shapes.images, shapes.labels)
    assert there.device_ == "cuda"
    assert (there.predict(shapes.images) == here.predict(shapes.images)).all()
