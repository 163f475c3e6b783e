"""A search chooses on the validation pictures, counts what it took, and makes no run twice."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import datasets
from benchmark import search, verify
from benchmark.core import models
from benchmark.core.execute import execute
from benchmark.core.protocols import Fair, Search
from benchmark.core.records import Trial
from benchmark.core.runs import Run, describe
from benchmark.core.store import Results
from benchmark.scores import searches as trials
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import RANKED_BY
from benchmark.view import plots
from benchmark.view.page import publish
from datasets import Dataset, InputError, Source
from tests.benchmark.conftest import change_a_byte
from tests.conftest import write_shapes

Command = Callable[..., tuple[int, str, str]]

GRID = "- n_neighbors: [0, 1, 5]\n- n_neighbors: [5, 9]\n"  # one fails, and one is there twice
FILE = "trials/shapes.search-40.knn.neighbours.grid.accuracy"


def find(run_command: Command, out: Path, data: Path, grid: Path) -> tuple[int, str, str]:
    flags = ("--train-size", 40, "--jobs", 1, "--device", "cpu", "--out", out)
    return run_command(search.main, "--model", "knn", "--grid", grid, "--data", data, *flags)


@pytest.fixture
def grid_file(tmp_path: Path) -> Path:
    path = tmp_path / "neighbours.yaml"
    path.write_text(GRID)
    return path


@pytest.fixture
def searched(
    tmp_path: Path,
    shapes_folder: Path,
    grid_file: Path,
    run_command: Command,
    kept: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Results of a search, made once and copied for each test."""
    if "out" not in kept:
        out = tmp_path_factory.mktemp("search") / "results"
        status, _, err = find(run_command, out, shapes_folder, grid_file)
        assert status == 0, err
        kept["out"] = out
    return Path(shutil.copytree(kept["out"], tmp_path / "results"))


@pytest.fixture(scope="module")
def kept() -> dict[str, Path]:
    return {}


def test_only_the_winner_is_on_the_leaderboard_with_what_the_search_took(searched: Path) -> None:
    (row,) = pd.read_csv(searched / "leaderboard.csv").to_dict(orient="records")
    (found,) = trials.read(Results(searched))
    assert found.best is not None
    assert row["model"] == found.best.label
    assert (row["protocol"], row["status"], row["n_test"]) == ("fair-40", "ok", 30)
    assert row["search_trials"] == 4
    assert row["search_seconds"] == pytest.approx(found.table["seconds"].sum())
    assert row["fit_seconds"] < row["search_seconds"]
    assert "best of 4 trials on validation" in row["note"]
    for page in ("leaderboard.md", "report.html"):
        text = (searched / page).read_text()
        assert "4 trials of knn (neighbours, grid), protocol search-40" in text
        assert "n_neighbors must be 1 or more" in text


def test_every_trial_is_a_row_of_its_table_and_a_run_to_look_into(searched: Path) -> None:
    table = pd.read_csv(searched / f"{FILE}.csv")
    assert table["n_neighbors"].tolist() == [0, 1, 5, 9]
    assert table["status"].tolist() == ["failed", "ok", "ok", "ok"]
    assert "n_neighbors must be 1 or more, not 0" in table["reason"][0]
    assert table["best"].sum() == 1
    good = table[table["status"] == "ok"]
    assert (good["accuracy_lo"] <= good["accuracy"]).all()
    assert good["told_apart_from_best"].isna().sum() == 1
    assert all(Results(searched).is_finished(key) for key in good["run"])
    assert (searched / f"{FILE}.png").is_file()
    assert len([*searched.glob("runs/*/model.skops")]) == 1, "the winner's model only is kept"


