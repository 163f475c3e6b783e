"""A part of what is shown of a leaderboard: text, a table, and pictures yet to be drawn."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from benchmark.scores.metrics import Metric


@dataclass(frozen=True)
class Picture:
    """A picture of a section.

    Attributes
    ----------
    file : str
        In the results folder.
    shows : str
        What a reader who cannot see it is told.
    draw : callable
        Gives the figure.
    drawn_from : tuple
        All that the figure depends on, so that it need not be drawn again; empty where that is not
        worth the while.
    on_page : bool
        Whether the page holds it; else it is a file beside.
    """

    file: str
    shows: str
    draw: Callable[[], Figure]
    drawn_from: tuple[object, ...] = ()
    on_page: bool = True

    @functools.cached_property
    def made_from(self) -> str:
        """Digest of all that the file and its words depend on; empty where that is not known."""
        if self.drawn_from:
            told: object = self.drawn_from
        elif isinstance(self.draw, functools.partial):
            told = _told([self.draw.func.__name__, *self.draw.args])
        else:
            told = None
        whole = repr((self.file, self.shows, told))
        return "" if told is None else hashlib.sha256(whole.encode()).hexdigest()


def _told(value: object) -> object:
    """What decides a value, as something whose ``repr`` says it all; None of what is not known."""
    if isinstance(value, pd.DataFrame):
        return value.to_csv(), value.dtypes.to_dict().items()
    if isinstance(value, Metric):
        return value.name
    if isinstance(value, Mapping):
        value = [each for item in value.items() for each in item]
    if isinstance(value, list | tuple):
        parts = [*map(_told, value)]
        return None if None in parts else parts
    return value if isinstance(value, str | int | float) else None


@dataclass(frozen=True)
class Section:
    """A part of what is shown of a leaderboard.

    Attributes
    ----------
    title : str
        Empty where the pictures say it.
    dataset : str
        The data set it is of, or empty.
    before, after : sequence of str
        Paragraphs before and sentences after the table.
    table : DataFrame or None
        Of text.
    pictures : sequence of Picture
    data : mapping
        Tables to write beside, as CSV or LaTeX, by file; or what gives them.
    data_from : str
        Digest of all that these depend on, so that they need not be made again; or empty.
    bad_rows : collection of int
        Rows of the table that are of failed runs.
    off_screen : collection of str
        Columns that a terminal has no room for.
    leads : bool
        Whether it stands before all else on the page.
    board : str
        Name of the board that its rows are models of, if they are; see `explorer.Board`.
    where : {"everywhere", "document", "screen", "page", "files", "folder"}
        Whether it is shown everywhere, everywhere but on the screen, there only or on the page
        only; or not at all, its files being written, or its data only and its pictures not kept.
    """

    title: str
    dataset: str = ""
    before: Sequence[str] = ()
    table: pd.DataFrame | None = None
    after: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    data: Mapping[str, str | Callable[[], str]] = field(default_factory=dict)
    data_from: str = ""
    bad_rows: Collection[int] = ()
    off_screen: Collection[str] = ()
    leads: bool = False
    board: str = ""
    where: Literal["everywhere", "document", "screen", "page", "files", "folder"] = "everywhere"

    @property
    def anchor(self) -> str:
        """What a link on the page leads to."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")

    @property
    def files(self) -> list[str]:
        """What is written of it."""
        return [*self.data, *(picture.file for picture in self.kept)]

    @property
    def kept(self) -> Sequence[Picture]:
        """Pictures that are written."""
        return () if self.where == "folder" else self.pictures

    @property
    def on_screen(self) -> bool:
        """Whether a terminal shows it."""
        return self.where in ("everywhere", "screen")

    @property
    def in_document(self) -> bool:
        """Whether ``leaderboard.md`` shows it."""
        return self.where in ("everywhere", "document")

    @property
    def on_page(self) -> bool:
        """Whether ``report.html`` shows it."""
        return self.in_document or self.where == "page"
