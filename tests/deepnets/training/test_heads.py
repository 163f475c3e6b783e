"""A head is a classifier of features; what it cannot know it takes from validation pictures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from deepnets.training import heads
from deepnets.training.heads import HEADS, Neighbours

RIGHT, UP, LEFT = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.1)
ROWS = np.array([RIGHT, UP, UP, LEFT], "f4")
LABELS = np.array([0, 1, 1, 2])


def test_neighbours_vote_and_one_vote_more_is_shared_as_the_classes_are() -> None:
    nearest = Neighbours(1).fit(ROWS, LABELS).predict_proba(np.array([RIGHT], "f4"))
    assert nearest[0] == pytest.approx([1.25 / 2, 0.5 / 2, 0.25 / 2])
    three = Neighbours(3).fit(ROWS, LABELS).predict_proba(np.array([RIGHT], "f4"))
    assert three[0] == pytest.approx([1.25 / 4, 2.5 / 4, 0.25 / 4])


def test_only_the_direction_of_features_counts() -> None:
    model = Neighbours(1).fit(ROWS, LABELS)
    near, far = model.predict_proba(np.array([RIGHT, (100.0, 0.0)], "f4"))
    assert np.array_equal(near, far)
    assert model.predict_proba(np.zeros((1, 2), "f4")).sum() == pytest.approx(1), "without any"


def test_all_vote_where_fewer_were_learnt_than_are_asked_for() -> None:
    known = Neighbours(20).fit(ROWS, LABELS).predict_proba(np.array([LEFT], "f4"))
    assert known[0] == pytest.approx([0.25, 0.5, 0.25])


def test_no_class_is_impossible() -> None:
    known = Neighbours(1).fit(ROWS, LABELS).predict_proba(ROWS)
    assert np.isfinite(log_loss(LABELS[::-1], known))
    assert known.min() > 0


def test_pictures_are_compared_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Neighbours(2).fit(ROWS, LABELS)
    at_once = model.predict_proba(ROWS)
    monkeypatch.setattr(heads, "COMPARED_AT_ONCE", 3)
    assert np.array_equal(model.predict_proba(ROWS), at_once)


@pytest.mark.parametrize("name", HEADS)
def test_the_value_with_the_lowest_log_loss_is_chosen(name: str) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    rows = (rng.normal(size=(60, 8)) + 2 * np.eye(8)[y]).astype("f4")
    head, judged = HEADS[name], (rows[30:], y[30:])
    model, told = head.fit(rows[:30], y[:30], judged, random_state=0)
    losses = {
        value: log_loss(
            y[30:], head.make(value, (30, 8), 0).fit(rows[:30], y[:30]).predict_proba(rows[30:])
        )
        for value in head.tried
    }
    best = min(losses, key=lambda value: losses[value])
    assert told == f"{head.told.format(best)} chosen on validation"
    assert log_loss(y[30:], model.predict_proba(rows[30:])) == losses[best]
    assert head.fit(rows[:30], y[:30])[1] == f"{head.told.format(head.usual)} not chosen"
