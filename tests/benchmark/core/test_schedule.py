"""What a run is said to cost follows from what was measured."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmark import run
from benchmark.core import machine, models, pool, processes, schedule
from benchmark.core import runs as work
from benchmark.core.memory import Limits
from benchmark.core.progress import Display
from benchmark.core.protocols import Fair
from benchmark.core.records import Record
from benchmark.core.store import Results
from datasets import Dataset, Source
from tests.benchmark.made_up import board_row, record


def a_run(folder: Path, data: Dataset, model: str, **changes: Any) -> work.Run:
    (found,) = models.find(model)
    usual = work.Run(Source.parse(str(folder)), work.describe(data), 32, Fair(), found)
    return dataclasses.replace(usual, **changes)


@pytest.fixture(autouse=True)
def _no_costs_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_file", lambda: tmp_path / "costs.json")


@pytest.fixture
def knn(shapes_folder: Path, shapes: Dataset) -> work.Run:
    return a_run(shapes_folder, shapes, "knn")


@pytest.fixture
def net(shapes_folder: Path, shapes: Dataset) -> work.Run:
    return a_run(shapes_folder, shapes, "resnet18", settings={"max_epochs": 10})


def test_a_classical_models_cost_grows_as_it_did_between_two_sizes(knn: work.Run) -> None:
    n_train, n_test = len(knn.rows().training), len(knn.rows().scored)
    points = [(n_train // 4, 1.0, 0.01), (n_train // 2, 2.0**1.5, 0.02)]
    expected = 2.0**3 + n_test * 0.04
    assert n_train % 4 == 0
    assert schedule.seconds(knn, points) == pytest.approx(expected)


NESTED = "[" * 200_000


@pytest.mark.parametrize(
    "kept",
    [
        *(NESTED, "[]", '{"kind": []}', '{"kind": [[1, 2]]}', '{"kind": [[1, 2, "3"]]}'),
        *('{"kind": [[-5, 1, 1]]}', '{"kind": [[0, 1, 1]]}', '{"kind": [[5, -1, 1]]}'),
        *('{"kind": [[5, 1e999, 1]]}', '{"kind": [[5, 1, NaN]]}', '{"kind": [[5, null, 1]]}'),
        f'{{"kind": [[5, 1{"0" * 400}, 1]]}}',
    ],
)
def test_costs_that_are_damaged_are_measured_anew(kept: str) -> None:
    schedule._file().write_text(kept)
    assert schedule.remembered() == {}
    schedule.remember({"kind": [(5, 1.0, 0.5)]})
    assert schedule.remembered() == {"kind": [(5, 1.0, 0.5)]}


def test_costs_kept_of_one_size_twice_count_once_and_tiny_ones_can_be_compared(
    knn: work.Run,
) -> None:
    schedule._file().write_text('{"kind": [[5, 9, 9], [5, 1e8, 1], [6, 1e-320, 1]]}')
    points = schedule.remembered()["kind"]
    assert points == [(5, 1e8, 1), (6, 1e-320, 1)]
    assert schedule.seconds(knn, points) > 0


@pytest.mark.parametrize("kept", [NESTED, "1e999", "NaN", "-1", "1" + "0" * 400, '"inf"', "[]"])
def test_what_is_damaged_of_bfloat16_was_never_kept(
    kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_text(kept)
    monkeypatch.setattr(machine, "_kept", lambda: tmp_path / "kept")
    machine.bfloat16_apart.cache_clear()
    try:
        assert machine.bfloat16_apart() is None
    finally:
        machine.bfloat16_apart.cache_clear()


def test_what_was_measured_at_the_runs_own_size_is_what_it_costs(knn: work.Run) -> None:
    n_train, n_test = len(knn.rows().training), len(knn.rows().scored)
    points = [(10, 5.0, 9.0), (n_train, 2.0, 0.5)]
    assert schedule.seconds(knn, points) == pytest.approx(2.0 + n_test * 0.5)


def test_a_nets_cost_is_in_proportion_to_its_pictures_and_epochs(net: work.Run) -> None:
    rows = net.rows()
    points = [(len(rows.training) // 2, 3.0, 0.1)]
    expected = 10 * 6.0 + 0.1 * (len(rows.scored) + 10 * len(rows.selection))
    assert schedule.seconds(net, points) == pytest.approx(expected)


def test_a_budget_that_is_spent_within_an_epoch_costs_no_more_than_it_pays_for(
    shapes_folder: Path, shapes: Dataset
) -> None:
    net = a_run(shapes_folder, shapes, "poster-baseline", settings={"budget": 1e-4})
    rows = net.rows()
    n = len(rows.training)
    shown = net.estimator().pictures_shown(4, 32)
    assert shown is not None
    assert shown < n, "less than an epoch"
    assert net.planned_epochs == 1
    expected = shown * 0.5 + 0.1 * (len(rows.scored) + len(rows.selection))
    assert schedule.seconds(net, [(n, n * 0.5, 0.1)]) == pytest.approx(expected)
    took = {"n_train": n, "n_test": 30, "fit_seconds": shown * 0.5, "predict_seconds": 3.0}
    measured = record(board_row(), **took, epochs=1).measured
    assert measured is not None
    assert schedule.measured(net, measured) == (n, pytest.approx(n * 0.5), 0.1)


def test_pictures_that_are_looked_at_twice_cost_twice_to_predict(
    shapes_folder: Path, shapes: Dataset
) -> None:
    net = {"max_epochs": 1, "batch_size": 16}
    shares = []
    for flip in (False, True):
        run = a_run(
            shapes_folder, shapes, "poster-baseline", settings=net | {"test_time_flip": flip}
        )
        ((n, epoch, predict),) = schedule.trial(run)
        shares.append(predict * n / epoch)
    assert shares[1] == pytest.approx(2 * shares[0])


def test_a_net_that_stopped_early_is_remembered_by_what_an_epoch_took(net: work.Run) -> None:
    took = {"n_train": 48, "n_test": 30, "fit_seconds": 2.0, "predict_seconds": 3.0, "epochs": 4}
    measured = record(board_row(), **took).measured
    assert measured is not None
    assert schedule.measured(net, measured) == (48, 0.5, 0.1)


@pytest.mark.parametrize("model", ["knn", "resnet18"])
def test_a_trial_measures_the_model_and_leaves_it_as_it_was(
    model: str, shapes_folder: Path, shapes: Dataset
) -> None:
    one = a_run(shapes_folder, shapes, model)
    points = schedule.trial(one)
    assert all(0 < n <= len(one.rows().training) for n, _, _ in points)
    assert schedule.seconds(one, points) > 0


@pytest.mark.parametrize(("sizes", "tried"), [((12, 24), [12, 24]), ((16, 24), [24])])
def test_sizes_that_are_alike_say_nothing_of_growth_and_are_not_both_tried(
    sizes: tuple[int, int], tried: list[int], knn: work.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "TRIAL_PICTURES", sizes)
    assert [n for n, _, _ in schedule.trial(knn)] == tried


@pytest.mark.parametrize(("start_up", "fits"), [(0.0, 1), (60.0, 2)])
def test_a_quick_trial_is_made_again_since_imports_may_be_a_good_part_of_it(
    knn: work.Run, monkeypatch: pytest.MonkeyPatch, start_up: float, fits: int
) -> None:
    fitted: list[int] = []
    estimator = type(knn.estimator())
    fit = estimator.fit

    def counted(self: Any, X: Any, y: Any, *more: Any, **named: Any) -> Any:
        fitted.append(len(X))
        return fit(self, X, y, *more, **named)

    monkeypatch.setattr(schedule, "START_UP", start_up)
    monkeypatch.setattr(estimator, "fit", counted)
    assert len(schedule.trial(knn)) == 1
    assert fitted == [len(knn.rows().training)] * fits


def test_costs_are_remembered_by_kind_and_a_later_one_takes_the_place_of_an_earlier() -> None:
    schedule.remember({"kind": [(10, 1.0, 0.1), (20, 2.0, 0.1)]})
    schedule.remember({"kind": [(20, 3.0, 0.2)], "other": [(5, 1.0, 0.0)]})
    kept = schedule.remembered()
    assert kept["kind"] == [(10, 1.0, 0.1), (20, 3.0, 0.2)]
    assert kept["other"] == [(5, 1.0, 0.0)]


def test_repeats_and_protocols_share_a_kind_and_parameters_and_sizes_do_not(knn: work.Run) -> None:
    replace = dataclasses.replace
    assert schedule.kind(replace(knn, repeat=1)) == schedule.kind(knn)
    assert schedule.kind(replace(knn, protocol=Fair(train_size=40))) == schedule.kind(knn)
    others = [
        replace(knn, settings={"n_neighbors": 3}),
        replace(knn, threads=2),
        replace(knn, size=48),
    ]
    assert len({schedule.kind(other) for other in [knn, *others]}) == 4


def test_runs_are_packed_on_workers_longest_first() -> None:
    assert schedule.makespan([3.0, 1.0, 2.0, 2.0], jobs=2) == 4.0
    assert schedule.makespan([], jobs=2) == 0.0


def test_the_longest_runs_are_begun_first_by_what_they_cost_here(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LONG_TRAINING", 0)
    monkeypatch.setattr(pool, "QUICK_TRAINING", 0)
    runs = [a_run(shapes_folder, shapes, name) for name in ("majority", "knn", "decision-tree")]
    costs = {"majority": 5.0, "knn": 1.0, "decision-tree": 9.0}
    n_train = len(runs[0].rows().training)
    schedule.remember({schedule.kind(one): [(n_train, costs[one.model.name], 0.0)] for one in runs})
    began: list[str] = []

    class Listening(Display):
        def end(self, run: work.Run, record: Record) -> None:
            began.append(run.model.name)
            super().end(run, record)

    with Listening(Console(stderr=True)) as display:
        pool.run_all(runs, Results(tmp_path), 1, Limits(), display)
    assert began == ["decision-tree", "majority", "knn"]
    ((_, fit, _),) = schedule.remembered()[schedule.kind(runs[0])]
    assert fit < 5.0, "the runs themselves are measurements"


def test_an_estimate_makes_no_run_and_counts_those_made(
    shapes_folder: Path, tmp_path: Path, run_command: Callable[..., tuple[int, str, str]]
) -> None:
    out = tmp_path / "results"
    arguments = ("--model", "majority,knn", "--data", shapes_folder, "--out", out, "--jobs", 1)
    status, text, _ = run_command(run.main, *arguments, "--estimate")
    assert status == 0
    assert "the other 2 take about 0." in text
    assert not out.exists()
    assert run_command(run.main, *arguments)[0] == 0
    status, text, _ = run_command(run.main, *arguments, "--estimate")
    assert "2 runs are in" in text
    assert "the other 0 take about 0.0 minutes" in text


def test_the_time_left_follows_what_was_expected_and_what_runs_of_its_kind_took(
    shapes_folder: Path, shapes: Dataset
) -> None:
    text = io.StringIO()
    runs = [a_run(shapes_folder, shapes, name) for name in ("knn", "majority", "resnet18")]
    with Display(Console(file=text)) as display:
        display.begin(runs, reused=0, jobs=1)
        display.expect({one.key: 60.0 for one in runs})
        assert text.getvalue().splitlines()[-1] == "about 3 min left"
        display.progress(runs[0].key, None)
        display.end(runs[0], record(board_row(), fit_seconds=0.0))  # sooner than it was expected
    # 60 s for the net and half of 60 s for majority: one run may be unlike the others.
    assert text.getvalue().splitlines()[-1].endswith("fair knn: ok, 0.0 s; about 2 min left")


def test_of_a_kind_the_run_with_most_pictures_is_tried(
    shapes_folder: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = (60, 20, 40)
    runs = [a_run(shapes_folder, shapes, "knn", protocol=Fair(train_size=n)) for n in sizes]
    with Display(Console(quiet=True)) as display:
        pool.estimate(runs, 1, display)
    points = schedule.remembered()[schedule.kind(runs[0])]
    assert [n for n, _, _ in points] == [len(runs[0].rows().training)]


def test_runs_of_one_kind_are_each_remembered(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path
) -> None:
    runs = [a_run(shapes_folder, shapes, "knn", protocol=Fair(train_size=n)) for n in (20, 40)]
    with Display(Console(quiet=True)) as display:
        pool.run_all(runs, Results(tmp_path), 1, Limits(), display)
    points = schedule.remembered()[schedule.kind(runs[0])]
    assert {n for n, _, _ in points} == {len(run.rows().training) for run in runs}


def test_of_unknown_cost_nets_come_first(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [a_run(shapes_folder, shapes, name) for name in ("majority", "knn", "resnet18")]
    order: list[str] = []

    def make(workers: object, runs: list[work.Run], *_: object) -> dict[str, Record]:
        order.extend(run.model.name for run in runs)
        return {run.key: run.record("skipped") for run in runs}

    monkeypatch.setattr(processes.Processes, "make", make)
    monkeypatch.setattr(pool, "QUICK_TRAINING", 0)
    with Display(Console(quiet=True)) as display:
        pool.run_all(runs, Results(tmp_path), 3, Limits(), display)
    assert order[0] == "resnet18"


class Told:
    """Workers that make nothing, and say in which order they were to."""

    are_here = True

    def __init__(self) -> None:
        self.order: list[str] = []

    def make(self, runs: list[work.Run], *_: object) -> dict[str, Record]:
        self.order += [run.model.name for run in runs]
        return {run.key: run.record("skipped") for run in runs}

    def measure(self, *_: object) -> schedule.Points:
        raise AssertionError("nothing is to be tried")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Workers of a machine with a card."""
    workers = Told()
    monkeypatch.setattr(pool, "start_workers", lambda *_: contextlib.nullcontext(workers))
    monkeypatch.setattr(work.Run, "where", "cuda")
    for name in ("LONG_TRAINING", "QUICK_TRAINING"):
        monkeypatch.setattr(pool, name, 0)
    return workers


