"""Every picture; each says what it shows without help."""

from benchmark.view.plots.boards import board, costs
from benchmark.view.plots.data import Pair, Side, classes, pairs
from benchmark.view.plots.differences import contrast, told_apart, worth
from benchmark.view.plots.learning import learning_curves
from benchmark.view.plots.maps import explained, typical, weights
from benchmark.view.plots.rows import confusion, curves, reliability
from benchmark.view.plots.style import inline, is_current, png, svg
from benchmark.view.plots.trials import search
from benchmark.view.plots.winners import winners

__all__ = [
    "Pair",
    "Side",
    "board",
    "classes",
    "confusion",
    "contrast",
    "costs",
    "curves",
    "explained",
    "inline",
    "is_current",
    "learning_curves",
    "pairs",
    "png",
    "reliability",
    "search",
    "svg",
    "told_apart",
    "typical",
    "weights",
    "winners",
    "worth",
]
