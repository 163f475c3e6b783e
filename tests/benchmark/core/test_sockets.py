"""Processes start however long the name of the folder for temporary files is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmark import doctor
from benchmark.core import processes
from datasets import InputError

BEGIN = """
import os
from benchmark.core import processes

if __name__ == "__main__":
    process = processes.aside(os.getpid)
    process.join()
    print(process.exitcode)
"""


@pytest.fixture
def long(tmp_path: Path) -> Path:
    folder = tmp_path / ("d" * 90)
    folder.mkdir()
    return folder


def test_processes_start_where_temporary_files_are_too_deep_for_sockets(
    long: Path, tmp_path: Path
) -> None:
    script = tmp_path / "begin.py"
    script.write_text(BEGIN)
    at = {**os.environ, "TMPDIR": str(long), "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, script], env=at, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_short_folder_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/x")
    assert processes.socket_folder() == "/tmp/x"


def test_where_there_is_no_short_folder_a_line_says_what_to_set(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setattr(processes, "SHORT", ())
    with pytest.raises(InputError, match="too long for sockets: set TMPDIR"):
        processes.socket_folder()
    (found,) = doctor.workers()
    assert found.is_fault
    assert "set TMPDIR" in found.remedy
