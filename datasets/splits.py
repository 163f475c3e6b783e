"""Dividing the rows of a data set, in proportion to its classes and, if asked, by person."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from datasets.errors import InputError

TEST_PARTS = 3  # of which one is held out to test on, where a set has no test part


def stratified_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle the rows so that every beginning of the order has the classes in proportion.

    The i-th of the c shuffled rows of a class is placed at ``(i + 1/2) / c`` of the way, ties in
    random order; a beginning of any length holds each class to within half a row of its share.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        Class of each row.
    rng : Generator
        Decides the order within a class.

    Returns
    -------
    ndarray of int64, shape (n,)
        A permutation of the rows.
    """
    place = np.empty(len(labels))
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.lexsort((rng.random(len(labels)), place))


def hold_out(
    labels: np.ndarray, groups: np.ndarray | None, parts: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hold out one part in `parts` of the rows, in proportion to the classes.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        Class of each row.
    groups : ndarray of int64, shape (n,), or None
        Where given, nobody is on both sides, and the proportions hold as far as that allows
        (scikit-learn's ``StratifiedGroupKFold``).
    parts : int
        At least 2.
    seed : int
        Decides which rows.

    Returns
    -------
    kept, held : ndarray of int64
        Row numbers; both in stratified order, so that a beginning of either is stratified too.

    Raises
    ------
    InputError
        If there are fewer people than parts, or every class has fewer pictures.
    """
    rng = np.random.default_rng(seed)
    order = stratified_order(labels, rng)
    if groups is None:
        n_held = round(len(labels) / parts)
        return order[n_held:], order[:n_held]
    n_people = len(np.unique(groups))
    if n_people < parts:
        raise InputError(
            f"{n_people} people are too few to hold out one part in {parts} by person: "
            "use --split random, or pictures of more people"
        )
    most = np.bincount(labels).max()
    if most < parts:
        raise InputError(
            f"no class has more than {most} pictures, too few to hold out one part in {parts} by "
            "person: use --split random, or more pictures"
        )
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed % 2**32)
    held = np.zeros(len(labels), dtype=bool)
    with warnings.catch_warnings():
        # That a rare class has fewer pictures than parts is no news: it is put where it fits.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        held[next(folds.split(labels, labels, groups))[1]] = True
    return order[~held[order]], order[held[order]]
