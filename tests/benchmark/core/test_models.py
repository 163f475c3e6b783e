"""What every registered model keeps to: a new one is tested by being registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier

from benchmark.core import models, store
from datasets import Dataset, InputError
from deepnets.training.recipes import RECIPES

MODELS = models.models()


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> models.Model:
    return MODELS[request.param]


@pytest.fixture
def settings(model: models.Model, vgg16_weights: Path) -> dict[str, Any]:
    """What the model cannot do without."""
    return {"weights": str(vgg16_weights)} if model.starts_pretrained else {}


def unfitted(model: models.Model, settings: dict[str, Any], seed: int = 0) -> Any:
    """The model as registered, nets for one epoch only."""
    estimator = model.estimator(settings)
    parameters = estimator.get_params()
    if "max_epochs" in parameters:
        estimator.set_params(max_epochs=1, device="cpu")
    return estimator.set_params(random_state=seed) if "random_state" in parameters else estimator


def test_it_is_a_scikit_learn_classifier(
    model: models.Model, settings: dict[str, Any], shapes: Dataset
) -> None:
    estimator = unfitted(model, settings)
    assert is_classifier(estimator)
    copy = clone(estimator)
    assert copy is not estimator
    assert copy.get_params() == estimator.get_params()

    X, y = shapes.images[:40], shapes.labels[:40]
    fitted = copy.fit(X, y, shapes.images[40:60], shapes.labels[40:60])
    assert fitted is copy
    proba = copy.predict_proba(shapes.images[60:70])
    assert proba.shape == (10, 3)
    assert proba.min() >= 0
    assert proba.sum(axis=1) == pytest.approx(np.ones(10), abs=1e-5)
    assert (copy.predict(shapes.images[60:70]) == copy.classes_[proba.argmax(axis=1)]).all()
    assert copy.get_params() == estimator.get_params(), "fitting changed a parameter"

    again = clone(estimator).fit(X, y, shapes.images[40:60], shapes.labels[40:60])
    assert (again.predict_proba(shapes.images[60:70]) == proba).all(), "same seed, other result"


def test_a_class_may_be_missing_and_the_size_another(
    model: models.Model, settings: dict[str, Any], shapes: Dataset, tmp_path: Path
) -> None:
    known = np.flatnonzero(shapes.labels != 1)[:30]
    larger = shapes.images.repeat(2, axis=2).repeat(2, axis=3)[:, :, 8:56, 8:56]  # 48 px
    estimator = unfitted(model, settings).fit(
        larger[known], shapes.labels[known], larger, shapes.labels
    )
    assert estimator.classes_.tolist() == [0, 2]
    proba = estimator.predict_proba(larger[:5])
    assert proba.shape == (5, 2)
    assert set(estimator.predict(larger[:5])) <= {0, 2}
    with pytest.raises(ValueError, match="load them at the same size"):
        estimator.predict_proba(shapes.images[:5])

    # What is kept on disk predicts the same.
    store.write(tmp_path, {"key": "k", "status": "ok"}, model=estimator)
    loaded = store.load_model(tmp_path, "k")
    assert loaded.predict_proba(larger[:5]) == pytest.approx(proba, abs=1e-6)


def test_names_and_wildcards_find_models() -> None:
    assert [model.name for model in models.find("knn, vgg1*")] == [
        "knn",
        "vgg11",
        "vgg13",
        "vgg16",
        "vgg19",
    ]
    assert {*MODELS} - {each.name for each in models.find("all")} == {"poster-vgg-finetuned"}
    assert models.find("poster-vgg-*") == [MODELS["poster-vgg-finetuned"]]
    (net,) = models.find("timm:resnet10t")
    assert net.deep
    assert net.family == "timm"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("knnn", "did you mean 'knn'"),
        ("zzz*", "--list"),
        ("timm:resnet_10t", "resnet10t"),
        (" , ", "no model is named"),
    ],
)
def test_an_unknown_name_is_told_with_a_near_one(wanted: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        models.find(wanted)


def test_parameters_reach_the_model_or_are_refused() -> None:
    (mobilenet,) = models.find("mobilenet")
    assert mobilenet.estimator({"width": 0.5}).options == {"width": 0.5}
    assert mobilenet.estimator({"batch_size": 7}).batch_size == 7
    (vgg,) = models.find("vgg11")
    with pytest.raises(InputError, match="vgg11 has no parameter 'depth'"):
        vgg.estimator({"depth": 13})
    (knn,) = models.find("knn")
    assert knn.estimator({"n_neighbors": 3}).n_neighbors == 3
    for model, name in ((mobilenet, "depth"), (knn, "depth"), (knn, "random_state")):
        with pytest.raises(InputError, match=f"{model.name} has no parameter '{name}'"):
            model.estimator({name: 1})


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("resnet18", "stem"),
        ("inceptionv3", "stem"),
        ("timm:resnet18", "stop"),
        ("vgg11", "schedule"),
        ("vgg11", "balance"),
    ],
)
def test_a_word_that_a_parameter_does_not_accept_is_refused(model: str, name: str) -> None:
    (found,) = models.find(model)
    with pytest.raises(InputError, match=f"{model} has no {name} 'odd': use one of "):
        found.estimator({name: "odd"})


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recipe_stands_for_its_parameters_and_a_parameter_beats_it(name: str) -> None:
    (net,) = models.find("inceptionv3")
    usual, with_recipe = net.estimator(), net.estimator({"recipe": name})
    for key, value in with_recipe.get_params().items():
        assert value == RECIPES[name].get(key, usual.get_params()[key])
    changed = net.estimator({"recipe": name, "batch_size": 17, "max_epochs": 3})
    assert (changed.batch_size, changed.max_epochs) == (17, 3)
    assert net.estimator({"recipe": "published"}).get_params() == usual.get_params()


def test_a_recipe_or_value_that_cannot_be_is_refused_before_anything_is_fitted() -> None:
    (net,) = models.find("vgg11")
    with pytest.raises(InputError, match="no recipe is called 'storng': use one of published, st"):
        net.estimator({"recipe": "storng"})
    with pytest.raises(InputError, match="vgg11: ema is 2"):
        net.estimator({"ema": 2})
    with pytest.raises(InputError, match="vgg11: no augmentation is called 'flips': did you mean"):
        net.estimator({"augment": "flips"})
    (knn,) = models.find("knn")
    with pytest.raises(InputError, match="knn has no parameter 'recipe'"):
        knn.estimator({"recipe": "strong"})


def test_a_change_of_code_changes_the_hash_and_a_comment_does_not(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    hashes = []
    for text in (
        'def f():\n    """Add."""\n    return 1\n',
        'def f():\n    """Add one."""\n    # for a reason\n    return 1\n',
        'def f():\n    """Add."""\n    return 2\n',
    ):
        file.write_text(text)
        models.code_hash.cache_clear()
        hashes.append(models.code_hash(str(file)))
    assert hashes[0] == hashes[1] != hashes[2]


def test_words_for_people_and_file_names_do_not_count_as_code(tmp_path: Path) -> None:
    def hash_of(name: str, error: str, log: str, more: str = "") -> str:
        file = tmp_path / name
        file.write_text(
            f'def f(x):\n    if x:\n        raise ValueError(f"{error} {{x}}") from None\n'
            f'    logger.warning("{log}")\n    return x{more}\n'
        )
        models.code_hash.cache_clear()
        return models.code_hash(str(file))

    plain = hash_of("a.py", "wrong", "careful")
    assert hash_of("renamed.py", "that is wrong:", "be careful") == plain
    assert hash_of("a.py", "wrong", "careful", more=" + 1") != plain


def test_families_have_hashes_of_their_own() -> None:
    hashes = {name: model.source_hash() for name, model in MODELS.items()}
    assert hashes["vgg11"] == hashes["vgg19"] != hashes["resnet18"]
    assert hashes["knn"] != hashes["decision-tree"] == hashes["random-forest"]
