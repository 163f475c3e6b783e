"""Confidence intervals and tests for scores of pictures that are grouped by person."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import threadpoolctl
from scipy import special, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

LEVEL = 0.95
DRAWS = 2000
NO_SPREAD = 1e-9  # of a score's draws: rounding
AT_ONCE = 100  # draws, so that those of a large test set need little memory
# What a reader of the intervals must know.
OF_TRAINING = "With repeats they are for other training runs too; with one, of these fitted models."
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


@dataclass(frozen=True, eq=False)
class Repeats:
    """A score, or a difference of two, of every repeat of a model.

    Attributes
    ----------
    scores : ndarray, shape (repeats,)
        On the test set itself.
    draws : ndarray, shape (DRAWS, repeats)
        On each draw of `resample`; NaN where nobody of the test set was drawn.
    """

    scores: np.ndarray
    draws: np.ndarray

    @property
    def mean(self) -> float:
        """Mean of the repeats."""
        return float(self.scores.mean())

    @property
    def of_people_too(self) -> float:
        """What of the mean's variance by repeats comes from their being judged on a few people."""
        n = len(self.scores)
        apart = self.draws - self.draws.mean(axis=1, keepdims=True)
        return float(np.nanvar(apart, axis=0, ddof=1).sum()) / max(n * (n - 1), 1)


class Noise(NamedTuple):
    """How far a score lies off by chance: its standard error, and the degrees of freedom of that.

    Without an error the draws say nothing, see `interval`.
    """

    error: float
    freedom: float

    @property
    def half_width(self) -> float:
        """Half the width of a 95 % interval, Student's."""
        return float(stats.t.ppf(0.5 + LEVEL / 2, self.freedom) * self.error)

    def p(self, difference: float) -> float:
        """Two-sided probability of a difference as large where there is none."""
        return float(2 * stats.t.sf(abs(difference) / self.error, self.freedom))


def noise(people: float, one: Repeats, other: Repeats | None = None) -> Noise:
    """Estimate what other people, and with repeats other training runs, make of a mean of repeats.

    The variance over people is that of the bootstrap, with its small-sample factor. What training
    again changes is the variance from one repeat to the next over their number, less that part of
    it which comes from these being judged on a few people, since that is in the first too. The
    degrees of freedom of the sum are Welch's and Satterthwaite's ("An approximate distribution of
    estimates of variance components", Biometrics Bulletin 2, 1946). With one repeat nothing is
    known of training, and the noise is that of one fitted model.

    Simulated, true scores and differences are covered in 93 to 97 % with three repeats or more, and
    with two unless training moves scores more than people do: then in 88 to 90 %.

    Parameters
    ----------
    people : float
        See `effective_people`.
    one : Repeats
    other : Repeats, optional
        What is taken off. Scores of as many repeats should be taken off one by one before, since
        repeats of one number learn from the same pictures.
    """
    parts = [one] if other is None else [one, other]
    means = [part.draws.mean(axis=1) for part in parts]
    drawn = means[0] if other is None else means[0] - means[1]
    others = max(people - 1, 1)
    # The bootstrap's variance is too small by one part in as many as there are people.
    variance = np.var(drawn[np.isfinite(drawn)], ddof=1) * people / others
    squares = variance**2 / others
    for part in parts:
        n = len(part.scores)
        if n > 1:
            of_repeats = part.scores.var(ddof=1) / n
            if of_repeats > part.of_people_too:
                variance += of_repeats - part.of_people_too
                squares += of_repeats**2 / (n - 1)
    if not variance > NO_SPREAD**2:
        return Noise(0.0, others)
    return Noise(float(np.sqrt(variance)), float(variance**2 / squares))


