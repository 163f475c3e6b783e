"""The handwritten digits that come with scikit-learn: a set of pictures without people or network.

Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository,
1998: the 1,797 pictures of its test set, 8 x 8 pixels of 17 grey levels. Who wrote which is not
passed on with them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datasets.errors import InputError
from datasets.packing import Listing
from datasets.pictures import Stack
from datasets.registry import register

GREYS = 16  # the largest value of a pixel


@register("digits", described="handwritten digits, of scikit-learn", faces=False, may_embed=True)
def digits(root: Path | None) -> Listing:
    """List the digits, which are in scikit-learn's own files."""
    from sklearn.datasets import load_digits

    if root is not None:
        raise InputError("digits come with scikit-learn: give --data the folder's path alone")
    bunch = load_digits()
    grey = np.rint(bunch.images * (255 / GREYS)).astype(np.uint8)
    ids = [f"digit{row:04}" for row in range(len(grey))]
    classes = tuple(map(str, bunch.target_names))
    return Listing(Stack(grey, "scikit-learn's digits"), ids, bunch.target.tolist(), classes)
