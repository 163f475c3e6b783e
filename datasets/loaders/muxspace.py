"""muxspace/facial_expressions: the data of the slides (github.com/muxspace/facial_expressions)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from datasets import cache
from datasets.dataset import Dataset, Listing, assemble, register
from datasets.errors import InputError
from datasets.loaders import places, tables
from datasets.loaders.labels import EMOTIONS, emotion

VARIABLE = "MUXSPACE_DIR"
COLUMNS = ["user.id", "image", "emotion"]
NUMBER = re.compile(r"_[0-9]+[a-z]?$")
LETTER = re.compile(r"(?<=[0-9])[a-z]$")


def fetched() -> Path:
    """Return the folder that ``make data`` fills."""
    return cache.folder() / "muxspace"


def find() -> Path | None:
    """Return the folder of the pictures: ``$MUXSPACE_DIR``, else what ``make data`` got, or None.

    Raises
    ------
    InputError
        If the variable is set but leads nowhere.
    """
    found = places.named_by(VARIABLE)
    if found is not None:
        return found
    return fetched() if (fetched() / "data" / "legend.csv").is_file() else None


def person(image: str) -> str:
    """Who a file shows, by its name: all up to the last number (``108a`` and ``108b`` are one)."""
    name = image.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    shorter = NUMBER.sub("", stem)
    return shorter if shorter != stem else LETTER.sub("", stem)


def read_legend(path: Path) -> list[tuple[str, int, str]]:
    """File names, emotions (indices into `EMOTIONS`) and contributors in the legend's own order.

    Parameters
    ----------
    path : Path
        A CSV file with the columns ``user.id,image,emotion``.

    Raises
    ------
    InputError
        If the file is no such CSV, a row is short or a label is unknown.
    """
    legend = []
    labels: dict[str, int] = {}  # of each word as written
    for where, (who, image, word) in tables.rows(path, COLUMNS):
        if word not in labels:
            labels[word] = emotion(word, EMOTIONS, where)
        legend.append((image, labels[word], sys.intern(who)))
    if not legend:
        raise InputError(f"{path} names no picture: get the data again with 'make data'")
    return legend


@register("muxspace", recognises=lambda folder: (folder / "data" / "legend.csv").is_file())
def load(folder: Path | None, size: int, crop: str) -> Dataset:
    """Load the pictures in legend order.

    Parameters
    ----------
    folder : Path or None
        The repository as cloned; None looks where `find` does.
    size : int
        Width and height in pixels.
    crop : str
        One of `crops.CROPS`.

    Raises
    ------
    InputError
        If the folder, the legend or a picture the legend names is not there or not usable.
    """
    folder = folder or find()
    if folder is None:
        raise InputError(
            f"the muxspace pictures are not here: get them with 'make data', or set {VARIABLE} "
            "to a clone of github.com/muxspace/facial_expressions"
        )
    legend = folder / "data" / "legend.csv"
    if not legend.is_file():
        raise InputError(f"{folder} has no data/legend.csv: is it a clone of muxspace's pictures?")
    rows = read_legend(legend)
    names = [image for image, _, _ in rows]
    pictures = places.packed(
        [f"{folder}/images/{image}" for image in names],
        size,
        crop,
        missing=f"{legend} names it: run 'make data' again or take the row out",
    )
    listing = Listing(
        names,
        [label for _, label, _ in rows],
        EMOTIONS,
        [person(i) for i in names],
        [who for _, _, who in rows],
        folder / "images",
    )
    # Faces this project drew and wrote in the same layout must not pass for photographs.
    generated = all(image.startswith("generated-") for image in names)
    return assemble(
        "generated" if generated else "muxspace",
        listing,
        pictures,
        f"generated faces in {folder.name}" if generated else "muxspace/facial_expressions",
        generated=generated,
    )
