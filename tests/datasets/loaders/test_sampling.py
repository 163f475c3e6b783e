"""What the generated faces promise: who is drawn, and what they show."""

import numpy as np
import pytest

from datasets.loaders.drawn import sampling
from datasets.loaders.drawn.sampling import CLASS_NAMES, LABEL_NOISE, N_FACES


@pytest.fixture(scope="module")
def everyone() -> sampling.FaceSample:
    return sampling.sample()


def test_class_names_are_the_eight_emotions_in_alphabetical_order():
    assert list(CLASS_NAMES) == sorted(CLASS_NAMES)
    assert len(CLASS_NAMES) == 8


def test_default_class_counts_are_those_of_muxspace(everyone):
    counts = dict(zip(CLASS_NAMES, np.bincount(everyone.labels, minlength=8), strict=True))
    assert counts == {
        "anger": 252,
        "contempt": 9,
        "disgust": 208,
        "fear": 21,
        "happiness": 5696,
        "neutral": 6868,
        "sadness": 268,
        "surprise": 368,
    }


@pytest.mark.parametrize("n", [1, 7, 15, 16, 17, 100, 500, 5000])
def test_other_sizes_keep_the_proportions_and_two_of_each_class_if_there_is_room(n):
    counts = np.bincount(sampling.sample(n).labels, minlength=8)
    quota = np.array(list(sampling.CLASS_COUNTS.values())) * n / N_FACES
    assert counts.sum() == n
    if n >= 16:
        assert counts.min() >= 2
    if n >= 500:
        rounding, raised_to_two = 1, 2 * len(counts)
        assert np.abs(counts - quota).max() < rounding + raised_to_two


def test_any_prefix_has_about_the_proportions_of_the_whole(everyone):
    whole = np.bincount(everyone.labels, minlength=8) / N_FACES
    prefix = np.bincount(everyone.labels[:2000], minlength=8) / 2000
    assert np.abs(whole - prefix).max() < 0.05


@pytest.mark.parametrize("n", [50, 300, N_FACES])
def test_the_stated_share_of_labels_is_wrong_exactly(n):
    sampled = sampling.sample(n)
    assert (sampled.labels != sampled.expressions).sum() == round(LABEL_NOISE * n)


def test_some_people_have_many_pictures_and_many_have_one(everyone):
    pictures = np.bincount(everyone.people)
    assert 5000 < len(pictures) < 6200
    assert pictures.min() == 1
    assert np.mean(pictures == 1) > 0.5
    assert 20 <= pictures.max() <= 60


def test_a_person_keeps_their_traits_on_every_picture(everyone):
    for trait in (*sampling.PERSON, *sampling.PERSON_CHANCES):
        values = everyone.parameters[trait]
        first = values[np.unique(everyone.people, return_index=True)[1]]
        assert np.array_equal(values, first[everyone.people])


def test_about_seven_in_a_hundred_pictures_have_colour(everyone):
    assert everyone.parameters["colour"].mean() == pytest.approx(0.07, abs=0.01)


@pytest.mark.parametrize(("n", "seed"), [(0, 0), (-1, 0), (5, -1)])
def test_a_cast_needs_faces_and_a_seed(n, seed):
    with pytest.raises(ValueError, match="at least"):
        sampling.sample(n, seed)


def test_every_expression_is_named_and_only_neutral_moves_nothing():
    assert set(sampling.ACTION_UNITS) == set(CLASS_NAMES)
    assert [name for name, units in sampling.ACTION_UNITS.items() if not units] == ["neutral"]
