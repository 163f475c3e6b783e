"""Which kind of model wins: chosen on validation, by the pictures and seconds it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.core.predictions import Predictions
from benchmark.core.records import (
    CLASSICAL,
    FINE_TUNED,
    FROM_SCRATCH,
    FROZEN,
    SELECTION,
    ModelFacts,
    Tried,
)
from benchmark.core.store import Results
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import sections
from benchmark.view.page import publish
from tests.benchmark.made_up import board_row, predictions, record

N_TEST, N_VALIDATION = 400, 50


def answers(test: float, validation: float) -> Predictions:
    """Answers on test pictures and on those to select on, so many of them right."""
    parts = []
    for share, n, first, part in (
        (test, N_TEST, 0, "test"),
        (validation, N_VALIDATION, N_TEST, SELECTION),
    ):
        labels, rows = np.arange(n) % 2, first + np.arange(n)
        parts.append(predictions(labels, np.arange(n) < round(share * n), rows, part=part))
    columns = zip(*(vars(each).values() for each in parts), strict=True)
    return Predictions(*(np.concatenate(each) for each in columns))


def put(
    out: Path,
    model: str,
    seconds: float,
    test: float,
    validation: float,
    protocol: str = "fair-100",
    deep: bool = False,
    tried: tuple[Tried, ...] = (),
    device: str = "cpu",
) -> None:
    row = board_row(model, protocol, keys=(f"{model}-{protocol}",), deep=deep)
    size = int(protocol.partition("-")[2]) - 20
    took = {"fit_seconds": seconds, "n_test": N_TEST, "n_train": size, "n_validation": 20}
    Results(out).put(record(row, **took, device=device), answers(test, validation))
    Results(out).put_rows([replace(row, tried=tried)])


def found(out: Path) -> pd.DataFrame:
    return Leaderboard.compute(Results(out)).winners


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (ModelFacts("knn", "neighbours", False), CLASSICAL),
        (ModelFacts("frozen:x", "frozen", True, "ImageNet"), FROZEN),
        (ModelFacts("finetuned:x", "fine-tuned", True, "ImageNet"), FINE_TUNED),
        (ModelFacts("vgg11", "VGG", True), FROM_SCRATCH),
    ],
)
def test_a_model_is_of_the_kind_that_it_learnt_by(model: ModelFacts, expected: str) -> None:
    assert model.kind == expected


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_map_says_whether_its_seconds_are_of_a_card(tmp_path: Path, device: str) -> None:
    put(tmp_path, "knn", 1.0, test=0.7, validation=0.7)
    put(tmp_path, "net", 10.0, test=0.9, validation=0.9, deep=True, device=device)
    (shown,) = sections.winners(Leaderboard.compute(Results(tmp_path)))
    assert ("a card" in shown.before[-1]) is (device == "cuda")


def test_validation_chooses_the_winner_among_those_trained_in_the_time(tmp_path: Path) -> None:
    put(tmp_path, "knn", 1.0, test=0.7, validation=0.7)
    put(tmp_path, "net", 10.0, test=0.9, validation=0.9, deep=True)
    put(tmp_path, "slow", 100.0, test=0.99, validation=0.8)  # best on the test alone
    table = found(tmp_path)
    assert table["model"].tolist() == ["knn", "net", "net"]
    assert table["seconds_from"].tolist() == [1.0, 10.0, 100.0]
    assert table["seconds_to"].tolist() == [10.0, 100.0, np.inf]
    assert table["kind"].tolist() == [CLASSICAL, FROM_SCRATCH, FROM_SCRATCH]
    assert table["runner_up"].tolist()[1:] == ["knn", "slow"]
    assert table["runner_up"].isna()[0]
    assert table["told_apart"].tolist()[1:] == [True, True]
    assert table["difference"].tolist()[1:] == pytest.approx([0.2, -0.09])


def test_each_number_of_pictures_has_winners_of_its_own(tmp_path: Path) -> None:
    for protocol, (classical, net) in {"fair-100": (0.8, 0.7), "curve-200": (0.8, 0.9)}.items():
        put(tmp_path, "knn", 1.0, classical, classical, protocol)
        put(tmp_path, "net", 2.0, net, net, protocol, deep=True)
    table = found(tmp_path)
    last = table[table["seconds_to"] == np.inf].set_index("pictures")["model"]
    assert last.to_dict() == {100: "knn", 200: "net"}


def test_a_winner_that_the_test_pictures_cannot_tell_apart_says_so(tmp_path: Path) -> None:
    put(tmp_path, "knn", 1.0, test=0.8, validation=0.7)
    put(tmp_path, "net", 2.0, test=0.802, validation=0.8, deep=True)
    publish(Results(tmp_path))
    assert found(tmp_path)["told_apart"].tolist()[1:] == [False]
    (section,) = sections.winners(Leaderboard.compute(Results(tmp_path)))
    assert section.table is not None
    first = section.table.iloc[0]
    assert [*first[["pictures", "in", "model", "kind"]]] == ["100", "a minute", "net", FROM_SCRATCH]
    assert first["best of the next kind"] == "knn (classical on pixels)"
    assert first["surely better"] == "no"
    assert (tmp_path / "winners.shapes.png").is_file()
    assert (tmp_path / "winners.csv").is_file()


def test_where_one_kind_alone_was_tried_there_is_no_map(tmp_path: Path) -> None:
    put(tmp_path, "knn", 1.0, test=0.8, validation=0.7)
    put(tmp_path, "tree", 2.0, test=0.8, validation=0.8)
    publish(Results(tmp_path))
    assert not list(tmp_path.glob("winners*"))


def test_a_tuned_row_is_the_setting_best_on_validation_at_the_cost_of_all(tmp_path: Path) -> None:
    put(tmp_path, "knn", 1.0, test=0.9, validation=0.6)
    put(tmp_path, "knn[k=1]", 2.0, test=0.7, validation=0.8)
    put(tmp_path, "net", 9.0, test=0.7, validation=0.5, deep=True)
    tried = tuple(Tried(name, (f"{name}-fair-100",)) for name in ("knn", "knn[k=1]"))
    row = board_row("knn[tune=2]", "fair-100", keys=("knn-fair-100",))
    Results(tmp_path).put_rows([replace(row, tried=tried)])
    board = Leaderboard.compute(Results(tmp_path))
    (tuned,) = [row for row in board.rows if row.place.model == "knn[tune=2]"]
    assert tuned.mean("accuracy") == pytest.approx(0.7)
    assert "best of 2 settings on validation, which took 4.0 s" in tuned.notes
    assert tuned.training_seconds == pytest.approx(1.0 + 0.5 + 2.0 + 0.5)
    # By what the models are ranked by, the settings are chosen.
    assert tuned.validated("accuracy") == pytest.approx(0.8)


def test_a_tuned_row_waits_for_all_its_settings(tmp_path: Path) -> None:
    put(tmp_path, "knn", 1.0, test=0.9, validation=0.6)
    tried = (Tried("knn", ("knn-fair-100",)), Tried("knn[k=1]", ("none",)))
    row = board_row("knn[tune=2]", "fair-100", keys=("knn-fair-100",))
    Results(tmp_path).put_rows([replace(row, tried=tried)])
    tuned = Leaderboard.compute(Results(tmp_path)).table.set_index("model").loc["knn[tune=2]"]
    assert (tuned["status"], tuned["reason"]) == ("skipped", "not run yet")
