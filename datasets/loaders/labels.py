"""The emotion vocabulary that every facial-expression set is mapped to, by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from datasets.errors import InputError

DIGITS = re.compile(r"[0-9]+(\.[0-9]*)?(e[+-]?[0-9]{1,2})?")
EMOTIONS = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")

# Words for them that folders and files of the sets use.
SYNONYMS = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
}


def by_word(word: str, classes: Sequence[str], where: str) -> int:
    """Index in `classes` of a label as written, whatever its case and surrounding blanks.

    `classes` are those of `EMOTIONS` that the set has, in its own order; `where` is file and line,
    for the message.

    Raises
    ------
    InputError
        If the word is no emotion of the set; names it, its place and the nearest word.
    """
    name = word.strip().lower()
    name = SYNONYMS.get(name, name)
    if name in classes:
        return classes.index(name)
    near = difflib.get_close_matches(name, classes, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"use one of {', '.join(classes)}"
    raise InputError(f"{where}: unknown label '{word}': {hint}")


def by_number(number: str, classes: Sequence[str], where: str, first: int = 0) -> int:
    """Index in `classes` of a label that is written as a number; ``3.0`` is 3.

    `classes` are in the order of the set's own numbers, which begin at `first`; `where` is file and
    line, for the message.

    Raises
    ------
    InputError
        If no class has that number.
    """
    number = number.strip()  # of signs that `float` knows, and of others
    index = float(number) - first if DIGITS.fullmatch(number) else -1.0
    if index not in range(len(classes)):
        last = first + len(classes) - 1
        raise InputError(
            f"{where}: no emotion has the number '{number}': "
            f"use {first} ({classes[0]}) to {last} ({classes[-1]})"
        )
    return int(index)
