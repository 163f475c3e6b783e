"""What each model said of every test picture is written, exactly, with the names of the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark import report, verify
from benchmark.core.store import Results
from benchmark.view.page import publish
from tests.benchmark.scores.test_leaderboard import put
from tests.conftest import Command


def test_every_row_has_its_predictions_with_the_files_they_are_of(
    results: Path, shapes_folder: Path
) -> None:
    written = {path.name: pd.read_csv(path) for path in (results / "predictions").iterdir()}
    rows = [row for row in Results(results).rows() if "knn" not in row.model.label]  # which failed
    assert {*written} == {f"shapes.fair-40.{row.model.label}.csv" for row in rows}
    for row in rows:
        table = written[f"shapes.fair-40.{row.model.label}.csv"]
        record = Results(results).record(row.keys[0])
        said = Results(results).predictions(record).of("test")
        columns = [f"p_{name}" for name in row.dataset.class_counts]
        assert [*table] == ["file", "true", "said", "confidence", *columns]
        assert all((shapes_folder / file).is_file() for file in table["file"])
        assert (table["file"].str.split("/").str[0] == table["true"]).all()
        read = table[columns].to_numpy(np.float32)
        assert np.array_equal(read, said.probabilities), "to the last bit"
        assert (table["confidence"].astype(np.float32) == read.max(axis=1)).all()
        assert (table["said"] == np.array([*row.dataset.class_counts])[read.argmax(axis=1)]).all()


def test_repeats_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.8, 0.7], "fair-500")
    pictures = pd.DataFrame({"row": range(1000), "file": [f"{i}.png" for i in range(1000)]})
    Results(tmp_path).write(f"data/{'f' * 12}.csv", pictures.to_csv(index=False))
    publish(Results(tmp_path))
    table = pd.read_csv(tmp_path / "predictions" / "muxspace.fair-500.knn.csv")
    assert [*table][:2] == ["repeat", "file"]
    assert table["repeat"].value_counts().to_dict() == {1: 100, 2: 100}
    right = (table["true"] == table["said"]).groupby(table["repeat"]).mean()
    assert right.to_dict() == pytest.approx({1: 0.8, 2: 0.7})


def test_results_without_a_list_of_their_pictures_are_published_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "knn", [0.8], "fair-500")
    assert len(publish(Results(tmp_path)).table) == 1
    assert "which file is which is not known" in caplog.text
    assert not (tmp_path / "predictions").exists()


def test_they_may_be_left_out_and_results_are_sound_with_them_and_without(
    results: Path, run_command: Command
) -> None:
    (path, _) = sorted((results / "predictions").iterdir())
    path.write_text(path.read_text().replace("bar", "bat"))
    status, out, _ = run_command(verify.main, results)
    assert status == 1
    assert f"predictions/{path.name}: changed since it was written" in out
    assert run_command(report.main, "--out", results, "--no-predictions")[0] == 0
    assert not (results / "predictions").exists()
    assert verify.verify(Results(results)).failures == []
    assert run_command(report.main, "--out", results)[0] == 0
    assert path.is_file()
    assert verify.verify(Results(results)).failures == []
