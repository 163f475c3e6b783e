"""The answer says what the statistics carry, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.core.store import Results
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view.sections.answer import answers
from tests.benchmark.scores.test_winners import put


def said(out: Path) -> str:
    (section,) = answers(Leaderboard.compute(Results(out)))
    return " ".join(section.before)


def test_a_model_that_is_surely_better_is_called_so_with_its_cost(tmp_path: Path) -> None:
    put(tmp_path, "knn", 1.0, test=0.7, validation=0.7)
    put(tmp_path, "net", 90.0, test=0.9, validation=0.9, deep=True)
    answer = said(tmp_path)
    assert answer.startswith("With 100 pictures use net (net from scratch): it is right on 90.0 %")
    assert "of 400 test pictures." in answer
    assert "surely better than the best of the next kind, knn (classical on pixels)" in answer
    assert "These are two fitted models" in answer, "there is one repeat"
    assert "Training it takes 90 s of one core." in answer
    assert "One number of pictures was tried" in answer


def test_of_models_that_are_level_the_much_cheaper_is_named(tmp_path: Path) -> None:
    put(tmp_path, "knn", 1.0, test=0.895, validation=0.85)
    put(tmp_path, "net", 300.0, test=0.9, validation=0.9, deep=True)
    answer = said(tmp_path)
    assert "cannot tell it from the best of the next kind, knn" in answer
    assert "surely" not in answer
    assert (
        "takes 5 minutes of one core; knn (classical on pixels), not told apart from it" in answer
    )


def test_what_validation_chose_is_not_advised_where_the_test_pictures_show_it_to_be_worse(
    tmp_path: Path,
) -> None:
    put(tmp_path, "knn", 1.0, test=0.9, validation=0.7)
    put(tmp_path, "net", 2.0, test=0.7, validation=0.9, deep=True)
    answer = said(tmp_path)
    assert answer.startswith("With 100 pictures use knn (classical on pixels): it is right on 90.0")
    assert "The validation pictures chose net (net from scratch, 70.0)" in answer
    assert "surely better than that: by +20.0 (+" in answer
    assert "expect a little less" in answer


@pytest.mark.parametrize(
    ("few", "expected"),
    [
        (0.9, "With 50 pictures already the best net from scratch is surely ahead."),
        (0.6, "With 50 pictures or fewer a classical model on pixels may be as good or better."),
    ],
)
def test_it_says_with_how_many_pictures_another_kind_may_win(
    tmp_path: Path, few: float, expected: str
) -> None:
    for protocol, net in {"fair-50": few, "fair-100": 0.9}.items():
        put(tmp_path, "knn", 1.0, 0.7, 0.7, protocol)
        put(tmp_path, "net", 2.0, net, net, protocol, deep=True)
    assert expected in said(tmp_path)


def test_one_kind_alone_answers_nothing_of_others(tmp_path: Path) -> None:
    put(tmp_path, "knn", 1.0, test=0.7, validation=0.7)
    assert "No other kind of model than classical on pixels was tried." in said(tmp_path)
