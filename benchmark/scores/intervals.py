"""Confidence intervals and tests for scores of pictures that are grouped by person."""

from __future__ import annotations

import functools
import math

import numpy as np
import threadpoolctl
from scipy import special, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

LEVEL = 0.95
DRAWS = 2000
AT_ONCE = 100  # draws, so that those of a large test set need little memory
EXACT_UP_TO = 50  # people who differ; beyond, the normal approximation is as good


def accuracy_interval(accuracy: float, n: float) -> tuple[float, float]:
    """95 % interval of an accuracy of which nothing else is known (Wilson's).

    Parameters
    ----------
    accuracy : float
        Share of right answers, 0 to 1.
    n : float
        Number of test pictures that count on their own.

    Returns
    -------
    low, high : float
    """
    low, high = proportion_confint(accuracy * n, n, alpha=1 - LEVEL, method="wilson")
    return min(float(low), accuracy), max(float(high), accuracy)  # despite rounding at 0 and 1


@functools.lru_cache(maxsize=2)
def _times_drawn(n_people: int) -> np.ndarray:
    """How often each person is in each draw, the same for every model: ``(DRAWS, n_people)``."""
    rng = np.random.default_rng(n_people)
    drawn = np.empty((DRAWS, n_people), np.uint8)
    for draw in drawn:
        draw[:] = np.bincount(rng.integers(n_people, size=n_people), minlength=n_people)
    return drawn


@functools.cache
def _blas() -> threadpoolctl.ThreadpoolController:
    # On a busy machine products as small as these take fifty times as long with several threads.
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


def resample(counts: np.ndarray) -> np.ndarray:
    """Draw the people anew, with replacement, and sum their counts: a bootstrap by person.

    Parameters
    ----------
    counts : ndarray of integers, shape (n_people, ...)
        What is counted of each person. Drawing whole people keeps together the pictures of one,
        which a model gets right or wrong together (Field and Welsh, "Bootstrapping clustered data",
        Journal of the Royal Statistical Society B 69, 2007).

    Returns
    -------
    ndarray of float64, shape (DRAWS, ...)
        Draws of tables with as many people are of the same people: they can be compared.
    """
    n_people, *rest = counts.shape
    flat = counts.reshape(n_people, -1).astype(np.float32)  # exact up to 2**24 pictures
    drawn = _times_drawn(n_people)
    with _blas().limit(limits=1):
        parts = [
            drawn[start : start + AT_ONCE].astype(np.float32) @ flat
            for start in range(0, DRAWS, AT_ONCE)
        ]
    return np.concatenate(parts).astype(np.float64).reshape(DRAWS, *rest)


def draw_repeats(draws: np.ndarray) -> np.ndarray:
    """Mean of the repeats, some of which are drawn anew on each draw, the same for every model.

    Drawing people and repeats at once is Owen's pigeonhole bootstrap ("The pigeonhole bootstrap",
    Annals of Applied Statistics 1, 2007); that few repeats spread too little is made good by Rao
    and Wu's factor ("Resampling inference with complex survey data", Journal of the American
    Statistical Association 83, 1988).

    Parameters
    ----------
    draws : ndarray, shape (DRAWS, repeats)
        A score of every repeat on each draw of people.

    Returns
    -------
    ndarray, shape (DRAWS,)
    """
    mean, n = draws.mean(axis=1), draws.shape[1]
    if n == 1:
        return mean
    which = np.random.default_rng(n).integers(n, size=draws.shape)
    drawn = np.take_along_axis(draws, which, axis=1).mean(axis=1)
    return mean + math.sqrt(n / (n - 1)) * (drawn - mean)


def effective_people(pictures: np.ndarray) -> float:
    """How many people with as many pictures each would say as much (Kish, "Survey sampling", 1965).

    Parameters
    ----------
    pictures : ndarray, shape (n_people,)
        Pictures of each person.
    """
    return float(pictures.sum() ** 2 / (pictures.astype(np.float64) ** 2).sum())


def interval(score: float, draws: np.ndarray, people: float) -> tuple[float, float]:
    """95 % interval of a score between 0 and 1, for other people and pictures drawn like these.

    The spread is that of the bootstrap by person; the interval is symmetric on the log-odds scale,
    which keeps it within 0 and 1, and its width is Student's for as many people as count, with the
    bootstrap's small-sample factor. Plain percentiles of the draws cover too seldom where scores
    are high and people few: 89 to 94 % instead of 95 % at an accuracy of 0.95 on the 105 people of
    the slides' nets. (Transformed intervals: Efron and Tibshirani, "An introduction to the
    bootstrap", 1993, ch. 12; log-odds for clustered samples: Korn and Graubard, Survey Methodology
    24, 1998.)

    Simulated, accuracies of 0.6 to 0.95 are covered in 93 to 97 %, down to 40 people; in 92 % from
    0.9 on where one of 2,451 people has 4 % of the pictures and those of a person are strongly
    alike. Where a class has but a few test pictures, intervals of balanced accuracy and macro-F1
    are too short: 85 to 90 % on 165 pictures where some classes have two.

    Where every draw scores the same, because every answer is right or wrong or there is one person
    only, the draws say nothing; it is then Wilson's interval, each person counting once.

    Parameters
    ----------
    score : float
        On the test set itself; with repeats their mean.
    draws : ndarray, shape (DRAWS,)
        The score of each draw of `resample`, with repeats their mean.
    people : float
        See `effective_people`.

    Returns
    -------
    low, high : float
    """
    if np.ptp(draws) < 1e-9 or not 0 < score < 1:
        return accuracy_interval(score, people)
    half = _half_width(draws, people) / (score * (1 - score))
    low, high = special.expit(special.logit(score) + half * np.array([-1, 1]))
    return float(low), float(high)


