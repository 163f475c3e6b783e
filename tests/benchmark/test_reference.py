"""The committed reference results are what their stored predictions say."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from benchmark import verify
from benchmark.core import models
from benchmark.core.store import Results
from benchmark.scores import published
from benchmark.scores.leaderboard import Leaderboard
from tests.conftest import REAL

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


@pytest.fixture(scope="module")
def computed() -> Leaderboard:
    return Leaderboard.compute(Results(REFERENCE))


def test_the_leaderboard_is_that_of_the_stored_predictions(computed: Leaderboard) -> None:
    table = computed.table  # the other files by verify, which .ci/run calls
    written = pd.read_csv(REFERENCE / "leaderboard.csv")
    anew = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    pd.testing.assert_frame_equal(written, anew)


def test_the_stored_runs_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "check_published", lambda *_: [])
    assert verify.verify(Results(REFERENCE)).failures == []


@pytest.mark.real
@pytest.mark.usefixtures("real")
def test_the_runs_are_of_the_real_pictures_as_they_are_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verify, "check_published", lambda *_: [])
    monkeypatch.setenv("MUXSPACE_DIR", str(REAL))
    found = verify.verify(Results(REFERENCE))
    assert found.failures == []
    assert len(found.records) == sum(len(row.keys) for row in Results(REFERENCE).rows())
    for name in ("muxspace", "digits"):
        assert f"{name}: the pictures here have the fingerprint of the runs" in found.notes


def test_every_published_model_was_run_on_real_pictures_under_both_protocols() -> None:
    table = pd.read_csv(REFERENCE / "leaderboard.csv")
    assert not table["generated_data"].any()
    table = table[table["dataset"] == "muxspace"]
    stated = published.figures()
    named = set(stated.loc[stated["dataset"] == "muxspace", "model"])
    for protocol in ("slides", "fair-500"):
        rows = table[table["protocol"] == protocol]
        names = set(rows["model"].str.partition("[")[0])  # some with a budget of their own
        assert named <= names <= set(models.models())
        assert (rows["status"] == "ok").all()


def test_every_row_has_its_confusion_matrix(computed: Leaderboard) -> None:
    for row in computed.rows:
        base = REFERENCE / "confusion" / ".".join([row.place.dataset, row.board, row.place.model])
        assert base.with_name(f"{base.name}.png").is_file() != row.is_step
        counts = pd.read_csv(f"{base}.csv", index_col="true")
        assert row.scores is not None
        assert counts.to_numpy().sum() == row.scores.n_test * len(row.entry.keys)


def test_the_readme_opens_with_the_computed_answer() -> None:
    readme = " ".join((REFERENCE.parents[1] / "README.md").read_text().replace(">", " ").split())
    told = (REFERENCE / "leaderboard.md").read_text().partition("## The answer on muxspace")[2]
    answer, more = told.split("\n\n")[1:3]
    assert answer in readme
    assert more in readme


def test_what_is_committed_is_small() -> None:
    results = Results(REFERENCE)
    keys = [key for row in results.rows() for key in row.keys]
    sizes = [(results.run_folder(key) / "predictions.npz").stat().st_size for key in keys]
    assert sum(sizes) < 55e6  # three runs of every model, three data sets, a map and a curve
