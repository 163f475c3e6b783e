"""The one error a user is meant to read."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one line with the remedy."""