def moderated(variances: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Variances of a few repeats each, with what is typical of all as one more degree of freedom.

    Three repeats may agree, or not, by luck. The typical variance is that of a prior with one
    degree of freedom, from the mean logarithm (Smyth, "Linear models and empirical Bayes methods
    for assessing differential expression", Statistical Applications in Genetics and Molecular
    Biology 3, 2004, who estimates the degrees too: a board has too few models for that, and
    where models differ much in noise it called equals different too often).

    Parameters
    ----------
    variances : ndarray, shape (n,)
        Some above 0; those of 0 tell nothing of what is typical.
    freedom : ndarray, shape (n,)
        Degrees of freedom of each; of the result they are one more.
    """
    known = variances > NO_SPREAD**2
    half = freedom[known] / 2
    logs = np.log(variances[known]) - special.digamma(half) + np.log(half)
    typical = np.exp(logs.mean() + special.digamma(0.5) - np.log(0.5))
    return (typical + freedom * variances) / (1 + freedom)


def _of_training(scores: Sequence[Repeats]) -> np.ndarray:
    """Variances of the means by training, `moderated`; 0 where it changes nothing or is unknown."""
    n = np.array([len(each.scores) for each in scores])
    own = np.array([each.scores.var(ddof=min(each.scores.size, 2) - 1) for each in scores])
    of_people_too = np.array([each.of_people_too for each in scores])
    if not (own > NO_SPREAD**2).any():
        return np.zeros(len(scores))
    changes = np.maximum(own, of_people_too) > NO_SPREAD**2
    variances = moderated(own, np.maximum(n - 1, 1)) / n - of_people_too
    return np.where(changes, np.maximum(variances, 0), 0)


def all_pairs_p(scores: Sequence[Repeats], people: float) -> np.ndarray:
    """Adjusted p-values of the differences of all pairs, for other people and training runs.

    Each difference, over its standard error, is compared with the largest there would be by chance
    among those that are no larger, of models that are all equal (Westfall and Young,
    "Resampling-based multiple testing", 1993, the step-down maximum). Chance is a draw of people,
    the same for all, and for each model Student's noise of training, `moderated`, once for all of
    its pairs: Holm would count one model's bad luck as often as it has pairs.

    Simulated with three repeats on boards of 2 to 32 models, some moved up to 15 times as much by
    training as others, equals are told apart in at most 7 of 100 boards, in less than 5 unless all
    are equal; p-values of `noise` after Holm tell them apart in up to 73.

    Parameters
    ----------
    scores : sequence of Repeats
        On the same pictures, some of several repeats.
    people : float
        See `effective_people`.

    Returns
    -------
    ndarray, shape (n * (n - 1) / 2,)
        In the order of ``np.triu_indices(n, 1)``.
    """
    n = np.array([len(each.scores) for each in scores])
    means = np.array([each.mean for each in scores])
    others = max(people - 1, 1)
    drawn = np.stack([each.draws.mean(axis=1) for each in scores], axis=1)
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    of_people = (drawn - drawn.mean(axis=0)) * math.sqrt(people / others)
    of_training = _of_training(scores)
    rng = np.random.default_rng(len(scores))
    shape = of_people.shape
    chance = of_people / np.sqrt(rng.chisquare(others, (len(drawn), 1)) / others)
    chance += np.sqrt(of_training) * rng.standard_t(np.maximum(n, 1), shape)

    one, other = np.triu_indices(len(scores), 1)
    covariances = np.atleast_2d(np.cov(of_people, rowvar=False))
    total = np.diag(covariances) + of_training
    errors = np.sqrt(np.maximum(total[one] + total[other] - 2 * covariances[one, other], 0))
    sizes = np.abs(means[one] - means[other])
    ratios = np.divide(sizes, errors, out=np.where(sizes, np.inf, 0), where=errors > NO_SPREAD)
    order = np.argsort(ratios)
    one, other, errors, ratios = one[order], other[order], errors[order], ratios[order]
    as_large = np.zeros(len(order))
    for start in range(0, len(chance), AT_ONCE):
        some = chance[start : start + AT_ONCE]
        apart = np.abs(some[:, one] - some[:, other])
        apart = np.divide(apart, errors, out=np.zeros(apart.shape), where=errors > NO_SPREAD)
        as_large += (np.maximum.accumulate(apart, axis=1) >= ratios).sum(axis=0)
    p = np.empty(len(order))
    p[order] = np.maximum.accumulate(((1 + as_large) / (1 + len(chance)))[::-1])[::-1]
    return p


def interval(score: float, spread: Noise, people: float, most: float = 1.0) -> tuple[float, float]:
    """95 % interval of a score of 0 or more, for other people and pictures drawn like these.

    The spread is that of the bootstrap by person and, with repeats, of training again; the interval
    is symmetric on the log-odds scale, which keeps it within 0 and 1, or on the logarithm's where
    there is no upper bound. Plain percentiles of the
    draws cover too seldom where scores are high and people few: 89 to 94 % instead of 95 % at an
    accuracy of 0.95 on the 105 people of the slides' nets. (Transformed intervals: Efron and
    Tibshirani, "An introduction to the bootstrap", 1993, ch. 12; log-odds for clustered samples:
    Korn and Graubard, Survey Methodology 24, 1998.)

    Simulated, accuracies of 0.6 to 0.95 are covered in 93 to 97 %, down to 40 people; in 92 % from
    0.9 on where one of 2,451 people has 4 % of the pictures and those of a person are strongly
    alike. Where a class has but a few test pictures, intervals of balanced accuracy and macro-F1
    are too short: 85 to 90 % on 165 pictures where some classes have two.

    Where every draw scores the same, because every answer is right or wrong or there is one person
    only, the draws say nothing; it is then Wilson's interval, each person counting once, or NaN of
    a score without an upper bound.

    Parameters
    ----------
    score : float
        On the test set itself; with repeats their mean.
    spread : Noise
    people : float
        See `effective_people`.
    most : float
        The largest value that the score can have: 1 or infinite.

    Returns
    -------
    low, high : float
    """
    if most > 1:
        if not spread.error or not score > 0:
            return math.nan, math.nan
        factor = math.exp(spread.half_width / score)
        return score / factor, score * factor
    if not spread.error or not 0 < score < 1:
        return accuracy_interval(score, people)
    half = spread.half_width / (score * (1 - score))
    low, high = special.expit(special.logit(score) + half * np.array([-1, 1]))
    return float(low), float(high)


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
    one: float, other: float, spread: Noise, people: tuple[float, float]
) -> tuple[float, float]:
    """95 % interval of `one` less `other`, scores on other pictures of partly the same people.

    The draws that the spread is of are of the people of both test sets together, so that whoever is
    in both is drawn as often for the one as for the other. Simulated for two test sets, true
    differences are covered in 93 to 97 %, and in 99 % where people differ mostly in the classes
    they show: test sets hold these in proportion, draws do not. Where every draw gives the same, it
    is Newcombe's interval of two proportions, each person counting once.

    Parameters
    ----------
    one, other : float
        Between 0 and 1.
    spread : Noise
        Of the difference.
    people : (float, float)
        Of each test set, see `effective_people`.
    """
    difference = one - other
    if not spread.error:
        each = [accuracy_interval(s, n) for s, n in zip((one, other), people, strict=True)]
        return unpaired_interval(other, one, *each[::-1])
    half = spread.half_width
    return max(difference - half, -1.0), min(difference + half, 1.0)  # of few people wider


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


def last_ranks(scores: np.ndarray, adjusted: np.ndarray) -> np.ndarray:
    """The other end of a rank's interval: the last rank that a model may have, ``(n,)`` of int64.

    The first is that of `shared_ranks`, whose parameters these are. Since all pairs are judged at
    once, the ranks of all models lie in their intervals in 95 % of such test sets or more (Mogstad,
    Romano, Shaikh and Wilhelm, "Inference for ranks with applications to mobility across
    neighbourhoods and academic achievement across countries", Review of Economic Studies 91, 2024).
    """
    return len(scores) + 1 - shared_ranks(-scores, adjusted)
