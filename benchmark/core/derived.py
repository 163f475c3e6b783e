"""What was computed from stored runs, remembered beside the packed pictures in the cache folder.

In come values by a key that holds all that decides them; out come the same values again, as long as
the code and the libraries are the same. It may be deleted at any time: then all is computed anew.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import InputError, cache, limits
from datasets.pictures import read_whole

logger = logging.getLogger(__name__)

LIBRARIES = ("matplotlib", "numpy", "pandas", "pillow", "scikit-learn", "scipy", "statsmodels")


class Derived:
    """JSON values by their keys; kept in a file if `open_for` is told of what folder they are."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._before: dict[str, Any] = {}
        self._now: dict[str, Any] = {}

    def of(self, key: str, make: Callable[[], Any]) -> Any:
        """Return the value of a key, which is made now unless it is remembered."""
        if key not in self._now:
            self._now[key] = self._before[key] if key in self._before else make()
        return self._now[key]

    def from_(self, kind: str, source: str, make: Callable[[], Any]) -> Any:
        """Return what is made of a source by its digest; anew each time where that is empty."""
        return self.of(f"{kind} {source}", make) if source else make()

    def before(self, key: str) -> Any:
        """Return what was last put under a key whose value says itself what it is of, or None."""
        return self._now.get(key, self._before.get(key))

    def put(self, key: str, value: Any) -> None:
        """Put a value under a key in place of what was there."""
        self._now[key] = value

    def open_for(self, results: Path) -> None:
        """Begin with what was remembered of a results folder, if that is whole and of this code."""
        name = hashlib.sha256(os.fsencode(results.resolve())).hexdigest()
        self._path = cache.folder() / "derived" / name
        try:
            seal, _, text = read_whole(self._path, limits.ARRAY_BYTES).partition(b"\n")
            whole = seal == self._seal(text)
        except FileNotFoundError:
            return
        except (OSError, InputError) as error:
            logger.warning("%s cannot be read (%s): all is computed anew", self._path, error)
            return
        if whole:
            self._before = json.loads(text)

    def save(self, everything: bool = False) -> None:
        """Keep what was asked for since it was opened, and of the rest nothing or everything."""
        if everything:
            self._now = {**self._before, **self._now}
        if self._path is None or self._now == self._before:
            return
        whole = json.dumps(self._now, separators=(",", ":"), ensure_ascii=False)
        text = whole.encode(errors="surrogatepass")  # as `json.loads` reads it
        try:
            with cache.written_whole(self._path) as draft:
                draft.write_bytes(self._seal(text) + b"\n" + text)
        except OSError as error:
            logger.warning(
                "%s cannot be written (%s): next time all is computed anew", self._path, error
            )
        self._before, self._now = self._now, {}

    def _seal(self, text: bytes) -> bytes:
        """SHA-256 of values, the results folder they are of, and what computed them."""
        whole = hashlib.sha256(os.fsencode(f"{self._path} {_made_by()}\n"))
        whole.update(text)
        return whole.hexdigest().encode()


@functools.cache
def _made_by() -> str:
    """SHA-256 of all code of this package, and the releases of the libraries that compute."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    code = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    return " ".join([code, *(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)])
