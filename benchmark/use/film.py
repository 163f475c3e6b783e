"""Writing a film, picture by picture."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from benchmark.core.files import written
from datasets import InputError
from datasets.names import readable

SUFFIX, CODEC = ".mp4", "mp4v"


def check_name(path: Path, remedy: str) -> None:
    """Raise InputError for a film whose path is not UTF-8, of which OpenCV would die."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = readable(str(path))
        raise InputError(f"{shown}: a film's name must be UTF-8: {remedy}") from error


class Film:
    """A film that is being written; use as a context manager, at whose end it is there, whole.

    It has no sound.

    Parameters
    ----------
    path : Path
    rate : float
        Pictures a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate = path, rate
        self.writer: cv2.VideoWriter | None = None
        self.draft = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.writer is not None:
            self.writer.release()
        self.draft.__exit__(kind, error, trace)

    def add(self, picture: np.ndarray) -> None:
        """Add a picture ``(height, width, 3)`` of RGB, all of one size.

        Raises
        ------
        InputError
            If the film cannot be written.
        """
        if self.writer is None:
            height, width = picture.shape[:2]
            check_name(self.path, "name another --to")
            code = cv2.VideoWriter.fourcc(*CODEC)
            draft = self.draft.enter_context(written(self.path))
            self.writer = cv2.VideoWriter(str(draft), code, self.rate, (width, height))
            if not self.writer.isOpened():
                raise InputError(f"{self.path} cannot be written: name another --to")
        self.writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
