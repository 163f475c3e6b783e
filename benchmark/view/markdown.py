"""``leaderboard.md``: the sections one under the other."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from benchmark.view.sections import Section


def leaderboard(sections: Sequence[Section], warning: str = "", audit: str = "") -> str:
    """Write sections as Markdown.

    Parameters
    ----------
    sections : sequence of Section
    warning : str
        What must not be overlooked, if anything.
    audit : str
        The line an audit left about the data, if any.
    """
    parts = ["# Leaderboard", warning and f"**{plain(warning)}**", plain(audit)]
    parts += [section(each) for each in sections if each.in_document]
    return "\n\n".join(filter(None, parts)) + "\n"


def section(shown: Section, level: int = 2) -> str:
    """Write a section as Markdown, its title as a heading of a level."""
    parts = [f"{'#' * level} {plain(shown.title)}", *map(plain, shown.before)]
    if shown.table is not None:
        parts.append(_table(shown.table))
    parts.append(plain(" ".join(shown.after)))
    parts += [f"![{plain(each.shows)}](<{each.file}>)" for each in shown.pictures]
    return "\n\n".join(filter(None, parts))


def _table(table: pd.DataFrame) -> str:
    safe = table.rename(columns=lambda name: plain(str(name))).map(plain)
    return str(safe.to_markdown(index=False, disable_numparse=True))


def plain(text: str) -> str:
    """Text, such as a class or a file may be called, that Markdown shows as it is."""
    escaped = re.sub(r"[\\`*<|~$]|^#|\b_|_\b|\](?=\()", r"\\\g<0>", text)
    return " ".join(escaped.split("\n"))
