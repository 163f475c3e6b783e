"""Every picture; each says what it shows without help."""

from benchmark.plots.boards import board
from benchmark.plots.data import Pair, Side, classes, pairs
from benchmark.plots.differences import contrast, told_apart, worth
from benchmark.plots.learning import learning_curves
from benchmark.plots.rows import confusion, curves, reliability
from benchmark.plots.style import is_current, save
from benchmark.plots.trials import search

__all__ = [
    "Pair",
    "Side",
    "board",
    "classes",
    "confusion",
    "contrast",
    "curves",
    "is_current",
    "learning_curves",
    "pairs",
    "reliability",
    "save",
    "search",
    "told_apart",
    "worth",
]
