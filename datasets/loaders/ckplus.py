"""CK+, the extended Cohn-Kanade set: films that end at the height of a posed expression.

Lucey et al., "The extended Cohn-Kanade dataset (CK+)", CVPR workshops 2010. A film that has a label
gives its last three frames, as in CK+48, the folders of small pictures made from it: 981 frames of
327 films and 118 people. No first frame is taken as neutral, so no frame has that label. The set
has no parts: people are kept on one side of a split by ``--split identity``.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from datasets.errors import InputError
from datasets.loaders import folder
from datasets.loaders.labels import by_number, by_word
from datasets.packing import Listing
from datasets.pictures import Files, read_text
from datasets.registry import register

CLASSES = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
FRAME = re.compile(r"(?P<person>S\d+)_\d+_\d+\.\w+")
FOLDER = re.compile(r"S?\d+")  # of a person, and in it of a film
FRAMES = "cohn-kanade-images"
SMALL_FRAMES = "CK+48"
FRAMES_TAKEN = 3


def read_films(root: Path) -> Listing:
    """List the last frames of each film of the original form.

    Raises
    ------
    InputError
        If a label is no number of an emotion, its film is not there or has two, or a label or a
        frame lies in the folder of another film.
    """
    home, ids, labels = root / FRAMES, [], []
    labelled: dict[str, Path] = {}
    for path in sorted((root / "Emotion").rglob("S*_*_*_emotion.txt")):
        label = by_number(read_text(path), CLASSES, str(path))
        person, number = path.name.split("_")[:2]
        if (film := f"{person}/{number}") in labelled:
            raise InputError(f"{path} labels a film that {labelled[film]} labels: remove one")
        labelled[film] = path
        folders = path.relative_to(root / "Emotion").parent.parts
        if {*filter(FOLDER.fullmatch, folders)} - {person, number}:
            raise InputError(f"{path} lies in the folder of another film: move it to {film}")
        frames = sorted(frame.name for frame in (home / film).glob("S*.png"))
        if not frames:
            raise InputError(f"{home / film} has no frames, but {path} labels them")
        for name in frames:
            if not name.startswith(f"{person}_{number}_"):
                raise InputError(
                    f"{home / film / name} is named as a frame of another film: put it with those"
                )
        for name in frames[-FRAMES_TAKEN:]:
            ids.append(f"{film}/{name}")
            labels.append(label)
    if not ids:
        raise InputError(f"{root} has no labels in Emotion/: unpack Emotion_labels.zip there")
    return Listing(Files(home, ids), ids, labels, CLASSES, root=home)


def _looks_like(root: Path) -> bool:
    named = any((root / name).is_dir() for name in (FRAMES, SMALL_FRAMES))
    return named or any(root.glob("*/S[0-9]*_[0-9]*_[0-9]*.png"))


@register(
    "ckplus",
    described="CK+",
    folder_variable="CKPLUS_DIR",
    looks_like=_looks_like,
    get="get them from the Affect Analysis Group of the University of Pittsburgh "
    "(jeffcohn.net/Resources)",
)
def ckplus(root: Path) -> Listing:
    """List the last frames of the labelled films, with who is shown.

    Either of ``cohn-kanade-images`` and ``Emotion``, or of CK+48's class folders.
    """
    small = root / SMALL_FRAMES if (root / SMALL_FRAMES).is_dir() else root
    films = (root / FRAMES).is_dir()
    listing = read_films(root) if films else folder.find(small, CLASSES, by_word)
    people = [_person(listing.pictures.where(row), name) for row, name in enumerate(listing.ids)]
    return dataclasses.replace(listing, people=people)


def _person(path: str, name: str) -> str:
    frame = FRAME.fullmatch(name.rpartition("/")[2])
    if frame is None:
        raise InputError(
            f"{path} is not named as frames of CK+ are, S010_004_00000017.png, "
            "which tells who is shown: rename or remove it"
        )
    return frame["person"]
