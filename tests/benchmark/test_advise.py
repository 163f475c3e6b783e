"""Advice on the user's own pictures: five lines that follow from stored predictions."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

import datasets
from benchmark import advise, session, verify
from benchmark.core import processes
from benchmark.core.memory import Limits
from benchmark.core.models import find
from benchmark.core.protocols import Curve
from benchmark.core.records import Asked, Record
from benchmark.core.runs import Run
from benchmark.core.store import Results
from benchmark.options import Options
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view.sections.advice import advice
from datasets import Dataset
from tests.benchmark.scores.test_leaderboard import put
from tests.conftest import REAL, Command, write_shapes

FAST = ("--model", "knn,decision-tree,timm:test_resnet", "--jobs", 1, "--device", "cpu")
FAST = (*FAST, "--budget", 0.01)


def test_five_lines_answer_for_a_folder_and_a_second_call_uses_the_runs_again(
    shapes_folder: Path, tmp_path: Path, run_command: Command
) -> None:
    out = tmp_path / "advice"
    status, lines, err = run_command(advise.main, "--data", shapes_folder, "--out", out, *FAST)
    assert status == 0, err
    assert err.splitlines()[-1] == f"to use it: python -m benchmark.predict --out {out} PICTURE"
    which, expect, costs, deep, more = lines.splitlines()
    assert which.startswith("Which model: ")
    assert "30 test pictures" in which
    assert "always saying 'bar' is right on 33.3 %" in expect
    assert "95 % interval" in expect
    assert "s to train on 48 pictures" in costs
    assert "MB" in costs
    assert "only classical models have a result" in deep
    assert "from 30 to 60 it got better by" in more
    made = [int(n) for n in re.findall(r"(\d+) runs to make", err)]
    assert made == [3, 3, 3]  # of classical models from a quarter, a half and all
    # The shapes are easy.
    assert "accuracy 100.0 % so far, at most 0.0 to add, which is 0 test pictures" in err
    assert "timm:test_resnet not tried" in err
    assert len(re.findall(r"so far \(\d+ s\): Which model: ", err)) == 3
    assert (out / "report.html").is_file()
    assert which in (out / "advice.md").read_text()
    assert "Which model for these pictures?" in (out / "report.html").read_text()
    assert not list(verify.check_published(out, verify.Findings()))
    status, again, err = run_command(advise.main, "--data", shapes_folder, "--out", out, *FAST)
    assert status == 0
    assert again == lines
    assert err.count("are already in the results") == 3


def test_it_learns_from_a_quarter_a_half_and_all(shapes: Dataset) -> None:
    assert [step.train_size for step in advise.steps(shapes, None, 1)] == [15, 30, None]
    assert [step.train_size for step in advise.steps(shapes, 48, 1)] == [12, 24, 48]


def test_wrong_input_is_one_line(tmp_path: Path, run_command: Command) -> None:
    few, none = write_shapes(tmp_path / "few", per_class=10), tmp_path / "none"
    none.mkdir()
    for folder, words in ((few, "too few to advise on"), (none, "none"), (tmp_path / "no", "no")):
        status, out, err = run_command(advise.main, "--data", folder, "--out", tmp_path / "out")
        assert status == 2
        assert not out
        assert err.startswith("error: ")
        assert words in err
        assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


STEPS = [Curve(train_size=100), Curve(train_size=200), Curve()]


def lines(out: Path, scores: Mapping[str, Sequence[float]], shapes: Dataset) -> list[str]:
    """Advice on made-up curves of models; names that begin with net are nets."""
    for model, accuracies in scores.items():
        for step, accuracy, n in zip(STEPS, accuracies, (90, 190, 390), strict=True):
            put(
                *(out, model, [accuracy], step.label),
                n=400,
                n_train=n,
                deep=model.startswith("net"),
                fingerprint=shapes.fingerprint,
            )
    return advice(Leaderboard.compute(Results(out)), asked(shapes))


def asked(shapes: Dataset) -> Asked:
    """Advice on a random split, by the curve of `STEPS`."""
    return Asked(shapes.fingerprint, "random", tuple(step.label for step in STEPS))


def test_a_model_better_than_all_others_is_named(tmp_path: Path, shapes: Dataset) -> None:
    which, expect, _, deep, more = lines(
        tmp_path,
        {"majority": (0.5,) * 3, "knn": (0.6, 0.6, 0.6), "net": (0.5, 0.7, 0.8)},
        shapes,
    )
    assert which == (
        "Which model: net, surely better than each of the 2 others tried, on 400 test pictures."
    )
    assert "80.0 % of new pictures like these right" in expect
    assert "and 80.0 % if chosen on other pictures than it is scored on" in expect
    assert "always saying 'a' is right on 50.0 %" in expect
    assert "(net) is better than the best classical model (knn) by 20.0 points of acc" in deep
    assert "more than chance explains" in deep
    assert "from 200 to 400 it got better by +10.0 points of accuracy" in more
    assert "twice as many may add 5.0 points of accuracy more" in more


def test_of_models_that_are_not_told_apart_the_best_of_the_cheap_is_named(
    tmp_path: Path, shapes: Dataset
) -> None:
    which, _, _, deep, more = lines(
        tmp_path,
        {
            "majority": (0.5,) * 3,
            "knn": (0.78, 0.79, 0.79),
            "net": (0.7, 0.8, 0.8),
            "tree": (0.5, 0.7, 0.795),
        },
        shapes,
    )
    assert which.startswith("Which model: net (80.0 %). These 400 test pictures cannot tell it")
    assert "tree 79.5 %, knn 79.0 %" in which
    assert "no more than chance may explain" in deep
    assert "no sign that they would help" in more


def test_a_gain_that_more_test_pictures_would_show_is_told_with_their_number(
    tmp_path: Path, shapes: Dataset
) -> None:
    scores = {"majority": (0.5,) * 3, "knn": (0.7, 0.795, 0.8)}
    *_, more = lines(tmp_path, scores, shapes)
    found = re.search(r"cannot be told yet: .* by \+0.5 .*; about ([\d,]+) more test pic", more)
    assert found
    assert 100 < int(found[1].replace(",", "")) < 2000


@pytest.mark.parametrize(("right", "tried"), [(0.99, False), (0.9, True)])
def test_nets_are_tried_only_while_they_can_be_told_apart_from_the_best(
    right: float, tried: bool, tmp_path: Path, shapes: Dataset
) -> None:
    lines(tmp_path, {"majority": (0.5,) * 3, "knn": (0.7, 0.78, right)}, shapes)
    room = advise.room(Leaderboard.compute(Results(tmp_path)), asked(shapes))
    assert room
    assert room.score == pytest.approx(right)
    assert room.wrong == round(400 * (1 - right))
    assert room.is_enough is tried


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("accuracy", "accuracy 99.0 % so far, at most 1.0 to add, which is 4 test pictures"),
        ("balanced_accuracy", "balanced accuracy 99.0 % so far, at most 1.0 to add, "),
        ("macro_f1", "macro-F1 0.990 so far, at most 0.010 to add, which is 4 test pictures"),
        ("log_loss", "None"),  # it has no upper end
    ],
)
def test_room_for_a_net_is_told_by_the_metric(
    metric: str, said: str, tmp_path: Path, shapes: Dataset
) -> None:
    lines(tmp_path, {"majority": (0.5,) * 3, "knn": (0.7, 0.78, 0.99)}, shapes)
    results = Results(tmp_path)
    results.put_rows([], metric)
    assert str(advise.room(Leaderboard.compute(results), asked(shapes))).startswith(said)


def write_stripes(root: Path, per_class: int = 120) -> Path:
    """Two classes of fine stripes, up or across, that 16 pixels cannot show and 32 can."""
    for name in ("across", "up"):
        (root / name).mkdir(parents=True)
        for i in range(per_class):
            rng = np.random.default_rng([name == "up", i])
            picture = rng.integers(0, 60, (32, 32, 3), dtype=np.uint8)
            picture[i % 2 :: 2] += 150
            if name == "up":
                picture = picture.transpose(1, 0, 2)
            assert cv2.imwrite(str(root / name / f"{i}.png"), picture)
    return root


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ("random-forest", r"at 32 pixels random-forest has 100.0 % accuracy on the 32 validation"),
        ("majority", None),  # there is no classical model to try
    ],
)
def test_larger_pictures_are_tried_on_the_validation_pictures_alone(
    models: str, told: str | None, tmp_path: Path
) -> None:
    folder = write_stripes(tmp_path / "stripes")
    names, out = f"majority,{models}", tmp_path / "out"
    options = Options(model=names, data=str(folder), size=16, jobs=1, out=out)
    (dataset,) = session.load(options)
    steps = advise.steps(dataset, None, 1)
    asked = Asked(dataset.fingerprint, steps[-1].split, tuple(each.label for each in steps))
    answer = advise.Answer(options, dataset, asked, start=0.0)
    answer.improve([advise.Stage(find(options.model), steps[-1:])])
    answer.try_larger()
    board = Leaderboard.compute(options.results)
    last = advice(board, answer.asked)[-1]
    assert {row.entry.dataset.size for row in board.rows} == {16}
    assert bool(answer.asked.larger) is bool(told)
    if told and answer.asked.larger:
        assert re.search(told, last)
        assert last.endswith("try --size 32.")
        assert options.results.asked() == answer.asked
        (key,) = answer.asked.larger.keys
        asked_about = options.results.predictions(trial_of(options.results, key)).rows
        tested = steps[-1].rows(dataset, False, 0).scored
        assert not {*asked_about.tolist()} & {*tested.tolist()}
    else:
        assert "pixels" not in last


def trial_of(results: Results, key: str) -> Record:
    """The record of a run that is there."""
    record = results.record(key)
    assert record
    return record


@pytest.mark.parametrize(("size", "larger"), [(16, 32), (24, 40), (32, 40), (36, None), (64, None)])
def test_a_larger_size_is_twice_as_wide_and_no_wider_than_the_pictures(
    size: int, larger: int | None, shapes: Dataset
) -> None:
    assert advise.larger_size(shapes, size) == larger  # they are 40 pixels wide


def test_drawn_pictures_are_as_large_as_they_are_asked_for() -> None:
    assert advise.larger_size(datasets.load("digits", 16), 16) is None


def test_advice_may_be_by_another_metric(tmp_path: Path, shapes: Dataset) -> None:
    scores = {"majority": (0.5,) * 3, "knn": (0.6, 0.6, 0.6), "net": (0.5, 0.7, 0.8)}
    lines(tmp_path, scores, shapes)
    for metric, said in (("macro_f1", "macro-F1"), ("log_loss", "log loss")):
        results = Results(tmp_path)
        results.put_rows([], metric)
        board = Leaderboard.compute(results)
        which, _, _, deep, more = advice(board, asked(shapes))
        assert which.startswith("Which model: net")
        assert re.search(rf"\(net\) is better than .* by \d+\.\d+ of {said}", deep)
        assert f"of {said}" in more


def test_nothing_is_foretold_from_a_curve_that_does_not_flatten(
    tmp_path: Path, shapes: Dataset
) -> None:
    scores = {"majority": (0.5,) * 3, "net": (0.5, 0.6, 0.9)}
    *_, more = lines(tmp_path, scores, shapes)
    assert "they would help" in more
    assert "how much more cannot be said" in more


def test_no_model_is_advised_that_is_not_better_than_the_commonest_class(
    tmp_path: Path, shapes: Dataset
) -> None:
    which, *_, deep, _ = lines(tmp_path, {"majority": (0.5,) * 3, "knn": (0.5, 0.5, 0.51)}, shapes)
    assert which.startswith("Which model: none yet.")
    assert "only classical models have a result" in deep


def test_without_a_finished_run_there_is_no_advice_and_the_status_says_so(
    shapes_folder: Path, tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(_: object, future: object, run: Run, results: Results, limits: Limits) -> Record:
        shutil.rmtree(results.run_folder(run.key))
        reason = f"not finished after the limit of {limits.seconds:g} s"
        return results.put(run.record("timeout", reason))

    monkeypatch.setattr(processes.Processes, "_outcome", late)
    limited = ("--data", shapes_folder, "--time-limit", 1, "--out", tmp_path)
    status, out, err = run_command(advise.main, *limited, "--model", "knn", "--jobs", 1)
    assert status == 1
    assert out == "Which model: not known, as no run on all pictures was finished.\n"
    assert "curve-all knn: timeout" in err


@pytest.mark.real
def test_real_pictures_are_advised_on(real: Dataset, tmp_path: Path, run_command: Command) -> None:
    command = ("--data", f"muxspace:{REAL}", "--train-size", 200, "--out", tmp_path)
    status, out, _ = run_command(advise.main, *command, "--model", "knn,decision-tree")
    assert status == 0
    assert len(out.splitlines()) == 5
    assert "always saying 'neutral'" in out
