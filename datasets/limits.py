"""Bounds on what a stranger hands in, checked before it is read; docs/reliability.md lists them."""

import os

PICTURE_BYTES = 1 << 28  # of one file
PIXELS = 1 << 26  # of one picture, 8192 x 8192, by its header
TABLE_BYTES = 1 << 30  # of a table that goes with pictures, or of predictions
PIXEL_TABLE_BYTES = 1 << 32  # of a table that has the pictures in it
LINE = 1 << 20  # bytes of a line of a table
ARRAY_BYTES = 1 << 34  # of a file of arrays, and of what is packed in it
PICTURES = 1 << 20  # in a file of arrays, and rows of a table that goes with pictures
SIDE = 1024  # pixels: width of the pictures that models are shown
CLASSES = 1000  # of a data set; ImageNet has as many
SCANS = 100  # of a JPEG; usual are 1 and, where it comes in passes, 10
RECORD_BYTES = 1 << 24  # of what a stored run tells of itself
BOARD_BYTES = 1 << 26  # of the list of a leaderboard's rows, or of searches
TEXT_BYTES = 1 << 20  # of a configuration, a grid, or another text that is read whole
NAME = 100  # bytes of the name of a set or a model; files are called by both, in 255 bytes
SHOWN = 200  # characters of what is wrong, in a message

MOST = (1 << 63) - 1  # of anything: what can be asked of a file or an array
DIGITS = 20  # which any number of so many times a bound is beyond
VARIABLE = "LARGER_INPUTS"  # of the environment: how many times larger all may be
_LARGER = (
    *("PICTURE_BYTES", "PIXELS", "TABLE_BYTES", "PIXEL_TABLE_BYTES", "LINE", "ARRAY_BYTES"),
    *("PICTURES", "CLASSES", "RECORD_BYTES", "BOARD_BYTES", "TEXT_BYTES"),
)
_USUAL = {name: globals()[name] for name in _LARGER}


def allow(times: int) -> None:
    """Let all that is read be so many times larger, here and in processes started from now on."""
    os.environ[VARIABLE] = str(times)
    follow()


def follow() -> None:
    """Take the bounds that the environment says."""
    times = os.environ.get(VARIABLE, "").strip().lstrip("0")
    larger = int(times[:DIGITS]) if times.isdecimal() else 1  # beyond these all is the most
    globals().update({name: min(larger * usual, MOST) for name, usual in _USUAL.items()})


def cut(text: str) -> str:
    """Shorten what a message shows of a stranger's text."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


follow()
