"""Two result folders side by side: the same rows are found, and only real differences called so."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark import compare
from benchmark.core.store import Results
from benchmark.scores import intervals
from tests.benchmark.made_up import board_row, predictions, record
from tests.conftest import Command


def put(
    out: Path,
    model: str,
    n_right: int,
    n: int = 200,
    people: int | None = None,
    first: int = 0,
    repeats: int = 1,
    status: str = "ok",
    **parts: Any,
) -> None:
    """Store a made-up row that has the first `n_right` of its n pictures right."""
    about = {"data": "f" * 64, "source": {"model": "1" * 64, "procedure": "2" * 64}, **parts}
    row = board_row(model, keys=tuple(f"{model}-{repeat}" for repeat in range(repeats)))
    row = dataclasses.replace(
        row, dataset=dataclasses.replace(row.dataset, fingerprint=about["data"])
    )
    rows = first + np.arange(n)
    groups = rows if people is None else np.arange(n) * people // n
    for repeat in range(repeats):
        ran = record(row, repeat, status, about, n_test=n, fit_seconds=2.0 * n_right)
        Results(out).put(
            ran,
            predictions(np.arange(n) % 2, np.arange(n) < n_right, rows, groups),
        )
    Results(out).put_rows([row])


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "a", tmp_path / "b"


def the_row(sides: tuple[Path, Path]) -> compare.Compared:
    (row,) = compare.compare(*map(Results, sides))
    return row


def test_the_same_results_have_no_difference(sides: tuple[Path, Path]) -> None:
    for side in sides:
        put(side, "knn", 150)
    row = the_row(sides)
    assert (row.compared, row.same_predictions, row.real) == ("paired", True, False)
    assert (row.difference, row.difference_lo, row.difference_hi) == (0, 0, 0)
    assert (row.fit_ratio, row.differs) == (1, ())


def test_a_difference_on_the_same_pictures_is_paired(sides: tuple[Path, Path]) -> None:
    put(sides[0], "knn", 120)
    put(sides[1], "knn", 140)
    row = the_row(sides)
    assert (row.accuracy_a, row.accuracy_b) == (0.6, 0.7)
    assert row.difference == pytest.approx(0.1)
    better = (np.arange(200) >= 120) & (np.arange(200) < 140)
    draws = intervals.resample(better.astype(int)) / 200
    half = intervals.noise(200, intervals.Repeats(np.array([0.1]), draws[:, None])).half_width
    assert (row.difference_lo, row.difference_hi) == pytest.approx((0.1 - half, 0.1 + half))
    # By the normal approximation: standard error sqrt(0.09 / 199), of 20 ones and 180 zeros.
    assert row.difference_hi - row.difference == pytest.approx(1.972 * np.sqrt(0.09 / 199), rel=0.1)
    assert row.real
    assert row.fit_ratio == pytest.approx(140 / 120)


def test_pictures_of_one_person_count_together(sides: tuple[Path, Path]) -> None:
    for people, real in ((None, True), (10, False)):
        put(sides[0], "knn", 120, people=people)
        put(sides[1], "knn", 140, people=people)
        assert the_row(sides).real is real, "all 20 pictures that differ show one person"


@pytest.mark.parametrize(("n_better", "real"), [(5, False), (6, True)])
def test_a_few_pictures_are_judged_by_the_leaderboards_exact_test(
    sides: tuple[Path, Path], n_better: int, real: bool
) -> None:
    put(sides[0], "knn", 120)
    put(sides[1], "knn", 120 + n_better)
    assert the_row(sides).real is real, f"2 * 0.5 ** {n_better}"


def test_other_pictures_are_compared_unpaired_and_said_so(sides: tuple[Path, Path]) -> None:
    put(sides[0], "knn", 120)
    put(sides[1], "knn", 140, first=1)
    row = the_row(sides)
    assert (row.compared, row.same_predictions) == ("unpaired", False)
    # By the normal approximation: standard error sqrt(0.6 0.4 / 199 + 0.7 0.3 / 199).
    for end in (row.difference_lo, row.difference_hi):
        assert abs(end - row.difference) == pytest.approx(1.972 * np.sqrt(0.45 / 199), rel=0.1)
    put(sides[1], "knn", 140, data="e" * 64)
    assert the_row(sides).compared == "unpaired", "the same rows of other data"


def test_what_explains_a_difference_is_named(sides: tuple[Path, Path]) -> None:
    put(sides[0], "knn", 120, versions={"torch": "2.1", "numpy": "2.0"}, bf16=True)
    put(
        sides[1],
        "knn",
        120,
        repeats=3,
        source={"model": "9" * 64, "procedure": "2" * 64},
        versions={"torch": "2.2", "numpy": "2.0"},
    )
    named = ("source.model", "versions.torch (2.1, 2.2)", "bf16 (True, None)", "repeats (1, 3)")
    assert the_row(sides).differs == named


def test_what_a_stranger_says_decided_a_run_is_told_so_that_it_can_be_seen(
    sides: tuple[Path, Path],
) -> None:
    put(sides[0], "knn", 150)
    put(sides[1], "knn", 150, **{"\x1b[31m": 1, "=1+1": 2, "n" * 10_000: 3, "\ud800": 4})
    escaped, formula, long, half = the_row(sides).differs
    assert half == r"\ud800 (None, 4)"
    assert (escaped, formula) == ("\\x1b[31m (None, 1)", "'=1+1 (None, 2)")
    assert len(long) == 100
    put(sides[1], "knn", 150, **{f"part {i}": i for i in range(1000)})
    assert len(the_row(sides).differs) == compare.MOST


def test_a_run_that_says_it_is_another_repeat_is_compared_where_it_lies(
    sides: tuple[Path, Path],
) -> None:
    for side in sides:
        put(side, "knn", 150)
    results = Results(sides[1])
    one = results.record("knn-0")
    results.put(dataclasses.replace(one, repeat=7), results.predictions(one))
    assert the_row(sides).compared == "paired"


def test_a_run_of_other_classes_or_pictures_than_its_row_does_not_count(
    sides: tuple[Path, Path],
) -> None:
    for side in sides:
        put(side, "knn", 150, repeats=2)
    results = Results(sides[1])
    one = results.record("knn-1")
    said = predictions(np.arange(200) % 2, np.arange(200) < 150, 1 + np.arange(200), np.arange(200))
    results.put(one, said)
    assert the_row(sides).differs == ("repeats (2, 1)",)
    data = dataclasses.replace(one.dataset, class_counts={"other": 5, "still": 5})
    results.put(dataclasses.replace(one, dataset=data), said)
    assert the_row(sides).differs == ("repeats (2, 1)",)


def test_a_model_that_took_no_time_is_no_multiple_of_another(sides: tuple[Path, Path]) -> None:
    put(sides[0], "knn", 0)
    put(sides[1], "knn", 150)
    assert np.isnan(the_row(sides).fit_ratio)


def test_only_repeats_that_both_have_are_compared(sides: tuple[Path, Path]) -> None:
    put(sides[0], "knn", 120)
    put(sides[1], "knn", 120, repeats=2)
    results = Results(sides[1])
    ran = results.record(results.rows()[0].keys[1])
    stored = results.predictions(ran)
    flipped = dataclasses.replace(stored, probabilities=stored.probabilities[:, ::-1])
    results.put(ran, flipped)
    row = the_row(sides)
    assert (row.accuracy_a, row.accuracy_b, row.same_predictions) == (0.6, 0.6, True)
    assert row.differs == ("repeats (1, 2)",)


def test_rows_in_one_only_and_rows_without_a_result_are_listed(sides: tuple[Path, Path]) -> None:
    put(sides[0], "knn", 120)
    put(sides[0], "vgg11", 120)
    put(sides[1], "knn", 120, status="failed")
    put(sides[1], "vgg13", 120)
    found = {row.model: row.compared for row in compare.compare(*map(Results, sides))}
    assert found == {"knn": "no result in B", "vgg11": "only in A", "vgg13": "only in B"}


def test_the_command_prints_and_writes_the_comparison(
    sides: tuple[Path, Path], tmp_path: Path, run_command: Command
) -> None:
    put(sides[0], "knn", 120)
    put(sides[1], "knn", 140)
    put(sides[0], "vgg11", 120)
    status, out, _ = run_command(compare.main, *sides, "--csv", tmp_path / "new" / "c.csv")
    assert status == 0
    assert "+10.0 (+5.7 to +14.3)" in out
    assert "only in A" in out
    assert "differences called real: 1" in out
    table = pd.read_csv(tmp_path / "new" / "c.csv").set_index("model")
    assert table.loc["knn", "difference"] == pytest.approx(0.1)
    assert bool(table.loc["knn", "real"])
    assert np.isnan(table.loc["vgg11", "difference"])


def test_only_what_differs_is_printed_and_once_if_it_does_in_every_row(
    sides: tuple[Path, Path], tmp_path: Path, run_command: Command
) -> None:
    for side, torch in zip(sides, ("2.6", "2.7"), strict=True):
        put(side, "knn", 120, versions={"torch": torch})
        put(side, "vgg11", 120 if side == sides[0] else 140, versions={"torch": torch})
        put(side, "vgg13", 120, versions={"torch": torch}, threads=1 if side == sides[0] else 2)
    _, out, _ = run_command(compare.main, *sides, "--csv", tmp_path / "c.csv")
    assert out.count("versions.torch (2.6, 2.7)") == 1
    assert "In every row differ: versions.torch (2.6, 2.7)." in out
    assert "threads (1, 2)" in out
    assert "knn" not in out, "the same in both"
    assert "2 of them with the same predictions, of which 1 differ in nothing else" in out
    table = pd.read_csv(tmp_path / "c.csv").set_index("model")["differs"]
    assert table["knn"] == "versions.torch (2.6, 2.7)", "the file has all"
    assert table["vgg13"] == "versions.torch (2.6, 2.7), threads (1, 2)"


def test_wrong_input_is_one_line_and_status_2(
    sides: tuple[Path, Path], tmp_path: Path, run_command: Command
) -> None:
    put(sides[0], "knn", 120)
    sides[1].mkdir()
    for arguments, words in (
        (sides, "holds no runs"),
        ((sides[0], tmp_path / "none"), "does not exist"),
        ((sides[0], sides[0], "--csv", sides[0] / "board.json" / "c.csv"), "cannot be written"),
    ):
        status, _, err = run_command(compare.main, *arguments)
        assert status == 2
        assert err.startswith("error: ")
        assert err.strip().count("\n") == 0
        assert words in err
