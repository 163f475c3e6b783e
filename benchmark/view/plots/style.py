"""What all pictures share: colours safe for the colour-blind, letters, and how they are kept."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmark.core.records import KINDS
from benchmark.view.plots import fonts

DPI = 110
TRAINING, SELECTION, _, CLASSICAL = sns.color_palette("colorblind", 4)
COLOURS = {
    kind: sns.color_palette("colorblind")[i] for kind, i in zip(KINDS, (3, 4, 2, 0, 7), strict=True)
}
MARKS = dict(zip(KINDS, "sD^oP", strict=True))  # besides the colour, for who cannot tell these
STYLE: Any = {
    "font.family": fonts.families(),
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a class may be called $x$
    "svg.fonttype": "none",  # words stay words
    "svg.hashsalt": "one",  # the same picture, the same bytes
}


TITLE = 12  # points
MARGIN = 0.01  # of the figure's width, beside its title
LINE = 1.25  # heights of its letters that a line of the title takes


@contextmanager
def drawing(width: float, height: float, title: str) -> Iterator[Figure]:
    """A figure in the style of all, with a title over it that may take several lines.

    Parameters
    ----------
    width, height : float
        In inches, the title's further lines not counted.
    title : str
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        heading(figure, title)


def legend(
    figure: Figure, handles: Iterable[Any], labels: Iterable[str] = (), columns: int = 2
) -> None:
    """Put a legend under all panels, of these labels or those that the handles have."""
    figure.legend(
        (handles := [*handles]),
        [*labels] or [str(handle.get_label()) for handle in handles],
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=9,
    )


def rows_apart(axes: Axes, direction: Literal["both", "x", "y"] = "y") -> None:
    """Draw a faint grid behind what is drawn."""
    axes.grid(axis=direction, color="0.9")
    axes.set_axisbelow(True)


def logarithmic(axes: Axes) -> None:
    """Make the horizontal scale logarithmic, its numbers written out."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))  # the usual one is mathematics
    axes.xaxis.set_minor_formatter(NullFormatter())


def heading(figure: Figure, title: str) -> None:
    """Put a bold title over a figure, in as many lines as it needs, and make room for these.

    Parameters
    ----------
    figure : Figure
    title : str
        Broken where it has line breaks and where it would leave the figure: at a space, or in a
        model's long name after a comma or a plus.
    """
    text = figure.suptitle("", x=MARGIN, ha="left", fontsize=TITLE, fontweight="bold")
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
    more = (len(lines) - 1) * TITLE * LINE / 72  # inches
    figure.set_figheight(figure.get_figheight() + more)


def png(figure: Figure, mark: str = "", all_colours: bool = False) -> bytes:
    """Return a figure as a PNG of 256 colours; the same figure gives the same bytes.

    It takes a third of the room of one of all colours, of which the most used are kept as they are.

    Parameters
    ----------
    figure : Figure
    mark : str
        Says what the picture was drawn from, for `is_current`.
    all_colours : bool
        Keep them all: faces under colours that flow are no longer these in 256.
    """
    image, drawn = io.BytesIO(), io.BytesIO()
    _save(figure, drawn, format="png", dpi=DPI, pil_kwargs={"compress_level": 1})
    said = PngInfo()
    said.add_text("Software", f"matplotlib {mpl.__version__}")
    said.add_text("Comment", mark)
    with Image.open(drawn) as colours:
        whole = colours.convert("RGB")
    kept = whole if all_colours else _of_few_colours(whole)
    kept.save(image, "PNG", optimize=True, dpi=(DPI, DPI), pnginfo=said)
    return image.getvalue()


def _of_few_colours(picture: Image.Image) -> Image.Image:
    """A picture with a palette; each of its entries is the most frequent of those it stands for."""
    few = picture.quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    entries = np.asarray(few).astype(np.int64)
    red, green, blue = np.moveaxis(np.asarray(picture).astype(np.int64), 2, 0)
    used, times = np.unique(entries << 24 | red << 16 | green << 8 | blue, return_counts=True)
    used = used[np.argsort(times, kind="stable")]  # of each entry the most frequent last
    palette = np.array(few.getpalette("RGB")).reshape(-1, 3)
    palette[used >> 24] = np.stack([used >> 16 & 255, used >> 8 & 255, used & 255], axis=1)
    few.putpalette(palette.ravel().tolist())
    return few


def svg(figure: Figure) -> str:
    """Return a figure as an SVG with words as words; the same figure gives the same text."""
    drawn = io.StringIO()
    _save(figure, drawn, format="svg", transparent=True, metadata={"Date": None})
    return drawn.getvalue()


def _save(figure: Figure, to: IO[Any], **how: Any) -> None:
    """Draw a figure; of letters that no font has, see `fonts.lacking`, it says nothing."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # Some words, such as those at ticks, are made only now.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(to, **how)


# What a page's own colours take the place of, so that a picture is as light or dark as the page.
INK, PAPER, GRID = "#000000", "#ffffff", "#e6e6e6"


def inline(figure: Figure, shows: str) -> str:
    """Return a figure as an element of a page, in that page's colours.

    Parameters
    ----------
    figure : Figure
    shows : str
        What a reader who cannot see it is told.
    """
    drawn = svg(figure)
    drawn = drawn[drawn.index("<svg ") :]
    referred = {*re.findall(r'(?:url\(|href=")#([^)"]+)', drawn)}
    drawn = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in referred else "", drawn)
    for colour, own in ((INK, "currentColor"), (PAPER, "var(--paper)"), (GRID, "var(--grid)")):
        drawn = drawn.replace(colour, own)
    drawn = re.sub(r"<metadata>.*?</metadata>\s*", "", drawn, flags=re.DOTALL)
    drawn = re.sub('font-family: [^;"]*;?', "", drawn)
    width = re.search(r'width="([\d.]+)pt"', drawn)
    assert width is not None
    said = f'role="img" aria-label="{html.escape(shows)}" style="max-width:{width[1]}pt"'
    return re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf"<svg \1 {said}>", drawn, count=1)


def is_current(path: Path, mark: str) -> bool:
    """Whether a picture is there and was drawn from what `mark` stands for."""
    if not path.is_file():
        return False
    try:
        with Image.open(path) as picture:
            return picture.info.get("Comment") == mark
    except (OSError, ValueError, SyntaxError):  # it is none, or a damaged one
        return False


def shortened(name: str, most: int = 44) -> str:
    """A file name with its middle left out where it is long; its end tells files apart."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"
