"""Generated faces: parametric drawings that stand in for a data set of facial expressions.

A picture is a *person* (bone structure, skin, hair, glasses, beard) who makes an *expression* (a
set of facial action units, the vocabulary of FACS) and is seen in a *view* (pose, light, blur,
noise, something in front of the face).  `sample` draws all those parameters, `draw` turns rows of
them into pixels, `write` stores the pictures as files.  The geometry is computed for many faces at
once; only filling the polygons goes face by face.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import cache
from datasets.loaders.drawn import anatomy
from datasets.loaders.drawn.sampling import CLASS_NAMES, N_FACES, FaceSample, Ints, sample

SIZES = range(16, 225)  # the picture sizes that `draw` accepts
OVERSAMPLING = 2  # pictures are painted this much larger, then shrunk
RELIEF = 64  # side of the canvas for soft shading; it is smooth, so this does for every size
BLOCK = 256  # faces whose geometry is in memory at a time
CONTRIBUTOR = "generated"  # who labelled drawn faces, by which a legend says that they are drawn
EXPOSURE = ("light_x", "light_y", "gain", "gamma", "blur", "noise")


def draw(
    sample: FaceSample, rows: slice | NDArray[np.integer], size: int = 32
) -> NDArray[np.uint8]:
    """Draw the faces of some rows.

    Parameters
    ----------
    sample : FaceSample
        The parameters of the faces.
    rows : slice or integer array
        Which to draw: a slice or an array of row numbers.  A face does not depend on the others
        that are drawn with it.
    size : int
        Side of the pictures in pixels, 16 .. 224.

    Returns
    -------
    uint8 array, shape (len(rows), 3, size, size)
        C-contiguous; the planes are red, green, blue.

    Raises
    ------
    ValueError
        If `size` is outside 16 .. 224.
    IndexError
        If a row number is out of range.
    """
    if size not in SIZES:
        raise ValueError(f"size must lie in {SIZES.start} .. {SIZES.stop - 1}, not {size}")
    numbers = np.arange(len(sample.labels))[rows]
    pictures = np.empty((len(numbers), 3, size, size), np.uint8)
    for start in range(0, len(numbers), BLOCK):
        block = slice(start, start + BLOCK)
        _draw_block(sample, numbers[block], pictures[block])
    return pictures


def _draw_block(sample: FaceSample, rows: Ints, pictures: NDArray[np.uint8]) -> None:
    """Draw the faces of some rows into `pictures` (len(rows), 3, size, size)."""
    size = pictures.shape[-1]
    p = {name: values[rows].reshape(-1, 1, 1) for name, values in sample.parameters.items()}
    c = anatomy.colours(p)
    painting = anatomy.place(anatomy.painting(p, c), p, OVERSAMPLING * size)
    relief = anatomy.place(anatomy.relief(p), p, RELIEF)
    for i, row in enumerate(rows.tolist()):
        planes = 3 if p["colour"][i] else 1  # grey pictures are painted on one plane: faster
        canvas = np.full((OVERSAMPLING * size,) * 2 + (planes,), c["wall"][i, :planes], np.uint8)
        shading = np.full((RELIEF, RELIEF), 128, np.uint8)
        _paint(canvas, painting, i)
        _paint(shading, relief, i)
        view = {name: float(p[name][i, 0, 0]) for name in EXPOSURE}
        noise = np.random.default_rng((sample.seed, row))
        pictures[i] = _expose(canvas, shading, size, view, noise)


def _paint(canvas: NDArray[np.uint8], layers: list[anatomy.Layer], face: int) -> None:
    for layer in layers:
        if layer.shown[face]:
            colour = layer.colours[face].tolist()
            cv2.fillPoly(canvas, list(layer.polygons[face]), colour, cv2.LINE_AA, anatomy.SHIFT)


def _expose(
    canvas: NDArray[np.uint8],
    shading: NDArray[np.uint8],
    size: int,
    view: Mapping[str, float],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Turn a painted canvas into a picture (planes, size, size): light, blur, noise."""
    picture = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    shade = cv2.resize(cv2.blur(shading, (5, 5)), (size, size))
    gamma = 255 * (np.arange(256) / 255) ** view["gamma"]
    bright = gamma.astype(np.float32)[picture].reshape(size, size, -1)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    light = view["gain"] * (1 + view["light_x"] * ramp + view["light_y"] * ramp[:, None])
    bright *= (shade * light / 128)[..., None]
    if view["blur"] * size > 0.3:
        bright = cv2.GaussianBlur(bright, (0, 0), view["blur"] * size).reshape(size, size, -1)
    bright += view["noise"] * rng.standard_normal(bright.shape, np.float32)
    levels: NDArray[np.uint8] = np.rint(bright.clip(0, 255)).astype(np.uint8)
    return levels.transpose(2, 0, 1)


def ids(sample: FaceSample) -> list[str]:
    """Name the files in row order, `<person>_<number>.jpg`; each person counts from 1."""
    taken: dict[int, int] = {}
    names = []
    for person in sample.people.tolist():
        taken[person] = taken.get(person, 0) + 1
        names.append(f"generated-person-{person:04d}_{taken[person]:04d}.jpg")
    return names


def write(folder: Path, n: int = N_FACES, seed: int = 0, size: int = 128) -> None:
    """Store a data set the way muxspace's is: `images/` and `data/legend.csv`.

    The legend has the columns user.id (always `CONTRIBUTOR`), image, emotion. The folder is there
    whole or not at all. `n` and `seed` are as for `sample`, `size` as for `draw`.

    Raises
    ------
    ValueError
        If `folder` holds something already, or an argument is out of range.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is there already and not an empty folder")
    faces = sample(n, seed)
    names = ids(faces)
    with cache.written_whole(folder) as draft:
        for part in ("images", "data"):
            (draft / part).mkdir(parents=True)
        for start in range(0, n, BLOCK):
            block = slice(start, start + BLOCK)
            for name, picture in zip(names[block], draw(faces, block, size), strict=True):
                blue_first = np.ascontiguousarray(picture[::-1].transpose(1, 2, 0))
                if not cv2.imwrite(str(draft / "images" / name), blue_first):
                    raise OSError(f"could not write {name}")
        with (draft / "data" / "legend.csv").open("w", newline="", encoding="utf-8") as file:
            legend = csv.writer(file)
            legend.writerow(["user.id", "image", "emotion"])
            for name, label in zip(names, faces.labels, strict=True):
                legend.writerow([CONTRIBUTOR, name, CLASS_NAMES[label]])
