"""What a fitted net's file, which a stranger may have made, is allowed to ask for."""

import contextlib
import inspect
import itertools
import json
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepnets.registry import architecture, is_of_timm

if TYPE_CHECKING:
    from deepnets.training.classifier import NetClassifier
    from deepnets.training.frozen import FrozenClassifier

LARGEST = 1 << 34  # bytes of weights
HEADER = 1 << 24  # bytes in which they are named
LETTERS = 1000  # of one of these names
BUILT = 10  # times, at most, that a net of timm is built until it works
HERE_ONLY = {"on_epoch", "weights", "cache"}  # parameters that `save` leaves out


def check_options(name: str, options: Collection[str]) -> None:
    """Raise ValueError if options of a net of timm ask it to load or download something."""
    if not options or not is_of_timm(name):
        return
    import timm

    of_loading = inspect.signature(timm.create_model).parameters.keys() - {"kwargs"}
    if asked := sorted(of_loading & set(options)):
        raise ValueError(
            f"{name} takes no '{asked[0]}': a net starts from weights by --weights, or as "
            "finetuned:NAME"
        )


def check_weights(file: str) -> None:
    """Raise ValueError if a file is none that a net can start from, before it is waited for."""
    path = Path(file)
    if path.exists() and not path.is_file():  # a pipe may never end
        raise ValueError(f"{file} is no regular file: give weights in safetensors")
    try:
        with path.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > path.stat().st_size:
                return
            names = json.loads(opened.read(length)) if length <= HEADER else ()
    except (OSError, ValueError, RecursionError):
        return  # what reads it tells what is wrong
    if not names or path.stat().st_size > LARGEST or max(map(len, names)) > LETTERS:
        raise ValueError(f"{file} holds more than the weights of a net: give other weights")


def load(
    path: Path, device: str = "auto", side: float = math.inf
) -> "NetClassifier | FrozenClassifier":
    """Load a fitted classifier that its `save` wrote, ready to predict.

    Parameters
    ----------
    path : Path
    device : str
    side : float
        Width in pixels of the largest pictures that it may look at.

    Raises
    ------
    ValueError
        If the file asks for what none has that `save` wrote, or its numbers are those of another
        net, which is seen before memory is taken for them.
    """
    import safetensors
    import torch

    from deepnets.training.classifier import NetClassifier
    from deepnets.training.frozen import FrozenClassifier

    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    is_frozen = "frozen" in metadata
    about = json.loads(metadata["frozen" if is_frozen else "classifier"])
    parameters = about["parameters"]
    if odd := sorted(HERE_ONLY & parameters.keys()):
        raise ValueError(f"it has a parameter '{odd[0]}', which is none of a stored net")
    architecture(parameters["architecture"])  # one that is known, or of timm's own
    options = parameters.get("options") or {}
    check_options(parameters["architecture"], options)
    _check_numbers(options, max(BUILT, len(shapes), *itertools.chain(*shapes.values())))
    for asked in (about["size"], parameters["net_size"] or 1):
        if not 0 < asked <= side:
            raise ValueError(f"it looks at pictures of 1 to {side:,} px, not of {asked}"[:200])
    with torch.device("meta"), _fewer_parameters(BUILT * len(shapes)):  # shapes alone
        if is_frozen:
            net, prefix = FrozenClassifier(**parameters)._backbone(None), "net."
        else:
            other = NetClassifier(**parameters)
            net, prefix = other._net(len(about["classes"]), about["size"]), ""
    for name, value in net.state_dict().items():
        if shapes.get(f"{prefix}{name}") != list(value.shape):
            raise ValueError(f"its numbers are not those of the net that it names, as {name}")
    kind = FrozenClassifier if is_frozen else NetClassifier
    return kind.load(path, device)


def _check_numbers(options: Any, most: int) -> None:
    """Raise ValueError of a number larger than any that a net with such shapes is built by."""
    if isinstance(options, dict | list):
        for each in options.values() if isinstance(options, dict) else options:
            _check_numbers(each, most)
    elif isinstance(options, int | float) and not abs(options) <= most:
        raise ValueError(f"the net that it names has an option above {most:,}")


@contextlib.contextmanager
def _fewer_parameters(than: int) -> Iterator[None]:
    """Raise ValueError where nets are built of so many parameters or more, and build no further."""
    from torch.nn.modules import module

    made = itertools.count(1)

    def count(*_: object) -> None:
        if next(made) >= than:
            raise ValueError("the net that it names has more layers than it has numbers for")

    hook = module.register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
