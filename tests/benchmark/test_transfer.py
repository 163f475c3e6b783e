"""Learn from one set and be tested on it and on another: one run, two rows beside each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmark import run, verify
from benchmark.core.records import Place
from benchmark.core.store import Results
from benchmark.scores import published
from benchmark.scores.rows import read
from tests.conftest import FAST, REAL, Command, write_shapes


@pytest.fixture
def other_folder(tmp_path: Path, picture: Callable[..., None]) -> Path:
    """Pictures of two of the classes of the shapes, and of one that they lack."""
    for i in range(12):
        for j, name in enumerate(["disc", "ring", "star"]):
            picture(tmp_path / "other" / name / f"{i}.png", seed=12 * j + i)
    return tmp_path / "other"


def test_one_run_is_scored_within_its_set_and_across(
    tmp_path: Path, shapes_folder: Path, other_folder: Path, run_command: Command
) -> None:
    out = tmp_path / "out"
    arguments = ("--data", shapes_folder, "--test-data", other_folder, "--out", out)
    status, stdout, err = run_command(run.main, *FAST, *arguments)
    assert status == 0
    assert "2 runs to make" in err
    assert "how much of the accuracy is lost on another set" in stdout
    table = pd.read_csv(out / "leaderboard.csv")
    assert set(table["dataset"]) == {"shapes-on-other"}
    assert table.groupby("split")["n_test"].unique().map(list).to_dict() == {
        **{"across": [24], "within": [20]},
    }
    assert set(table["n_train"]) == {32}
    beside = pd.read_csv(out / "transfer.csv").set_index("model")
    for row in table.itertuples():
        for score in ("accuracy", "balanced_accuracy"):
            for end in ("", "_lo", "_hi"):
                value = getattr(row, f"{score}{end}")
                assert beside.loc[row.model, f"{score}_{row.split}{end}"] == value
    rows = read(Results(out))
    assert len({record.key for row in rows for record in row.runs}) == 2
    for each in rows:
        assert each.scores is not None
        of_other = each.scores.answers.rows >= 60
        across = each.place.split == "across"
        assert of_other.all() if across else not of_other.any()
    stated = "On 2 classes, disc, ring: without 30 bar of shapes; without 12 star of other; a third"
    page = re.sub("<svg.*?</svg>", "", (out / "report.html").read_text(), flags=re.DOTALL)
    for text in ((out / "leaderboard.md").read_text(), page):
        assert text.count(stated) == 3, "above both boards and where they stand beside each other"
    assert "without 30 bar of shapes" in err
    assert (out / "transfer.shapes-on-other.fair.png").is_file()
    found = verify.verify(Results(out), require_data=True)
    assert found.failures == []
    assert (len(found.records), found.models_absent) == (2, 0)


def test_several_sets_to_test_on_are_taken_in_turn_and_may_stand_in_a_file(
    tmp_path: Path, shapes_folder: Path, other_folder: Path, run_command: Command
) -> None:
    third = write_shapes(tmp_path / "third", per_class=6)
    config = tmp_path / "bench.yaml"
    config.write_text(
        f"data: {shapes_folder}\ntest-data: [{other_folder}, {third}]\ndrop-class: disc\n"
    )
    out = tmp_path / "out"
    arguments = ("--data", shapes_folder, "--test-data", third, "--drop-class", "disc")
    assert run_command(run.main, *FAST, *arguments, "--out", out)[0] == 0
    table = pd.read_csv(out / "leaderboard.csv")
    assert set(table["dataset"]) == {"shapes-on-third-without-disc"}
    assert "without 36 disc, as asked" in (out / "leaderboard.md").read_text()
    status, _, err = run_command(run.main, *FAST, "--config", config, "--out", out)
    assert status == 2
    assert "fewer than two classes" in err, "ring is all that is left of the other"
    config.write_text(config.read_text().replace("drop-class: disc", ""))
    assert run_command(run.main, *FAST, "--config", config, "--out", out)[0] == 0
    sets = set(pd.read_csv(out / "transfer.csv")["dataset"])
    assert sets == {"shapes-on-other", "shapes-on-third", "shapes-on-third-without-disc"}


def test_wrong_sets_to_test_on_are_one_line(
    run_command: Command, shapes_folder: Path, other_folder: Path
) -> None:
    here = ("--data", shapes_folder, "--test-data")
    for arguments, words in (
        ((*here, "nowhere"), "no data set or folder is called 'nowhere'"),
        ((*here, shapes_folder), "names a set twice"),
        ((*here, other_folder, "--split", "random"), "leave out --split"),
        ((*here, other_folder, "--protocol", "slides"), "use --protocol fair or curve"),
        ((*here, other_folder, "--drop-class", "bar"), "shows no class 'bar'"),
        ((*here[:2], "--split", "across"), "name another with --test-data"),
    ):
        status, _, err = run_command(run.main, *FAST, *arguments)
        assert status == 2
        assert err.count("\n") == 1
        assert words in err


def test_a_transfer_is_published_by_its_score_across_sets() -> None:
    across = Place("ferplus+ckplus-on-rafdb", "fair", "across", "cnn-se")
    assert published.accuracy(across) == 0.799
    assert published.accuracy(across._replace(split="within")) is None


@pytest.mark.real
@pytest.mark.usefixtures("real")
def test_real_pictures_are_learned_from_and_drawn_faces_tested_on(
    tmp_path: Path, run_command: Command
) -> None:
    arguments = ("--data", f"muxspace:{REAL}", "--test-data", "generated", "--out", tmp_path)
    status, stdout, _ = run_command(run.main, *FAST, *arguments, "--train-size", 300)
    assert status == 0
    assert "muxspace-on-generated (generated faces among them)" in stdout
    table = pd.read_csv(tmp_path / "leaderboard.csv").set_index(["split", "model"])
    people = table["n_people"].groupby("split").first()
    assert people["within"] < people["across"]
    assert table.loc[("within", "majority"), "accuracy"] == pytest.approx(0.5, abs=0.02)
