"""Rows are divided in proportion to their classes, and people are kept on one side if asked."""

from __future__ import annotations

import numpy as np
import pytest

from datasets import InputError
from datasets.splits import hold_out, stratified_order

LABELS = np.repeat(np.arange(4), [600, 300, 90, 10])


@pytest.mark.parametrize("n", [10, 100, 333, 500, 999])
def test_every_beginning_of_the_order_has_the_classes_in_proportion(n: int) -> None:
    order = stratified_order(LABELS, np.random.default_rng(0))
    counts = np.bincount(LABELS[order[:n]], minlength=4)
    assert np.abs(counts - n * np.bincount(LABELS) / len(LABELS)).max() <= 1


def test_the_order_is_a_permutation_decided_by_the_seed() -> None:
    first, again, other = (stratified_order(LABELS, np.random.default_rng(s)) for s in (1, 1, 2))
    assert sorted(first) == list(range(1000))
    assert (first == again).all()
    assert (first != other).any()


def test_a_third_is_held_out_and_nothing_is_lost() -> None:
    kept, held = hold_out(LABELS, None, parts=3, seed=0)
    assert len(held) == 333
    assert sorted([*kept, *held]) == list(range(1000))
    assert np.bincount(LABELS[held]).tolist() == [200, 100, 30, 3]


def test_a_class_of_two_is_on_both_sides_of_a_third() -> None:
    labels = np.array([0] * 50 + [1] * 2)
    kept, held = hold_out(labels, None, parts=3, seed=3)
    assert (labels[kept] == 1).sum() == (labels[held] == 1).sum() == 1


def test_by_identity_nobody_is_on_both_sides() -> None:
    people = np.random.default_rng(0).integers(0, 250, 1000)
    kept, held = hold_out(LABELS, people, parts=3, seed=0)
    assert not set(people[kept]) & set(people[held])
    assert sorted([*kept, *held]) == list(range(1000))
    assert abs(len(held) - 333) < 40
    assert abs((LABELS[held] == 0).mean() - 0.6) < 0.05


def test_classes_with_fewer_pictures_than_parts_are_told() -> None:
    labels, people = np.repeat([0, 1], [3, 4]), np.arange(7)
    with pytest.raises(InputError, match=r"no class has more than 4 pictures.*--split random"):
        hold_out(labels, people, parts=5, seed=0)
