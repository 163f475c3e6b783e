"""The committed reference results are what their stored predictions say."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from benchmark.core import models, store
from benchmark.scores import curves, integrity, leaderboard
from tests.conftest import REAL

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


def test_the_leaderboard_is_that_of_the_stored_predictions() -> None:
    table = leaderboard.collect(REFERENCE)[
        list(leaderboard.COLUMNS)
    ]  # the other files by verify, which .ci/run calls
    written = pd.read_csv(REFERENCE / "leaderboard.csv")
    computed = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    pd.testing.assert_frame_equal(written, computed)


def test_the_stored_runs_are_sound() -> None:
    assert not list(integrity.check_board(REFERENCE))
    assert not list(
        integrity.check_runs(REFERENCE, store.read_board(REFERENCE), integrity.Findings())
    )


@pytest.mark.real
@pytest.mark.usefixtures("real")
def test_the_runs_are_of_the_real_pictures_as_they_are_here() -> None:
    board, found = store.read_board(REFERENCE), integrity.Findings()
    list(integrity.check_runs(REFERENCE, board, found))
    assert not list(integrity.check_data(REFERENCE, board, f"muxspace:{REAL}", True, found))
    assert len(found.records) == len(board)


def test_every_published_model_was_run_on_real_pictures_under_both_protocols() -> None:
    table = pd.read_csv(REFERENCE / "leaderboard.csv")
    assert set(table["dataset"]) == {"muxspace"}
    assert not table["generated_data"].any()
    published = leaderboard.published_figures()
    named = set(published.loc[published["dataset"] == "muxspace", "model"])
    for protocol in ("slides", "fair-500"):
        rows = table[table["protocol"] == protocol]
        assert named <= set(rows["model"]) <= set(models.models())
        assert (rows["status"] == "ok").all()


def test_every_row_has_its_confusion_matrix() -> None:
    table = pd.read_csv(REFERENCE / "leaderboard.csv")
    for row, is_step in zip(table.itertuples(), curves.is_step(table), strict=True):
        base = REFERENCE / "confusion" / f"{row.dataset}.{row.protocol}.{row.model}"
        assert base.with_name(f"{base.name}.png").is_file() != is_step
        counts = pd.read_csv(f"{base}.csv", index_col="true")
        assert counts.to_numpy().sum() == row.n_test


def test_what_is_committed_is_small() -> None:
    keys = [key for entry in store.read_board(REFERENCE).values() for key in entry["keys"]]
    sizes = [(store.folder(REFERENCE, key) / "predictions.npz").stat().st_size for key in keys]
    assert sum(sizes) < 8e6
