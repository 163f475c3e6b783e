"""Answers written onto a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from datasets.crops import Box

LEAST_SIDE = 320  # pixels; smaller pictures are enlarged, so that what is written can be read
LETTERS = 1 / 22  # height of what is written, of the shorter side
PAPER, INK = (0, 0, 0), (255, 255, 255)


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
    scale = max(LEAST_SIDE / min(image.size), 1.0)
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
