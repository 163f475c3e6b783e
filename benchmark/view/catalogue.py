"""What can be run, as a table: what each model is, what may be set of it, and what it costs.

In come the registered models; out goes text. Nothing is fitted: weights and operations of a net are
counted on its shapes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

import baselines
import deepnets
from baselines.registry import NOT_SETTINGS
from benchmark.core.models import Model

SIZE, CLASSES = 32, 8  # of the pictures and the answers that a net is counted for
WEIGHTS, OPERATIONS = "10**6 weights", "10**9 operations a picture"
SET = "what may be set (usual)"
COLUMNS = ("model", "family", "what it is", WEIGHTS, OPERATIONS, SET)
ABOUT_TIMM = {
    deepnets.TIMM: "Any net of timm, trained from scratch.",
    deepnets.FINE_TUNED: "Any net of timm, trained from the weights that timm publishes.",
    deepnets.FROZEN: "A simple classifier on what a net of timm sees, which stays as published.",
}
DOWNLOADED = "its weights are downloaded: not in 'all'"


def table(models: Iterable[Model], counted: bool) -> pd.DataFrame:
    """List models as a table of text, whose nets are `counted`, which takes half a second each."""
    return _table(_line(model) | (_counted(model) if counted else {}) for model in models)


def of_timm() -> pd.DataFrame:
    """List the ways in which any net of timm is a model."""
    return _table(
        {
            **{"model": f"{prefix}NAME", "family": deepnets.FAMILIES[prefix], "what it is": about},
            SET: "" if prefix == deepnets.TIMM else DOWNLOADED,
        }
        for prefix, about in ABOUT_TIMM.items()
    )


def _table(lines: Iterable[Mapping[str, str]]) -> pd.DataFrame:
    return pd.DataFrame([{**dict.fromkeys(COLUMNS, ""), **line} for line in lines])


def of_all_nets() -> list[str]:
    """Names of the parameters that every net has that is trained."""
    from deepnets.training import classifier

    usual = classifier.NetClassifier().get_params()
    return sorted({"recipe", *usual} - classifier.NOT_SETTINGS)


def _line(model: Model) -> dict[str, str]:
    may_be_set = ", ".join(f"{name} ({usual})" for name, usual in _settings(model).items())
    notes = [may_be_set, DOWNLOADED if model.needs_download else ""]
    return {
        "model": model.name,
        "family": model.family,
        "what it is": _about(model),
        SET: "; ".join(filter(None, notes)),
    }


def _about(model: Model) -> str:
    """The first line on what makes it, and with what arguments that makes it this one."""
    for prefix, about in ABOUT_TIMM.items():
        if model.name.startswith(prefix):
            return about
    if not model.deep:
        return _first_line(baselines.BASELINES[model.name].estimator)
    net = deepnets.ARCHITECTURES[model.name]
    built = _first_line(net.builder).removeprefix("Build ")
    fixed = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in net.fixed.items())
    return f"{built[:1].upper()}{built[1:]}{fixed and f' Here {fixed}.'}"


def _first_line(of: Any) -> str:
    return (inspect.getdoc(of) or "").partition("\n")[0].replace("``", "")


def _settings(model: Model) -> Mapping[str, Any]:
    """Its own parameters with their usual values; not those that all nets have."""
    if not model.deep:
        usual = model.make().get_params()
        return {name: usual[name] for name in usual if name not in NOT_SETTINGS}
    return {} if deepnets.is_of_timm(model.name) else deepnets.ARCHITECTURES[model.name].options


def _counted(model: Model) -> dict[str, str]:
    """Weights of a net, and the operations of training it with one picture."""
    if not model.deep:
        return {}
    import torch

    from deepnets.training.arithmetic import training_operations
    from deepnets.training.layers import Standardised

    def net() -> Standardised:
        built = deepnets.architecture(model.name).build(CLASSES, SIZE)
        return Standardised(built, torch.zeros(3), torch.ones(3))

    with torch.device("meta"):
        weights = sum(each.numel() for each in net().parameters())
    counted = {WEIGHTS: f"{weights / 1e6:.1f}"}
    if model.is_trained_in_epochs:
        counted[OPERATIONS] = f"{training_operations(net, SIZE) / 1e9:.2f}"
    return counted