def test_a_search_of_which_no_trial_is_ok_says_so(
    tmp_path: Path, shapes_folder: Path, run_command: Command
) -> None:
    grid, out = tmp_path / "none.yaml", tmp_path / "results"
    grid.write_text("n_neighbors: [0]\n")
    status, said, err = find(run_command, out, shapes_folder, grid)
    assert status == 1
    assert "1 trials have no score; the first is trial 1: failed:" in said
    assert "n_neighbors must be 1 or more" in said
    assert err.strip().endswith("no trial is ok: the reasons are in trials/")
    assert len([*out.glob("trials/*.csv")]) == 1


def test_trials_are_scored_on_validation_pictures(searched: Path, shapes: Dataset) -> None:
    rows = Fair(train_size=40).rows(shapes, deep=False, repeat=0)
    for key in trials.read(Results(searched))[0].table["run"][1:]:
        predictions = Results(searched).predictions(Results(searched).record(key))
        assert (predictions.rows == rows.selection).all()


def test_a_second_call_repeats_nothing_but_what_failed(
    searched: Path, shapes_folder: Path, grid_file: Path, run_command: Command
) -> None:
    runs = {path: path.read_bytes() for path in searched.glob("runs/*/run.json")}
    pages = [searched / name for name in ("leaderboard.md", "leaderboard.csv", "searches.json")]
    before = [path.read_bytes() for path in pages]
    status, _, err = find(run_command, searched, shapes_folder, grid_file)
    assert status == 0
    assert "3 runs are already in the results" in err
    assert "1 runs to make" in err
    assert [path.read_bytes() for path in pages[2:]] == before[2:]
    failed = trials.read(Results(searched))[0].table["run"][0]
    for path, content in runs.items():
        assert (path.read_bytes() == content) == (path.parent.name != failed)
    assert set(searched.glob("runs/*/run.json")) == set(runs)


def test_a_search_that_was_broken_off_names_no_winner(searched: Path) -> None:
    shutil.rmtree(Results(searched).run_folder(trials.read(Results(searched))[0].table["run"][2]))
    found = publish(Results(searched))
    assert found.searches[0].best is None
    assert found.table["search_trials"].isna().all()
    assert "best of" not in found.table["note"][0]
    assert "1 of 4 trials were not run yet" in (searched / "leaderboard.md").read_text()


def test_a_found_search_is_what_its_runs_say_and_a_change_is_found(
    searched: Path, shapes_folder: Path
) -> None:
    found = verify.verify(Results(searched), str(shapes_folder), require_data=True)
    assert not found.failures
    assert len(found.records) == 5
    change_a_byte(searched / f"{FILE}.csv")
    key = trials.read(Results(searched))[0].table["run"][2]
    change_a_byte(Results(searched).run_folder(key) / "run.json")
    failures = verify.verify(Results(searched), str(shapes_folder)).failures
    assert len(failures) == 2
    assert any(failure.startswith(f"{FILE}.csv: changed") for failure in failures)
    assert any("run.json" in failure for failure in failures)
    change_a_byte(searched / "searches.json")
    failures = verify.verify(Results(searched), str(shapes_folder)).failures
    assert any(failure.startswith("searches.json") for failure in failures)


def test_a_search_for_what_is_no_score_is_one_line(searched: Path) -> None:
    [entry] = Results(searched).searches()
    Results(searched).put_search(replace(entry, metric="beauty"))
    with pytest.raises(InputError, match="the best 'beauty', which is no score"):
        trials.read(Results(searched))


