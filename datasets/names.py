"""Names that strangers gave, for a reader: they stay one line of text whatever they hold."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# Control characters, those that turn the direction of text round, bytes that are not UTF-8, and
# the ends of lines and paragraphs.
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # of which words are spelt in some alphabets
# What a spreadsheet would compute, were it a cell of a table that it opens; a number it may.
FORMULA = re.compile(r"[=+@-](?!\d+([.,]\d+)?$).+")


def readable(name: str) -> str:
    r"""Write what cannot be seen of a name as Python would: an escape code as ``\x1b``.

    A byte of a file's name that is not UTF-8 becomes ``\xff``. One that begins as a formula gets an
    apostrophe in front, which makes it a word in spreadsheets. Of others nothing changes.
    """
    shown = "".join(map(_shown, name))
    return f"'{shown}" if FORMULA.fullmatch(shown) else shown


def visible(text: str) -> str:
    """Write what cannot be seen of a text of several lines as `readable` does."""
    return "".join(sign if sign == "\n" else _shown(sign) for sign in text)


def short(name: str, most: int) -> str:
    """Cut a name to so many bytes, the last of which then tell it from others that begin alike."""
    whole = name.encode(errors="surrogateescape")
    if len(whole) <= most:
        return name
    digest = hashlib.sha256(whole).hexdigest()[:8]
    return f"{whole[: most - 9].decode(errors='ignore')}-{digest}"


def _shown(sign: str) -> str:
    if unicodedata.category(sign) not in HIDDEN or sign in JOINERS:
        return sign
    if 0xDC80 <= ord(sign) <= 0xDCFF:  # how Python keeps a byte that is not UTF-8
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode()
