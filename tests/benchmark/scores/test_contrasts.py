"""Two test sets of a model side by side: of either split, or within a set and across sets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.scores import contrasts, pairs
from benchmark.scores.contrasts import SPLITS, TRANSFER, Contrast
from benchmark.scores.metrics import METRICS
from benchmark.scores.rows import Row
from benchmark.scores.scores import Scores
from benchmark.view import sections
from benchmark.view.sections import Section
from tests.benchmark.made_up import board_row, predictions, record

PEOPLE = np.repeat(np.arange(60), 5)  # of 300 pictures


def row(
    split: str,
    right: np.ndarray,
    tested: np.ndarray,
    model: str = "knn",
    people: np.ndarray = PEOPLE,
    fingerprint: str = "f" * 64,
    status: str = "ok",
) -> Row:
    """A made-up row with one run for each row of `right`, on the pictures `tested`."""
    entry = board_row(
        *(model, "fair", split),
        dataset="faces",
        class_counts={"a": 150, "b": 150},
        fingerprint=fingerprint,
        remarks=("without 9 c of faces",),
    )
    runs = [
        predictions(tested % 2, each[tested], tested, people[tested])
        for each in np.atleast_2d(right)
    ]
    return Row(entry, [record(entry, status=status)], Scores.of(runs))


def compute(rows: list[Row], kind: Contrast = SPLITS) -> pd.DataFrame:
    return contrasts.compute([pairs.rank([each], METRICS["accuracy"])[0][0] for each in rows], kind)


def shown(rows: list[Row], kind: Contrast) -> Section:
    board: Any = SimpleNamespace(rows=rows, contrasts={kind: compute(rows, kind)})
    (section,) = sections.contrasts(board)
    return section


@pytest.fixture
def answers() -> np.ndarray:
    """Which of the pictures a model has right."""
    return np.random.default_rng(0).random(300) < np.repeat(np.linspace(0.5, 1, 60), 5)


SPREAD = np.arange(0, 300, 3)  # pictures of all people
WHOLE = np.arange(100, 200)  # all pictures of twenty


def test_the_difference_is_random_less_identity_with_an_interval_around_it(
    answers: np.ndarray,
) -> None:
    known = answers | (np.arange(300) % 9 == 0)
    rows = [row("identity", answers, WHOLE), row("random", known, SPREAD)]
    (found,) = compute(rows).to_dict(orient="records")
    assert found["accuracy_random"] == known[SPREAD].mean()
    assert found["accuracy_identity"] == answers[WHOLE].mean()
    for score in ("accuracy", "macro_f1"):
        low, middle, high = (found[f"{score}_difference{end}"] for end in ("_lo", "", "_hi"))
        assert middle == found[f"{score}_random"] - found[f"{score}_identity"]
        assert low < middle < high
        for split in ("random", "identity"):
            low, middle, high = (found[f"{score}_{split}{end}"] for end in ("_lo", "", "_hi"))
            assert low < middle < high
    assert (found["n_people_random"], found["n_people_identity"]) == (60, 20)
    assert found["n_test_random"] == found["n_test_identity"] == 100


def draws(rows: list[Row]) -> tuple[np.ndarray, ...]:
    """The accuracy of each row on every draw of people."""
    drawn = pairs.Pairs([each.scores for each in rows if each.scores is not None])
    return tuple(drawn.draws(i, "accuracy")[:, 0] for i in range(len(rows)))


def test_who_is_in_both_test_sets_is_drawn_for_both(answers: np.ndarray) -> None:
    same = [row(split, answers, WHOLE) for split in ("random", "identity")]
    one, other = draws(same)
    assert (one == other).all()
    other = [row("random", answers, SPREAD), row("identity", answers, WHOLE)]
    assert np.corrcoef(draws(other))[0, 1] > 0.2


def test_repeats_are_averaged_however_many_each_split_has(answers: np.ndarray) -> None:
    rows = [row("random", np.stack([answers, ~answers, answers]), SPREAD)]
    rows.append(row("identity", answers, WHOLE))
    (found,) = compute(rows).to_dict(orient="records")
    share = answers[SPREAD].mean()
    assert found["accuracy_random"] == pytest.approx((1 + share) / 3)


@pytest.mark.parametrize(
    "changes",
    [{"status": "failed"}, {"fingerprint": "e" * 64}, {"model": "vgg"}],
    ids=["not ok", "of other pictures", "of another model"],
)
def test_a_split_without_its_counterpart_is_no_row(
    answers: np.ndarray, changes: dict[str, Any]
) -> None:
    rows = [row("identity", answers, WHOLE), row("random", answers, SPREAD, **changes)]
    table = compute(rows)
    assert table.empty
    assert list(table.columns) == [*SPLITS.columns]


def test_a_third_split_is_neither_taken_for_one_of_the_two_nor_in_their_way(
    answers: np.ndarray,
) -> None:
    official, random, identity = (
        row(split, answers, tested)
        for split, tested in (("official", SPREAD), ("random", SPREAD), ("identity", WHOLE))
    )
    assert len(compute([official, random])) == 0
    assert len(compute([official, random, identity])) == 1


def test_tables_and_pictures_say_what_they_are_of(answers: np.ndarray) -> None:
    rows = [row("random", answers, SPREAD), row("identity", answers, WHOLE)]
    rows += [
        row(split, answers | True, tested, "hog-svm")
        for split, tested in (("random", SPREAD), ("identity", WHOLE))
    ]
    section = shown(rows, SPLITS)
    assert section.title.startswith("faces at 32 px, protocol fair: how much of the accuracy")
    assert section.table is not None
    assert section.table["model"].tolist() == ["hog-svm", "knn"], "the most accurate first"
    assert section.table["of people"].tolist() == ["60 / 20"] * 2
    figure = section.pictures[0].draw()
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["hog-svm", "knn"]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "identity split: 100 test pictures of 20 people" in words


def test_a_transfer_is_told_from_the_splits_and_says_what_was_left_out(
    answers: np.ndarray,
) -> None:
    rows = [row("across", answers, SPREAD), row("within", answers | True, WHOLE)]
    assert compute(rows).empty
    table = compute(rows, TRANSFER)
    section = shown(rows, TRANSFER)
    assert section.title.endswith("how much of the accuracy is lost on another set")
    (found,) = table.to_dict(orient="records")
    assert found["accuracy_difference"] == 1 - answers[SPREAD].mean()
    assert section.before == ["On 2 classes, a, b: without 9 c of faces."]
    assert section.table is not None
    assert section.table["within % (95 %)"].iloc[0].startswith("100.0 (")
    figure = section.pictures[0].draw()
    assert figure.axes[0].get_title("left") == section.before[0]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "tested across sets: 100 test pictures of 60 people" in words
