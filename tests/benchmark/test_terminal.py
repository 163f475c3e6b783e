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


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """The command as an installer writes it."""
    script = tmp_path / "classical-or-deep"
    lines = ["#!" + sys.executable, "import sys", "from benchmark.__main__ import main"]
    script.write_text("\n".join([*lines, "sys.exit(main())"]))
    return str(script)


def started(
    *command: str, closed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of Python under an environment, with some streams closed by the shell."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_installed_command_is_guarded_as_a_module_is(installed: str) -> None:
    asked = "report", "--out", "none"
    refused = started(installed, *asked, LOKY_MAX_CPU_COUNT="abc")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: LOKY_MAX_CPU_COUNT is 'abc'")
    drawn = started(installed, "report", "--help", MPLBACKEND="nonsense", MATPLOTLIBRC="/dev/null")
    assert (drawn.returncode, drawn.stderr) == (0, "")


def test_an_interrupt_of_the_installed_command_is_one_line(installed: str) -> None:
    code = f"import sys, signal; sys.argv[0] = {installed!r}; import benchmark; "
    ended = started("-c", f"{code}signal.raise_signal(2)")
    assert (ended.returncode, ended.stderr) == (130, "interrupted: nothing was begun\n")


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_becomes_one_that_nobody_reads(closed: str) -> None:
    code = """
import os, sys
sys.argv[0] = "-m"
import benchmark
assert [os.fstat(each) and os.get_inheritable(each) for each in (0, 1, 2)] == [True] * 3
assert os.dup(0) > 2
print(sys.stdout.fileno(), file=sys.stderr)
print(sys.stderr.fileno())
"""
    done = started("-c", code, closed=closed)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ("" if " >" in f" {closed}" else "2\n")
    assert done.stderr == ("" if "2>" in closed else "1\n")


def test_what_is_silenced_may_be_closed_already() -> None:
    code = "from benchmark import options; from benchmark.core import processes; import sys; "
    code += "sys.stdout = sys.stderr = None; options._drop_output(); processes._fall_silent()"
    assert started("-c", code, closed=">&- 2>&-").returncode == 0


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
