"""How much memory a piece of work adds to what its process holds."""

from __future__ import annotations

import contextlib
import gc
import resource
import sys
from pathlib import Path

RESET = Path("/proc/self/clear_refs")  # Linux: the peak starts anew when 5 is written there
STATUS = Path("/proc/self/status")


def give_back_card() -> None:
    """Give the card's memory that no tensor of this process holds back to other processes.

    What cuBLAS works in is given back too: torch 2.11 kept 67 MB of it on an H200 for each captured
    training. No graph of before may be replayed afterwards.
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
        return (_peak() - self.before) / 1e6


def _peak() -> int:
    """Peak resident memory of the process since the last reset, in bytes."""
    if STATUS.is_file():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
