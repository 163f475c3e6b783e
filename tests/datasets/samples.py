"""Small copies of the sets that may not be passed on: the form of their files, pixels made up."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

import datasets
from datasets import InputError, images, png

USAGES = ("Training",) * 4 + ("PublicTest", "PrivateTest")


def face(seed: int, shape: tuple[int, int] = (48, 48)) -> np.ndarray:
    """Grey values of a made-up picture."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def png_of(*parts: tuple[bytes, bytes]) -> bytes:
    """A PNG file of parts with these names and contents, sound or not."""
    return png.BEGIN + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


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


def write_medmnist(root: Path, **arrays: np.ndarray) -> None:
    """Write ``bloodmnist.npz``: 24 grey pictures of three classes in three parts, or others."""
    root.mkdir(parents=True, exist_ok=True)
    usual: dict[str, np.ndarray] = {}
    for k, (part, n) in enumerate((("train", 12), ("val", 6), ("test", 6))):
        usual[f"{part}_images"] = np.stack([face(100 * k + i, (28, 28)) for i in range(n)])
        usual[f"{part}_labels"] = np.arange(n, dtype=np.uint8)[:, None] % 3
    np.savez_compressed(root / "bloodmnist.npz", **(usual | arrays))


# Film and emotion; two people made two films each.
FILMS = {"S010_004": "anger", "S010_006": "surprise", "S005_001": "anger", "S999_003": "surprise"}
NUMBERS = {"anger": "   1.0000000e+00\r\n", "surprise": "   7.0000000e+00\n"}


def write_ck48(root: Path) -> None:
    """Write CK+48: the last three of nine frames of each film; frame i of film k shows 10 k + i."""
    for k, (film, word) in enumerate(FILMS.items()):
        for i in (7, 8, 9):
            write_face(root / word / f"{film}_{i:08}.png", seed=10 * k + i)


def write_ckplus(root: Path) -> None:
    """Write the original form, nine frames a film, and a film without a label."""
    for k, film in enumerate([*FILMS, "S011_001"]):
        inside = Path(*film.split("_"))
        for i in range(1, 10):
            path = root / "cohn-kanade-images" / inside / f"{film}_{i:08}.png"
            write_face(path, seed=10 * k + i, shape=(49, 64))
        (root / "Emotion" / inside).mkdir(parents=True)
        if film in FILMS:
            path = root / "Emotion" / inside / f"{film}_00000009_emotion.txt"
            path.write_bytes(NUMBERS[FILMS[film]].encode())


def _rafdb() -> list[tuple[str, int, int]]:
    """Name, number of the emotion and seed of each picture."""
    rows = [(f"train_{i:05}", 1 + i % 7, i) for i in range(14)]
    return rows + [(f"test_{i:04}", 7 - i % 7, 100 + i) for i in range(7)]


def write_rafdb(root: Path) -> None:
    """Write RAF-DB as its owners give it out."""
    rows = _rafdb()
    for name, _, seed in rows:
        write_face(root / "Image" / "aligned" / f"{name}_aligned.jpg", seed, shape=(100, 100))
    (root / "EmoLabel").mkdir()
    (root / "EmoLabel" / "list_patition_label.txt").write_bytes(
        "".join(f"{name}.jpg {number}\r\n" for name, number, _ in rows).encode()
    )


def write_rafdb_folders(root: Path) -> None:
    """Write the same pictures as class folders with a table each for training and test."""
    for part in ("train", "test"):
        lines = ["image,label"]
        for name, number, seed in _rafdb():
            if name.startswith(part):
                file = f"{name}_aligned.jpg"
                write_face(root / "DATASET" / part / str(number) / file, seed, shape=(100, 100))
                lines.append(f"{file},{number}")
        (root / f"{part}_labels.csv").write_text("\n".join([*lines, ""]))


def as_read(path: Path, size: int) -> np.ndarray:
    """One picture file as the planes that a data set has of it, ``(1 or 3, size, size)``."""
    return images.stretch(images.read(path.read_bytes()), size)


def refused(given: object, *words: str) -> None:
    """See that a data set is refused in one line that has these words."""
    with pytest.raises(InputError) as error:
        datasets.load(str(given))
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)
