"""How git is started, so that it works on the folder that is named and on no other."""

from __future__ import annotations

import os

# What git is told of the way to other machines, and of where its own files and settings lie. All
# other variables of its go: in a hook they name the repository of whoever started this.
KEPT = (
    *("GIT_SSH", "GIT_SSL_", "GIT_PROXY_", "GIT_HTTP_", "GIT_ASKPASS", "GIT_TERMINAL_PROMPT"),
    *("GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
)


def environment() -> dict[str, str]:
    """Return the environment without what names a repository, its files or its settings to git."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(KEPT)
    }
