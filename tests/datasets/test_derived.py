"""Sets joined with a plus sign are one set on the classes that all of them show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import Dataset, Source
from datasets.dataset import Part
from tests.datasets import samples
from tests.datasets.samples import refused


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    samples.write_fer2013(tmp_path / "fer")
    samples.write_ferplus(tmp_path / "ferplus")
    samples.write_ck48(tmp_path / "CK+48")
    samples.write_rafdb(tmp_path / "raf")
    for name in ("fer2013", "ferplus", "ckplus", "rafdb"):
        folder = {"fer2013": "fer", "ckplus": "CK+48", "rafdb": "raf"}.get(name, name)
        monkeypatch.setenv(f"{name.upper()}_DIR", str(tmp_path / folder))
    return tmp_path


def words(data: Dataset) -> list[str]:
    return [data.class_names[label] for label in data.labels]


def test_rows_follow_each_other_with_labels_by_name(root: Path) -> None:
    fer, raf, both = map(datasets.load, ("fer2013", "rafdb", "fer2013+rafdb"))
    assert (both.name, both.described) == ("fer2013+rafdb", "FER2013 and RAF-DB")
    assert both.class_names == fer.class_names
    assert words(both) == words(fer) + words(raf)
    assert np.array_equal(both.images, np.concatenate([fer.images, raf.images]))
    assert both.ids == (*(f"fer2013/{i}" for i in fer.ids), *(f"rafdb/{i}" for i in raf.ids))
    assert both.parts is not None
    assert fer.parts is not None
    assert raf.parts is not None
    assert (both.parts == np.concatenate([fer.parts, raf.parts])).all()
    assert both.groups is None
    assert datasets.load("fer2013+rafdb").fingerprint == both.fingerprint


def test_classes_that_a_set_does_not_show_are_left_out_of_all_and_told(root: Path) -> None:
    both = datasets.load("rafdb+ckplus")
    assert both.class_names == ("surprise", "anger")
    assert both.class_counts == {"surprise": 3 + 6, "anger": 3 + 6}
    for name in ("fear", "disgust", "happiness", "sadness", "neutral"):
        assert f"3 {name}" in both.remarks[0]
    assert both.remarks[0].endswith(" of rafdb")


def test_people_of_different_sets_differ_and_unknown_ones_are_each_their_own(root: Path) -> None:
    both = datasets.load(f"ckplus:{root / 'CK+48'}+rafdb")
    assert both.groups is not None
    alone = datasets.load("ckplus")
    assert alone.groups is not None
    assert np.array_equal(both.groups[:12], alone.groups)
    assert len(set(both.groups[12:])) == 6
    assert not set(both.groups[12:]) & set(both.groups[:12])


def test_a_set_without_parts_gives_a_third_of_its_people_to_those_of_another(root: Path) -> None:
    both = datasets.load("rafdb+ckplus")
    assert both.parts is not None
    assert both.groups is not None
    tested = both.parts == Part.TEST
    assert tested[:6].tolist() == [one.startswith("rafdb/test") for one in both.ids[:6]]
    assert len(set(both.groups[6:][tested[6:]])) == 1, "of three people"
    assert not set(both.groups[tested]) & set(both.groups[~tested])
    assert "a third of ckplus held out to test on, by person" in both.remarks


def test_sets_that_all_come_undivided_stay_so(root: Path, shapes_folder: Path) -> None:
    for seed, word in enumerate(["anger", "anger", "surprise", "surprise"]):
        samples.write_face(root / "mine" / word / f"{seed}.png", seed)
    assert datasets.load(f"ckplus+folder:{root / 'mine'}").parts is None


def test_a_label_is_all_votes_beside_a_set_with_votes(root: Path) -> None:
    both = datasets.load("ferplus-distribution+rafdb")
    assert both.distribution is not None
    votes = dict(zip(both.class_names, both.distribution[0].tolist(), strict=True))
    assert votes["neutral"] == pytest.approx(0.8)
    assert votes["happiness"] == pytest.approx(0.2)
    sadness = both.distribution[words(both).index("sadness")]
    assert sadness.max() == pytest.approx(0.8)
    assert (both.distribution[-21:].argmax(axis=1) == both.labels[-21:]).all()
    assert set(both.distribution[-21:].ravel()) == {0, 1}
    assert both.remarks == ("without 3 contempt of ferplus-distribution",)
    assert np.allclose(both.distribution.sum(axis=1), 1)


def test_duplicates_across_sets_are_found(root: Path) -> None:
    for seed, word in [(0, "anger"), (7, "anger"), (1, "disgust"), (8, "disgust")]:
        samples.write_face(root / "mine" / word / f"{seed}.png", seed)
    both = datasets.load(f"fer2013+folder:{root / 'mine'}")
    clean = datasets.load(f"deduplicated:fer2013+folder:{root / 'mine'}")
    assert (len(both), len(clean)) == (8 + 4, 8)
    assert clean.name == "fer2013+mine-deduplicated"


@pytest.mark.parametrize(
    ("given", "parts"),  # training, validation, test, across
    [
        ("fer2013-on-rafdb", [16, 4, 4, 7]),
        ("rafdb-on-fer2013", [14, 0, 7, 4]),
        ("ckplus-on-rafdb", [9, 0, 3, 2]),
        ("rafdb-on-ckplus", [4, 0, 2, 12]),
        ("rafdb+fer2013-on-ckplus", [4 + 6, 0, 2 + 1, 12]),
    ],
)
def test_one_set_is_learned_from_and_both_are_tested_on(
    root: Path, given: str, parts: list[int]
) -> None:
    data = datasets.load(given)
    assert data.name == given
    assert data.parts is not None
    assert data.other is not None
    counts = np.bincount(data.parts[~data.other], minlength=3).tolist()
    assert [*counts, data.other.sum()] == parts
    assert set(data.parts[data.other]) == {Part.TEST}
    first, second = given.split("-on-")
    for name, other in zip(data.ids, data.other, strict=True):
        assert name.startswith(f"{second}/") == other
        assert other or any(name.startswith(one) for one in first.split("+"))


def test_what_is_learned_and_tested_within_does_not_depend_on_the_other_set(root: Path) -> None:
    one, other = (datasets.load(f"ckplus-on-{name}") for name in ("rafdb", "fer2013"))
    assert one.parts is not None
    assert other.parts is not None
    assert one.ids[:12] == other.ids[:12]
    assert np.array_equal(one.parts[:12], other.parts[:12])


def test_classes_of_one_side_are_left_out_of_a_transfer_and_told(root: Path) -> None:
    data = datasets.load("ckplus-on-rafdb")
    assert data.class_names == ("anger", "surprise")
    assert data.described == "CK+, tested on RAF-DB"
    assert data.remarks == (
        "without 1 fear, 1 disgust, 1 happiness, 1 sadness, 1 neutral of rafdb",
        "a third of ckplus held out to test on, by person",
    )


def test_a_folder_may_be_tested_on_by_its_path(root: Path) -> None:
    given = Source.parse("fer2013+ckplus", tested_on=str(root / "raf"))
    assert str(given) == f"fer2013+ckplus-on-rafdb:{root / 'raf'}"
    assert given.load().name == "fer2013+ckplus-on-rafdb"
    both = Source.parse("fer2013", tested_on=f"rafdb+ckplus:{root / 'CK+48'}")
    assert both.load().name == "fer2013-on-rafdb+ckplus"


def test_what_a_folder_gives_to_select_on_stays_so_where_a_test_part_is_held_out(
    root: Path,
) -> None:
    for part, n in ("train", 6), ("val", 2):
        for seed in range(n):
            for word in ("anger", "surprise"):
                samples.write_face(root / "mine" / part / word / f"{seed}.png", seed)
    both = Source.parse(str(root / "mine"), tested_on="rafdb").load()
    assert both.parts is not None
    by_part = {
        part: {name for name, is_in in zip(both.ids, both.parts == part, strict=True) if is_in}
        for part in Part
    }
    assert by_part[Part.VALIDATION] == {name for name in both.ids if "/val/" in name}
    assert len(by_part[Part.TRAINING]) == 8
    assert len([name for name in by_part[Part.TEST] if name.startswith("mine/")]) == 4


def test_a_class_is_left_out_where_asked_and_told(root: Path) -> None:
    data = datasets.load("without:neutral:ferplus-distribution-on-rafdb")
    assert data.name == "ferplus-distribution-on-rafdb-without-neutral"
    assert "neutral" not in data.class_names
    assert not any(name.startswith("rafdb/test_0000") for name in data.ids), "which is neutral"
    assert data.remarks[-1] == "without 4 neutral, as asked"
    assert data.distribution is not None
    assert data.distribution.shape[1] == 6
    assert np.allclose(data.distribution.sum(axis=1), 1)
    twice = datasets.load("deduplicated:without:fear:without:neutral:rafdb")
    assert set(words(twice)) == {"surprise", "disgust", "happiness", "sadness", "anger"}
    assert len(twice.remarks) == 2


def test_sets_that_share_nothing_are_refused(root: Path, shapes_folder: Path) -> None:
    refused(f"{shapes_folder}+rafdb", "fewer than two classes", "shapes shows bar, disc, ring")
    refused("rafdb+rafdb", "rafdb+rafdb names a set twice")
    refused("rafdb-on-rafdb", "rafdb-on-rafdb names a set twice")
    refused("ckplus+rafdb-on-rafdb", "names a set twice")
    refused(f"rafdb+rafdb:{root / 'raf'}", "names a set twice")
    refused("rafdb+muxspace", "make data")
    refused("fer2013-on-rafdb-on-ckplus", "names two sets to test on")


def test_two_folders_of_one_name_are_two_sets(root: Path) -> None:
    for seed, word in enumerate(["anger", "surprise"] * 4):
        samples.write_face(root / "here" / "mine" / word / f"{seed}.png", seed)
        samples.write_face(root / "there" / "mine" / word / f"{seed}.png", 10 + seed)
    here, there = (root / name / "mine" for name in ("here", "there"))
    both = datasets.load(f"{here}+folder:{there}")
    assert both.name == "mine+mine-2"
    assert both.ids[8:] == tuple(f"mine-2/{name}" for name in datasets.load(there).ids)
    assert both.contributors == ("mine",) * 8 + ("mine-2",) * 8
    across = Source.parse(str(here), tested_on=str(there)).load()
    assert across.name == "mine-on-mine-2"
    refused(f"{here}+folder:{root}/there/../here/mine", "names a set twice")


def test_a_class_that_is_not_shown_cannot_be_left_out(root: Path) -> None:
    refused("without:contempt:rafdb", "rafdb shows no class 'contempt'", "surprise, fear")
    refused("without:anger:rafdb+ckplus", "fewer than two classes")


def test_a_plus_sign_in_a_path_joins_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert datasets.load("./CK+48").name == "ckplus"
