"""Scores agree with their definitions, and with scikit-learn where it has them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as theirs

from benchmark.scores import metrics

RNG = np.random.default_rng(0)
LABELS = RNG.choice(4, 300, p=[0.5, 0.3, 0.15, 0.05])
PROBABILITIES = RNG.dirichlet(np.ones(4), 300).astype(np.float32)


def test_scores_are_scikit_learns() -> None:
    score = metrics.score(LABELS, PROBABILITIES)
    predicted = PROBABILITIES.argmax(axis=1)
    assert score["accuracy"] == theirs.accuracy_score(LABELS, predicted)
    assert score["balanced_accuracy"] == pytest.approx(
        theirs.balanced_accuracy_score(LABELS, predicted)
    )
    assert score["macro_f1"] == pytest.approx(theirs.f1_score(LABELS, predicted, average="macro"))
    assert score["log_loss"] == pytest.approx(theirs.log_loss(LABELS, PROBABILITIES), rel=1e-5)
    assert score["majority_accuracy"] == (LABELS == 0).mean()


def test_a_class_absent_from_the_test_set_is_not_averaged_in() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0, 1, 0], [0, 1, 0]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = metrics.score(labels, probabilities)
    assert score["balanced_accuracy"] == 0.75
    assert score["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)


def test_a_class_never_trained_on_costs_a_finite_loss() -> None:
    assert metrics.score(np.array([1]), np.array([[1, 0]], np.float32))["log_loss"] == (
        pytest.approx(-np.log(1e-15))
    )


def test_calibration_error_by_hand() -> None:
    # Two pictures at confidence 0.9, one right; two at 0.6, both right.
    labels = np.array([0, 1, 0, 0])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    expected = 0.5 * abs(0.5 - 0.9) + 0.5 * abs(1 - 0.6)
    assert metrics.calibration_error(labels, probabilities) == pytest.approx(expected)


def test_confidence_that_comes_true_is_calibrated() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, 40_000)
    labels = (rng.random(40_000) > confidence).astype(int)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    assert metrics.calibration_error(labels, probabilities) < 0.01


def test_rows_of_a_confusion_matrix_are_true_and_columns_predicted() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[1, 1, 2]]
    counts = metrics.confusion(np.array([0, 0, 2]), probabilities)
    assert counts.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]


def test_top_2_is_scikit_learns() -> None:
    theirs_2 = theirs.top_k_accuracy_score(LABELS, PROBABILITIES, k=2)
    assert metrics.score(LABELS, PROBABILITIES)["top2_accuracy"] == pytest.approx(theirs_2)


def test_a_class_of_no_probability_is_not_a_second_guess() -> None:
    sure = np.eye(3, dtype=np.float32)[[0, 0, 0]]
    assert metrics.top2_accuracy(np.array([0, 1, 2]), sure) == pytest.approx(1 / 3)


def test_with_two_classes_top_2_says_nothing_and_is_left_out() -> None:
    assert np.isnan(metrics.top2_accuracy(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]])))


def test_scores_of_classes_are_scikit_learns() -> None:
    predicted = PROBABILITIES.argmax(axis=1)
    table = metrics.by_class(metrics.confusion(LABELS, PROBABILITIES))
    expected = theirs.precision_recall_fscore_support(LABELS, predicted)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert table[name].to_numpy() == pytest.approx(values)
    assert table["predicted"].to_numpy() == pytest.approx(np.bincount(predicted, minlength=4))


def test_a_class_never_predicted_or_not_in_the_test_set_keeps_its_row() -> None:
    # The second class is in the test set and never named; the third is named and not there.
    table = metrics.by_class(np.array([[3, 0, 1], [2, 0, 0], [0, 0, 0]]))
    assert table["support"].tolist() == [4, 2, 0]
    assert table["predicted"].tolist() == [5, 0, 1]
    assert table["recall"].tolist()[:2] == [0.75, 0]
    assert np.isnan(table["precision"][1])
    assert table["f1"][1] == 0
    assert np.isnan(table.loc[2, ["recall", "f1"]]).all()
    assert table["precision"][2] == 0


def test_counts_of_groups_add_up_to_the_scores_of_all() -> None:
    groups = np.arange(300) % 7
    losses = metrics.log_losses(LABELS, PROBABILITIES)
    counts = metrics.counts_by_class(LABELS, PROBABILITIES.argmax(axis=1), losses, groups, 4, 8)
    assert counts.shape == (8, 4, 4)
    assert not counts[7].any()
    score = metrics.score(LABELS, PROBABILITIES)
    for metric in metrics.METRICS.values():
        if metric.of_counts:
            assert metric.of_counts(counts.sum(axis=0)) == pytest.approx(score[metric.name])
            assert np.isnan(metric.of_counts(counts[7]))


def test_reliability_counts_every_picture_in_the_bin_of_its_confidence() -> None:
    labels = np.array([0, 1, 0, 0])
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.55, 0.45], [1.0, 0.0]])
    pictures, confidence, right = metrics.reliability(labels, probabilities, bins=10)
    assert pictures.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 3]
    assert confidence[[5, 9]] == pytest.approx([0.55, 2.9])
    assert right[[5, 9]].tolist() == [1, 2]
