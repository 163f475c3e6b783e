"""What is shown of a leaderboard, as one list that screen, Markdown and page each render.

In comes a `Leaderboard`; out come sections of text, tables and pictures yet to be drawn. Another
section is another function in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from benchmark.scores.leaderboard import Leaderboard
from benchmark.view.sections.board import (
    boards,
    comparisons,
    contrasts,
    how_to_read,
    overviews,
    warnings,
)
from benchmark.view.sections.curve import curves
from benchmark.view.sections.row import rows
from benchmark.view.sections.search import of_search, searches
from benchmark.view.sections.section import Picture, Section

__all__ = [
    "SECTIONS",
    "Picture",
    "Section",
    "boards",
    "comparisons",
    "contrasts",
    "curves",
    "every",
    "for_screen",
    "of_search",
]

Maker = Callable[[Leaderboard], list[Section]]
ON_SCREEN: tuple[Maker, ...] = (comparisons, contrasts, curves, boards, warnings)
SECTIONS: tuple[Maker, ...] = (
    overviews,
    comparisons,
    contrasts,
    curves,
    searches,
    boards,
    how_to_read,
    rows,
)


def every(board: Leaderboard) -> list[Section]:
    """All sections of a leaderboard, in order."""
    return [section for make in SECTIONS for section in make(board)]


def for_screen(board: Leaderboard, datasets: Collection[str]) -> list[Section]:
    """Sections on some data sets that a terminal has room for; a search prints its own."""
    return [
        section
        for make in ON_SCREEN
        for section in make(board)
        if section.dataset in datasets and section.where == "everywhere"
    ]
