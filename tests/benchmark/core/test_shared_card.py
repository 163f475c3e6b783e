"""The service that lets processes share a card is ours alone, and ends as we do.

In its place stands a script that writes down what it is told.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.core import shared_card
from benchmark.core.shared_card import OFF, PIPES, PROGRAM

SCRIPT = """#!/bin/sh
if [ "$1" = -d ]; then echo "starts in $CUDA_MPS_PIPE_DIRECTORY" >> "$TOLD"; exit ${FAILS:-0}; fi
echo "is told to $(cat)" >> "$TOLD"
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the script writes."""
    program = tmp_path / PROGRAM
    program.write_text(SCRIPT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    monkeypatch.delenv(PIPES, raising=False)
    monkeypatch.delenv(OFF, raising=False)
    monkeypatch.setattr(shared_card, "FIRST_CONTACT", "")
    return tmp_path / "told"


def test_a_service_is_started_in_a_folder_of_its_own_and_ended(told: Path) -> None:
    with shared_card.shared_card() as there:
        assert there
        folder = os.environ[PIPES]
        assert Path(folder).is_dir()
        assert told.read_text() == f"starts in {folder}\n"
    assert told.read_text() == f"starts in {folder}\nis told to quit\n"
    assert PIPES not in os.environ
    assert not Path(folder).exists()


@pytest.mark.parametrize("name", [PIPES, OFF])
def test_none_is_started_where_one_is_there_or_none_is_wanted(
    name: str, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "/elsewhere")
    with shared_card.shared_card() as there:
        assert not there
        assert os.environ[name] == "/elsewhere"
    assert not told.exists()


def test_without_the_program_all_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with shared_card.shared_card() as there:
        assert not there
        assert PIPES not in os.environ


def test_a_service_that_does_not_start_is_not_used(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILS", "1")
    with shared_card.shared_card() as there:
        assert not there
        assert PIPES not in os.environ
    assert "quit" not in told.read_text()


def test_a_service_that_does_not_answer_is_ended_and_not_used(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_card, "FIRST_CONTACT", "raise SystemExit(1)")
    with shared_card.shared_card() as there:
        assert not there
        assert PIPES not in os.environ
    assert "quit" in told.read_text()


def test_it_ends_with_a_process_that_is_killed(told: Path) -> None:
    script = """
import os
from benchmark.core import shared_card
shared_card.FIRST_CONTACT = ""
with shared_card.shared_card() as there:
    assert there
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    end = time.monotonic() + 20
    while "quit" not in told.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    assert "quit" in told.read_text()
