"""The part of a picture of a face that is looked at: the eye strip, the mouth or the face.

Found by the Haar cascades that come with OpenCV (Viola and Jones, "Rapid object detection using a
boosted cascade of simple features", CVPR 2001), in the picture as it comes, before it is stretched.
For the strip both eyes must be found, each on its side of the face, about level and about as far
apart as eyes are. What is not found is taken from where it usually is in a face; a picture in which
no face is found is taken as that of a registered face, which fills it.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

NONE = "none"
WORDS = {"eyes": "eye strip", "mouth": "mouth", "face": "face"}  # for a reader, by name of the crop
CROPS = (NONE, *WORDS)

FACE_SIDE = 80  # pixels of a picture's longer side when a face is looked for in it
BORDER = 0.15  # of that side, put around: the faces of close pictures touch the edge
LEAST_FACE = 0.3  # of that side
# Where several faces may be in a picture.
FACES_SIDE = 640  # pixels of its longer side
SMALLEST_FACE = 40  # pixels of that
FILLS = 0.5  # of the shorter side: so wide a face leaves no room for others
VOTES = 4  # of windows that find a face, at least


class Feature(NamedTuple):
    """What is looked for in a face; places and sizes are shares of the face's width and height.

    Attributes
    ----------
    cascade : str
    across, down : tuple of float
        Where the window begins and ends in which it is looked for.
    face_side : int
        Width of the face in pixels meanwhile: fewer take less time and find less.
    least, most : tuple of float
        Width and height of what is found.
    usual : tuple of float
        Place of its centre: the median over those found in every eighth picture of muxspace.
    """

    cascade: str
    across: tuple[float, float]
    down: tuple[float, float]
    face_side: int
    least: tuple[float, float]
    most: tuple[float, float]
    usual: tuple[float, float]


# Left and right as the picture shows them.
LEFT_EYE = Feature("eye", (0.05, 0.56), (0.2, 0.58), 176, (0.16,) * 2, (0.45,) * 2, (0.299, 0.390))
RIGHT_EYE = LEFT_EYE._replace(across=(0.44, 0.95), usual=(0.677, 0.386))
MOUTH = Feature("smile", (0.1, 0.9), (0.58, 1.05), 100, (0.25, 0.12), (1, 1), (0.509, 0.819))

SLIMMEST = 8  # times one side the other: a picture taken for a face, slimmer than this, is none
EYE_DISTANCE = (0.28, 0.55)  # of the face's width, from least to most
EYE_SLOPE = 0.25  # at most
# How far the strip reaches from the middle between the eyes, in distances between them.
STRIP_ACROSS, STRIP_UP, STRIP_DOWN = 1.0, 0.5, 0.4
MOUTH_SIZE = (0.52, 0.34)  # of the face's

_of_this_thread = threading.local()  # a cascade must not be used by two threads at once


class Box(NamedTuple):
    """A part of a picture in pixels, which may reach beyond it."""

    x: float
    y: float
    width: float
    height: float

    def at(self, across: float, down: float) -> tuple[float, float]:
        """Return the place at these shares of the width and the height."""
        return self.x + across * self.width, self.y + down * self.height

    def of(self, picture: np.ndarray) -> np.ndarray:
        """Return what of the box lies in the picture, a pixel at least."""
        height, width = picture.shape[:2]
        top, left = (
            min(max(round(start), 0), end - 1) for start, end in ((self.y, height), (self.x, width))
        )
        bottom, right = round(self.y + self.height), round(self.x + self.width)
        return picture[top : max(bottom, top + 1), left : max(right, left + 1)]


def cut(picture: np.ndarray, crop: str) -> tuple[np.ndarray, bool]:
    """Cut a picture to a part of the face.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width, 1 or 3)
        RGB or grey, any size.
    crop : {"eyes", "mouth", "face"}

    Returns
    -------
    part : ndarray of uint8, shape (height, width, 1 or 3)
        A view of the picture.
    found : bool
        Whether the cascades found it; else it is what is usually there.
    """
    grey = picture[..., 0] if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    face = _face(grey)
    whole = face or Box(0, 0, grey.shape[1], grey.shape[0])
    if crop == "face":
        return whole.of(picture), face is not None
    part, found = (_eye_strip if crop == "eyes" else _mouth)(grey, whole)
    return part.of(picture), found


def faces(picture: np.ndarray) -> list[Box]:
    """Find all faces in a picture ``(height, width, 1 or 3)`` of uint8.

    One that fills the picture, found as `cut` does it, is alone in it.
    """
    grey = picture[..., 0] if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    close = _face(grey)
    if close is not None and close.width > FILLS * min(grey.shape):
        return [close]
    scale = FACES_SIDE / max(grey.shape)
    boxes = _cascade("frontalface_alt2").detectMultiScale(
        _scaled(grey, scale), 1.1, VOTES, minSize=(SMALLEST_FACE, SMALLEST_FACE)
    )
    found = [Box(*(float(end) / scale for end in box)) for box in boxes]
    return found or ([] if close is None else [close])


def said(crop: str, share: float) -> str:
    """Tell a reader in what share of the pictures the crop was found."""
    otherwise = "the whole picture" if crop == "face" else "by fixed geometry"
    return f"found in {100 * share:.0f} % of the pictures, else {otherwise}"


def _face(grey: np.ndarray) -> Box | None:
    """Find the largest face."""
    scale = FACE_SIDE / max(grey.shape)
    border, least = round(BORDER * FACE_SIDE), round(LEAST_FACE * FACE_SIDE)
    small = np.pad(_scaled(grey, scale), border, mode="edge")
    boxes = _cascade("frontalface_alt2").detectMultiScale(small, 1.1, 2, minSize=(least, least))
    if len(boxes) == 0:
        return None
    x, y, width, height = max(map(tuple, boxes), key=lambda box: box[2])
    return Box((x - border) / scale, (y - border) / scale, width / scale, height / scale)


def _eye_strip(grey: np.ndarray, face: Box) -> tuple[Box, bool]:
    left, right = (_centre(eye, grey, face) for eye in (LEFT_EYE, RIGHT_EYE))
    found = left is not None and right is not None and _are_a_pair(left, right, face)
    if left is None or right is None or not found:
        left, right = face.at(*LEFT_EYE.usual), face.at(*RIGHT_EYE.usual)
    x, y, apart = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2, right[0] - left[0]
    top, height = y - STRIP_UP * apart, (STRIP_UP + STRIP_DOWN) * apart
    return Box(x - STRIP_ACROSS * apart, top, 2 * STRIP_ACROSS * apart, height), found


def _are_a_pair(left: tuple[float, float], right: tuple[float, float], face: Box) -> bool:
    apart, rise = right[0] - left[0], right[1] - left[1]
    least, most = EYE_DISTANCE
    return least < apart / face.width < most and abs(rise) < EYE_SLOPE * apart


def _mouth(grey: np.ndarray, face: Box) -> tuple[Box, bool]:
    centre = _centre(MOUTH, grey, face)
    x, y = centre or face.at(*MOUTH.usual)
    width, height = MOUTH_SIZE[0] * face.width, MOUTH_SIZE[1] * face.height
    return Box(x - width / 2, y - height / 2, width, height), centre is not None


def _centre(feature: Feature, grey: np.ndarray, face: Box) -> tuple[float, float] | None:
    """Find the middle of what the cascade is surest of, in pixels of the picture."""
    if max(face.width, face.height) > SLIMMEST * min(face.width, face.height):
        return None  # its height is enlarged as its width is, however often that goes into it
    x, y = (max(start, 0) for start in face.at(feature.across[0], feature.down[0]))
    right, bottom = face.at(feature.across[1], feature.down[1])
    scale = feature.face_side / face.width
    window = _scaled(Box(x, y, right - x, bottom - y).of(grey), scale)
    least, most = (
        tuple(round(share * feature.face_side) for share in size)
        for size in (feature.least, feature.most)
    )
    boxes, votes = _cascade(feature.cascade).detectMultiScale2(
        window, 1.1, 2, minSize=least, maxSize=most
    )
    if len(boxes) == 0:
        return None
    left, top, width, height = boxes[int(np.argmax(votes))]
    return round(x) + (left + width / 2) / scale, round(y) + (top + height / 2) / scale


def _scaled(picture: np.ndarray, scale: float) -> np.ndarray:
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = [max(round(scale * side), 1) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=interpolation)


def _cascade(name: str) -> cv2.CascadeClassifier:
    if not hasattr(_of_this_thread, name):
        file = Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"
        setattr(_of_this_thread, name, cv2.CascadeClassifier(str(file)))
    return getattr(_of_this_thread, name)
