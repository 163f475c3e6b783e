"""Any architecture of timm, fitted to small pictures by whatever it accepts."""

from typing import Any


def any_timm(n_classes: int, size: int, name: str, **options: Any) -> Any:
    """Build timm's `name` at the pictures' own size, or at the smallest larger one it works on.

    Raises
    ------
    ValueError
        If it works at no size up to the one it was published at.
    """
    import timm
    import torch

    from deepnets.training.layers import Resized, start_small

    published_as = timm.get_pretrained_cfg(name)
    published = published_as.input_size[-1] if published_as else 224
    reason: Exception | None = None
    for tried in sorted({size, 64, 96, 128, published}):
        if tried < size:
            continue
        try:
            net = timm.create_model(name, num_classes=n_classes, **options)
            with torch.no_grad():
                net.eval()(torch.zeros(2, 3, tried, tried))
                net.train()(torch.zeros(2, 3, tried, tried))
        except (RuntimeError, AssertionError, ValueError) as error:
            reason = error
            continue
        # The trial has moved the batch normalisation's averages: the net itself is built anew.
        net = timm.create_model(name, num_classes=n_classes, **options)
        heads: Any = net.get_classifier  # a buffer, to a checker of types
        start_small(heads())
        return net if tried == size else Resized(net, tried)
    raise ValueError(f"timm's {name} works on no picture up to {published} px: {reason}")
