"""The register of architectures, in timm's manner: one decorator where each is defined."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

Build = Callable[..., "nn.Module"]

TIMM = "timm:"


@dataclass(frozen=True)
class Architecture:
    """A registered net.

    Attributes
    ----------
    name, family : str
        As on the leaderboard.
    build : callable
        ``build(n_classes, size, **options)`` returns an untrained module that maps float pictures
        ``(n, 3, size, size)`` to logits ``(n, n_classes)``; while training it may return a tuple of
        the logits and the auxiliary heads' logits.
    adaptation : str
        What was changed for small pictures, in one line; the reasons are in ``docs/nets.md``.
    settings : mapping
        Parameters of `NetClassifier` that belong to the architecture, such as label smoothing.
    smallest : int
        Width of the smallest picture the net works on, in pixels; smaller ones are enlarged to it.
    hub : str
        Name of timm's architecture whose published weights fit the backbone; "" if none do.
    head : tuple of str
        How the names of tensors begin that are not of the backbone, beside those whose shape the
        number of classes decides; see `deepnets.training.pretrained`.
    """

    name: str
    family: str
    build: Build
    adaptation: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    smallest: int = 1
    hub: str = ""
    head: tuple[str, ...] = ()


ARCHITECTURES: dict[str, Architecture] = {}


def register(
    name: str,
    family: str,
    adaptation: str,
    settings: Mapping[str, Any] | None = None,
    smallest: int = 1,
    hub: str = "",
    head: tuple[str, ...] = (),
) -> Callable[[Build], Build]:
    """Put a builder on the list of nets under a name (a decorator)."""

    def add(build: Build) -> Build:
        if name in ARCHITECTURES:
            raise ValueError(f"two nets are called '{name}'")
        ARCHITECTURES[name] = Architecture(
            name, family, build, adaptation, settings or {}, smallest, hub, head
        )
        return build

    return add


def architecture(name: str) -> Architecture:
    """Return the net of this name; ``timm:NAME`` is any architecture timm knows.

    Raises
    ------
    ValueError
        If there is none; names the nearest.
    """
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    if not name.startswith(TIMM):
        raise ValueError(f"no net is called '{name}': use one of {', '.join(ARCHITECTURES)}")
    import timm

    from deepnets import any_timm

    wanted = name.removeprefix(TIMM)
    if not timm.is_model(wanted):
        near = difflib.get_close_matches(wanted, timm.list_models(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() names them"
        raise ValueError(f"timm has no architecture called '{wanted}': {hint}")
    return Architecture(name, "timm", any_timm.builder(wanted), any_timm.ADAPTATION, hub=wanted)
