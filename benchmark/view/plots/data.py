"""Pictures of a data set: how many of each class, and which pairs look the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from benchmark.view.plots.style import TRAINING, drawing, logarithmic, shortened

MANY = 50  # times the pictures of another class, which a linear scale would hide
PAIRS_A_ROW = 4
MOST_HEIGHT = 40  # inches of all rows


def classes(counts: Mapping[str, int], title: str) -> Figure:
    """Draw how many pictures each class has, with the counts.

    The scale is logarithmic where the largest has more than `MANY` times those of the smallest.
    """
    ordered = sorted(counts.items(), key=lambda item: item[1])
    names, values = zip(*ordered, strict=True)
    row = min(0.36, MOST_HEIGHT / len(names))
    with drawing(7.5, 1.4 + row * len(names), title) as figure:
        axes = figure.subplots()
        axes.tick_params(axis="y", labelsize=min(10, 28 * row))
        axes.barh(names, values, color=TRAINING)
        many = max(values) > MANY * max(min(values), 1)
        if many:
            logarithmic(axes)
        total = sum(values)
        for place, value in enumerate(values):
            text = f" {value:,} ({100 * value / total:.1f} %)"
            axes.text(max(value, int(many)), place, text, va="center", fontsize=min(9, 25 * row))
        axes.set_xlim(0.8 * many, max(values) * (6 if many else 1.25))
        axes.set_xlabel(f"pictures{' (logarithmic scale)' * many}")
    return figure


class Side(NamedTuple):
    """One picture of a pair: ``(height, width, 1 or 3)`` of uint8, its file name and its label."""

    picture: np.ndarray
    name: str
    label: str


class Pair(NamedTuple):
    """Two pictures to compare, and what is known of them together."""

    title: str
    left: Side
    right: Side


def pairs(shown: Sequence[Pair], title: str) -> Figure:
    """Draw pairs of pictures side by side, four pairs a row."""
    n_rows = -(-len(shown) // PAIRS_A_ROW)
    with drawing(16, 0.5 + 2.75 * n_rows, title) as figure:
        # A figure a pair, so that its title stands above both pictures.
        cells = figure.subfigures(n_rows, PAIRS_A_ROW, squeeze=False, wspace=0.08, hspace=0.03)
        for cell, pair in zip(cells.flat, shown, strict=False):
            cell.suptitle(pair.title, fontsize=9.5, fontweight="bold")
            for axes, side in zip(cell.subplots(1, 2), (pair.left, pair.right), strict=True):
                axes.imshow(np.broadcast_to(side.picture, (*side.picture.shape[:2], 3)))
                axes.set_axis_off()
                axes.set_title(f"{shortened(side.name, 26)}\n{side.label}", y=-0.24, fontsize=8.5)
    return figure
