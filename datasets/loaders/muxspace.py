"""muxspace/facial_expressions: the data of the slides (github.com/muxspace/facial_expressions)."""

from __future__ import annotations

import re
from pathlib import Path

from datasets import cache
from datasets.errors import InputError
from datasets.loaders import tables
from datasets.loaders.drawn import faces
from datasets.loaders.labels import EMOTIONS, by_word
from datasets.packing import Listing
from datasets.pictures import Files
from datasets.registry import register

LEGEND = "data/legend.csv"
COLUMNS = ["user.id", "image", "emotion"]
NUMBER = re.compile(r"_[0-9]+[a-z]?$")
LETTER = re.compile(r"(?<=[0-9])[a-z]$")


def fetched() -> Path:
    """Return the folder that ``make data`` fills."""
    return cache.folder() / "muxspace"


def person(image: str) -> str:
    """Who a file shows, by its name: all up to the last number (``108a`` and ``108b`` are one)."""
    name = image.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    shorter = NUMBER.sub("", stem)
    return shorter if shorter != stem else LETTER.sub("", stem)


def read_legend(path: Path) -> list[tuple[str, int, str]]:
    """File names, emotions (indices into `EMOTIONS`) and contributors in the legend's own order.

    Raises
    ------
    InputError
        If the file is no such CSV, a row is short or a label is unknown.
    """
    legend = [
        (image, by_word(word, EMOTIONS, where), who)
        for where, (who, image, word) in tables.rows(path, COLUMNS)
    ]
    if not legend:
        raise InputError(f"{path} names no picture: get the data again with 'make data'")
    return legend


@register(
    "muxspace",
    described="muxspace/facial_expressions",
    folder_variable="MUXSPACE_DIR",
    looks_like=lambda folder: (folder / LEGEND).is_file(),
    get="get them with 'make data' or from github.com/muxspace/facial_expressions",
    usual=lambda: fetched() if (fetched() / LEGEND).is_file() else None,
)
def muxspace(folder: Path) -> Listing:
    """List the repository as cloned, in the order of its legend."""
    legend = folder / LEGEND
    if not legend.is_file():
        raise InputError(f"{folder} has no {LEGEND}: is it a clone of muxspace's pictures?")
    names, labels, who = zip(*read_legend(legend), strict=True)
    missing = f"{legend} names it: run 'make data' again or take the row out"
    # Faces this project drew and wrote in the same layout must not pass for photographs.
    generated = set(who) == {faces.CONTRIBUTOR}
    return Listing(
        Files(folder / "images", names, missing),
        names,
        labels,
        EMOTIONS,
        people=[person(name) for name in names],
        contributors=who,
        root=folder / "images",
        name="generated" if generated else "",
        described=f"generated faces in {folder.name}" if generated else "",
        generated=generated,
    )
