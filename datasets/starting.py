"""Imported first: an interrupt while a command of this package imports ends it in a line."""

from __future__ import annotations

import os
import signal
import sys


def _leave(*_: object) -> None:
    os.write(2, b"interrupted: nothing was begun\n")
    os._exit(130)


if sys.argv and sys.argv[0] == "-m":  # so it is while Python locates the command's module
    signal.signal(signal.SIGINT, _leave)