def test_the_labels_of_the_test_pictures_cannot_change_the_winner(tmp_path: Path) -> None:
    shapes = write_shapes(tmp_path / "all", per_class=30)
    found = []
    for order in (["bar", "disc", "ring"], ["ring", "bar", "disc"]):
        data, out = tmp_path / order[0] / "shapes", tmp_path / order[0] / "results"
        for name, as_test in zip(sorted(order), order, strict=True):
            for i, path in enumerate(sorted((shapes / name).iterdir())):
                part, label = ("test", as_test) if i < 10 else ("train", name)
                (data / part / label).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, data / part / label)
        dataset, (knn,) = datasets.load(data), models.find("knn")
        runs = [
            Run(
                Source.parse(str(data)),
                describe(dataset),
                32,
                Search("official"),
                knn,
                {"n_neighbors": n},
            )
            for n in (1, 5, 9)
        ]
        for run in runs:
            execute(run, Results(out))
        by_key = {run.key: run for run in runs}
        about = trials.entry(by_key, Fair("official"), "neighbours", "grid", "accuracy")
        Results(out).put_search(about)
        found += trials.read(Results(out))
    one, other = (each.table.drop(columns=["run", "seconds"]) for each in found)
    assert (one["status"] == "ok").all()
    pd.testing.assert_frame_equal(one, other)
    assert found[0].best is not None
    assert found[1].best is not None
    assert found[0].best.label == found[1].best.label


@pytest.mark.parametrize("metric", RANKED_BY)
def test_the_best_is_best_in_the_metric(searched: Path, metric: str) -> None:
    (about,) = Results(searched).searches()
    Results(searched).put_search(replace(about, metric=metric))
    found = next(each for each in trials.read(Results(searched)) if each.entry.metric == metric)
    scores = found.table[metric]
    best = found.table.loc[found.table["best"], metric].item()
    assert best == (scores.min() if metric == "log_loss" else scores.max())
    assert found.table["best"][found.order()[0]]


def test_a_row_that_won_two_searches_counts_each_trial_once(searched: Path) -> None:
    (about,) = Results(searched).searches()
    Results(searched).put_search(replace(about, space="fewer", trials=about.trials[1:]))
    row = Leaderboard.compute(Results(searched)).table.iloc[0]
    assert row["search_trials"] == 4
    assert "best of 3 trials" in row["note"]


@pytest.mark.parametrize("net", ["cnn", "cnn-se", "cnn-se-residual", "cnn3"])
def test_the_documents_grid_is_of_96_points_that_its_nets_take(net: str) -> None:
    points = search.read("raf-db-report").points()
    made = {str(models.models()[net].make(**point).get_params()) for point in points}
    assert len(points) == len(made) == 96
    assert {point["patience"] for point in points} == {5, None}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no grid is called"),
        ("{", "cannot be read as YAML"),
        ("", "is no grid: write lines of 'parameter: [values]'"),
        ("[]", "is no grid"),
        ("- 5", "is no grid"),
        ("n_neighbors: 5", "n_neighbors"),
        ("n_neighbors: []", "n_neighbors"),
        ("neighbours: [5]", "knn has no parameter 'neighbours': it has n_neighbors"),
        ("n_neighbors: {low: 1, high: 9}", "use --sampler optuna"),
        (f"{{n_neighbors: {[*range(999)]}, p: {[*range(999)]}}}", "has 998,001 points"),
        ('metric: ["=SUM(A1)", minkowski]', "begins a formula"),
        ('metric: ["a\\tb"]', r"has 'a\tb': write it without"),
        ("n_neighbors: [1, 2]\nn_neighbors: [5]", "'n_neighbors' is there twice"),
    ],
)
def test_a_wrong_grid_is_one_line(
    content: str | None, words: str, tmp_path: Path, shapes_folder: Path, run_command: Command
) -> None:
    path = tmp_path / "wrong.yaml"
    if content is not None:
        path.write_text(content)
    status, out, err = find(run_command, tmp_path / "results", shapes_folder, path)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "results").exists()


def test_one_model_is_searched_and_a_grid_has_no_budget(
    tmp_path: Path, grid_file: Path, run_command: Command
) -> None:
    for flags, words in (
        (("--model", "vgg*"), "one at a time"),
        (("--model", "knn", "--trials", 5), "--sampler optuna"),
    ):
        status, _, err = run_command(search.main, "--grid", grid_file, *flags)
        assert status == 2
        assert words in err


