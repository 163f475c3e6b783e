"""Picture files to packed pictures, and how many unreadable ones are borne."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from datasets import cache
from datasets.errors import InputError

logger = logging.getLogger(__name__)

# One bad file in a thousand is an accident to report; more is a broken data set to mend.
BORNE = 1 / 1000


def packed(paths: Sequence[str], size: int, missing: str) -> cache.Packed:
    """Packed pictures of the files, with the few unreadable ones reported and left out.

    Parameters
    ----------
    paths : sequence of str
        In row order.
    size : int
        Width and height in pixels, 8 to 1024.
    missing : str
        What to do about a file that is not there.

    Raises
    ------
    InputError
        If a file is not there, or more than one in a thousand cannot be read.
    """
    if not 8 <= size <= 1024:
        raise InputError(f"the picture size is {size}: it must be from 8 to 1024 pixels")
    try:
        result = cache.packed_files(paths, size)
    except FileNotFoundError as error:
        gone = sum(not Path(path).exists() for path in set(paths)) - 1
        others = f" ({gone} more like it)" if gone > 0 else ""
        raise InputError(f"{error.filename} is not there{others}: {missing}") from error
    except IsADirectoryError as error:
        raise InputError(f"{error.filename} is a folder, not a picture: move it") from error
    bad = [(paths[row], reason) for row, reason in result.unreadable]
    if len(bad) > BORNE * len(paths):
        path, reason = bad[0]
        others = f" ({len(bad) - 1} more like it)" if len(bad) > 1 else ""
        raise InputError(f"{path}: {reason}{others}: replace the picture or remove it")
    for path, reason in bad:
        logger.warning("left out %s: %s", path, reason)
    return result
