"""Processes that draw end with the command, and what one of them leaves is drawn without it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

DRAWS = """
import signal, sys, time
import psutil
from matplotlib.figure import Figure
from benchmark.view import drawing

def slow() -> Figure:
    time.sleep(0.3)
    return Figure(figsize=(1, 1))

if __name__ == "__main__":
    drawn = drawing.png([(slow, "")] * drawing.MANY)
    n = len(next(drawn)) > 0
    print("begun", flush=True)
    if sys.argv[1] == "one is killed":
        for each in psutil.Process().children():
            if "LokyProcess" in " ".join(each.cmdline()):
                each.send_signal(signal.SIGKILL)
                break
    print(n + sum(len(each) > 0 for each in drawn), flush=True)
"""


@pytest.fixture
def draws(tmp_path: Path) -> Callable[[str], subprocess.Popen[str]]:
    """Begin a program that draws many pictures."""
    (tmp_path / "draws.py").write_text(DRAWS)

    def begin(what: str) -> subprocess.Popen[str]:
        call = [sys.executable, str(tmp_path / "draws.py"), what]
        return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return begin


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_processes_that_draw_end_when_the_command_is_killed(
    how: signal.Signals, draws: Callable[[str], subprocess.Popen[str]]
) -> None:
    with draws("all") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        below = psutil.Process(process.pid).children(recursive=True)
        assert len(below) > 1
        process.send_signal(how)
        end = time.monotonic() + 30
        while any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in below):
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
def test_what_is_left_of_a_process_that_was_killed_is_drawn(
    draws: Callable[[str], subprocess.Popen[str]],
) -> None:
    out, err = draws("one is killed").communicate(timeout=120)
    assert out == "begun\n24\n"
    assert "Traceback" not in err
