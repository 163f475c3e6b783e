"""What is shown of a leaderboard, as one list that screen, Markdown and page each render.

In comes a `Leaderboard`; out come sections of text, tables, pictures yet to be drawn and files.
Another section is another function in `SECTIONS`; nothing else names what is published.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmark.scores.leaderboard import Leaderboard
from benchmark.view.sections.advice import advices
from benchmark.view.sections.answer import answers
from benchmark.view.sections.board import (
    boards,
    comparisons,
    contrasts,
    how_to_read,
    over_sets,
    overviews,
    tables,
    warnings,
)
from benchmark.view.sections.curve import curves
from benchmark.view.sections.ledger import ledgers
from benchmark.view.sections.published import published_figures
from benchmark.view.sections.row import rows
from benchmark.view.sections.search import of_search, searches
from benchmark.view.sections.section import Picture, Section
from benchmark.view.sections.winners import winners

__all__ = ["SECTIONS", "Picture", "Section", "every", "of_search"]

SECTIONS: tuple[Callable[[Leaderboard], list[Section]], ...] = (
    advices,
    answers,
    tables,
    winners,
    overviews,
    over_sets,
    comparisons,
    published_figures,
    contrasts,
    curves,
    searches,
    boards,
    warnings,
    ledgers,
    how_to_read,
    rows,
)


def every(board: Leaderboard) -> list[Section]:
    """All sections of a leaderboard, in order."""
    return [section for make in SECTIONS for section in make(board)]
