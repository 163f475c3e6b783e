"""How sure a score is."""

from __future__ import annotations

from statsmodels.stats.proportion import proportion_confint


def accuracy_interval(accuracy: float, n: int) -> tuple[float, float]:
    """95 % interval of an accuracy, for other test pictures drawn like these (Wilson's).

    Parameters
    ----------
    accuracy : float
        Share of right answers, 0 to 1; with repeats on one test set, their mean.
    n : int
        Number of test pictures.

    Returns
    -------
    low, high : float
    """
    low, high = proportion_confint(accuracy * n, n, alpha=0.05, method="wilson")
    return float(low), float(high)
