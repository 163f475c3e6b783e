"""A fitted net's file from a stranger asks for nothing that `save` does not write."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

import deepnets
from datasets import Dataset


@pytest.fixture(scope="module")
def nets(shapes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of a fitted net and of a frozen one, by the name of what they say of it."""
    folder = tmp_path_factory.mktemp("nets")
    rows = np.arange(40)
    X, y = shapes.take(rows), shapes.labels[rows]
    found = {}
    for about, name, settings in (
        ("classifier", "poster-baseline", {"max_epochs": 1}),
        ("frozen", "frozen:tf_efficientnet_lite0", {"net_size": 32}),
    ):
        found[about] = folder / f"{about}.safetensors"
        deepnets.make(name, **settings).set_params(device="cpu").fit(X, y).save(found[about])
    return found


def changed(path: Path, to: Path, **changes: Any) -> Path:
    """Write the file with other parameters, its numbers as they were."""
    with safetensors.safe_open(path, framework="pt") as file:
        [(kind, said)] = file.metadata().items()
    about = json.loads(said)
    for name, value in changes.items():
        (about if name in ("size", "classes") else about["parameters"])[name] = value
    numbers = safetensors.torch.load_file(path)
    safetensors.torch.save_file(numbers, to, metadata={kind: json.dumps(about)})
    return to


@pytest.mark.parametrize("kind", ["classifier", "frozen"])
def test_what_was_not_changed_is_loaded(kind: str, nets: dict[str, Path], tmp_path: Path) -> None:
    same = changed(nets[kind], tmp_path / "same")
    pictures = np.zeros((2, 3, 32, 32), np.uint8)
    assert deepnets.load(same, "cpu", side=32).predict_proba(pictures).shape == (2, 3)


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("classifier", {"architecture": "vgg11"}, "not those of the net"),
        ("classifier", {"options": {"hidden": 100}}, "not those of the net"),
        ("classifier", {"options": {"hidden": [1, {"a": 10**9}]}}, "an option above"),
        ("classifier", {"options": {"hidden": float("nan")}}, "an option above"),
        ("classifier", {"classes": [*range(10**6)]}, "not those of the net"),
        ("classifier", {"size": 10**6}, "pictures of 1 to 1,024 px"),
        ("classifier", {"net_size": 10**6}, "pictures of 1 to 1,024 px"),
        ("classifier", {"on_epoch": "print"}, "'on_epoch', which is none"),
        (
            "classifier",
            {"architecture": "timm:resnet10t", "options": {"checkpoint_path": "elsewhere.pth"}},
            "takes no 'checkpoint_path'",
        ),
        (
            "classifier",
            {"architecture": "timm:resnet10t", "options": {"pretrained": True}},
            "takes no 'pretrained'",
        ),
        (
            "classifier",
            {"architecture": "timm:vit_tiny_patch16_224", "options": {"depth": 500}},
            "more layers than",
        ),
        ("frozen", {"architecture": "frozen:vit_giant_patch14_224"}, "not those of the net"),
        ("frozen", {"architecture": "frozen:hf-hub:stranger/net"}, "timm has no architecture"),
        ("frozen", {"net_size": 10**6}, "pictures of 1 to 1,024 px"),
        ("frozen", {"cache": "elsewhere"}, "'cache', which is none"),
    ],
)
def test_what_no_net_of_ours_says_is_refused(
    kind: str, changes: dict[str, Any], words: str, nets: dict[str, Path], tmp_path: Path
) -> None:
    file = changed(nets[kind], tmp_path / "changed", **changes)
    with pytest.raises(ValueError, match=words):
        deepnets.load(file, "cpu", side=1024)


def test_weights_are_looked_at_before_they_are_waited_for(tmp_path: Path) -> None:
    pipe, long = tmp_path / "pipe", tmp_path / "long"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="pipe is no regular file"):
        deepnets.make("poster-baseline", weights=str(pipe))
    safetensors.torch.save_file({"net." * 1000: torch.zeros(1)}, long)
    with pytest.raises(ValueError, match="more than the weights of a net"):
        deepnets.make("poster-baseline", weights=str(long))


def test_a_user_cannot_slip_weights_in_that_the_board_would_not_tell_of() -> None:
    with pytest.raises(ValueError, match="takes no 'checkpoint_path': a net starts from"):
        deepnets.make("timm:resnet10t", checkpoint_path="weights.pth")
    deepnets.make("timm:resnet10t", pretrained=False, drop_rate=0.1)