def test_on_a_card_nothing_is_tried_and_nets_are_counted(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path, told: Told
) -> None:
    five = {"max_epochs": 5}
    nets = [a_run(shapes_folder, shapes, n, settings=five) for n in ("cnn3", "inceptionv3")]
    runs = [*nets, *(a_run(shapes_folder, shapes, name) for name in ("knn", "poster-vgg"))]
    runs[-1] = dataclasses.replace(runs[-1], settings=five)
    with Display(Console(quiet=True)) as display:
        pool.run_all(runs, Results(tmp_path), 1, Limits(), display)
    expected = ["knn", "inceptionv3", "poster-vgg", "cnn3"]
    assert told.order == expected, "what nobody knows first, then the longest"
    assert schedule.remembered() == {}, "what is counted was not measured"


def test_processes_take_the_cards_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: queue.Queue[int] = queue.Queue()
    turns.put(0)
    monkeypatch.setattr(processes, "_begin_process", lambda environment: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    seen = []
    for _ in range(3):
        processes._start_worker(None, {}, turns, ["2", "5"])
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert seen == ["2", "5", "2"]


@pytest.mark.parametrize(("jobs", "limit", "expected"), [(2, None, 1), (1, None, 0), (2, 9.0, 0)])
def test_a_card_is_shared_by_processes_that_nobody_ends_by_force(
    jobs: int,
    limit: float | None,
    expected: int,
    knn: work.Run,
    told: Told,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = 0

    @contextlib.contextmanager
    def shared_card() -> Iterator[bool]:
        nonlocal shared
        shared += 1
        yield True

    monkeypatch.setattr(pool, "shared_card", shared_card)
    with Display(Console(quiet=True)) as display:
        pool.run_all([knn], Results(tmp_path), jobs, Limits(limit), display)
    assert shared == expected


def test_what_takes_seconds_is_made_first(
    shapes_folder: Path, tmp_path: Path, run_command: Callable[..., tuple[int, str, str]]
) -> None:
    arguments = ("--data", shapes_folder, "--out", tmp_path)
    _, _, err = run_command(
        run.main, "--model", "poster-baseline,majority,knn", *arguments, "--budget", 0.01
    )
    assert err.index("fair knn: ok") < err.index("fair poster-baseline[budget=0.01]: ok")
