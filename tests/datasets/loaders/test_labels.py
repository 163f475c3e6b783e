"""Labels are kept by name, whatever a set calls or numbers them."""

from __future__ import annotations

import pytest

from datasets import InputError
from datasets.loaders.labels import EMOTIONS, by_number, by_word

ORDER = ("surprise", "fear", "disgust")


@pytest.mark.parametrize(
    ("word", "name"),
    [(" Happy ", "happiness"), ("ANGER", "anger"), ("sad", "sadness"), ("fearful", "fear")],
)
def test_words_of_the_wild_are_one_vocabulary(word: str, name: str) -> None:
    assert EMOTIONS[by_word(word, EMOTIONS, "here")] == name


def test_a_label_is_an_index_in_the_sets_own_order() -> None:
    assert by_word("surprised", ORDER, "here") == 0
    written = ("1", " 3 ", "   2.0000000e+00", " 2.0\x1d\n")
    assert [by_number(each, ORDER, "here", 1) for each in written] == [0, 2, 1, 1]


@pytest.mark.parametrize(
    "number", ["0", "4", "1.5", "one", "", "nan", "\u0663", "\uff13", "0_3", "3e", "3e999"]
)
def test_a_number_without_an_emotion_is_named_with_those_that_have_one(number: str) -> None:
    with pytest.raises(InputError, match=rf"labels.csv, line 7: .*'{number}'.*1 \(surprise\) to 3"):
        by_number(number, ORDER, "labels.csv, line 7", 1)


def test_an_emotion_the_set_does_not_have_is_named() -> None:
    with pytest.raises(
        InputError, match="a/contempt: unknown label 'contempt': use one of surprise"
    ):
        by_word("contempt", ORDER, "a/contempt")
    with pytest.raises(InputError, match="did you mean 'disgust'"):
        by_word("disgsut", ORDER, "here")
