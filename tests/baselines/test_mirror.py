"""Whether a mirrored picture shows the same is seen from the training pictures."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.mirror import shows_the_same
from datasets import Dataset, Source
from tests.baselines.test_baselines import slanted


def test_a_slant_does_not_show_the_same_mirrored() -> None:
    X = np.concatenate([slanted(40, 1), slanted(40, -1)])
    y, order = np.repeat([0, 1], 40), np.random.default_rng(0).permutation(80)
    assert not shows_the_same(X[order], y[order])


@pytest.mark.parametrize("n", [100, 400])
def test_digits_do_not_and_drawn_shapes_do(n: int, shapes: Dataset) -> None:
    digits = Source.parse("digits").load(16)
    assert not shows_the_same(digits.images[:n], digits.labels[:n])
    assert shows_the_same(shapes.images, shapes.labels)


def test_too_few_pictures_to_tell_count_as_the_same() -> None:
    X = slanted(2, 1)
    for n, y in ((1, [0]), (2, [0, 1])):
        assert shows_the_same(X[:n], np.array(y))


@pytest.mark.real
@pytest.mark.parametrize("n", [100, 400])
def test_real_faces_do(real: Dataset, n: int) -> None:
    rows = np.arange(len(real))[:: len(real) // n][:n]
    assert shows_the_same(real.take(rows), real.labels[rows])
