"""What all pictures share: colours safe for the colour-blind, letters, and how they are kept."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure
from PIL import Image

DPI = 110
TRAINING, SELECTION = sns.color_palette("colorblind")[0], sns.color_palette("colorblind")[1]
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a class may be called $x$
}


MARGIN = 0.01  # of the figure's width, beside its title
LINE = 1.25  # heights of its letters that a line of the title takes


def heading(figure: Figure, title: str, size: float = 12) -> None:
    """Put a bold title over a figure, in as many lines as it needs, and make room for these.

    Parameters
    ----------
    figure : Figure
    title : str
        Broken where it has line breaks and where it would leave the figure: at a space, or in a
        model's long name after a comma or a plus.
    size : float
        Of the letters, in points.
    """
    text = figure.suptitle("", x=MARGIN, ha="left", fontsize=size, fontweight="bold")
    width = (1 - 2 * MARGIN) * figure.bbox.width
    lines = []
    for line in title.splitlines():
        begun = ""
        for part in re.split("(?<=[ ,+])", line):
            text.set_text(f"{begun}{part}".rstrip())
            if begun and text.get_window_extent().width > width:
                lines.append(begun.rstrip())
                begun = ""
            begun += part
        lines.append(begun)
    text.set_text("\n".join(lines))
    more = (len(lines) - 1) * size * LINE / 72  # inches
    figure.set_figheight(figure.get_figheight() + more)


def save(figure: Figure, path: Path, mark: str = "") -> None:
    """Write a PNG whole or not at all; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    path : Path
    mark : str
        Says what the picture was drawn from, for `is_current`.
    """
    image = io.BytesIO()
    metadata = {"Software": f"matplotlib {mpl.__version__}", "Comment": mark}
    figure.savefig(image, format="png", dpi=DPI, metadata=metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(image.getvalue())
    draft.replace(path)


def is_current(path: Path, mark: str) -> bool:
    """Whether a picture is there and was drawn from what `mark` stands for."""
    if not path.is_file():
        return False
    with Image.open(path) as picture:
        return picture.info.get("Comment") == mark


def shortened(name: str, most: int = 44) -> str:
    """A file name with its middle left out where it is long; its end tells files apart."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"