def difference_interval(difference: float, draws: np.ndarray, people: float) -> tuple[float, float]:
    """95 % interval of the difference of two scores on the same pictures; see `interval`."""
    half = _half_width(draws, people)
    return difference - half, difference + half


def unpaired_interval(
    one: float, other: float, of_one: tuple[float, float], of_other: tuple[float, float]
) -> tuple[float, float]:
    """95 % interval of `other` less `one`, two scores on different pictures, from that of each.

    Each end lies as far off as the ends of the two that make it, squared and added (Newcombe,
    "Interval estimation for the difference between independent proportions", Statistics in Medicine
    17, 1998).
    """
    difference = other - one
    low = difference - np.hypot(other - of_other[0], of_one[1] - one)
    high = difference + np.hypot(of_other[1] - other, one - of_one[0])
    return float(low), float(high)


def shared_people_interval(
    scores: tuple[float, float],
    draws: tuple[np.ndarray, np.ndarray],
    people: tuple[float, float],
) -> tuple[float, float]:
    """95 % interval of the difference of two scores on other pictures of partly the same people.

    The draws are of the people of both test sets together, so that whoever is in both is drawn as
    often for the one as for the other; the width is Student's for the set with fewer people.
    Simulated, true differences are covered in 93 to 97 %, and in 99 % where people differ mostly in
    the classes they show: test sets hold these in proportion, draws do not. Where every draw gives
    the same, it is Newcombe's interval of two proportions, each person counting once.

    Parameters
    ----------
    scores : (float, float)
        Between 0 and 1; the difference is the first less the second.
    draws : (ndarray, ndarray), shape (DRAWS,) each
        The scores of each draw of `resample`; those in which one is NaN, because nobody of its
        test set was drawn, are left out.
    people : (float, float)
        See `effective_people`.

    Returns
    -------
    low, high : float
    """
    drawn = draws[0] - draws[1]
    drawn = drawn[np.isfinite(drawn)]
    if np.ptp(drawn) < 1e-9:
        each = [accuracy_interval(score, n) for score, n in zip(scores, people, strict=True)]
        return unpaired_interval(*scores[::-1], *each[::-1])
    low, high = difference_interval(scores[0] - scores[1], drawn, min(people))
    return max(low, -1.0), min(high, 1.0)  # of a handful of people it would be wider


def _half_width(draws: np.ndarray, people: float) -> float:
    others = max(people - 1, 1)
    # The bootstrap's variance is too small by one part in as many as there are people.
    spread = draws.std(ddof=1) * np.sqrt(people / others)
    return float(stats.t.ppf(0.5 + LEVEL / 2, others) * spread)


def paired_p(differences: np.ndarray) -> float:
    """Probability of a difference as large between two models that are right equally often.

    Parameters
    ----------
    differences : ndarray of integers, shape (n_people,)
        Right answers of the one model less those of the other, for each person, on the same
        pictures; with repeats their sum.

    Returns
    -------
    float
        Two-sided. Up to `EXACT_UP_TO` people who differ, exact: each person's difference is as
        likely to have the other sign, and all signs are gone through. With one picture a person
        that is McNemar's exact test. Beyond, McNemar's test for clustered pairs, without continuity
        correction (Durkalski, Palesch, Lipsitz and Rust, "Analysis of clustered matched-pair data",
        Statistics in Medicine 22, 2003).
    """
    sizes = np.abs(differences[differences != 0]).astype(np.int64)
    total = abs(int(differences.sum()))
    if not len(sizes):
        return 1.0
    if len(sizes) > EXACT_UP_TO:
        return float(stats.chi2.sf(total**2 / (sizes.astype(np.float64) ** 2).sum(), df=1))
    chance = np.ones(1)  # of every sum that the signs can give, from the lowest, in steps of two
    for size, times in zip(*np.unique(sizes, return_counts=True), strict=True):
        steps = np.zeros(size * times + 1)
        steps[::size] = special.comb(times, np.arange(times + 1)) / 2.0**times
        chance = np.convolve(chance, steps)
    sums = 2 * np.arange(len(chance)) - sizes.sum()
    return float(min(chance[np.abs(sums) >= total].sum(), 1.0))


def unpaired_p(one: float, other: float, n_one: int, n_other: int) -> float:
    """Probability of a difference as large where nothing but two accuracies is known.

    Parameters
    ----------
    one, other : float
        Shares of right answers.
    n_one, n_other : int
        Test pictures of each.

    Returns
    -------
    float
        Two-sided, of the test of two proportions from two samples. Which pictures each model had
        right would tell more of a difference on one test set, but published figures do not say.
    """
    if one == other:
        return 1.0
    return float(proportions_ztest([one * n_one, other * n_other], [n_one, n_other])[1])


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    return multipletests(p, method="holm")[1] if len(p) else p


def shared_ranks(scores: np.ndarray, adjusted: np.ndarray) -> np.ndarray:
    """Ranks in which models share one that the data cannot tell apart.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        More is better.
    adjusted : ndarray, shape (n * (n - 1) / 2,)
        Adjusted p-value of each pair, in the order of ``np.triu_indices(n, 1)``.

    Returns
    -------
    ndarray of int64, shape (n,)
        1, and one more for every model that is better and told apart from this one.
    """
    one, other = np.triu_indices(len(scores), 1)
    apart = adjusted < 1 - LEVEL
    worse = np.where(scores[one] > scores[other], other, one)[apart]
    return 1 + np.bincount(worse, minlength=len(scores))
