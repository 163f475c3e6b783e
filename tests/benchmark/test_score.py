"""Predictions from anywhere are scored as if they were made here, and marked as not."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark import compare, report, run, score, split, verify
from benchmark.core import outside
from benchmark.core.protocols import Fair
from benchmark.core.store import Results
from benchmark.scores.metrics import METRICS
from benchmark.scores.rows import read_row
from datasets import Dataset, InputError
from datasets.names import readable
from tests.conftest import Command, write_shapes

NEED_PROBABILITIES = {"log_loss", "top2_accuracy", "ece"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path) -> Path:
    """Results of two classical models with two repeats."""
    out = tmp_path_factory.mktemp("score") / "results"
    arguments = ["--model", "knn,decision-tree", "--data", str(shapes_folder), "--out", str(out)]
    arguments += ["--train-size", "40", "--repeats", "2", "--jobs", "1"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr("sys.argv", ["run", *arguments])
        run.main()
    assert end.value.code == 0
    return out


@pytest.fixture
def out(ran: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ran, tmp_path / "results"))


@pytest.fixture
def scored(
    out: Path, tmp_path: Path, shapes_folder: Path, run_command: Command
) -> Callable[..., tuple[int, str, str]]:
    """Score a table of predictions under a name."""

    def call(table: pd.DataFrame | str, name: str = "mine", *more: object) -> tuple[int, str, str]:
        path = tmp_path / "said.csv"
        text = table if isinstance(table, str) else table.to_csv(index=False)
        path.write_text(text)
        here = ("--data", shapes_folder, "--train-size", 40, "--out", out)
        return run_command(score.main, path, "--name", name, *here, *more)

    return call


@pytest.fixture
def said(ran: Path) -> pd.DataFrame:
    """What the tree said, as it was written."""
    return pd.read_csv(ran / "predictions" / "shapes.fair-40.decision-tree.csv")


def rows(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "leaderboard.csv").set_index("model")


@pytest.mark.parametrize("model", ["decision-tree", "knn"])
def test_what_a_model_said_here_scores_the_same_from_outside(
    model: str, ran: Path, out: Path, scored: Callable[..., tuple[int, str, str]]
) -> None:
    status, told, err = scored((ran / "predictions" / f"shapes.fair-40.{model}.csv").read_text())
    assert status == 0, err
    assert "mine has" in told
    table = rows(out)
    same = [column for metric in METRICS.values() for column in metric.columns]
    same += ["rank", "last_rank", "repeats", "n_test", "n_train", "data", "selected_on"]
    pd.testing.assert_series_equal(
        table.loc["mine", same], table.loc[model, same], check_names=False, check_exact=True
    )
    pairs = pd.read_csv(out / "comparisons.csv")
    pair = pairs[pairs[["model_a", "model_b"]].isin([model, "mine"]).all(axis=1)]
    assert pair["difference"].tolist() == [0], "compared on the same pictures"
    here, there = (
        (out / "predictions" / f"shapes.fair-40.{name}.csv").read_bytes()
        for name in (model, "mine")
    )
    assert here == there


def test_it_is_marked_as_scored_from_outside_and_what_it_took_is_blank(
    said: pd.DataFrame, out: Path, scored: Callable[..., tuple[int, str, str]]
) -> None:
    assert scored(said)[0] == 0
    row = rows(out).loc["mine"]
    assert row["family"] == "outside"
    assert row["note"] == "scored from outside"
    assert row[["fit_seconds", "predict_ms_per_image", "peak_memory_mb", "device"]].isna().all()
    for name in ("leaderboard.md", "leaderboard.tex", "report.html"):
        assert "scored from outside" in (out / name).read_text()
    stored = Results(out)
    record = stored.record(next(r for r in stored.rows() if r.model.label == "mine").keys[0])
    assert record is not None
    assert record.measured is not None
    assert math.isnan(record.measured.fit_seconds)
    assert "NaN" not in (stored.run_folder(record.key) / "run.json").read_text(), "no JSON"


def test_the_row_outlives_report_verify_and_compare(
    said: pd.DataFrame,
    out: Path,
    shapes_folder: Path,
    scored: Callable[..., tuple[int, str, str]],
    run_command: Command,
) -> None:
    assert scored(said)[0] == 0
    before = (out / "leaderboard.csv").read_bytes()
    assert run_command(report.main, "--out", out)[0] == 0
    assert (out / "leaderboard.csv").read_bytes() == before
    status, told, _ = run_command(verify.main, out, "--data", shapes_folder, "--require-data")
    assert status == 0, told
    assert "6 sound runs" in told
    assert run_command(compare.main, out, out)[0] == 0
    assert scored(said)[0] == 0, "once more, in place of itself"
    assert len(rows(out)) == 3


def test_classes_alone_are_scored_without_what_needs_probabilities(
    said: pd.DataFrame,
    out: Path,
    shapes_folder: Path,
    scored: Callable[..., tuple[int, str, str]],
    run_command: Command,
) -> None:
    assert scored(said)[0] == 0
    assert (out / "reliability" / "shapes.fair-40.mine.png").is_file()
    assert scored(said[["repeat", "file", "said"]])[0] == 0
    table = rows(out)
    for name in METRICS:
        known = table.loc["decision-tree", name]
        assert table.loc["mine", name] == (
            pytest.approx(math.nan, nan_ok=True) if name in NEED_PROBABILITIES else known
        )
    assert table.loc["mine", ["accuracy_lo", "accuracy_hi", "rank"]].notna().all()
    assert not (out / "reliability" / "shapes.fair-40.mine.png").exists()
    written = pd.read_csv(out / "predictions" / "shapes.fair-40.mine.csv")
    assert [*written] == ["repeat", "file", "true", "said"], "no probabilities are made up"
    status, told, _ = run_command(verify.main, out, "--data", shapes_folder)
    assert status == 0, told
    status, told, _ = scored(said[["repeat", "file", "said"]], "mine", "--metric", "log_loss")
    assert status == 0
    assert "no rank by log loss, which needs probabilities" in told
    table = rows(out)
    assert math.isnan(table.loc["mine", "rank"])
    assert table.loc[["knn", "decision-tree"], "rank"].notna().all()
    assert table.loc["mine", ["accuracy_lo", "macro_f1_hi"]].notna().all()


def test_columns_may_be_called_as_the_classes_and_other_pictures_be_there_too(
    said: pd.DataFrame, out: Path, shapes_folder: Path, scored: Callable[..., tuple[int, str, str]]
) -> None:
    once = said[said["repeat"] == 1]
    plain = once.rename(columns=lambda name: name.removeprefix("p_"))
    plain = plain[["file", "bar", "disc", "ring"]].sample(frac=1, random_state=0)
    files = sorted(f"{path.parent.name}/{path.name}" for path in shapes_folder.glob("*/*.png"))
    others = pd.DataFrame({"file": [file for file in files if file not in {*plain["file"]}]})
    others[["bar", "disc", "ring"]] = 1.0, 0.0, 0.0
    status, _, err = scored(pd.concat([others, plain]))
    assert status == 0
    assert f"left aside: {len(others)} lines of pictures that are not tested" in err
    results = Results(out)
    tree, mine = (
        read_row(results, next(r for r in results.rows() if r.model.label == name))
        for name in ("decision-tree", "mine")
    )
    assert tree.scores is not None
    assert mine.scores is not None
    assert np.array_equal(mine.scores.answers.predicted[0], tree.scores.answers.predicted[0])


def test_a_picture_is_named_as_its_file_is_or_as_the_tables_here_write_it(
    shapes: Dataset, tmp_path: Path
) -> None:
    odd = dataclasses.replace(shapes, ids=tuple(f"={name}\x07" for name in shapes.ids))
    protocol = Fair(train_size=40)
    rows = protocol.rows(odd, deep=False, repeat=0)
    made = []
    for name in (str, readable):
        table = pd.DataFrame({"file": [name(odd.ids[row]) for row in rows.scored], "said": "bar"})
        table.to_csv(tmp_path / "said.csv", index=False)
        answers = outside.read(tmp_path / "said.csv", odd.class_names)
        ((_, predictions),) = outside.runs("mine", answers, odd, protocol)
        made.append(predictions.probabilities)
    assert (made[0] == made[1]).all()
    tested = split.table(odd, protocol).query("part == 'test'")["file"]
    assert {*tested} == {*answers.files}


def test_rows_of_other_pictures_are_told_of_and_not_compared(
    out: Path, tmp_path: Path, run_command: Command
) -> None:
    other = write_shapes(tmp_path / "shapes")
    (other / "bar" / "bar_000.png").write_bytes((other / "bar" / "bar_001.png").read_bytes())
    names = {"p_bar": 1.0, "p_disc": 0.0, "p_ring": 0.0}
    files = sorted(f"{path.parent.name}/{path.name}" for path in other.glob("*/*.png"))
    path = tmp_path / "said.csv"
    pd.DataFrame({"file": files}).assign(**names).to_csv(path, index=False)
    here = ("--data", other, "--train-size", 40, "--out", out)
    status, told, err = run_command(score.main, path, "--name", "mine", *here)
    assert status == 0, err
    assert "2 rows of shapes fair-40" in err
    assert "they are not compared with the new ones" in err
    assert "rank 1 of 1" in told


def test_a_file_that_a_set_lists_twice_needs_one_line_or_one_of_each(
    shapes: Dataset, tmp_path: Path
) -> None:
    protocol = Fair(train_size=40)
    first, second = protocol.rows(shapes, deep=False, repeat=0).scored[:2]
    ids = tuple(shapes.ids[first if row == second else row] for row in range(len(shapes)))
    twice = dataclasses.replace(shapes, ids=ids)
    tested = [ids[row] for row in protocol.rows(shapes, deep=False, repeat=0).scored]

    def said(lines: pd.DataFrame) -> np.ndarray:
        lines.to_csv(tmp_path / "said.csv", index=False)
        answers = outside.read(tmp_path / "said.csv", shapes.class_names)
        ((_, predictions),) = outside.runs("mine", answers, twice, protocol)
        return predictions.probabilities.argmax(axis=1)

    table = pd.DataFrame({"file": tested, "said": ["bar", "disc"] + ["ring"] * 28})
    assert said(table).tolist() == [0, 1] + [2] * 28
    assert said(table.drop(index=1)).tolist() == [0, 0] + [2] * 28
    with pytest.raises(InputError, match=f"has 3 lines of {tested[0]}: keep one"):
        said(pd.concat([table, table[:1]]))


def changed(table: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    table = table.astype({column: object})
    table.loc[3, column] = value
    return table


CLASSES = ["p_bar", "p_disc", "p_ring"]
MORE_CELLS = "its lines have more cells than its first line names columns"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="file"), "needs a column 'file'"),
        (lambda t: t[["repeat", "file", "true"]], "and either 'said' or a column for each class"),
        (lambda t: t[:0], "has no line of predictions"),
        (lambda t: 'file,said\n"a,bar', "cannot be read as CSV"),
        (lambda t: t.assign(bar=t["p_bar"]), "two columns for the class bar, bar and p_bar: keep"),
        (lambda t: t.rename(columns={"p_bar": "p_disc"}), "has 2 columns 'p_disc': keep one"),
        (lambda t: '"file,said\na,bar', "cannot be read as CSV"),
        (lambda t: changed(t, "file", "none.png"), "not of shapes, such as 'none.png'"),
        (lambda t: t[5:], "lacks 5 of the 30 test pictures in repeat 1, such as "),
        (lambda t: pd.concat([t, t[:1]]), "has 2 lines of "),
        (lambda t: changed(t, "said", "square"), "says 'square' of "),
        (lambda t: changed(t.drop(columns=CLASSES), "said", ""), "says '' of "),
        (lambda t: changed(t, "p_bar", 0.5), "that sum to "),
        (lambda t: t.drop(columns=["said", "p_bar"]), "that sum to 0, not to 1"),
        (lambda t: changed(t, "p_bar", "?"), "negative or no numbers"),
        (lambda t: changed(t, "p_bar", -1), "negative or no numbers"),
        (lambda t: changed(t, "p_bar", 1e300), "negative or no numbers"),
        (lambda t: t.to_csv(index=False).replace("\n", ",\n").replace(",\n", "\n", 1), MORE_CELLS),
        (lambda t: t.to_csv().removeprefix(","), MORE_CELLS),
        (lambda t: t.assign(said="ring"), "leave out the column 'said'"),
        (lambda t: t.assign(repeat=t["repeat"] - 1), "number them from 1 on"),
        (
            lambda t: t.iloc[[0] * 1001].assign(repeat=range(1, 1002)),
            "has 1,001 repeats: give 1,000 at most",
        ),
    ],
)
def test_a_file_that_cannot_be_scored_is_one_line_and_leaves_the_results_alone(
    change: Callable[[pd.DataFrame], pd.DataFrame | str],
    words: str,
    said: pd.DataFrame,
    out: Path,
    scored: Callable[..., tuple[int, str, str]],
) -> None:
    before = (out / "SHA256SUMS").read_bytes()
    status, _, err = scored(change(said))
    assert status == 2
    assert err.startswith("error: ")
    assert err.strip().count("\n") == 0
    assert words in err
    assert (out / "SHA256SUMS").read_bytes() == before


def test_predictions_that_could_not_be_read_again_are_not_stored(
    said: pd.DataFrame,
    scored: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outside.limits, "TABLE_BYTES", 3000)
    status, _, err = scored(said.loc[said["repeat"] == 1, ["file", "said"]])
    assert (status, "shapes: predictions of 30 pictures of 3 classes take" in err) == (2, True)
    assert "more with --larger" in err


def test_columns_are_looked_at_before_the_time_is_spent_that_many_take(
    scored: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pd, "read_csv", lambda *_, **__: pytest.fail("it takes the square"))
    status, _, err = scored(f"file,said,{','.join('a' * 200_000)}\n")
    assert (status, "has 200,002 columns, and may have 103" in err) == (2, True)
    status, _, err = scored("file,said,a,a\n")
    assert (status, "has 2 columns 'a': keep one" in err) == (2, True)
    status, _, err = scored(f"{'a,' * (1 << 20)}\n")
    assert (status, "its first line is too long" in err) == (2, True)


def test_classes_may_be_called_as_columns_of_others_are(tmp_path: Path) -> None:
    path, classes = tmp_path / "said.csv", ["cat", "p_cat"]
    path.write_text("file,p_cat,p_p_cat\na.png,1,0\n")
    assert outside.read(path, classes).probabilities.tolist() == [[1, 0]]
    path.write_text("file,cat,p_cat\na.png,1,0\n")
    with pytest.raises(InputError, match="two columns for the class cat, cat and p_cat"):
        outside.read(path, classes)


@pytest.mark.parametrize(
    ("name", "words"),
    [("knn", "is a model of this benchmark"), ("a/b", "can be no model's name"), ("", "''")],
)
def test_a_name_is_the_models_own(
    name: str, words: str, said: pd.DataFrame, scored: Callable[..., tuple[int, str, str]]
) -> None:
    status, _, err = scored(said, name)
    assert status == 2
    assert words in err


def test_a_line_of_very_many_cells_is_refused_before_the_time_is_spent_that_they_take(
    scored: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pd, "read_csv", lambda *_, **__: pytest.fail("it takes the square"))
    for line in ("," * 100_000, "," * (1 << 21), f"\n\n{',' * 100}"):
        status, _, err = scored(f"file,said\n{line}\na,b\n")
        assert (status, "more cells than its first line names columns" in err) == (2, True)


def test_predictions_that_took_the_place_of_those_handed_in_are_found(
    said: pd.DataFrame, scored: Callable[..., tuple[int, str, str]], out: Path
) -> None:
    assert scored(said.loc[said["repeat"] == 1])[0] == 0
    results = Results(out)
    records = [results.record(row.keys[0]) for row in results.rows()]
    (record,) = (each for each in records if each and each.model.family == outside.OUTSIDE)
    predictions = results.predictions(record)
    probabilities = predictions.probabilities[:, ::-1].copy()
    results.put(record, dataclasses.replace(predictions, probabilities=probabilities))
    (failure,) = verify.verify(results).failures
    assert "other predictions than were handed in" in failure
