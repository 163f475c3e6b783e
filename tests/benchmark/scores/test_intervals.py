"""Intervals cover, tests keep their level, and what cannot be told apart shares a rank."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from benchmark.scores import intervals as statistics
from benchmark.scores import metrics
from benchmark.scores.intervals import Repeats, noise
from benchmark.view.sections.board import published_ranks

DRAWS = 1000
# Pictures of each person, spread like those of the slides' nets: 165 of 105 people.
FEW = np.repeat([16, 10, 8, 4, 3, 2, 1], [1, 1, 1, 2, 5, 13, 82])
# Some 4,000 of 1,500.
MANY = np.repeat([1, 2, 3, 4, 6, 10, 20, 40], [800, 300, 150, 100, 80, 40, 20, 10])
ALONE = np.ones(165, int)
NOTHING_SAID = noise(50, Repeats(np.ones(1), np.ones((statistics.DRAWS, 1))))  # by the draws


def right_answers(
    rng: np.random.Generator, pictures: np.ndarray, accuracy: float, likeness: float
) -> np.ndarray:
    """Right answers by person; `likeness` is the correlation of two pictures of one person."""
    rest = (1 - likeness) / likeness
    chance = rng.beta(accuracy * rest, (1 - accuracy) * rest, (DRAWS, len(pictures)))
    return rng.binomial(pictures, chance)


def once(score: float, draws: np.ndarray) -> Repeats:
    """The score of a model with one repeat."""
    return Repeats(np.array([score]), draws[:, None])


@pytest.mark.parametrize("pictures", [FEW, MANY, ALONE], ids=["few", "many", "alone"])
@pytest.mark.parametrize("accuracy", [0.6, 0.75, 0.95])
@pytest.mark.parametrize("likeness", [0.05, 0.2])
def test_the_interval_covers_the_true_accuracy_in_93_to_97_of_100_draws(
    pictures: np.ndarray, accuracy: float, likeness: float
) -> None:
    rng = np.random.default_rng(0)
    right = right_answers(rng, pictures, accuracy, likeness)
    drawn = statistics.resample(np.column_stack([right.T, pictures]))
    people = statistics.effective_people(pictures)
    intervals = []
    for i in range(DRAWS):
        score = once(right[i].sum() / pictures.sum(), drawn[:, i] / drawn[:, -1])
        intervals.append(statistics.interval(score.mean, noise(people, score), people))
    low, high = np.array(intervals).T
    assert 0.93 <= ((low <= accuracy) & (accuracy <= high)).mean() <= 0.97


@pytest.mark.parametrize("pictures", [np.repeat(FEW, 5), MANY], ids=["few", "many"])
@pytest.mark.parametrize("accuracy", [0.6, 0.9])
@pytest.mark.parametrize("likeness", [0.05, 0.3])
def test_the_interval_covers_the_true_difference_of_two_splits_in_93_to_97_of_100_draws(
    pictures: np.ndarray, accuracy: float, likeness: float
) -> None:
    rng = np.random.default_rng(4)
    # A third of the pictures, whoever they show; and all pictures of a third of the people.
    tested = [rng.binomial(pictures, 1 / 3), pictures * (rng.permutation(len(pictures)) % 3 == 0)]
    drawn_from = (tested[0] + tested[1]) > 0
    rest = (1 - likeness) / likeness
    unknown = rng.beta(accuracy * rest, (1 - accuracy) * rest, (DRAWS, len(pictures)))
    known = unknown + 0.3 * (1 - unknown)  # of what was wrong, this is right of people one knows
    right = [rng.binomial(n, p) for n, p in zip(tested, (known, unknown), strict=True)]
    counts = np.column_stack([right[0].T, right[1].T, *tested])[drawn_from]
    drawn = statistics.resample(counts)
    people = tuple(statistics.effective_people(n) for n in tested)
    n_random, n_identity = (n.sum() for n in tested)
    intervals = []
    for i in range(DRAWS):
        one = once(right[0][i].sum() / n_random, drawn[:, i] / drawn[:, -2])
        other = once(right[1][i].sum() / n_identity, drawn[:, DRAWS + i] / drawn[:, -1])
        spread = noise(min(people), one, other)
        intervals.append(
            statistics.shared_people_interval(one.mean, other.mean, spread, (people[0], people[1]))
        )
    low, high = np.array(intervals).T
    true = 0.3 * (1 - accuracy)
    assert 0.93 <= ((low <= true) & (true <= high)).mean() <= 0.97


def answers_of_repeats(
    rng: np.random.Generator, people: np.ndarray, repeats: int, moved: float, own: float
) -> np.ndarray:
    """Right answers ``(repeats, pictures)`` of a model that training anew moves by `moved`.

    A share `own` of the answers is by chance from one repeat to the next.
    """
    chance = rng.beta(7 * 9, 3 * 9, people.max() + 1)[people]
    alike = rng.random(len(people))
    anew = rng.random((repeats, len(people)))
    luck = np.where(rng.random(anew.shape) < own, anew, alike)
    return luck < chance + rng.normal(0, moved, (repeats, 1))


@pytest.mark.parametrize("repeats", [2, 3, 5])
@pytest.mark.parametrize("moved", [0.0, 0.01, 0.02])
@pytest.mark.parametrize("own", [0.1, 0.5])
def test_with_repeats_scores_and_differences_cover_what_other_people_and_trainings_make(
    repeats: int, moved: float, own: float
) -> None:
    rng = np.random.default_rng([repeats, int(1000 * moved), int(10 * own)])
    people = np.repeat(np.arange(200), 3)
    covered = {"score": 0, "difference": 0}
    for _ in range(DRAWS):
        of_two = [answers_of_repeats(rng, people, repeats, moved, own) for _ in range(2)]
        by_person = np.stack([each.reshape(repeats, 200, 3).sum(2) for each in of_two])
        drawn = statistics.resample(by_person.transpose(2, 0, 1)) / len(people)
        one, other = (Repeats(each.mean(axis=1), drawn[:, i]) for i, each in enumerate(of_two))
        low, high = statistics.interval(one.mean, noise(200, one), 200)
        covered["score"] += low <= 0.7 <= high
        apart = Repeats(one.scores - other.scores, one.draws - other.draws)
        covered["difference"] += abs(apart.mean) <= noise(200, apart).half_width
    for times in covered.values():
        assert 0.93 <= times / DRAWS <= 0.97


def test_what_one_repeat_does_not_show_is_not_in_the_interval() -> None:
    rng = np.random.default_rng(7)
    draws = rng.normal(0.7, 0.01, (statistics.DRAWS, 2))
    alike = noise(100, Repeats(np.array([0.7, 0.7]), draws))
    apart = noise(100, Repeats(np.array([0.6, 0.8]), draws))
    assert apart.error > 5 * alike.error
    assert apart.freedom < 2 < alike.freedom
    assert noise(100, once(0.6, draws[:, 0])).error == pytest.approx(0.01, rel=0.1)


def test_a_difference_of_two_test_sets_without_any_spread_is_not_certain() -> None:
    ones = once(1.0, np.ones(statistics.DRAWS))
    spread = noise(20, ones, ones)
    low, high = statistics.shared_people_interval(1.0, 1.0, spread, (50, 20))
    assert -0.1 < low < 0 < high < 0.2


def test_draws_without_a_picture_of_one_test_set_are_left_out() -> None:
    draws = np.random.default_rng(5).normal(0.8, 0.1, statistics.DRAWS)
    gaps = np.where(np.arange(statistics.DRAWS) % 4, draws, np.nan)
    spread = noise(9, once(0.9, np.full_like(draws, 0.9)), once(0.8, gaps))
    low, high = statistics.shared_people_interval(0.9, 0.8, spread, (9, 9))
    assert low < 0.1 < high
    assert high - low == pytest.approx(2 * 2.306 * 0.1 * np.sqrt(9 / 8), rel=0.05)


def test_an_interval_that_takes_each_picture_on_its_own_covers_too_seldom() -> None:
    right = right_answers(np.random.default_rng(0), MANY, 0.75, 0.3)
    intervals = [statistics.accuracy_interval(n / MANY.sum(), MANY.sum()) for n in right.sum(1)]
    low, high = np.array(intervals).T
    assert ((low <= 0.75) & (high >= 0.75)).mean() < 0.85


@pytest.mark.parametrize("pictures", [FEW, MANY, ALONE], ids=["few", "many", "alone"])
@pytest.mark.parametrize("likeness", [0.05, 0.3])
def test_equals_are_called_different_in_at_most_5_of_100_draws(
    pictures: np.ndarray, likeness: float
) -> None:
    rng = np.random.default_rng(1)
    one, other = (right_answers(rng, pictures, 0.7, likeness) for _ in range(2))
    p = np.array([statistics.paired_p(row) for row in one - other])
    # 5 %, and two standard errors of 1,000 draws.
    assert (p < 0.05).mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / DRAWS)


def test_among_many_equals_none_are_told_apart_in_19_of_20_boards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gc.collect", lambda: 0)  # statsmodels calls it each time
    rng = np.random.default_rng(2)
    apart = 0
    for _ in range(200):
        chance = rng.beta(2, 1, len(FEW))
        right = [rng.binomial(FEW, chance) for _ in range(6)]
        pairs = zip(*np.triu_indices(6, 1), strict=True)
        p = np.array([statistics.paired_p(right[i] - right[j]) for i, j in pairs])
        apart += bool((statistics.holm(p) < 0.05).any())
    assert apart <= 16  # 10, and two standard errors


@pytest.mark.parametrize(("better", "worse"), [(5, 0), (9, 3), (4, 4), (30, 14)])
def test_with_one_picture_a_person_the_test_is_mcnemars_exact(better: int, worse: int) -> None:
    differences = np.repeat([1, -1, 0], [better, worse, 20])
    theirs = mcnemar([[10, better], [worse, 10]], exact=True).pvalue
    assert statistics.paired_p(differences) == pytest.approx(theirs)


def test_with_many_people_the_test_is_mcnemars_without_correction() -> None:
    differences = np.repeat([1, -1, 0], [90, 60, 200])
    theirs = mcnemar([[100, 90], [60, 100]], exact=False, correction=False).pvalue
    assert statistics.paired_p(differences) == pytest.approx(theirs)


def test_with_several_pictures_a_person_all_signs_are_gone_through() -> None:
    differences = np.array([3, 2, 2, -1, 0, 5, 1])
    theirs = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert statistics.paired_p(differences) == pytest.approx(theirs)


def test_one_person_with_many_pictures_does_not_make_a_difference_sure() -> None:
    assert statistics.paired_p(np.ones(20, int)) < 1e-5
    assert statistics.paired_p(np.array([20])) == 1


def test_the_same_answers_are_never_told_apart() -> None:
    assert statistics.paired_p(np.zeros(10, int)) == 1
    assert noise(10, once(0.0, np.zeros(statistics.DRAWS))).half_width == 0


def test_the_published_64_2_and_63_6_on_165_pictures_are_one_rank() -> None:
    assert statistics.unpaired_p(0.642, 0.636, 165, 165) > 0.9
    ranks = published_ranks("muxspace")
    assert ranks["vgg11"] == ranks["googlenet"] == "1-8 of 8 on 165 pictures"
    # On 4,518 pictures 72.2 and 71.5 are one rank too, and 61.0 is another.
    assert ranks["logistic-regression"] == ranks["random-forest"] == "1-2 of 4 on 4,518 pictures"
    assert ranks["knn"] == ranks["decision-tree"] == "3-4 of 4 on 4,518 pictures"


def test_ranks_count_who_is_better_and_told_apart() -> None:
    # The first beats the third only: the second stands between them and ties with both.
    scores = np.array([0.8, 0.78, 0.76])
    adjusted = np.array([0.5, 0.01, 0.5])
    assert statistics.shared_ranks(scores, adjusted).tolist() == [1, 1, 2]
    assert statistics.shared_ranks(scores[::-1], adjusted).tolist() == [2, 1, 1]


def test_p_values_grow_with_their_number() -> None:
    assert statistics.holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert len(statistics.holm(np.array([]))) == 0


def test_all_right_is_not_certain() -> None:
    low, high = statistics.interval(1.0, NOTHING_SAID, 50)
    assert (round(low, 2), high) == (0.93, 1)
    low, high = statistics.interval(0.5, NOTHING_SAID, 1)
    assert low < 0.1 < 0.9 < high, "one person says next to nothing"


def test_scores_on_different_pictures_differ_as_newcombe_computes() -> None:
    # Method 10 of his table II: 56 of 70 less 48 of 80, by Wilson's intervals.
    one, other = 48 / 80, 56 / 70
    around = [statistics.accuracy_interval(one, 80), statistics.accuracy_interval(other, 70)]
    low, high = statistics.unpaired_interval(one, other, *around)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_interval_of_the_published_seresnet18_is_as_known() -> None:
    low, high = statistics.accuracy_interval(125 / 165, 165)
    assert (round(low, 2), round(high, 2)) == (0.69, 0.82)
    assert statistics.accuracy_interval(1.0, 50)[1] == 1


def test_people_with_many_pictures_count_for_fewer() -> None:
    assert statistics.effective_people(np.ones(30)) == 30
    assert statistics.effective_people(np.full(30, 7)) == 30
    assert statistics.effective_people(np.array([8, 1, 1])) == pytest.approx(100 / 66)


def test_draws_are_of_whole_people_and_the_same_every_time() -> None:
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(4), 5)
    labels, predicted = rng.integers(3, size=(2, 20))
    counts = metrics.counts_by_class(labels, predicted, np.ones(20), people, 3, 4)
    drawn = statistics.resample(counts)
    assert drawn.shape == (statistics.DRAWS, 4, 3)
    assert (drawn[:, 1].sum(axis=1) == 20).all(), "four people of five pictures each"
    assert (drawn == statistics.resample(counts)).all()


def board_of_equals(
    rng: np.random.Generator, moved: np.ndarray, true: float | np.ndarray = 0.7, repeats: int = 3
) -> list[Repeats]:
    """Scores of models that other people move by 0.005, and training again by `moved`."""
    of_people = rng.normal(0, 0.005, (statistics.DRAWS + 1, len(moved)))
    scores = rng.normal(true + of_people[0], moved, (repeats, len(moved)))
    draws = scores + of_people[1:, None]
    return [Repeats(scores[:, i], draws[..., i]) for i in range(len(moved))]


def of_each_pair(scores: list[Repeats]) -> np.ndarray:
    """The p-value of each pair of models on its own."""
    pairs = [
        Repeats(one.scores - other.scores, one.draws - other.draws)
        for one, other in itertools.combinations(scores, 2)
    ]
    return np.array([noise(1000, apart).p(apart.mean) for apart in pairs])


def test_among_equals_some_noisier_none_are_told_apart_in_19_of_20_boards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gc.collect", lambda: 0)  # statsmodels calls it each time
    rng = np.random.default_rng(4)
    moved = np.repeat([0.004, 0.01, 0.02, 0.06], 3)
    boards = [board_of_equals(rng, moved) for _ in range(200)]
    apart = [(statistics.all_pairs_p(each, 1000) < 0.05).any() for each in boards]
    assert sum(apart) <= 16  # 10, and two standard errors
    by_holm = [(statistics.holm(of_each_pair(each)) < 0.05).any() for each in boards[:30]]
    assert sum(by_holm) > 6, "few repeats that agree by luck look sure"


def test_a_much_worse_model_whose_repeats_differ_much_is_told_apart() -> None:
    rng = np.random.default_rng(5)
    better = board_of_equals(rng, np.full(6, 0.008), np.linspace(0.79, 0.82, 6))
    draws = 0.67 + rng.normal(0, 0.005, statistics.DRAWS)
    forest = np.array([0.681, 0.704, 0.637])  # of results/reference
    scores = [*better, Repeats(forest, forest + draws[:, None] - 0.67)]
    of_forest = np.triu_indices(7, 1)[1] == 6
    assert (statistics.all_pairs_p(scores, 1000)[of_forest] < 0.05).all()
    assert (statistics.holm(of_each_pair(scores))[of_forest] > 0.05).all()


def test_noise_of_training_is_not_lent_to_models_without_any() -> None:
    rng = np.random.default_rng(6)
    moved = np.array([0.0, 0.0, 0.06, 0.06])
    p = statistics.all_pairs_p(board_of_equals(rng, moved, np.array([0.7, 0.74, 0.7, 0.7])), 1000)
    assert p[0] < 0.05
    assert (p[1:] > 0.05).all()
    assert (statistics.all_pairs_p(board_of_equals(rng, np.zeros(3)), 1000) > 0.05).all()


def test_what_is_typical_counts_as_one_more_degree_of_freedom() -> None:
    few, many = (statistics.moderated(np.array([1.0, 4.0]), np.full(2, n)) for n in (2, 1000))
    typical = 3 * few - 2 * np.array([1.0, 4.0])
    assert typical[0] == pytest.approx(typical[1])
    assert 0 < typical[0] < 2, "less than the geometric mean"
    assert many == pytest.approx([1.0, 4.0], rel=0.01)
