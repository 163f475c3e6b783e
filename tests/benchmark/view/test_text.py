"""What a reader sees of a score: percent or three decimals, its interval, and a difference."""

import math

from benchmark.view.text import difference, file_name, number, score, with_interval


def test_shares_are_in_percent_and_others_as_they_are() -> None:
    assert score(0.8834) == "88.3"
    assert score(0.4632, "macro_f1") == "0.463"
    assert number(9172.0, 0) == "9,172"


def test_what_is_not_known_is_empty() -> None:
    missing = {"accuracy": math.nan, "accuracy_lo": math.nan, "accuracy_hi": math.nan}
    assert score(math.nan) == number(math.nan, 1) == ""
    assert with_interval(missing, "accuracy") == difference(missing, "accuracy") == ""


def test_an_interval_follows_its_score() -> None:
    row = {"accuracy_within": 0.883, "accuracy_within_lo": 0.86, "accuracy_within_hi": 0.902}
    assert with_interval(row, "accuracy_within", "accuracy") == "88.3 (86.0-90.2)"


def test_a_difference_always_shows_its_sign() -> None:
    row = {"gain": 0.012, "gain_lo": -0.003, "gain_hi": 0.027}
    assert difference(row, "gain") == "+1.2 (-0.3 to +2.7)"
    assert difference(row, "gain", "macro_f1") == "+0.012 (-0.003 to +0.027)"


def test_other_words_give_another_file_name() -> None:
    assert file_name("a+b", "fair", "knn[C=1e-16]") == "a+b.fair.knn[C=1e-16]"
    given = [("a b",), ("a/b",), ("a-b",), ("a+b",), ("C=1e+16",), ("C=1e-16",)]
    names = [file_name(*each) for each in given]
    assert len({*names}) == len(names)
    assert all("/" not in name and " " not in name for name in names)
