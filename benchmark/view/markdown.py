"""``leaderboard.md``: boards, contrasts, learning curves and searches, one under the other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from benchmark.scores import contrasts as contrast
from benchmark.view import text as words
from benchmark.view.sections import CurveSection, SearchSection


def leaderboard(
    table: pd.DataFrame,
    audit: str = "",
    contrasts: Mapping[contrast.Contrast, pd.DataFrame] | None = None,
    sections: Sequence[CurveSection] = (),
    searched: Sequence[SearchSection] = (),
) -> str:
    """The leaderboard as Markdown, with what an audit said and contrasts, curves, searches show."""
    parts = ["# Leaderboard"]
    if table["generated_data"].any():
        parts.append(f"**{words.HOW_TO_GET_REAL}**")
    if audit:
        parts.append(re.sub(r"([\\`*_<|])", r"\\\1", audit))  # file names are no Markdown
    for title, text in words.comparisons(table):
        parts += [f"## {title}", text.to_markdown(index=False, disable_numparse=True)]
        if "its rank" in text:
            parts.append(words.PUBLISHED_RANKS)
    for kind, whole in (contrasts or {}).items():
        for title, part in contrast.boards(whole, kind):
            text = contrast.for_people(part, kind)
            parts += [f"## {title}", *words.about(part)]
            parts += [text.to_markdown(index=False, disable_numparse=True), kind.how_to_read]
    for section in sections:
        wide = section.table.to_markdown(index=False, disable_numparse=True)
        parts += [f"## {section.title}", wide, " ".join(section.lines)]
        if section.picture:
            parts.append(f"![Learning curves](<{section.picture}>)")
    for each in searched:
        best = each.table.to_markdown(index=False, disable_numparse=True)
        parts += [f"## {each.title}", best, " ".join(each.lines)]
        parts.append(f"![The trials by parameter](<{each.file}.png>)")
    for title, part in words.boards(table):
        text = words.for_people(part)
        parts += [
            f"## {title}",
            *words.about(part),
            *words.of_all_rows(part),
            text.to_markdown(index=False, disable_numparse=True),
        ]
        picture = words.told_apart_name(part)
        if picture:
            parts.append(f"![Which of these models are told apart](<{picture}>)")
    parts.append(words.HOW_TO_READ)
    return "\n\n".join(parts) + "\n"
