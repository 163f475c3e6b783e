"""A card for several processes at once, by NVIDIA's multi-process service.

Without it the kernels of processes take turns, and one of small pictures fills no card.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping

PROGRAM = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
OFF = "CLASSICAL_OR_DEEP_NO_MPS"  # set to anything, no service is started
SECONDS = 30.0  # to start, to answer and to end
# Waits until this process is gone, however it ends, and tells the service to end.
UNTIL_GONE = 'cat >/dev/null; echo quit | "$0" >/dev/null 2>&1'
# What every process does first with a card.
FIRST_CONTACT = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
device, context = ctypes.c_int(), ctypes.c_void_p()
asked = (cuda.cuInit(0), cuda.cuDeviceGet(ctypes.byref(device), 0),
         cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
raise SystemExit(any(asked))
"""


@contextlib.contextmanager
def shared_card() -> Iterator[bool]:
    """Start a service of this user's own, for processes started inside; it ends with the block.

    Yields
    ------
    bool
        Whether there is one. None is started where the program is not there, where there is a
        service or none is wanted by the environment, or where it does not answer.
    """
    program = shutil.which(PROGRAM)
    if program is None or PIPES in os.environ or OFF in os.environ:
        yield False
        return
    with tempfile.TemporaryDirectory(prefix="mps", ignore_cleanup_errors=True) as folder:
        ours = {PIPES: folder, LOGS: folder}
        there = {**os.environ, **ours}
        if not _succeeds([program, "-d"], there):
            yield False
            return
        watch = subprocess.Popen(
            ["sh", "-c", UNTIL_GONE, program],
            stdin=subprocess.PIPE,
            env=there,
            start_new_session=True,  # an interrupt of ours is not for it
        )
        answers = _succeeds([sys.executable, "-c", FIRST_CONTACT], there)
        if answers:
            os.environ.update(ours)
        try:
            yield answers
        finally:
            for name in ours if answers else ():
                del os.environ[name]
            with contextlib.suppress(subprocess.TimeoutExpired):
                watch.communicate(timeout=SECONDS)


def _succeeds(command: list[str], environment: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
