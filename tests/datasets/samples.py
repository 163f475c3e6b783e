"""Small copies of the sets that may not be passed on: the form of their files, pixels made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

USAGES = ("Training",) * 4 + ("PublicTest", "PrivateTest")


def face(seed: int, shape: tuple[int, int] = (48, 48)) -> np.ndarray:
    """Grey values of a made-up picture."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_face(path: Path, seed: int, shape: tuple[int, int] = (48, 48)) -> None:
    """Write a made-up grey picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), face(seed, shape))


def pixels(seed: int) -> str:
    """Text of a picture as FER2013's CSV holds it."""
    return " ".join(map(str, face(seed).ravel()))


def write_fer2013(root: Path, n: int = 24) -> None:
    """Write ``fer2013.csv``; row i shows face i, with emotion i modulo 7."""
    root.mkdir(parents=True, exist_ok=True)
    rows = [f"{i % 7},{pixels(i)},{USAGES[i % len(USAGES)]}" for i in range(n)]
    (root / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *rows, ""]))


def write_icml(root: Path, n: int = 24) -> None:
    """Write the same rows as ``icml_face_data.csv``, as it writes them."""
    root.mkdir(parents=True, exist_ok=True)
    rows = [f'{i % 7},{USAGES[i % len(USAGES)]},"{pixels(i)}"' for i in range(n)]
    (root / "icml_face_data.csv").write_text("\r\n".join(["emotion, Usage, pixels", *rows, ""]))


def write_votes(path: Path, votes: Sequence[Sequence[int]]) -> None:
    """Write ``fer2013new.csv`` for the rows of `write_fer2013`."""
    lines = [
        "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    ]
    for i, row in enumerate(votes):
        name = "" if row[9] == max(row) else f"fer{i:07}.png"
        lines.append(f"{USAGES[i % len(USAGES)]},{name},{','.join(map(str, row))}")
    path.write_text("\n".join([*lines, ""]))


def write_ferplus(root: Path, n: int = 24) -> None:
    """Write both CSV files; row i has eight votes for emotion i modulo 8, two for the next."""
    write_fer2013(root, n)
    write_votes(
        root / "fer2013new.csv",
        [[8 * (k == i % 8) + 2 * (k == (i + 1) % 8) for k in range(10)] for i in range(n)],
    )
