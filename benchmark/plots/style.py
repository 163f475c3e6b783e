"""What all pictures share: colours safe for the colour-blind, letters, and how they are kept."""

from __future__ import annotations

import io
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
