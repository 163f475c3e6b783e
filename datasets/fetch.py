"""Get the muxspace pictures with git: ``python -m datasets.fetch``."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from datasets import cache, git, limits
from datasets.errors import InputError
from datasets.loaders import muxspace
from datasets.names import readable, short
from datasets.registry import LOADERS

URL_VARIABLE = "MUXSPACE_URL"
URL = "https://github.com/muxspace/facial_expressions.git"
COMMIT = "5fb9c13afac07c55eae8d25eb6b50af344ad60c9"


def fetch(url: str, commit: str, home: Path) -> None:
    """Bring one commit of a repository to a folder, whole or not at all.

    What an interrupted call got is kept beside the folder and used by the next.

    Parameters
    ----------
    url : str
        Of the repository; a path serves too.
    commit : str
        Full hash; what is checked out is compared with it.
    home : Path
        Made by this.

    Raises
    ------
    InputError
        If git is missing or cannot get the commit.
    """
    if shutil.which("git") is None:
        raise InputError("git is not installed: install it, or download the pictures by hand")
    draft = home.with_name(f"{home.name}.partial")
    draft.mkdir(parents=True, exist_ok=True)
    if not (draft / ".git" / "HEAD").is_file():
        _git(draft, "init", "--quiet")
    for lock in (draft / ".git").glob("*.lock"):  # left by a call that was cut off
        lock.unlink()
    url = str(Path(url).resolve()) if os.path.exists(url) else url  # noqa: PTH110 (any length)
    try:
        _git(draft, "fetch", "--progress", "--depth", "1", "--", url, commit)
    except InputError:
        # Not every server hands out a single commit by its hash; then all of it is brought.
        _git(draft, "fetch", "--progress", "--", url, "+refs/heads/*:refs/remotes/origin/*")
    _git(draft, "checkout", "--progress", "--force", "--detach", commit)
    head = _git(draft, "rev-parse", "HEAD", quiet=True)
    if head != commit or _git(draft, "status", "--porcelain", quiet=True):
        raise InputError(f"{draft} is not commit {commit}: remove the folder and try again")
    try:
        draft.rename(home)
    except OSError as error:
        raise InputError(f"{home} is in the way ({error.strerror}): remove it") from error


def _git(folder: Path, *arguments: str, quiet: bool = False) -> str:
    # Fail rather than ask for a password, and rather than wait for a line that is dead.
    environment = {
        **git.environment(),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
        "GIT_HTTP_LOW_SPEED_TIME": "30",
    }
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env=environment,
            stdout=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
        )
    except OSError as error:
        raise InputError(f"git cannot be started ({error.strerror}): install it anew") from error
    if done.returncode != 0:
        raise InputError(f"git {arguments[0]} failed: check the network, or set {URL_VARIABLE}")
    return (done.stdout or "").strip()


def _say(line: str) -> None:
    print(readable(line), file=sys.stderr)


def main() -> int:
    """Get the pictures; with ``--if-possible`` carry on without them where they cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--if-possible", action="store_true", help="no error without network")
    arguments = parser.parse_args()
    url = os.environ.get(URL_VARIABLE, URL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with cache.usable():
            folder = LOADERS["muxspace"].find()
            if folder is not None:
                _say(f"the muxspace pictures are at {folder}")
                return 0
            _say(f"getting the muxspace pictures from {short(url, limits.NAME)}")
            fetch(url, COMMIT, muxspace.fetched())
    except InputError as error:
        if arguments.if_possible and os.environ.get("MUXSPACE_DIR") is None:
            _say(f"no real pictures to be had ({error})")
            return 0
        _say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        _say("interrupted: the same command goes on")
        return 130
    _say(f"the muxspace pictures are at {muxspace.fetched()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
