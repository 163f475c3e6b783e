"""One door to every interval and difference: people drawn for all alike, by any metric."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.scores import intervals
from benchmark.scores.metrics import METRICS
from benchmark.scores.pairs import Pairs
from benchmark.scores.scores import Scores
from tests.benchmark.made_up import predictions

RNG = np.random.default_rng(0)
PEOPLE = np.repeat(np.arange(50), 4)
ROWS = np.arange(200)
GOOD, BAD = RNG.random((2, 200)) < np.array([[0.9], [0.6]])


def scores(*right: np.ndarray, rows: np.ndarray = ROWS) -> Scores:
    """Scores of a repeat for each of the answers, on the pictures `rows`."""
    return Scores.of([predictions(rows % 2, each[rows], rows, PEOPLE[rows]) for each in right])


@pytest.mark.parametrize("metric", [name for name, each in METRICS.items() if each.of_counts])
def test_an_interval_and_a_difference_lie_around_the_score_by_any_metric(metric: str) -> None:
    good, bad = scores(GOOD), scores(BAD)
    pairs = Pairs([good, bad])
    low, high = pairs.interval(0, metric)
    assert low < good.mean(metric) < high
    value, low, high = pairs.difference(0, 1, metric)
    assert value == good.mean(metric) - bad.mean(metric)
    assert low < value < high
    assert METRICS[metric].goodness(low) > 0
    assert METRICS[metric].goodness(high) > 0
    assert pairs.p(0, 1, metric) < 0.05


def test_it_does_not_matter_beside_which_others_two_are_compared() -> None:
    alone, among = (
        Pairs([scores(GOOD), scores(BAD)]),
        Pairs([scores(BAD), scores(~GOOD), scores(GOOD)]),
    )
    assert alone.difference(0, 1) == among.difference(2, 0)
    assert alone.p(0, 1) == among.p(2, 0) == among.p(0, 2)


def test_the_p_value_of_two_fitted_models_is_that_of_answers_by_person() -> None:
    by_person = [each.reshape(50, 4).sum(axis=1) for each in (GOOD, BAD)]
    expected = intervals.paired_p(by_person[0] - by_person[1])
    assert Pairs([scores(GOOD), scores(BAD)]).p(0, 1) == expected


def test_with_repeats_a_difference_is_no_surer_than_training_again_makes_it() -> None:
    worse, better = (RNG.permutation(200) < n for n in (80, 160))
    for repeats, told in (((BAD, BAD), True), ((worse, better), False)):
        pairs = Pairs([scores(GOOD, GOOD), scores(*repeats)])
        _, low, high = pairs.difference(0, 1)
        assert (pairs.p(0, 1) < 0.05) is told
        assert (low > 0 or high < 0) is told


def test_repeats_that_differ_widen_intervals() -> None:
    same, other = scores(GOOD, GOOD), scores(GOOD, BAD)
    widths = [np.ptp(Pairs([each]).interval(0)) for each in (same, other)]
    assert widths[1] > 1.5 * widths[0]
    apart = Pairs([same, other]).difference(0, 1)
    alone = Pairs([scores(GOOD), scores(BAD)]).difference(0, 1)
    assert apart.high - apart.low > alone.high - alone.low


def test_the_best_of_equals_is_expected_to_score_what_they_all_do() -> None:
    equals = [scores(RNG.random(200) < 0.7) for _ in range(20)]
    accuracies = [each.mean("accuracy") for each in equals]
    expected = Pairs(equals).expected_of_best(METRICS["accuracy"])
    assert max(accuracies) > 0.75
    assert expected == pytest.approx(np.mean(accuracies), abs=0.02)
    one = Pairs([scores(GOOD), scores(BAD)])
    assert one.expected_of_best(METRICS["accuracy"]) == pytest.approx(GOOD.mean())


def test_other_pictures_of_the_same_people_can_be_compared() -> None:
    first, second = ROWS[::2], ROWS[1::2]
    pairs = Pairs([scores(GOOD, rows=first), scores(GOOD, rows=second)])
    assert pairs.n_people == 50
    value, low, high = pairs.difference(0, 1)
    assert low < value < high
    assert low < 0 < high
