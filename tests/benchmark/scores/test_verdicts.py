"""What became of a published figure is computed from the runs here, never written by hand."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.core import models
from benchmark.core.store import Results
from benchmark.scores import intervals, published
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.verdicts import COLUMNS, verdicts
from benchmark.view import markdown
from benchmark.view.sections.published import FILE, published_figures
from tests.benchmark.made_up import board_row, predictions, record

STATED = 0.642  # of vgg11 on the 165 test pictures of the slides' nets


def put(
    out: Path,
    model: str,
    accuracy: float,
    n: int = 165,
    protocol: str = "slides",
    dataset: str = "muxspace",
    n_train: int = 80,
    status: str = "ok",
    faces: bool = False,
) -> None:
    """Store a made-up run of a model that is right on the first pictures of two classes."""
    row = board_row(model, protocol, dataset=dataset, keys=(f"{model}-{protocol}",), faces=faces)
    labels = np.arange(n) % 2
    answers = predictions(labels, np.arange(n) < round(accuracy * n)) if status == "ok" else None
    Results(out).put(record(row, 0, status, n_train=n_train, n_test=n), answers)
    Results(out).put_rows([row])


def table(out: Path) -> pd.DataFrame:
    """The verdicts on muxspace, by model."""
    found = verdicts(Leaderboard.compute(Results(out)).rows)
    return found[found["dataset"] == "muxspace"].set_index("model")


def test_a_figure_is_reproduced_where_chance_explains_the_difference(tmp_path: Path) -> None:
    put(tmp_path, "vgg11", 0.60)
    line = table(tmp_path).loc["vgg11"]
    assert (line["verdict"], line["reason"]) == ("reproduced", "")
    assert line["difference"] == pytest.approx(line["accuracy"] - STATED)
    assert line["difference_lo"] < 0 < line["difference_hi"]


def test_a_figure_is_contradicted_where_it_does_not(tmp_path: Path) -> None:
    put(tmp_path, "vgg11", 0.45)
    line = table(tmp_path).loc["vgg11"]
    assert line["verdict"] == "contradicted"
    assert line["difference"] < line["difference_hi"] < 0


def test_the_noise_of_their_test_set_counts_as_that_of_ours(tmp_path: Path) -> None:
    put(tmp_path, "vgg11", 0.55)
    line = table(tmp_path).loc["vgg11"]
    assert line["accuracy_hi"] < STATED, "outside the interval of the run here"
    assert line["verdict"] == "reproduced", "but not outside that of the difference"
    ours = line["accuracy_hi"] - line["accuracy"]
    theirs = STATED - intervals.accuracy_interval(STATED, 165)[0]
    assert line["difference_hi"] - line["difference"] == pytest.approx(np.hypot(ours, theirs))


def test_what_was_not_run_on_the_same_pictures_is_not_checkable(tmp_path: Path) -> None:
    put(tmp_path, "knn", 0.61, 100)
    put(tmp_path, "vgg13", 0.61, 165, status="failed")
    put(tmp_path, "poster-vgg", 0.5, 100, protocol="fair", dataset="fer2013")
    found = verdicts(Leaderboard.compute(Results(tmp_path)).rows)
    reasons = found.set_index(["dataset", "model"])["reason"]
    assert set(found["verdict"]) == {"not checkable"}
    assert reasons["muxspace", "knn"] == "published on 4,518 test pictures, here on 100"
    assert reasons["muxspace", "vgg11"] == "not run"
    assert reasons["muxspace", "vgg13"] == "its run: it broke"
    assert reasons["fer2013", "poster-vgg"] == "published on unsaid test pictures, here on 100"
    assert reasons["fer2013", "ResEmoteNet"] == "neither its model nor its procedure is here"
    assert reasons["fer2013-eyes", "poster-baseline"] == "nothing was run on its pictures"


def test_a_model_that_always_says_the_same_is_told_of(tmp_path: Path) -> None:
    put(tmp_path, "vgg11", 0.6)
    put(tmp_path, "vgg13", 0.6)
    results = Results(tmp_path)
    ran = results.record("vgg11-slides")
    assert ran is not None
    stored = results.predictions(ran)
    one_class = np.zeros_like(stored.probabilities)
    one_class[:, 0] = 1
    results.put(ran, replace(stored, probabilities=one_class))
    found = table(tmp_path)["only_says"]
    assert found[["vgg11", "vgg13"]].tolist() == ["a", ""]
    (shown, *_) = published_figures(Leaderboard.compute(results))
    assert "contradicted; here it only ever says a" in markdown.section(shown)


def test_beside_it_stands_the_fair_score_from_about_as_many_pictures(tmp_path: Path) -> None:
    put(tmp_path, "vgg11", 0.61, n_train=335)
    for model in ("vgg11", "vgg13"):
        for protocol, accuracy, n_train in (("fair-500", 0.5, 400), ("fair", 0.58, 7000)):
            put(tmp_path, model, accuracy, 200, protocol, n_train=n_train)
        put(tmp_path, model, 0.4, 200, "curve-400", n_train=320)
    found = table(tmp_path)
    assert found.loc["vgg11", "fair_protocol"] == "fair-500"
    assert found.loc["vgg11", "fair_accuracy"] == 0.5
    assert found.loc["vgg13", "verdict"] == "not checkable"
    assert found.loc["vgg13", "fair_protocol"] == "fair", "with all there are, if not repeated"


def test_each_set_has_a_section_and_other_sets_of_faces_are_on_the_page(tmp_path: Path) -> None:
    put(tmp_path, "vgg11", 0.45, faces=True)
    ours, others, file = published_figures(Leaderboard.compute(Results(tmp_path)))
    assert ours.title == "muxspace: what became of published figures"
    counts = "Of 12 published figures: 0 reproduced, 1 contradicted, 11 not checkable."
    assert ours.after[0] == counts
    assert "one picture more than always saying neutral" in markdown.section(ours)
    assert others.where == "page"
    assert others.table is not None
    assert "github.com/ArnabKumarRoy02/ResEmoteNet/issues/42" in others.table.to_string()
    written = pd.read_csv(io.StringIO(file.data[FILE]))
    assert list(written.columns) == list(COLUMNS)
    assert len(written) == len(published.figures())


def test_boards_of_other_pictures_show_nothing_of_it(tmp_path: Path) -> None:
    put(tmp_path, "knn", 0.6, dataset="shapes")
    assert published_figures(Leaderboard.compute(Results(tmp_path))) == []


def test_a_line_of_the_register_is_of_a_model_here_or_names_no_protocol() -> None:
    register = published.figures()
    known = register["protocol"] != ""
    assert set(register.loc[known, "model"]) <= set(models.models())
    assert register["accuracy"].between(0, 1).all()
    assert not register.duplicated(["dataset", "protocol", "model"]).any()
    assert (register["source"] != "").all()
    assert register.loc[~known, "evidence"].str.startswith("https://").all(), "or nobody can check"
