"""Who sees which rows."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from benchmark.core.protocols import (
    Curve,
    Fair,
    Search,
    Slides,
    Whole,
    derive_seed,
    possible_splits,
)
from datasets import Dataset, InputError
from datasets.dataset import Part, Pixels


def data(n: int = 900, people: bool = True) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(
        name="made-up",
        pixels=Pixels((np.random.default_rng(1).integers(0, 256, (n, 3, 8, 8), dtype=np.uint8),)),
        labels=rng.choice(3, n, p=[0.6, 0.3, 0.1]),
        class_names=("a", "b", "c"),
        groups=rng.integers(0, n // 3, n) if people else None,
        ids=tuple(str(i) for i in range(n)),
        described="made up",
        fingerprint="0" * 64,
    )


@pytest.mark.real
def test_slides_gives_the_published_rows(real: Dataset) -> None:
    rows = Slides().rows(real, deep=False, repeat=0)
    assert (len(rows.training), len(rows.scored), len(rows.selection)) == (9172, 4518, 0)
    counts = np.bincount(real.labels[rows.scored], minlength=8)
    assert dict(zip(real.class_names, counts.tolist(), strict=True)) == {
        "anger": 74,
        "contempt": 2,
        "disgust": 68,
        "fear": 8,
        "happiness": 1846,
        "neutral": 2305,
        "sadness": 91,
        "surprise": 124,
    }
    nets = Slides().rows(real, deep=True, repeat=0)
    assert (len(nets.training), len(nets.scored)) == (335, 165)
    assert (real.labels[nets.scored] == real.class_names.index("neutral")).sum() == 105


@pytest.mark.real
def test_the_slides_test_set_may_be_used_with_a_selection_that_does_not_see_it(
    real: Dataset,
) -> None:
    published = Slides().rows(real, deep=False, repeat=0)
    for repeat in range(2):
        rows = Fair(split="slides").rows(real, deep=True, repeat=repeat)
        assert rows.scored.tolist() == published.scored.tolist()
        learned = np.concatenate([rows.training, rows.selection])
        assert sorted(learned) == sorted(published.training)
        assert len(rows.selection) == pytest.approx(len(learned) / 5, rel=0.01)


@pytest.mark.parametrize("train_size", [None, 50])
def test_whole_learns_from_what_fair_selects_on_and_selects_on_nothing(
    train_size: int | None,
) -> None:
    made = data()
    fair = Fair(train_size=train_size).rows(made, True, 0)
    whole = Whole(train_size=train_size).rows(made, True, 0)
    assert whole.training.tolist() == [*fair.training, *fair.selection]
    assert len(whole.selection) == 0
    assert whole.scored.tolist() == fair.scored.tolist()
    assert Whole().selected_on == "nothing"


def test_slides_selects_on_the_test_set_and_says_so() -> None:
    rows = Slides().rows(data(), deep=True, repeat=0)
    assert (rows.selection == rows.scored).all()
    assert max(rows.scored.max(), rows.training.max()) < 500
    assert Slides().selected_on == "test"


def test_slides_stops_nets_as_published_and_fair_leaves_them_time() -> None:
    assert Slides().settings("seresnet18", in_epochs=True) == {"stop": "rises", "patience": 3}
    assert Slides().settings("knn", in_epochs=False) == {}
    assert Fair().settings("seresnet18", in_epochs=True) == {"recipe": "house"}
    assert Fair().settings("knn", in_epochs=False) == {}


def test_slides_cannot_be_given_another_size_or_split() -> None:
    for changes in ({"train_size": 100}, {"split": "identity"}):
        with pytest.raises(InputError, match="--protocol fair"):
            Slides(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("split", ["random", "identity"])
@pytest.mark.parametrize("train_size", [None, 100])
def test_fair_never_lets_test_rows_into_training_or_selection(
    split: str, train_size: int | None
) -> None:
    protocol = Fair(split=split, train_size=train_size)  # type: ignore[arg-type]
    parts = protocol.rows(data(), deep=True, repeat=1)
    rows = [parts.training, parts.selection, parts.scored]
    assert sum(map(len, rows)) == len(set(np.concatenate(rows)))
    if split == "identity":
        people = [set(data().groups[part]) for part in rows]  # type: ignore[index]
        assert not people[0] & people[1]
        assert not people[0] & people[2]
        assert not people[1] & people[2]


PARTS = (Part.TRAINING, Part.VALIDATION, Part.TEST)


def divided(*sizes: int) -> Dataset:
    made = data(sum(sizes))
    parts = np.repeat(np.array(PARTS, np.int8), sizes)
    return dataclasses.replace(made, parts=np.random.default_rng(2).permutation(parts))


def test_official_parts_are_kept_whole() -> None:
    made = divided(600, 150, 150)
    rows = Fair(split="official").rows(made, deep=True, repeat=0)
    for part, found in zip(PARTS, (rows.training, rows.selection, rows.scored), strict=True):
        assert sorted(found) == np.flatnonzero(made.parts == part).tolist()


@pytest.mark.parametrize("sizes", [(600, 150, 150), (600, 40, 150), (300, 400, 150)])
@pytest.mark.parametrize("train_size", [50, 300, None])
def test_official_training_sets_lie_within_larger_ones_and_in_their_parts(
    sizes: tuple[int, ...], train_size: int | None
) -> None:
    made = divided(*sizes)
    assert made.parts is not None
    rows = Fair(split="official", train_size=train_size).rows(made, True, 1)
    larger = Fair(split="official", train_size=sizes[0] + 20).rows(made, True, 1)
    assert len(rows.training) + len(rows.selection) == (train_size or sum(sizes[:2]))
    assert set(made.parts[rows.training]) == {Part.TRAINING}
    assert set(made.parts[rows.selection]) == {Part.VALIDATION}
    if train_size:
        assert set(rows.training) <= set(larger.training)
        assert set(rows.selection) <= set(larger.selection)
    assert set(rows.training) != set(
        Fair(split="official", train_size=50).rows(made, True, 2).training
    )


def test_without_an_official_validation_part_a_fifth_of_training_is_drawn() -> None:
    made = divided(500, 0, 100)
    assert made.parts is not None
    rows = Fair(split="official").rows(made, True, 0)
    assert (len(rows.training), len(rows.selection), len(rows.scored)) == (400, 100, 100)
    assert set(made.parts[rows.scored]) == {Part.TEST}
    again = Fair(split="official").rows(made, True, 1)
    assert set(again.selection) != set(rows.selection)
    assert (again.scored == rows.scored).all()


def test_a_picture_under_two_names_is_on_one_side_of_an_identity_split() -> None:
    made = data()
    assert made.groups is not None
    twice = np.arange(100)
    made.images[twice + 500] = made.images[twice]
    assert (made.groups[twice + 500] != made.groups[twice]).any()
    rows = Fair(split="identity").rows(made, deep=False, repeat=0)
    for part in (rows.training, rows.selection, rows.scored):
        assert (np.isin(twice, part) == np.isin(twice + 500, part)).all()


def test_fair_splits_as_others_did_or_by_person_where_it_can_and_slides_never() -> None:
    whole, unknown = data(), dataclasses.replace(data(), groups=None)
    parted = dataclasses.replace(data(), parts=np.arange(len(whole)) % 3)
    for made, usual in ((whole, "identity"), (unknown, "random"), (parted, "official")):
        assert Fair.usual_split(possible_splits(made)) == usual
        assert Slides.usual_split(possible_splits(made)) == "random"


def test_fair_gives_every_model_the_same_rows() -> None:
    net, classical = (Fair().rows(data(), deep=deep, repeat=0) for deep in (True, False))
    assert net.training.tolist() == classical.training.tolist()
    assert net.selection.tolist() == classical.selection.tolist()
    assert net.scored.tolist() == classical.scored.tolist()


def test_fair_holds_out_a_third_in_proportion_whatever_the_training_size() -> None:
    labels = data().labels
    tests = [Fair(train_size=n).rows(data(), True, 0).scored for n in (50, 400, None)]
    assert len(tests[0]) == 300
    assert np.abs(np.bincount(labels[tests[0]]) - np.bincount(labels) / 3).max() <= 1
    assert all((test == tests[0]).all() for test in tests)


def test_the_training_size_counts_what_is_selected_on() -> None:
    rows = Fair(train_size=100).rows(data(), True, 0)
    assert (len(rows.training), len(rows.selection)) == (80, 20)
    everything = Fair().rows(data(), True, 0)
    assert (len(everything.training), len(everything.selection)) == (480, 120)


def test_smaller_training_sets_lie_within_larger_ones() -> None:
    small, large = (Fair(train_size=n).rows(data(), True, 2) for n in (60, 240))
    assert set(small.training) <= set(large.training)
    assert set(small.selection) <= set(large.selection)


def test_repeats_draw_other_training_rows_and_keep_the_test_rows() -> None:
    first, second = (Fair(train_size=100).rows(data(), True, repeat) for repeat in (0, 1))
    assert (first.scored == second.scored).all()
    assert set(first.training) != set(second.training)


def test_across_sets_training_is_that_of_one_and_the_test_is_on_both() -> None:
    parts = np.repeat([Part.TRAINING, Part.TEST], [500, 400])
    made = dataclasses.replace(data(), parts=parts, other=np.arange(900) >= 700)
    assert possible_splits(made) == ["across"]
    rows = Fair(split="across").rows(made, True, 0)
    assert sorted([*rows.training, *rows.selection]) == list(range(500))
    assert rows.scored.tolist() == list(range(500, 900))
    assert made.groups is not None
    assert not set(made.groups[rows.training]) & set(made.groups[rows.selection])


def test_sets_to_learn_from_and_to_be_tested_on_are_not_divided_otherwise() -> None:
    parts, other = np.resize([0, 0, 2, 2], 900), np.resize([False, False, False, True], 900)
    made = dataclasses.replace(data(), parts=parts, other=other)
    for protocol in (Slides(), Fair(split="random"), Fair(split="identity")):
        with pytest.raises(InputError, match="leave out --split, and use --protocol fair"):
            protocol.rows(made, True, 0)
    with pytest.raises(InputError, match="is one set: name another with --test-data"):
        Fair(split="across").rows(data(), True, 0)


def test_what_cannot_be_divided_is_told() -> None:
    with pytest.raises(InputError, match="more than the 600 pictures"):
        Fair(train_size=601).rows(data(), True, 0)
    for made in (data(), divided(600, 100, 0)):
        with pytest.raises(InputError, match="without a training and a test part: use another"):
            Fair(split="official").rows(made, True, 0)
    with pytest.raises(InputError, match="more than the 700 pictures"):
        Fair(split="official", train_size=701).rows(divided(600, 100, 50), True, 0)
    with pytest.raises(InputError, match="does not say who is shown"):
        Fair(split="identity").rows(data(people=False), True, 0)
    of_four = dataclasses.replace(data(), groups=np.arange(900) % 4)
    with pytest.raises(InputError, match=r"3 people are too few .* use --split random"):
        Fair(split="identity").rows(of_four, True, 0)


def test_a_curve_doubles_from_100_to_all() -> None:
    assert [step.label for step in Curve().series(data())] == [
        *("curve-100", "curve-200", "curve-400", "curve-all")
    ]
    assert [step.train_size for step in Curve(train_size=300).series(data())] == [100, 200, 300]


def test_a_curve_has_no_two_sizes_that_are_nearly_the_same() -> None:
    assert [step.train_size for step in Curve(train_size=420).series(data())] == [100, 200, 420]
    assert [step.train_size for step in Curve(train_size=450).series(data())] == [
        *(100, 200, 400, 450)
    ]


@pytest.mark.parametrize("split", ["random", "identity"])
def test_each_step_of_a_curve_holds_the_smaller_ones_and_has_the_same_test_set(split: str) -> None:
    made = data()
    for repeat in (0, 1):
        curve = Curve(split=split, repeats=2)  # type: ignore[arg-type]
        steps = [step.rows(made, True, repeat) for step in curve.series(made)]
        for smaller, larger in itertools.pairwise(steps):
            assert set(smaller.training) < set(larger.training)
            assert set(smaller.selection) < set(larger.selection)
            assert (smaller.scored == larger.scored).all()
        assert len(steps[0].training) + len(steps[0].selection) == 100


def test_a_curve_on_too_few_pictures_is_told() -> None:
    with pytest.raises(InputError, match="two training sizes, 100 and more than that"):
        Curve().series(data(150))
    with pytest.raises(InputError, match="more than the 600 pictures"):
        Curve(train_size=1000).series(data())


def test_sizes_that_show_one_class_only_are_left_out_of_a_curve_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = data(3000)
    rare = np.zeros(3000, np.int64)
    rare[:12] = 1
    steps = Curve(repeats=2).series(dataclasses.replace(made, labels=rare))
    assert steps[0].train_size == 400
    assert caplog.messages == ["left out of the curve, as they show one class only: 100, 200"]


def test_labels_and_seeds_follow_from_what_a_run_is() -> None:
    assert [Slides().label, Fair().label, Fair(train_size=500).label] == [
        "slides",
        "fair",
        "fair-500",
    ]
    assert derive_seed("a", 1) == derive_seed("a", 1) != derive_seed("a", 2)
    assert derive_seed("a", "bc") != derive_seed("ab", "c")


@pytest.mark.parametrize("split", ["random", "identity"])
@pytest.mark.parametrize("train_size", [None, 100])
def test_a_search_sees_what_fair_learns_from_and_no_test_picture(
    split: str, train_size: int | None
) -> None:
    fair, search = (
        kind(split=split, train_size=train_size).rows(data(), deep=True, repeat=0)
        for kind in (Fair, Search)
    )
    assert (search.training == fair.training).all()
    assert (search.selection == fair.selection).all()
    assert (search.scored == fair.selection).all()
    seen = np.concatenate([search.training, search.selection, search.scored])
    assert not np.isin(seen, fair.scored).any()
