"""The division that is written is the one that models are run by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmark import split
from benchmark.core.store import Results
from tests.conftest import Command
from tests.datasets import samples


def written(run_command: Command, path: Path, *arguments: object) -> pd.DataFrame:
    status, out, err = run_command(split.main, *arguments, "--out", path)
    assert status == 0, err
    assert str(path) in out
    return pd.read_csv(path)


def test_its_parts_are_those_of_the_stored_runs(
    results: Path, shapes_folder: Path, tmp_path: Path, run_command: Command
) -> None:
    table = written(run_command, tmp_path / "s.csv", "--data", shapes_folder, "--train-size", 40)
    assert [*table] == ["repeat", "file", "class", "part"]
    assert table["part"].value_counts().to_dict() == {"training": 32, "selection": 8, "test": 30}
    assert table["file"].is_unique, "no picture is in two parts"
    assert (table["file"].str.split("/").str[0] == table["class"]).all()
    row = next(row for row in Results(results).rows() if row.model.label == "decision-tree")
    said = Results(results).predictions(Results(results).record(row.keys[0]))
    files = Results(results).files(row.dataset.fingerprint)
    assert files is not None
    for part in ("selection", "test"):
        stored = {files[i] for i in said.of(part).rows}
        assert stored == {*table.loc[table["part"] == part, "file"]}


def test_repeats_learn_from_other_pictures_and_are_tested_on_the_same(
    shapes_folder: Path, tmp_path: Path, run_command: Command
) -> None:
    three = ("--data", shapes_folder, "--train-size", 40, "--repeats", 3)
    table = written(run_command, tmp_path / "s.csv", *three)
    files = table.groupby(["repeat", "part"])["file"].agg(frozenset)
    assert len({*files[:, "test"]}) == 1
    assert len({*files[:, "training"]}) == 3
    one = written(run_command, tmp_path / "one.csv", *three[:-1], 1)
    pd.testing.assert_frame_equal(one, table[table["repeat"] == 1])


def test_under_whole_nothing_is_selected_on(
    shapes_folder: Path, tmp_path: Path, run_command: Command
) -> None:
    table = written(run_command, tmp_path / "s.csv", "--data", shapes_folder, "--protocol", "whole")
    assert table["part"].value_counts().to_dict() == {"training": 60, "test": 30}


def test_a_set_that_is_tested_on_another_has_both_tests(
    tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.write_fer2013(tmp_path / "fer", n=420)
    samples.write_rafdb(tmp_path / "raf")
    monkeypatch.setenv("FER2013_DIR", str(tmp_path / "fer"))
    monkeypatch.setenv("RAFDB_DIR", str(tmp_path / "raf"))
    table = written(run_command, tmp_path / "s.csv", "--data", "rafdb-on-fer2013")
    assert {*table["part"]} == {"training", "selection", "within", "across"}
    across = table.loc[table["part"] == "across", "file"]
    assert across.str.startswith("fer2013/").all()


def test_names_that_a_spreadsheet_would_compute_are_words_in_the_table(
    tmp_path: Path, run_command: Command, picture: Callable[..., None]
) -> None:
    for i in range(8):
        picture(tmp_path / "set" / ("a", "=cmd|'")[i % 2] / f"{i}\x1b.png", i)
    table = written(run_command, tmp_path / "s.csv", "--data", tmp_path / "set")
    assert {*table["class"]} == {"a", "'=cmd|'"}
    assert {*table["file"].str[0]} == {"a", "'"}
    assert (table["file"].str.split("/").str[0] == table["class"]).all()
    assert table["file"].str.endswith(r"\x1b.png").all()


def test_wrong_input_is_one_line_and_status_2(
    shapes_folder: Path, tmp_path: Path, run_command: Command
) -> None:
    here = ("--data", shapes_folder, "--out", tmp_path / "s.csv")
    (tmp_path / "file").write_text("")
    for arguments, words in (
        ((*here, "--protocol", "slides"), "'slides' is not one of fair, whole"),
        ((*here, "--train-size", 61), "60 pictures"),
        ((*here, "--split", "identity"), "does not say who is shown"),
        ((*here[:2], "--out", tmp_path / "file" / "s.csv"), "cannot be written"),
    ):
        status, _, err = run_command(split.main, *arguments)
        assert status == 2
        assert err.startswith("error: ")
        assert err.strip().count("\n") == 0
        assert words in err
    assert not (tmp_path / "s.csv").exists()
