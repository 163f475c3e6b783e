"""A leaderboard is there while runs go on, and grows with them."""

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from benchmark import growing, run, session, verify
from benchmark.core import pool, processes, runs
from benchmark.core.memory import Limits
from benchmark.core.progress import Display
from benchmark.core.records import Record
from benchmark.core.store import Results
from benchmark.growing import GrowingBoard
from benchmark.options import Options
from tests.conftest import Command


def _until(board: GrowingBoard, n_done: int, happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        board.look(n_done)
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_board_is_written_beside_the_runs_and_again_when_more_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FIRST_SECONDS", "AGAIN_SECONDS", "SHARE"):
        monkeypatch.setattr(growing, name, 0)
    file, told = tmp_path / "leaderboard.md", []
    with GrowingBoard(file.touch, partial(told.append, "there")) as board:
        board.look(0)
        assert board.process is None, "nothing is done"
        _until(board, 1, lambda: board.is_there)
        assert file.exists()
        assert board.process is None, "nothing more is done"
        file.unlink()
        _until(board, 2, file.exists)
    assert told == ["there"]


def test_the_first_board_waits_until_there_is_something_to_see(tmp_path: Path) -> None:
    with GrowingBoard((tmp_path / "leaderboard.md").touch, lambda: None) as board:
        board.look(1)
        assert board.process is None


def test_the_end_does_not_wait_for_a_board_that_the_last_one_replaces() -> None:
    start = time.monotonic()
    with GrowingBoard(partial(time.sleep, 100), lambda: None) as board:
        board.due = start
        board.look(1)
        assert board.process is not None
    assert not board.process.is_alive()
    assert time.monotonic() - start < 50


def test_a_board_that_cannot_be_written_is_tried_again_and_told_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("FIRST_SECONDS", "AGAIN_SECONDS", "SHARE"):
        monkeypatch.setattr(growing, name, 0)
    with GrowingBoard(partial(int, "no number"), lambda: None) as board:
        board.look(1)
        first = board.process
        assert first is not None
        first.join()
        board.look(2)
        assert board.process is not first
        assert not board.is_there
    assert capfd.readouterr().err == ""


def test_a_board_of_stored_runs_is_written_in_a_process_of_its_own(
    shapes_folder: Path, tmp_path: Path
) -> None:
    options = Options(model="majority,knn", data=str(shapes_folder), out=tmp_path, jobs=1)
    wanted, n_done = session.plan(options), []
    options.results.put_rows(runs.on_board(wanted))
    with (
        Display(Console(quiet=True)) as display,
        GrowingBoard(partial(session.publish, options.results), lambda: None) as board,
    ):
        pool.run_all(wanted, options.results, 1, Limits(), display, n_done.append)
        board.due = 0.0
        _until(board, 2, lambda: board.is_there)
    assert n_done[-1] == 2
    assert "knn" in (tmp_path / "leaderboard.md").read_text()


def test_a_board_that_somebody_removes_meanwhile_is_there_at_the_end(
    tmp_path: Path, run_command: Command, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = Display.end

    def removed(self: Display, run: runs.Run, record: Record) -> None:
        tell(self, run, record)
        (tmp_path / "board.json").unlink(missing_ok=True)

    monkeypatch.setattr(Display, "end", removed)
    asked = ("--model", "majority,knn", "--data", shapes_folder, "--jobs", "1")
    assert run_command(run.main, *asked, "--out", tmp_path)[0] == 0
    assert pd.read_csv(tmp_path / "leaderboard.csv")["status"].tolist() == ["ok", "ok"]


def test_an_interrupted_call_leaves_the_leaderboard_of_what_is_done(
    tmp_path: Path, run_command: Command, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = Display.end

    def interrupted(self: Display, run: runs.Run, record: Record) -> None:
        tell(self, run, record)
        raise KeyboardInterrupt

    asked = ("--model", "majority,poster-baseline", "--data", shapes_folder)
    with monkeypatch.context() as patch:
        patch.setattr(Display, "end", interrupted)
        status, _, err = run_command(run.main, *asked, "--out", tmp_path)
    assert status == 130
    assert "interrupt again to leave it" in err
    done = pd.read_csv(tmp_path / "leaderboard.csv")
    assert dict(zip(done["model"], done["status"], strict=True)) == {
        "majority": "ok",
        "poster-baseline": "skipped",
    }
    assert (tmp_path / "report.html").is_file()
    assert verify.verify(Results(tmp_path)).failures == []


def test_a_board_whose_process_cannot_begin_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object) -> None:
        raise EOFError("unexpected EOF")

    with GrowingBoard(partial(int, "1"), lambda: None) as board:
        board.due = 0.0
        with monkeypatch.context() as patch:
            patch.setattr(processes, "aside", ended)
            board.look(1)
        assert board.process is None
        assert board.due > time.monotonic()
        board.due = 0.0
        board.look(1)
        assert board.process is not None


@pytest.mark.skipif(sys.platform == "win32", reason="it stops no processes")
def test_the_end_does_not_wait_for_a_process_that_was_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growing, "END_SECONDS", 0.1)
    with GrowingBoard(partial(time.sleep, 100), lambda: None) as board:
        board.due = 0.0
        board.look(1)
        assert board.process is not None
        assert board.process.pid is not None
        os.kill(board.process.pid, signal.SIGSTOP)
    assert not board.process.is_alive()
