"""Where a model looks, laid over the picture; its weights as pictures; and its typical pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from benchmark.use.draw import grey, palette
from benchmark.use.maps import WAYS, Map
from benchmark.use.typical import Typical
from benchmark.view.plots.style import drawing, shortened
from benchmark.view.text import score

SIDE = 2.9  # inches of a panel
LETTERS_A_LINE = 40  # of what is told under one
CLASSES_A_ROW = 4
SMALL = 1.25  # inches of a typical picture


def explained(
    picture: np.ndarray, seen: np.ndarray, maps: Sequence[Map], said: str, title: str
) -> Figure:
    """Draw a picture, what a model sees of it, and each map laid over it.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width, 1 or 3)
        The part that was looked at.
    seen : ndarray of uint8, shape (3, size, size)
        The same as the model takes it.
    maps : sequence of Map
    said : str
        The class that they are of.
    title : str
        Which picture, which model, and what it says how surely.
    """
    size = seen.shape[-1]
    n = 2 + len(maps)
    with drawing(SIDE * n + 0.9, SIDE + 1.25, title) as figure:
        cells = figure.subplots(1, n)
        _show(cells[0], picture, "The picture", "")
        told = f"{size} x {size} pixels are all that it is given."
        _show(cells[1], seen.transpose(1, 2, 0), "What the model sees", told, picture.shape)
        for axes, each in zip(cells[2:], maps, strict=True):
            _show(axes, grey(picture), WAYS[each.way].title, each.told)
            _over(axes, each.share, picture.shape)
        name = shortened(said, 14)
        _key(figure, [*cells], f"most for\n{name}", f"most against\n{name}")
    return figure


def weights(values: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Draw the weights ``(n_classes, size, size)`` of a linear model as one picture a class."""
    columns = min(len(names), CLASSES_A_ROW)
    rows = -(-len(names) // columns)
    # A few pixels of many times the others' weight would leave these without a colour.
    most = float(np.quantile(np.abs(values), 0.99)) or 1.0
    with drawing(2.3 * columns + 1.2, 2.6 * rows + 0.7, title) as figure:
        cells = figure.subplots(rows, columns, squeeze=False)
        for axes in cells.flat:
            axes.set_axis_off()
        for axes, name, value in zip(cells.flat, names, values, strict=False):
            axes.set_title(shortened(name, 26))
            axes.imshow(np.zeros(value.shape), cmap="gray_r", vmin=0, vmax=1)
            axes.imshow(palette(np.clip(value / most, -1, 1)))
        _key(figure, [*cells.flat], "bright here\nspeaks for it", "bright here\nspeaks against it")
    return figure


def typical(classes: Sequence[Typical], most: int, title: str) -> Figure:
    """Draw a row of pictures a class, at most so many surest right and so many surest wrong."""
    columns = 1 + 2 * most
    with drawing(SMALL * columns + 1.2, 1.3 * SMALL * len(classes) + 0.8, title) as figure:
        cells = figure.subplots(len(classes), columns, squeeze=False)
        for axes in cells.flat:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        for row, each in zip(cells, classes, strict=True):
            _squarely(row[0], each.mean)
            row[0].set_xlabel(f"{each.n:,} picture{'s' * (each.n != 1)}", fontsize=8)
            row[0].set_ylabel(shortened(each.name, 16), fontsize=10, fontweight="bold")
            for begin, several in ((1, each.right), (1 + most, each.wrong)):
                for axes, one in zip(row[begin:], several, strict=False):
                    _squarely(axes, one.picture)
                    axes.set_xlabel(
                        f"{shortened(one.said, 12)} {score(one.confidence)} %", fontsize=8
                    )
        for column, told in (
            (0, "mean"),
            (1, "surest right on the test pictures"),
            (1 + most, "surest wrong, and what it said"),
        ):
            cells[0, column].set_title(told, fontsize=10)
    return figure


def _squarely(axes: Axes, picture: np.ndarray) -> None:
    """Draw a picture in the middle of a square, so that high and wide ones stand in line."""
    height, width = picture.shape[:2]
    axes.imshow(_rgb(picture))
    half = max(height, width) / 2
    across, down = (width - 1) / 2, (height - 1) / 2
    axes.set(xlim=(across - half, across + half), ylim=(down + half, down - half))


def _show(
    axes: Axes, picture: np.ndarray, title: str, told: str, shape: Sequence[int] | None = None
) -> None:
    """Draw a picture, as large as one of a shape if that is given, and what is told under it."""
    height, width = (shape or picture.shape)[:2]
    axes.imshow(_rgb(picture), extent=(0, width, height, 0), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title(title)
    axes.set_xlabel(textwrap.fill(told, LETTERS_A_LINE), fontsize=8, loc="left")


def _over(axes: Axes, share: np.ndarray, shape: Sequence[int]) -> None:
    height, width = shape[:2]
    axes.imshow(palette(share), extent=(0, width, height, 0), interpolation="nearest")


def _key(figure: Figure, cells: Sequence[Axes], most: str, least: str) -> None:
    """Say what the colours mean, beside the panels."""
    colours = ListedColormap(palette(np.linspace(-1, 1, 256)))
    bar = figure.colorbar(
        ScalarMappable(Normalize(-1, 1), colours), ax=cells, shrink=0.8, aspect=25, pad=0.01
    )
    bar.set_ticks([-1, 0, 1], labels=[least, "nothing", most])
    bar.ax.tick_params(labelsize=9)
    bar.outline.set_visible(False)


def _rgb(picture: np.ndarray) -> np.ndarray:
    return np.broadcast_to(picture, (*picture.shape[:2], 3))
