"""The machine and the state of the code that a run is made with, for its reader."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import math
import os
import platform
import subprocess
from pathlib import Path

from benchmark.core.files import digest, write_file
from benchmark.core.records import Environment
from datasets import cache, git, limits
from datasets.pictures import read_whole

HERE = Path(__file__).parents[2]
GIT_SECONDS = 10


def environment(threads: int) -> Environment:
    """Describe this machine and the commit of this code; of a run with so many threads."""
    commit, changed = code()
    return Environment(
        platform.system(),
        platform.machine(),
        processor(),
        os.cpu_count(),
        threads,
        commit,
        changed,
        bfloat16_apart(),
    )


@functools.cache
def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


@functools.cache
def code() -> tuple[str, bool | None]:
    """Commit of this code and whether files differ from it; empty and None if git knows neither."""
    try:
        if _git("rev-parse", "--show-toplevel") != str(HERE.resolve()):
            return "", None  # installed among the files of another project
        return _git("rev-parse", "HEAD"), bool(_git("status", "--porcelain", "-uno"))
    except (OSError, subprocess.SubprocessError):
        return "", None


def _git(*asked: str) -> str:
    command = ["git", "-C", str(HERE), *asked]
    told = subprocess.run(
        command,
        env=git.environment(),
        capture_output=True,
        text=True,
        timeout=GIT_SECONDS,
        check=True,
    )
    return told.stdout.strip()


def remember_bfloat16(apart: float) -> None:
    """Keep how far layers in bfloat16 were from float32 here, for the records of later runs."""
    write_file(_kept(), json.dumps(apart))


@functools.cache
def bfloat16_apart() -> float | None:
    """Return what was kept for this machine and this release of torch, if anything was."""
    try:
        apart = float(json.loads(read_whole(_kept(), limits.TEXT_BYTES)))
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    return apart if 0 <= apart < math.inf else None  # or it is damaged


def _kept() -> Path:
    """Where that lies: under a name that tells the machine and the release."""
    release = importlib.metadata.version("torch")
    return cache.folder() / "bfloat16" / digest([processor(), platform.machine(), release])
