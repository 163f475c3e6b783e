"""Answers written onto a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.crops import Box

LEAST_SIDE = 320  # pixels; smaller pictures are enlarged, so that what is written can be read
MOST_SIDE = 4096  # pixels; longer ones are not, nor does a picture become longer than that
LETTERS = 1 / 22  # height of what is written, of the shorter side
PAPER, INK = (0, 0, 0), (255, 255, 255)
# Of places that speak for a class and against it: two that all eyes tell apart, lighter and darker.
FOR, AGAINST = (222, 143, 5), (1, 115, 178)
STRONGEST = 0.8  # share of such a colour where a place speaks most; none where it says nothing


@dataclass(frozen=True)
class Label:
    """What is written at a part of a picture; a part in doubt has a broken frame."""

    box: Box
    lines: Sequence[str]
    in_doubt: bool = False


def labelled(picture: np.ndarray, labels: Sequence[Label]) -> np.ndarray:
    """Frame parts of a picture ``(height, width, 1 or 3)`` and write what was said of them.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB; small pictures are enlarged.
    """
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).convert("RGB")
    scale = max(min(LEAST_SIDE / min(image.size), MOST_SIDE / max(image.size)), 1.0)
    if scale > 1:
        image = image.resize([round(side * scale) for side in image.size])
    letters = max(round(min(image.size) * LETTERS), 10)
    font = ImageFont.truetype(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), letters)
    draw, width = ImageDraw.Draw(image), max(letters // 7, 1)
    for label in labels:
        left, top = (max(round(each * scale), 0) for each in (label.box.x, label.box.y))
        right = min(round((label.box.x + label.box.width) * scale), image.width) - 1
        bottom = min(round((label.box.y + label.box.height) * scale), image.height) - 1
        _frame(draw, (left, top, right, bottom), width, label.in_doubt, letters)
        text = "\n".join(label.lines)
        place = draw.multiline_textbbox((0, 0), text, font=font)
        height = round(place[3]) + letters // 2
        below, above = bottom + 2 * width, top - height - width
        y = below if below + height <= image.height else above if above >= 0 else bottom - height
        x = max(min(left + letters // 3, image.width - round(place[2]) - letters // 2), 0)
        on = draw.multiline_textbbox((x, y), text, font=font)
        draw.rectangle([on[0] - 4, on[1] - 4, on[2] + 4, on[3] + 4], fill=PAPER)
        draw.multiline_text((x, y), text, font=font, fill=INK)
    return np.asarray(image)


def palette(share: np.ndarray) -> np.ndarray:
    """Colours ``(..., 4)`` of values in -1 to 1, RGB and how much they cover, in 0 to 1."""
    colours = np.where(share[..., None] > 0, FOR, AGAINST) / 255
    return np.concatenate([colours, STRONGEST * np.abs(share)[..., None]], axis=-1)


def grey(picture: np.ndarray) -> np.ndarray:
    """A picture ``(height, width, 1 or 3)`` of uint8 without colours, ``(height, width, 1)``."""
    if picture.shape[2] == 1:
        return picture
    return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)[..., None]


def overlaid(picture: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Lay a map of values in -1 to 1 over a picture without its colours.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width, 1 or 3)
    share : ndarray of float64, shape (size, size)

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    height, width = picture.shape[:2]
    colours = palette(np.clip(cv2.resize(share, (width, height)), -1, 1))
    cover = colours[..., 3:]
    mixed = 255 * cover * colours[..., :3] + (1 - cover) * grey(picture)
    return mixed.round().astype(np.uint8)


def with_key(picture: np.ndarray, way: str) -> np.ndarray:
    """Put under a picture ``(height, width, 3)`` which way its colours were made and their meaning.

    Returns
    -------
    ndarray of uint8, shape (height + strip, width, 3)
    """
    height, width = picture.shape[:2]
    told = f"{way}: where the picture speaks ", "for", " and ", "against", " what is said"
    colours = INK, FOR, INK, AGAINST, INK
    path = Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans-Bold.ttf")
    letters = max(round(min(height, width) * LETTERS), 10)
    while letters > 6 and ImageFont.truetype(path, letters).getlength("".join(told)) > width - 8:
        letters -= 1
    font, strip = ImageFont.truetype(path, letters), 2 * letters
    whole = Image.new("RGB", (width, height + strip + (height + strip) % 2), PAPER)
    whole.paste(Image.fromarray(picture))
    draw, x = ImageDraw.Draw(whole), 4.0
    for words, colour in zip(told, colours, strict=True):
        draw.text((x, height + letters // 3), words, font=font, fill=colour)
        x += font.getlength(words)
    return np.asarray(whole)


def _frame(
    draw: ImageDraw.ImageDraw,
    ends: tuple[int, int, int, int],
    width: int,
    broken: bool,
    dash: int,
) -> None:
    left, top, right, bottom = ends
    if right - left < 3 * width or bottom - top < 3 * width:
        return
    if not broken:
        draw.rectangle(ends, outline=PAPER, width=width)
        inside = [left + width, top + width, right - width, bottom - width]
        draw.rectangle(inside, outline=INK, width=width)
        return
    for start in range(left, right, 2 * dash):
        for y in (top, bottom):
            draw.line([start, y, min(start + dash, right), y], fill=INK, width=2 * width)
    for start in range(top, bottom, 2 * dash):
        for x in (left, right):
            draw.line([x, start, x, min(start + dash, bottom)], fill=INK, width=2 * width)
