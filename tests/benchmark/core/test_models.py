"""What every registered model keeps to: a new one is tested by being registered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier

from benchmark.core import model_files, models
from benchmark.core.store import Results
from datasets import Dataset, InputError
from deepnets.training.recipes import RECIPES
from tests.benchmark.made_up import board_row, record

MODELS = models.models()


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> models.Model:
    return MODELS[request.param]


@pytest.fixture
def settings(model: models.Model, vgg16_weights: Path) -> dict[str, Any]:
    """What the model cannot do without."""
    return {"weights": str(vgg16_weights)} if model.needs_download else {}


def unfitted(model: models.Model, settings: dict[str, Any], seed: int = 0) -> Any:
    """The model as registered, nets for one epoch only."""
    estimator = model.make(**settings)
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
    assert repr(copy) == repr(estimator)

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
    row = board_row(size=48, class_counts={"a": 40, "b": 30, "c": 20})
    ran = record(row, trained_classes=(0, 2))
    Results(tmp_path).put(ran, model=estimator)
    loaded = Results(tmp_path).model("k")
    model_files.check(loaded, ran)
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
        ("resnet50", "for timm's use 'timm:resnet50', or from its weights 'finetuned:resnet50'"),
        ("convnext_tinny", "did you mean 'timm:convnext_tiny'"),
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
    assert mobilenet.make(width=0.5).options == {"width": 0.5}
    assert mobilenet.make(batch_size=7).batch_size == 7
    (vgg,) = models.find("vgg11")
    with pytest.raises(InputError, match="vgg11 has no parameter 'depth'"):
        vgg.make(depth=13)
    (knn,) = models.find("knn")
    assert knn.make(n_neighbors=3).n_neighbors == 3
    for model, name in ((mobilenet, "depth"), (knn, "name"), (knn, "random_state"), (vgg, "name")):
        with pytest.raises(InputError, match=f"{model.name} has no parameter '{name}'"):
            model.make(**{name: 1})


@pytest.mark.parametrize("name", ["schedule", "balance", "stop", "monitor"])
def test_a_word_that_a_parameter_does_not_accept_is_refused(name: str) -> None:
    (net,) = models.find("timm:resnet18")
    with pytest.raises(InputError, match=f"timm:resnet18: no {name} is called 'odd': use one of "):
        net.make(**{name: "odd"})


@pytest.mark.parametrize(
    ("model", "name", "value", "said"),
    [
        ("resnet18", "stem", "odd", "no stem is called 'odd': use one of published, 7x7, 3x3-po"),
        ("inceptionv3", "stem", "odd", "no stem is called 'odd': use one of resized, stride1-pool"),
        ("mobilenet", "width", 1.5, r"it must be in \(0, 1\] \(usual: width=1.0, resolution=1.0"),
        ("vgg11", "hidden", -1, r"negative dimension .* \(usual: batch_norm=True, hidden=0"),
        ("timm:resnet18", "nonsense", 3, "unexpected keyword argument 'nonsense'"),
    ],
)
def test_an_option_that_the_net_cannot_be_built_with_is_refused_before_anything_is_fitted(
    model: str, name: str, value: object, said: str
) -> None:
    (found,) = models.find(model)
    with pytest.raises(ValueError, match=f"{model} cannot be built with {name}={value}: .*{said}"):
        found.make(**{name: value}).check(32)


def test_the_nets_as_they_are_registered_can_be_built() -> None:
    for model in MODELS.values():
        if model.deep and not model.needs_download:
            model.make().check(48)


def test_naming_a_classical_model_does_without_torch() -> None:
    script = """
import sys
from benchmark.core import models
for model in models.find("*"):
    model.deep or model.make()
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recipe_stands_for_its_parameters_and_a_parameter_beats_it(name: str) -> None:
    (net,) = models.find("inceptionv3")
    usual, with_recipe = net.make(), net.make(recipe=name)
    for key, value in with_recipe.get_params().items():
        assert value == RECIPES[name].get(key, usual.get_params()[key])
    changed = net.make(recipe=name, batch_size=17, max_epochs=3)
    assert (changed.batch_size, changed.max_epochs) == (17, 3)
    assert net.make(recipe="published").get_params() == usual.get_params()


def test_a_recipe_or_value_that_cannot_be_is_refused_before_anything_is_fitted() -> None:
    (net,) = models.find("vgg11")
    with pytest.raises(InputError, match="no recipe is called 'storng': use one of published, ho"):
        net.make(recipe="storng")
    with pytest.raises(InputError, match="vgg11: ema is 2"):
        net.make(ema=2)
    with pytest.raises(InputError, match="vgg11: no augmentation is called 'flips': did you mean"):
        net.make(augment="flips")
    with pytest.raises(InputError, match="vgg11: batch_size is 'many': it must be a number"):
        net.make(batch_size="many")
    (knn,) = models.find("knn")
    with pytest.raises(InputError, match="knn has no parameter 'recipe'"):
        knn.make(recipe="strong")


def test_a_change_of_code_changes_the_hash_and_a_comment_does_not(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    hashes = []
    for text in (
        'def f():\n    """Add."""\n    return 1\n',
        'def f():\n    """Add one."""\n    # for a reason\n    return 1\n',
        'def f():\n    """Add."""\n    return 2\n',
    ):
        file.write_text(text)
        models._wordless.cache_clear()
        hashes.append(models.code_hash(str(file)))
    assert hashes[0] == hashes[1] != hashes[2]


def test_words_for_people_and_file_names_do_not_count_as_code(tmp_path: Path) -> None:
    def hash_of(name: str, error: str, log: str, more: str = "") -> str:
        file = tmp_path / name
        file.write_text(
            f'def f(x):\n    if x:\n        raise ValueError(f"{error} {{x}}") from None\n'
            f'    logger.warning("{log}")\n    return x{more}\n'
        )
        models._wordless.cache_clear()
        return models.code_hash(str(file))

    plain = hash_of("a.py", "wrong", "careful")
    assert hash_of("renamed.py", "that is wrong:", "be careful") == plain
    assert hash_of("a.py", "wrong", "careful", more=" + 1") != plain


def test_families_have_hashes_of_their_own() -> None:
    hashes = {name: model.source_hash() for name, model in MODELS.items()}
    assert hashes["vgg11"] == hashes["vgg19"] != hashes["resnet18"]
    assert hashes["knn"] != hashes["decision-tree"] == hashes["random-forest"]


def test_the_hash_is_of_a_models_own_file_and_those_its_package_shares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed: set[str] = set()

    def noted(*files: str) -> str:
        hashed.update(Path(file).name for file in files)
        return "hash"

    monkeypatch.setattr(models, "code_hash", noted)
    MODELS["knn"].source_hash()
    assert hashed >= {"neighbours.py", "base.py", "classifier.py", "device.py"}
    assert not hashed & {"trees.py", "vgg.py", "engine.py"}
    hashed.clear()
    MODELS["vgg11"].source_hash()
    assert hashed >= {"vgg.py", "registry.py", "engine.py", "classifier.py", "device.py"}
    assert not hashed & {"resnet.py", "any_timm.py", "cuda.py"}
