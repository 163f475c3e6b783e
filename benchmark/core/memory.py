"""How much memory a piece of work adds, and which run is to be ended before memory is short."""

from __future__ import annotations

import contextlib
import gc
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

RESERVE = 0.04  # of all memory; where less is left, the largest run is ended
GIGA = 1e9
RESET = Path("/proc/self/clear_refs")  # Linux: the peak starts anew when 5 is written there
STATUS = Path("/proc/self/status")
MACHINE = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")  # of a container, which may have less than its machine


def give_back_card() -> None:
    """Give the card's memory that no tensor of this process holds back to other processes.

    What cuBLAS works in is given back too: with torch 2.11 an H200 kept 2.6 GB reserved after 31
    captured trainings. No graph of before may be replayed afterwards.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch._C._cuda_clearCublasWorkspaces()  # as torch's own compiler does; no public way
        torch.cuda.empty_cache()


class Peak:
    """Watches the resident memory of this process from its making on.

    Where the system cannot start the peak anew, what is told is by how much the peak of the whole
    process rose.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            RESET.write_text("5")
        self.before = _peak()

    def megabytes(self) -> float:
        """What was held more at the peak than at the beginning, in units of 10**6 bytes."""
        return max(_peak() - self.before, 0) / 1e6  # the system counts to some pages


def _peak() -> int:
    """Peak resident memory of the process since the last reset, in bytes."""
    if STATUS.is_file() and (peak := _listed(STATUS).get("VmHWM")) is not None:
        return peak
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass(frozen=True)
class Limits:
    """What a run may take before it is ended from outside.

    Attributes
    ----------
    seconds : float or None
    gigabytes : float or None
        Of memory. None: no limit of its own, but see `to_be_ended`.
    """

    seconds: float | None = None
    gigabytes: float | None = None


def to_be_ended(processes: Iterable[int], most: float | None) -> tuple[int, str] | None:
    """Return the process that is to be ended for the sake of the others, and why; mostly None.

    It is the one that holds most, if that is more than so many gigabytes or if the machine or the
    container that all are in has little left. Told on Linux only.
    """
    held = {process: _held(process) / GIGA for process in processes}
    if not any(held.values()):
        return None
    largest = max(held, key=lambda process: held[process])
    if most is not None and held[largest] > most:
        return largest, f"it held {held[largest]:.1f} GB, and {most:g} is the limit"
    free, whole = (each / GIGA for each in _free_and_whole())
    if free < RESERVE * whole:
        left = f"{free:.1f} of {whole:.1f} GB were left here: give it --jobs 1 or more memory"
        return largest, f"it held {held[largest]:.1f} GB, and {left}"
    return None


def _held(process: int) -> int:
    """Bytes that a process has for itself; 0 if it has ended."""
    try:
        return _listed(Path(f"/proc/{process}/status")).get("RssAnon", 0)
    except OSError:
        return 0


def _free_and_whole() -> tuple[float, float]:
    """Bytes that can be had still and bytes that there are, in all or in this container."""
    machine = _listed(MACHINE)
    free, whole = machine["MemAvailable"], machine["MemTotal"]
    with contextlib.suppress(OSError, ValueError):  # ValueError: "max", there is no limit
        most = int((GROUP / "memory.max").read_text())
        taken = int((GROUP / "memory.current").read_text())
        cached = (GROUP / "memory.stat").read_text().partition("inactive_file ")[2].split()[0]
        free, whole = min(free, most - taken + int(cached)), min(whole, most)
    return free, whole


def _listed(file: Path) -> dict[str, int]:
    """Bytes by name, of a file whose lines are like ``VmHWM:  512 kB``."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[2:] == ["kB"]}
