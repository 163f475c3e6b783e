"""A Dask cluster makes the runs that this machine would, whatever becomes of its workers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from distributed import Client, KilledWorker, LocalCluster
from rich.console import Console

import benchmark.core
from benchmark import run, session
from benchmark.core import cluster, worker
from benchmark.core import runs as work
from benchmark.core.memory import Limits
from benchmark.core.progress import Display
from benchmark.core.store import Results
from benchmark.options import Options
from benchmark.scores.leaderboard import Leaderboard
from datasets.loaders.drawn import faces
from tests.conftest import Command, write_picture, write_shapes

ROOT = Path(__file__).parents[3]
QUICK = ("--model", "majority,decision-tree", "--train-size", "40", "--device", "cpu")
OF_A_MACHINE = ("seconds", "_ms_", "memory")  # in the names of columns that differ by nature


@pytest.fixture(scope="module")
def workers() -> Iterator[LocalCluster]:
    """A scheduler and two worker processes with their nannies."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as started:
        yield started


@pytest.fixture
def there(workers: LocalCluster) -> Mapping[str, str]:
    """The options by which runs are made on the workers, all of which are up."""
    with Client(workers, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    return {"backend": "dask", "scheduler": workers.scheduler_address}


@pytest.fixture
def flags(there: Mapping[str, str]) -> tuple[str, ...]:
    """The same, as flags."""
    return tuple(word for name, value in there.items() for word in (f"--{name}", value))


@contextlib.contextmanager
def killed_with_a_run_in_hand(address: str, out: Path) -> Iterator[list[str]]:
    """SIGKILL a worker that has runs to make once two are stored in `out`; say which it was."""
    killed: list[str] = []
    over = threading.Event()

    def watch() -> None:
        with Client(address, set_as_default=False) as client:
            pids = client.run(os.getpid)
            while not over.wait(0.05) and not killed:
                if len([*out.glob("runs/*/run.json")]) < 2:
                    continue
                busy = [each for each, runs in client.processing().items() if runs]
                for each in busy[:1]:
                    os.kill(pids[each], signal.SIGKILL)
                    killed.append(each)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def test_with_a_worker_killed_in_the_middle_the_leaderboard_is_that_of_this_machine(
    tmp_path: Path, workers: LocalCluster, there: Mapping[str, str]
) -> None:
    faces.write(tmp_path / "faces", n=150, seed=0, size=32)
    grid = Options(
        "majority,decision-tree,random-forest,hog-svm",
        data=str(tmp_path / "faces"),
        train_size=60,
        repeats=2,
        device="cpu",
    )
    here = replace(grid, out=tmp_path / "here", jobs=1)
    session.make(session.plan(here), here, meanwhile=False)
    remote = replace(grid, out=tmp_path / "there", **there)
    with killed_with_a_run_in_hand(workers.scheduler_address, remote.out) as killed:
        records = session.make(session.plan(remote), remote, meanwhile=False)
    assert len(killed) == 1
    tables = []
    for each in (here, remote):
        table = Leaderboard.compute(each.results).table
        timed = [column for column in table if any(word in column for word in OF_A_MACHINE)]
        assert {"fit_seconds", "predict_ms_per_image", "peak_memory_mb"} <= {*timed}
        tables.append(table.drop(columns=timed))
    pd.testing.assert_frame_equal(*tables)
    assert (tables[1]["status"] == "ok").all()
    for record in records:
        files = [each.results.files_of_run(record.key) for each in (here, remote)]
        assert [*files[0]] == [*files[1]]
        assert "model.skops" in files[0]
        assert files[0]["predictions.npz"] == files[1]["predictions.npz"]
    assert {*remote.results.sums()} == {*here.results.sums()}


def test_a_net_is_followed_and_comes_back_whole(
    tmp_path: Path,
    there: Mapping[str, str],
    shapes_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("benchmark.core.progress.PLAIN_LINE_SECONDS", 0.0)
    asked = Options(
        "timm:test_resnet",
        data=str(shapes_folder),
        train_size=40,
        settings={"max_epochs": 2},
        out=tmp_path,
        **there,
    )
    (record,) = session.make(session.plan(asked), asked, meanwhile=False)
    assert record.status == "ok", record.reason
    assert "epoch 1/2  loss" in capsys.readouterr().err
    history = asked.results.history(record.key)
    assert history is not None
    assert len(history) == 2
    assert isinstance(record.parts["bf16"], bool), "as the workers have it"
    assert asked.results.model(record.key).classes_.tolist() == [0, 1, 2]
    assert asked.results.is_finished(record.key)


def test_an_interrupt_keeps_what_is_finished_and_frees_the_workers(
    tmp_path: Path,
    run_command: Command,
    workers: LocalCluster,
    flags: tuple[str, ...],
    shapes_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = (*QUICK, "--repeats", "3", "--data", shapes_folder, "--out", tmp_path, *flags)

    def interrupted(self: Display, run: work.Run, record: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Display, "end", interrupted)
        status, _, err = run_command(run.main, *asked)
    assert status == 130
    assert "finished runs are kept" in err
    with Client(workers, set_as_default=False) as client:
        assert not any(client.processing().values())
        plugins = client.run(lambda dask_worker: [*dask_worker.plugins])
        assert not any("classical" in name for names in plugins.values() for name in names)
    status, _, err = run_command(run.main, *asked)
    assert status == 0
    assert "1 runs are already in the results" in err


def test_a_run_that_takes_longer_than_the_limit_is_ended_there(
    tmp_path: Path, run_command: Command, flags: tuple[str, ...], shapes_folder: Path
) -> None:
    asked = (*QUICK, "--data", shapes_folder, "--out", tmp_path, *flags)
    assert run_command(run.main, *asked, "--time-limit", "0.0001")[0] == 1
    table = pd.read_csv(tmp_path / "leaderboard.csv")
    assert {*table["status"]} == {"timeout"}
    assert table["reason"].str.contains("not finished after the limit").all()


def test_a_worker_whose_pictures_are_others_makes_a_failed_row(
    tmp_path: Path, there: Mapping[str, str]
) -> None:
    data = write_shapes(tmp_path / "shapes", per_class=20)
    asked = Options(
        *("majority",),
        data=str(data),
        device="cpu",
        out=tmp_path / "out",
        **there,
    )
    planned = session.plan(asked)
    write_picture(data / "disc" / "another.png")
    (record,) = session.make(planned, asked)
    assert record.status == "failed"
    assert "holds other pictures than was planned with" in record.reason


@pytest.fixture
def other_code(tmp_path: Path, workers: LocalCluster) -> Iterator[str]:
    """The address of a third worker, which has another version of this project."""
    for package in ("baselines", "benchmark", "datasets", "deepnets"):
        shutil.copytree(ROOT / package, tmp_path / "other" / package)
    with (tmp_path / "other" / "baselines" / "trees.py").open("a") as file:
        file.write("\nDEPTH = 3\n")
    with Client(workers, set_as_default=False) as client:
        before = {*client.scheduler_info(n_workers=-1)["workers"]}
        started = subprocess.Popen(
            [
                *(sys.executable, "-m", "dask", "worker", workers.scheduler_address),
                *("--nthreads", "1", "--no-dashboard", "--local-directory", tmp_path),
            ],
            env={**os.environ, "PYTHONPATH": str(tmp_path / "other")},
            cwd=tmp_path / "other",
            stderr=subprocess.DEVNULL,
        )
        client.wait_for_workers(len(before) + 1, timeout=60)
        (address,) = {*client.scheduler_info(n_workers=-1)["workers"]} - before
        yield address
        started.terminate()
        started.wait(60)
        while address in client.scheduler_info(n_workers=-1)["workers"]:
            time.sleep(0.1)


def test_a_worker_of_another_version_is_refused_before_anything_is_made(
    tmp_path: Path,
    run_command: Command,
    flags: tuple[str, ...],
    shapes_folder: Path,
    other_code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = (*QUICK, "--repeats", "4", "--data", shapes_folder, "--out", tmp_path / "out", *flags)
    status, _, err = run_command(run.main, *asked)
    assert status == 2
    last = err.splitlines()[-1]
    assert last.startswith(f"error: the worker {other_code} cannot be used: its code")
    assert "same commit" in last
    assert not (tmp_path / "out" / "runs").exists()

    # One that joins later was not there to be checked; it makes no run, and leaves.
    monkeypatch.setattr(cluster.Cluster, "check", lambda self, runs: None)
    status, _, err = run_command(run.main, *asked)
    assert status == 0, err
    assert f"the worker {other_code} cannot be used: its code" in err
    assert err.count("it is put out") == 1
    assert (pd.read_csv(tmp_path / "out" / "leaderboard.csv")["status"] == "ok").all()


def test_what_else_may_differ_is_named_with_the_remedy(
    shapes_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Options("decision-tree", data=str(shapes_folder), device="cpu", out=tmp_path)
    (planned,) = session.plan(asked)
    worker.check(worker.project(), planned)
    assert planned.parts["versions"]["numpy"]
    monkeypatch.setattr(work, "versions", lambda run: {"python": "3.11", "numpy": "0.1"})
    with pytest.raises(worker.DiffersError, match=r"numpy 0\.1 for .*install the same release"):
        worker.check(worker.project(), planned)


def test_a_run_whose_workers_die_again_and_again_is_a_failed_row(
    shapes_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: LocalCluster
) -> None:
    asked = Options("majority", data=str(shapes_folder), device="cpu", out=tmp_path)
    (planned,) = session.plan(asked)
    (last, *_) = workers.scheduler.workers.values()
    death: Any = KilledWorker("run", last.clean(), 3)
    with (
        Client(workers, set_as_default=False) as client,
        Display(Console(stderr=True)) as display,
    ):
        found = cluster.Cluster(client, "name")
        monkeypatch.setattr(found, "_outcome", lambda future: death)
        display.begin([planned], 0, 1)
        record = found.make([planned], asked.results, Limits(), display)[planned.key]
    assert record.status == "failed"
    assert record.reason.startswith("4 workers died while they had it, the last of them tcp://")
    assert Results(tmp_path).record(planned.key) == record


def test_what_is_missing_or_does_not_go_together_is_one_line(
    tmp_path: Path,
    run_command: Command,
    shapes_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = (*QUICK, "--data", shapes_folder, "--out", tmp_path / "out")

    def refused(*flags: str) -> str:
        status, _, err = run_command(run.main, *usual, *flags)
        assert status == 2
        assert len(err.strip().splitlines()) == 1, err
        return err

    assert "go together" in refused("--backend", "dask")
    assert "go together" in refused("--scheduler", "tcp://127.0.0.1:1")
    nowhere = ("--backend", "dask", "--scheduler", "tcp://127.0.0.1:1")
    assert "--jobs is for runs made here" in refused(*nowhere, "--jobs", "2")
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in refused(*nowhere)
    assert "no Dask scheduler answers at nonsense://1" in refused(*nowhere[:-1], "nonsense://1")
    for module in ("cluster", "worker"):
        monkeypatch.delitem(sys.modules, f"benchmark.core.{module}")
        monkeypatch.delattr(benchmark.core, module)
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'classical-or-deep[dask]'" in refused(*nowhere)
    assert not (tmp_path / "out").exists()
