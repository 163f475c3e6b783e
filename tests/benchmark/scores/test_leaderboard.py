"""The leaderboard ranks what can be compared and puts published figures beside measured ones."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from benchmark.core.progress import Display
from benchmark.core.store import Results
from benchmark.scores import leaderboard
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS, Metric
from benchmark.scores.rows import Row
from benchmark.scores.scores import Scores
from benchmark.view import markdown, plots
from benchmark.view.console import show
from benchmark.view.page import publish
from benchmark.view.sections.board import boards, comparisons, metric_heading
from benchmark.view.text import heading
from datasets import InputError
from deepnets.training.engine import Epoch
from tests.benchmark.made_up import board_row, predictions, record

EPOCHS = (Epoch(1, 0.7, 0.5, 0.7, 0.5, 1.0), Epoch(2, 0.6, 0.6, 0.6, 0.6, 1.0))


def put(
    out: Path,
    model: str,
    accuracies: Sequence[float],
    protocol: str = "slides",
    n: int = 100,
    status: str = "ok",
    people: np.ndarray | None = None,
    trained: Sequence[int] = (0, 1),
    split: str = "random",
    usual_split: str = "random",
    n_train: int = 10,
    deep: bool = False,
    fingerprint: str = "f" * 64,
    dataset: str = "muxspace",
    crop: str = "none",
) -> None:
    """Store made-up runs of a model on two classes, with the accuracies given."""
    which = protocol if split == "random" else split
    which += "" if dataset == "muxspace" else f"-{dataset}"
    row = board_row(
        *(model, protocol, split, usual_split, dataset),
        tuple(f"{model}-{which}-{repeat}" for repeat in range(len(accuracies))),
        deep,
        note="N",
        fingerprint=fingerprint,
        class_counts={"a": 60, "b": 40},
        crop=crop,
    )
    labels = np.arange(n) % 2
    for repeat, accuracy in enumerate(accuracies):
        took = {"n_train": n_train, "n_validation": 10, "n_test": n, "fit_seconds": 1.0 + repeat}
        ended = status if repeat == len(accuracies) - 1 else "ok"
        Results(out).put(
            record(row, repeat, ended, trained_classes=tuple(trained), **took),
            predictions(labels, np.arange(n) < round(accuracy * n), groups=people),
            EPOCHS if deep else (),
        )
    Results(out).put_rows([row])


def collect(out: Path) -> pd.DataFrame:
    """The table of a results folder."""
    return Leaderboard.compute(Results(out)).table


def test_models_are_ranked_by_accuracy_and_equals_share_a_rank(tmp_path: Path) -> None:
    for model, accuracy in (("knn", 0.6), ("vgg11", 0.8), ("vgg13", 0.8), ("majority", 0.5)):
        put(tmp_path, model, [accuracy])
    table = collect(tmp_path)
    assert table["model"].tolist() == ["vgg11", "vgg13", "knn", "majority"]
    assert table["rank"].tolist() == [1, 1, 3, 4]


def test_models_the_pictures_cannot_tell_apart_share_a_rank_and_it_shows(tmp_path: Path) -> None:
    for model, accuracy in (("knn", 0.81), ("vgg11", 0.8), ("majority", 0.5)):
        put(tmp_path, model, [accuracy])
    found = Leaderboard.compute(Results(tmp_path))
    table = found.table
    assert table["model"].tolist() == ["knn", "vgg11", "majority"], "in order of accuracy"
    assert table["rank"].tolist() == [1, 1, 3]
    assert table["last_rank"].tolist() == [2, 2, 3]
    assert table["share_best"].sum() == pytest.approx(1)
    assert 0.5 < table["share_best"].iloc[0] < 1
    assert table["share_best"].iloc[2] == 0
    (section,) = boards(found)
    assert section.table is not None
    assert section.table["rank"].tolist() == ["1-2", "1-2", "3"]
    pairs = found.pairs.set_index(["model_a", "model_b"])
    assert pairs["told_apart"].to_dict() == {
        ("knn", "vgg11"): False,
        ("knn", "majority"): True,
        ("vgg11", "majority"): True,
    }
    pair = pairs.loc[("knn", "majority")]
    assert pair["difference"] == pytest.approx(0.31)
    assert pair["difference_lo"] < 0.31 < pair["difference_hi"]
    assert pair["p"] <= pair["p_adjusted"]


SURE, UNSURE = 0.99, 0.6  # of the class named


def put_unsure(out: Path, model: str, right: float, confidence: float) -> None:
    """A result on 400 pictures, of which the first `right` are right, all named as surely."""
    row, labels = board_row(model, keys=(model,)), np.arange(400) % 2
    said = predictions(labels, np.arange(400) < right * 400)
    probabilities = np.abs(said.probabilities - (1 - confidence)).astype(np.float32)
    Results(out).put(record(row, n_test=400), replace(said, probabilities=probabilities))
    Results(out).put_rows([row])


def test_models_are_ranked_by_the_metric_asked_for(tmp_path: Path) -> None:
    put_unsure(tmp_path, "sure", 0.8, SURE)
    put_unsure(tmp_path, "unsure", 0.7, UNSURE)
    results = Results(tmp_path)
    by_accuracy = Leaderboard.compute(results)
    assert by_accuracy.table["model"].tolist() == ["sure", "unsure"]
    results.put_rows([], "log_loss")
    by_loss = Leaderboard.compute(results)
    assert by_loss.table["model"].tolist() == ["unsure", "sure"]
    assert by_loss.table["rank"].tolist() == [1, 2]
    assert by_loss.pairs[["metric", "model_a"]].iloc[0].tolist() == ["log_loss", "unsure"]
    assert by_loss.pairs["difference"].iloc[0] < 0, "of a loss, less is better"
    (section,) = boards(by_loss)
    assert "Ranked and compared by log loss." in section.before
    put_unsure(tmp_path, "knn", 0.9, UNSURE)
    assert Leaderboard.compute(results).metric.name == "log_loss", "until another is asked for"


def test_probabilities_worse_than_the_shares_of_the_classes_are_marked(tmp_path: Path) -> None:
    put_unsure(tmp_path, "sure", 0.8, SURE)
    put_unsure(tmp_path, "unsure", 0.7, UNSURE)
    (section,) = boards(Leaderboard.compute(Results(tmp_path)))
    assert section.table is not None
    marked = section.table.set_index("model")["log loss"].str.endswith("!")
    assert marked.to_dict() == {"sure": True, "unsure": False}


def test_a_board_says_who_is_best_where_each_class_counts_the_same(tmp_path: Path) -> None:
    labels = (np.arange(400) % 10 == 0).astype(int)
    for model, right in (("majority", labels == 0), ("knn", np.arange(400) % 4 != 1)):
        row = board_row(model, keys=(model,))
        Results(tmp_path).put(record(row, n_test=400), predictions(labels, right))
        Results(tmp_path).put_rows([row])
    (section,) = boards(Leaderboard.compute(Results(tmp_path)))
    assert section.before == [
        "On 400 pictures knn is best where each class counts the same "
        "(balanced accuracy 86.1 %; majority 50.0 %)."
    ]


def test_a_folder_ranked_by_something_unknown_says_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.6])
    Results(tmp_path).put_rows([], "charm")
    with pytest.raises(
        InputError, match=r"ranks by 'charm', which is none of accuracy, .* --metric"
    ):
        collect(tmp_path)


def test_pictures_of_one_person_do_not_count_on_their_own(tmp_path: Path) -> None:
    people = np.arange(100) // 20
    for name, groups in (("alone", None), ("people", people)):
        for model, accuracy in (("knn", 0.8), ("vgg11", 0.6)):
            put(tmp_path / name, model, [accuracy], people=groups)
    alone, few = (collect(tmp_path / name) for name in ("alone", "people"))
    assert alone["rank"].tolist() == [1, 2]
    assert few["rank"].tolist() == [1, 1], "the difference is all in one of five people"
    assert few["n_people"].tolist() == [5, 5]
    assert alone["n_people"].isna().all()
    width = [(table["accuracy_hi"] - table["accuracy_lo"]).iloc[0] for table in (alone, few)]
    assert width[1] > 2 * width[0]
    assert "100 pictures of 5 people" in heading(
        Leaderboard.compute(Results(tmp_path / "people")).rows
    )


def test_the_spread_from_training_is_told_apart_from_the_interval(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.6, 0.8])
    put(tmp_path, "vgg11", [0.7, 0.7])
    table = collect(tmp_path).set_index("model")
    assert table["accuracy_sd_of_repeats"].to_dict() == pytest.approx(
        {"knn": 0.02**0.5, "vgg11": 0}
    )
    (section,) = boards(Leaderboard.compute(Results(tmp_path)))
    assert section.table is not None
    text = section.table.set_index("model")
    assert "repeats ±14.1" in text.loc["knn", metric_heading(METRICS["accuracy"])]


def test_classes_missing_from_training_or_test_are_said(tmp_path: Path) -> None:
    put(tmp_path, "knn", [1.0], n=1, trained=(0,))
    notes = collect(tmp_path).iloc[0]["note"]
    assert "no b in training" in notes
    assert "no b in test" in notes


def test_what_holds_for_all_rows_on_the_same_pictures_is_said_once(tmp_path: Path) -> None:
    for model, trained in (("knn", (0,)), ("majority", (0,)), ("vgg11", (0, 1))):
        put(tmp_path, model, [0.8], trained=trained, n=40 if model == "vgg11" else 100)
    (section,) = boards(Leaderboard.compute(Results(tmp_path)))
    assert section.before == ["All rows scored on 100 pictures: no b in training."]
    assert section.table is not None
    notes = section.table.set_index("model")["status and notes"]
    assert notes.to_dict() == dict.fromkeys(notes.index, "N"), "the protocol's, each of itself"
    put(tmp_path, "hog-svm", [0.8])
    (section,) = boards(Leaderboard.compute(Results(tmp_path)))
    assert section.before == []


def share_of_a(counts: np.ndarray) -> np.ndarray:
    """A metric made up: how often the first class is named."""
    predicted = counts[..., 2, :]
    return np.asarray(predicted[..., 0] / predicted.sum(axis=-1))


def test_a_new_metric_is_one_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(METRICS, "says_a", Metric("says_a", "says a", share_of_a, digits=2))
    put(tmp_path, "knn", [0.8, 0.8])
    found = publish(Results(tmp_path))
    (row,) = pd.read_csv(tmp_path / "leaderboard.csv").to_dict(orient="records")
    assert list(row)[: len(leaderboard.FIRST_COLUMNS)] == list(leaderboard.FIRST_COLUMNS)
    assert list(row)[-3:] == ["says_a", "says_a_lo", "says_a_hi"]
    assert row["says_a_lo"] < row["says_a"] == 0.5 < row["says_a_hi"]
    shown = f"50.00 ({100 * row['says_a_lo']:.2f}-{100 * row['says_a_hi']:.2f})"
    text = (tmp_path / "leaderboard.md").read_text()
    assert "says a %" in text
    assert shown in text
    show(boards(found), Console(width=200))
    assert shown in capsys.readouterr().out


def test_the_same_results_give_the_same_tables_twice(tmp_path: Path) -> None:
    for model, accuracy in (("knn", 0.7), ("vgg11", 0.8), ("majority", 0.5)):
        put(tmp_path, model, [accuracy], people=np.arange(100) // 3)
    one, other = Leaderboard.compute(Results(tmp_path)), Leaderboard.compute(Results(tmp_path))
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    pd.testing.assert_frame_equal(one.pairs, other.pairs, check_exact=True)


def test_models_scored_on_other_pictures_are_ranked_apart(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.6], n=400)
    put(tmp_path, "majority", [0.5], n=400)
    put(tmp_path, "vgg11", [0.7], n=50)
    table = collect(tmp_path).set_index("model")
    assert table["rank"].to_dict() == {"knn": 1, "majority": 2, "vgg11": 1}
    assert "50 or 400 pictures" in heading(Leaderboard.compute(Results(tmp_path)).rows)


def test_repeats_are_averaged_and_their_spread_told(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.6, 0.7, 0.8])
    row = collect(tmp_path).iloc[0]
    assert row["repeats"] == 3
    assert row["accuracy"] == pytest.approx(0.7)
    assert row["accuracy_sd_of_repeats"] == pytest.approx(0.1)
    assert row["fit_seconds"] == pytest.approx(2.0)


def test_a_failed_repeat_shows_and_takes_the_rank(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.6, 0.7], status="timeout")
    put(tmp_path, "majority", [0.5])
    table = collect(tmp_path).set_index("model")
    assert table.loc["knn", "status"] == "timeout"
    assert table.loc["knn", "reason"] == "repeat 2 of 2: it broke"
    assert pd.isna(table.loc["knn", "rank"])
    assert table.loc["majority", "rank"] == 1
    (section,) = boards(Leaderboard.compute(Results(tmp_path)))
    assert "timeout: repeat 2 of 2" in markdown.leaderboard([section])
    assert section.table is not None
    assert [section.table["model"][row] for row in section.bad_rows] == ["knn"]


@pytest.mark.parametrize("damage", ["predictions.npz", "run.json"])
def test_what_is_damaged_is_a_row_without_a_score(tmp_path: Path, damage: str) -> None:
    put(tmp_path, "knn", [0.6])
    put(tmp_path, "majority", [0.5])
    path = Results(tmp_path).run_folder("knn-slides-0") / damage
    path.write_bytes(path.read_bytes()[:100])
    assert not Results(tmp_path).is_finished("knn-slides-0")
    table = collect(tmp_path).set_index("model")
    assert table.loc["knn", "status"] == "failed"
    assert "its files are damaged" in table.loc["knn", "reason"]
    assert pd.isna(table.loc["knn", "accuracy"])
    assert table.loc["majority", "rank"] == 1


def test_published_reproduced_and_fair_stand_side_by_side(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.58])
    put(tmp_path, "knn", [0.55], protocol="fair-500")
    put(tmp_path, "hog-svm", [0.83], protocol="fair-500")
    rows = Leaderboard.compute(Results(tmp_path)).rows
    wide = leaderboard.side_by_side(rows, METRICS["accuracy"])["muxspace"]
    assert list(wide.columns) == ["published", "slides", "fair-500"]
    assert wide.loc["knn"].tolist() == [0.61, 0.58, 0.55]
    assert wide.loc["hog-svm"].isna().tolist() == [True, True, False]


def test_boards_come_in_the_order_of_their_pictures_with_all_of_them_last(tmp_path: Path) -> None:
    in_order = ["slides", "fair-100", "fair-500", "fair-2000", "fair"]
    for protocol in sorted(in_order):
        put(tmp_path, "knn", [0.5], protocol=protocol)
    board = Leaderboard.compute(Results(tmp_path))
    table = leaderboard.side_by_side(board.rows, board.metric)["muxspace"]
    assert [*table.columns.drop("published", errors="ignore")] == in_order
    assert [row.board for row in board.rows] == [*in_order[1:], "slides"]


def test_a_figure_on_an_unsaid_number_of_pictures_is_shown_without_a_rank(tmp_path: Path) -> None:
    for dataset, crop in ("fer2013", "none"), ("fer2013-eyes", "eyes"):
        put(tmp_path, "poster-baseline", [0.5], protocol="fair", dataset=dataset, crop=crop)
    table = collect(tmp_path).set_index("dataset")["published_accuracy"]
    assert table.to_dict() == {"fer2013": 0.2471, "fer2013-eyes": 0.2747}
    whole, cropped = comparisons(Leaderboard.compute(Results(tmp_path)))
    assert whole.table is not None
    assert "its rank" not in whole.table
    assert "published" in whole.table
    assert whole.title.startswith("fer2013:")
    assert cropped.title.startswith("fer2013-eyes, eye strip:")


def test_the_split_that_is_usual_goes_without_saying(tmp_path: Path) -> None:
    for split in ("random", "identity"):
        put(tmp_path, "knn", [0.6], protocol="fair", split=split, usual_split="identity")
        put(tmp_path, "majority", [0.5], protocol="fair", split=split, usual_split="identity")
    put(tmp_path, "knn", [0.6], usual_split="random")
    rows = Leaderboard.compute(Results(tmp_path)).rows
    assert list(leaderboard.side_by_side(rows, METRICS["accuracy"])["muxspace"].columns[1:]) == [
        *("slides", "fair", "fair-random"),
    ]
    pictures = [section.pictures for section in boards(Leaderboard.compute(Results(tmp_path)))]
    assert [[picture.file for picture in several] for several in pictures] == [
        ["told-apart/muxspace.fair.png"],
        ["told-apart/muxspace.fair-random.png"],
        [],
    ]


def test_a_model_that_says_one_class_only_is_marked(tmp_path: Path) -> None:
    put(tmp_path, "vgg11", [0.5])
    results = Results(tmp_path)
    ran = results.record("vgg11-slides-0")
    stored = results.predictions(ran)
    one_class = np.zeros_like(stored.probabilities)
    one_class[:, 0] = 1
    results.put(ran, replace(stored, probabilities=one_class))
    assert collect(tmp_path).iloc[0]["note"] == "only ever says a; N"


def test_the_picture_of_pairs_tells_those_told_apart_from_the_others(tmp_path: Path) -> None:
    for model, accuracy in (("knn", 0.81), ("vgg11", 0.8), ("majority", 0.5)):
        put(tmp_path, model, [accuracy])
    figure = plots.told_apart(
        [("100 test pictures", Leaderboard.compute(Results(tmp_path)).pairs)], "t"
    )
    bold = {t.get_text(): t.get_fontweight() for t in figure.axes[0].texts}
    assert bold == {"1.0": "normal", "31.0": "bold", "30.0": "bold"}


def test_the_display_is_plain_lines_where_there_is_no_terminal() -> None:
    text = io.StringIO()
    with Display(Console(file=text)) as display:
        display.begin([], reused=3, jobs=2)
    assert text.getvalue() == "3 runs are already in the results and are used again\n"


def test_a_class_that_is_never_said_is_named_unless_it_was_not_in_training() -> None:
    entry = board_row(class_counts={"a": 60, "b": 40, "c": 9, "d": 9})
    labels = np.arange(8) % 4
    answers = replace(
        predictions(np.zeros(8, np.int64), np.arange(8) > 3),
        labels=labels,
        probabilities=np.eye(4, dtype=np.float32)[np.arange(8) % 2],
    )
    (run,) = (record(entry, n_test=8, trained_classes=(0, 1, 2)),)
    row = Row(entry, [run], Scores.of([answers]))
    assert row.never_said == ["c"]
    assert row.notes == ["never says c", "no d in training"]


def test_ranks_are_averaged_over_sets_for_models_that_are_on_all(tmp_path: Path) -> None:
    for dataset, knn, tree in (("one", 0.9, 0.6), ("two", 0.6, 0.9), ("three", 0.9, 0.6)):
        for model, accuracy in (("knn", knn), ("tree", tree)):
            put(tmp_path, model, [accuracy], "fair", dataset=dataset, fingerprint=dataset * 9)
    put(tmp_path, "net", [1.0], "fair", dataset="one", fingerprint="one" * 9)
    put(tmp_path, "knn", [0.9], "slides", dataset="one", fingerprint="one" * 9)
    table = leaderboard.over_sets(Leaderboard.compute(Results(tmp_path)).rows)
    assert [*table.itertuples(index=False, name=None)] == [
        ("fair", "knn", 3, pytest.approx(5 / 3), 1),  # behind the net on the first
        ("fair", "tree", 3, pytest.approx(2.0), 1),
    ]
    publish(Results(tmp_path))
    assert "## Over all data sets, protocol fair" in (tmp_path / "leaderboard.md").read_text()
    assert (tmp_path / "over-sets.csv").is_file()
