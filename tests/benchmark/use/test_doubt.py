"""When a model is to be distrusted: confidence, sets of classes, pictures unlike the known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import datasets
from benchmark.core.records import SELECTION
from benchmark.core.store import Results
from benchmark.scores.metrics import log_losses
from benchmark.use import doubt
from benchmark.use.doubt import Known
from datasets import Dataset, InputError
from tests.conftest import write_shapes

REFERENCE = Path(__file__).parents[3] / "results" / "reference"


def answers(
    n: int, sharpness: float, seed: int = 0, classes: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels that are drawn by them before they are sharpened."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.full(classes, 0.5), n)
    labels = np.array([rng.choice(classes, p=each) for each in honest])
    raised = np.maximum(honest, 1e-12) ** sharpness
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_a_model_too_sure(sharpness: float) -> None:
    probabilities, labels = answers(4000, sharpness)
    found = doubt.temperature(probabilities, labels)
    assert found == pytest.approx(sharpness, rel=0.1)
    honest = doubt.tempered(probabilities, found)
    np.testing.assert_allclose(honest.sum(axis=1), 1)
    assert (honest.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert log_losses(labels, honest).mean() <= log_losses(labels, probabilities).mean() + 1e-6


def test_a_class_that_was_never_learnt_stays_impossible() -> None:
    honest = doubt.tempered(np.array([[0.9, 0.1, 0.0]], np.float32), 3.0)
    assert honest[0, 2] == 0
    assert honest[0, 0] < 0.9


def test_sets_hold_the_true_class_for_so_many_people_however_many_pictures_each_has() -> None:
    rng, held, sizes = np.random.default_rng(0), [], []
    for _ in range(400):
        # Of some people the model knows little, and of those there are most pictures.
        hard = rng.random(61) < 0.3
        pictures = np.where(hard, 40, rng.integers(1, 4, 61))
        people = np.repeat(np.arange(61), pictures)
        true = np.where(
            hard[people], rng.beta(2, 4, len(people)), rng.beta(6, 2, len(people))
        ).astype(np.float32)
        probabilities = np.stack([true, 1 - true], axis=1)
        labels, known = np.zeros(len(people), int), people < 60
        least = doubt.least_probability(probabilities[known], labels[known], people[known])
        sets = doubt.sets(probabilities[~known], least)
        held.append(sets[:, 0].mean())
        sizes.append(sets.sum(axis=1).mean())
    assert 0.88 < np.mean(held) < 0.96
    assert np.mean(sizes) < 1.9


def test_too_few_people_give_sets_of_every_class() -> None:
    probabilities, labels = answers(8, 1.0)
    assert doubt.least_probability(probabilities, labels, np.arange(8)) == 0
    assert doubt.sets(probabilities, 0.0).all()


def test_a_set_has_its_most_probable_class_at_least() -> None:
    sets = doubt.sets(np.array([[0.4, 0.35, 0.25]]), 0.5)
    assert sets.tolist() == [[True, False, False]]


def test_other_pictures_are_unlike_and_those_of_the_same_kind_are_not(
    shapes: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> None:
    known = Known.of(shapes)
    more = datasets.load(write_shapes(tmp_path_factory.mktemp("more") / "shapes", per_class=10))
    assert (known.distances(more.images) > 1).mean() < 0.2
    noise = np.random.default_rng(1).integers(0, 256, (20, 3, 32, 32), np.uint8)
    assert (known.distances(noise) > 1).all()


def test_of_one_person_pictures_are_compared_with_pictures(shapes: Dataset) -> None:
    alone = dataclasses.replace(shapes, groups=np.zeros(len(shapes), np.int64))
    nobody = dataclasses.replace(shapes, groups=None)
    assert Known.of(alone).usual == Known.of(nobody).usual


def test_of_copies_a_copy_is_like_and_another_picture_is_not(shapes: Dataset) -> None:
    copies = shapes.select(np.zeros(20, np.int64))
    known = Known.of(dataclasses.replace(copies, groups=None))
    assert known.usual == doubt.LEAST_USUAL
    assert known.distances(shapes.images[:1]) <= 1
    assert known.distances(shapes.images[-1:]) > 1


def test_a_single_picture_is_too_few_to_compare_with(shapes: Dataset) -> None:
    with pytest.raises(InputError, match="too few pictures"):
        Known.of(shapes.select(np.zeros(1, np.int64)))


@pytest.mark.real
def test_digits_are_unlike_real_faces_and_faces_of_others_are_not(real: Dataset) -> None:
    known = Known.of(real)
    digits = datasets.load("digits").images[::30]
    assert (known.distances(digits) > 1).mean() > 0.95
    assert (known.distances(real.images[5::150]) > 1).mean() < 0.05


def test_on_stored_answers_of_every_kind_of_model_sets_hold_the_truth_of_new_people() -> None:
    results, covered = Results(REFERENCE), {}
    for row in results.rows():
        if row.place[:2] == ("muxspace", "fair-500"):
            said = results.predictions(results.record(row.keys[0]))
            chosen, tested = said.of(SELECTION), said.scored
            least = doubt.least_probability(chosen.probabilities, chosen.labels, chosen.groups)
            held = doubt.sets(tested.probabilities, least)[range(len(tested.rows)), tested.labels]
            covered[row.model.label] = pd.Series(held).groupby(tested.groups).mean().mean()
    assert len(covered) >= 20
    assert min(covered.values()) > 0.88, "of 73 people the share may be off by chance"
    assert np.mean([*covered.values()]) > doubt.COVERED
