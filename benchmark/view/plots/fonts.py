"""The letters of pictures: one font for all, and those on this machine that have what it lacks."""

from __future__ import annotations

import contextlib
import functools
import logging

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

USUAL = "DejaVu Sans"
# What the names of free and of systems' own fonts with other alphabets begin with.
OTHERS = (
    *("Noto Sans", "WenQuanYi", "Droid Sans Fallback", "Arial Unicode", "Microsoft YaHei"),
    *("Yu Gothic", "Malgun Gothic", "PingFang", "Hiragino Sans", "Apple SD Gothic"),
)
# A font that lacks a weight is used as it is; that needs no words.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
INSTALL = "install Google's Noto fonts"


@functools.cache
def families() -> list[str]:
    """Families that letters are taken from, each for what those before it lack."""
    known = {each.fname for each in font_manager.fontManager.ttflist}
    for path in {*font_manager.findSystemFonts()} - known:  # installed since matplotlib looked
        with contextlib.suppress(OSError, RuntimeError):  # it cannot read every kind
            font_manager.fontManager.addfont(path)
    here = sorted({*font_manager.get_font_names()})
    return [USUAL, *(name for name in here if name.startswith(OTHERS))]


def lacking(text: str) -> str:
    """Return the signs of a text that none of the families has, each once: they become boxes."""
    return "".join(sign for sign in dict.fromkeys(text) if not _has(sign))


@functools.cache
def _fonts() -> list[FT2Font]:
    found = (
        font_manager.findfont(font_manager.FontProperties(family=[name])) for name in families()
    )
    return [FT2Font(path) for path in found]


def _has(sign: str) -> bool:
    return any(font.get_char_index(ord(sign)) for font in _fonts())
