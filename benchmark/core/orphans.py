"""Lets processes end, and in silence, that were begun for a command which has ended meanwhile.

Only the process from which workers are forked imports this, see `processes.prepare`: what a command
hands its workers (locks, pipes, sockets) is gone with it, and one that had not begun by then would
tell so by a traceback, after the line with which the command itself ended.
"""

import ctypes
import signal
import sys
from types import TracebackType

END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux' prctl


def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell an error that ends a process before its work begins, but not that its work is gone."""
    if not issubclass(kind, (OSError, EOFError)):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = tell
# It asks whether its command lives only when all is imported, seconds later.
ctypes.CDLL(None).prctl(END_WITH_PARENT, signal.SIGKILL)
