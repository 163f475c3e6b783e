"""Whoever types a command sees within two seconds that it is on its way, and which there are."""

from __future__ import annotations

import importlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import __main__ as listing

ROOT = Path(__file__).parents[2]


def typed(module: str) -> subprocess.Popen[bytes]:
    """Start ``python -m`` at a terminal, whose output is that of the process."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=ROOT, stdout=terminal, stderr=terminal, bufsize=0
    )
    os.close(terminal)
    process.stdout = os.fdopen(screen, "rb", buffering=0)
    return process


def test_a_terminal_answers_before_a_command_is_imported() -> None:
    with typed("benchmark.there_is_no_such_command") as process:
        assert process.stdout is not None
        assert process.stdout.read(12) == b"starting ..."
    assert process.returncode == 1, "Python looked for the command after that"


def test_what_is_piped_holds_no_such_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmark"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "starting" not in done.stdout


def test_an_interrupt_while_a_command_is_imported_is_one_line() -> None:
    code = "import sys, signal; sys.argv[0] = '-m'; import benchmark; signal.raise_signal(2)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode == 130
    assert ended.stderr == b"interrupted: nothing was begun\n"


def test_every_command_is_listed_with_what_it_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmark"])
    listing.main()
    lines = dict(
        line.removeprefix("python -m ").split(maxsplit=1)
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("python -m ")
    )
    assert lines["benchmark.run"] == "Run models on pictures and write the leaderboard"
    assert {"benchmark.compare", "benchmark.verify", "benchmark.perf"} <= {*lines}
    assert not {"benchmark.session", "benchmark.options", "benchmark.core"} & {*lines}
    assert all(what and "``" not in what for what in lines.values())


@pytest.mark.parametrize("name", [name for name, _ in listing.commands()])
def test_what_is_listed_can_be_called(name: str) -> None:
    module = name.removeprefix("python -m ")
    found = importlib.import_module(f"{module}.__main__" if module.endswith("perf") else module)
    assert callable(found.main)


def test_a_command_is_called_by_name() -> None:
    def called(*asked: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "benchmark", *asked],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    helped = called("split", "--help")
    assert helped.returncode == 0
    assert "--train-size" in helped.stdout
    wrong = called("splitt")
    assert wrong.returncode == 1
    assert "no command is called 'splitt'" in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 1
