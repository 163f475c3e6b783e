"""The emotion vocabulary that every facial-expression set is mapped to, by name."""

from __future__ import annotations

import difflib

EMOTIONS = (
    "anger",
    "contempt",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)


def emotion(word: str, where: str) -> int:
    """Index in `EMOTIONS` of a label as written, whatever its case and surrounding blanks.

    Parameters
    ----------
    word : str
        The label.
    where : str
        File and line, for the message.

    Raises
    ------
    ValueError
        If the word is no emotion of the vocabulary; names it, its place and the nearest word.
    """
    name = word.strip().lower()
    if name in EMOTIONS:
        return EMOTIONS.index(name)
    near = difflib.get_close_matches(name, EMOTIONS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"use one of {', '.join(EMOTIONS)}"
    raise ValueError(f"{where}: unknown label '{word}': {hint}")