def test_values_are_read_as_meant(tmp_path: Path) -> None:
    path = tmp_path / "typed.yaml"
    path.write_text("a: [1e-3, 5, null, true, word, 2020-01-01]\n")
    path = path.rename(tmp_path / "=typed.yaml")
    assert search.read(str(path)).name == "'=typed", "tables have it in a cell"
    (choices,) = search.read(str(path)).choices
    assert choices == {"a": [0.001, 5, None, True, "word", "2020-01-01"]}


RANGES = search.Space(
    "ranges", [{"rate": {"low": 1e-4, "high": 0.1, "log": True}, "size": [8, 16]}]
)


def sampled(score: Callable[[search.Settings], float | None], n: int = 14) -> list[search.Settings]:
    asked: list[search.Settings] = []

    def evaluate(points: list[search.Settings]) -> list[float | None]:
        asked.extend(points)
        return [score(point) for point in points]

    RANGES.sample(n, seed=1, evaluate=evaluate)
    return asked


def test_optuna_asks_again_for_the_same_points_and_learns_from_scores() -> None:
    pytest.importorskip("optuna")

    def good_at_low_rates(point: search.Settings) -> float | None:
        return None if point["size"] == 8 else -abs(np.log10(point["rate"]) + 3)

    asked = sampled(good_at_low_rates)
    assert len(asked) == 14
    assert asked == sampled(good_at_low_rates)
    assert asked[:12] == sampled(good_at_low_rates, n=20)[:12], "a larger budget goes on"
    assert all(1e-4 <= point["rate"] <= 0.1 for point in asked)
    assert asked != sampled(lambda point: point["rate"])


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ([{"a": [1]}, {"b": [2]}], "leave one, or use --sampler grid"),
        ([{"a": {"low": 1}}], "give a list of values, or a range such as"),
        ([{"a": {"low": 2, "high": 1}}], "give a list of values, or a range such as"),
        ([{"a": {"low": 1, "high": 2, "steps": 3}}], "give a list of values, or a range such as"),
    ],
)
def test_what_optuna_cannot_sample_from_is_told(
    choices: list[dict[str, object]], words: str
) -> None:
    pytest.importorskip("optuna")
    with pytest.raises(InputError, match=words):
        search.Space("wrong", choices).sample(1, 0, lambda points: [0.0] * len(points))


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'classical-or-deep\[search\]'"):
        sampled(lambda point: 0.0)


def test_the_picture_shows_parameters_drawn_from_a_range(searched: Path) -> None:
    (found,) = trials.read(Results(searched))
    many = pd.concat([found.table] * 4, ignore_index=True)
    many["n_neighbors"] = [str(10.0**-i) for i in range(len(many))]
    many["best"] = many.index == found.table["best"].to_numpy().argmax()
    figure = plots.search(dataclasses.replace(found, table=many), "made up")
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_xlabel() == "n_neighbors"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "without a score and not drawn: 4" in labels
    words = many.assign(n_neighbors=[f"word {i}" for i in range(len(many))])
    figure = plots.search(dataclasses.replace(found, table=words), "made up")
    assert figure.axes[0].get_xticklabels()[0].get_text() == "word 0"


def test_a_parameter_that_decides_the_score_explains_its_spread(searched: Path) -> None:
    (found,) = trials.read(Results(searched))
    accuracy = {
        "n_neighbors": [1, 1, 2, 2],
        "weights": [1, 2, 1, 2],
        "accuracy": [0.5] * 2 + [0.9] * 2,
    }
    trial = Trial("knn", {"n_neighbors": 1, "weights": 1}, "k")
    entry = replace(found.entry, trials=(trial,))
    made_up = pd.DataFrame(accuracy).astype({"n_neighbors": str, "weights": str})
    assert trials.importance(dataclasses.replace(found, entry=entry, table=made_up)) == {
        "n_neighbors": pytest.approx(1),
        "weights": pytest.approx(0),
    }
