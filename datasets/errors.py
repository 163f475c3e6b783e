"""The one error a user is meant to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one line with the remedy."""


@contextmanager
def reading(what: str | None = None) -> Iterator[None]:
    """Turn an error of the system into an `InputError` that names what cannot be read."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"{what or error.filename or 'a file'} cannot be read: {why}") from error
