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
    for section in sections:
        if not section.in_document:
            continue
        parts += [f"## {plain(section.title)}", *map(plain, section.before)]
        if section.table is not None:
            parts.append(_table(section.table))
        parts.append(plain(" ".join(section.after)))
        parts += [f"![{plain(each.shows)}](<{each.file}>)" for each in section.pictures]
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(table: pd.DataFrame) -> str:
    safe = table.rename(columns=lambda name: plain(str(name))).map(plain)
    return str(safe.to_markdown(index=False, disable_numparse=True))


def plain(text: str) -> str:
    """Text, such as a class or a file may be called, that Markdown shows as it is."""
    escaped = re.sub(r"[\\`*<|]|\b_|_\b|\](?=\()", r"\\\g<0>", text)
    return " ".join(escaped.split("\n"))
