"""A few damaged files are refused by what reads them; ``make fuzz`` hands over many."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests import fuzz

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="reads in forked processes"
)


def test_damaged_pictures_and_configurations_are_refused(tmp_path: Path) -> None:
    for word in ("picture", "configuration"):
        asked = ["--inputs", "100", "--only", word, "--to", str(tmp_path)]
        done = CliRunner().invoke(fuzz.main, asked)
        assert done.exit_code == 0, done.output
        assert f"{word}: 100 inputs" in done.output


def test_an_error_that_is_not_named_and_the_end_of_a_process_are_told(tmp_path: Path) -> None:
    def reads(path: Path) -> None:
        raise KeyError("not said")

    tally = fuzz.one_batch("a", fuzz.Target((b"abc",), reads, (ValueError,)), "s", 2, tmp_path)
    assert tally.faults[0] == f"a: KeyError: 'not said' ({tmp_path / 'a s 0'})"
    assert len(tally.faults) == 2

    def dies(path: Path) -> None:
        raise SystemExit(3)

    tally = fuzz.one_batch("b", fuzz.Target((b"abc",), dies, (ValueError,)), "s", 2, tmp_path)
    assert "ended with exit code 3" in tally.faults[0]
