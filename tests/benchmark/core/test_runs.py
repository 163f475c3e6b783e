"""A run's key holds everything that decides its result, and its folder is whole or not there."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import timm
import torch
from rich.console import Console
from sklearn.base import clone

import baselines
from benchmark.core import execute as execution
from benchmark.core import fit, memory, models, pool, processes
from benchmark.core import runs as work
from benchmark.core.memory import Limits
from benchmark.core.progress import Display
from benchmark.core.protocols import Fair, Slides
from benchmark.core.records import SCHEMA
from benchmark.core.store import Results
from benchmark.scores.leaderboard import Leaderboard
from datasets import Dataset, InputError, Source, duplicates, splits
from datasets.loaders.drawn import faces
from deepnets.training.classifier import NetClassifier
from tests.datasets import samples


def a_run(folder: Path, data: Dataset, model: str = "knn", **changes: Any) -> work.Run:
    (found,) = models.find(model)
    usual = work.Run(Source.parse(str(folder)), work.describe(data), 32, Fair(train_size=40), found)
    return dataclasses.replace(usual, **changes)


@pytest.fixture
def run(shapes_folder: Path, shapes: Dataset) -> work.Run:
    return a_run(shapes_folder, shapes)


def test_the_key_changes_with_everything_that_decides_the_result(
    run: work.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = dataclasses.replace
    others = {
        "data": replace(run, dataset=replace(run.dataset, fingerprint="1" * 64)),
        "protocol": replace(run, protocol=Slides()),
        "training size": replace(run, protocol=Fair(train_size=41)),
        "split": replace(run, protocol=Fair(train_size=40, split="identity")),
        "model": replace(run, model=models.find("decision-tree")[0]),
        "parameter": replace(run, settings={"n_neighbors": 3}),
        "repeat": replace(run, repeat=1),
        "threads": replace(run, threads=2),
    }
    keys = {name: other.key for name, other in others.items()}
    with monkeypatch.context() as patch:
        patch.setattr(models.Model, "source_hash", lambda self: "edited")
        keys["code of the model"] = replace(run).key
    with monkeypatch.context() as patch:
        patch.setattr(work, "versions", lambda run: {"numpy": "0"})
        keys["library"] = replace(run).key
    assert run.key not in keys.values()
    assert len(set(keys.values())) == len(keys)


def test_the_key_does_not_change_with_what_decides_nothing(run: work.Run) -> None:
    assert dataclasses.replace(run, source=Source(("elsewhere",))).key == run.key
    tree = dataclasses.replace(run, model=models.find("decision-tree")[0])
    assert dataclasses.replace(tree, device="cuda").key == tree.key, "trees use the CPU"
    assert dataclasses.replace(run, device="mps").key == run.key, "knn knows no Apple device"
    assert dataclasses.replace(run, device="cuda").key != run.key
    assert dataclasses.replace(run, protocol=Fair(train_size=40, repeats=9)).key == run.key


def test_of_pretrained_weights_the_content_counts_and_the_reader_is_told(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.safetensors")]
    for file, seed in zip(files, (1, 1, 2), strict=True):
        torch.manual_seed(seed)
        safetensors.torch.save_file(timm.create_model("test_resnet").state_dict(), file)
    (net,) = models.find("timm:test_resnet")
    anew, *others = (
        dataclasses.replace(
            a_run(shapes_folder, shapes), model=net, settings={"max_epochs": 1, **settings}
        )
        for settings in ({}, *({"weights": str(file)} for file in files))
    )
    assert len({anew.key, others[0].key, others[2].key}) == 3
    assert others[1].key == others[0].key, "a copy under another name"
    assert str(tmp_path) not in str(dataclasses.asdict(others[0].record("failed")))
    assert others[0].label == "timm:test_resnet[max_epochs=1,pretrained=a.safetensors]"
    hub = dataclasses.replace(anew, settings={"pretrained": True})
    assert hub.label == "timm:test_resnet[pretrained]"

    run = others[0]
    assert execution.execute(run, Results(tmp_path)).status == "ok"
    Results(tmp_path).put_rows(run.board_rows)
    (notes,) = Leaderboard.compute(Results(tmp_path)).table["note"]
    assert "pre-trained on other pictures (a.safetensors)" in notes

    files[0].write_bytes(files[2].read_bytes())
    elsewhere = Results(tmp_path / "elsewhere")
    assert "changed while it was used" in execution.execute(run, elsewhere).reason
    assert execution.execute(run, Results(tmp_path)).status == "ok", "what is stored stays"


def test_a_run_leaves_its_record_predictions_and_model(run: work.Run, tmp_path: Path) -> None:
    record = execution.execute(run, Results(tmp_path))
    assert record.status == "ok"
    home = Results(tmp_path).run_folder(run.key)
    assert sorted(path.name for path in home.iterdir()) == [
        "model.json",
        "model.skops",
        "predictions.npz",
        "run.json",
    ]
    stored = json.loads((home / "run.json").read_text())
    assert stored["schema"] == SCHEMA
    assert stored["parts"] == run.parts
    predictions = Results(tmp_path).predictions(record)
    assert predictions.probabilities.dtype == np.float32
    assert (
        predictions.of("test").rows.tolist()
        == run.protocol.rows(work.load(run.source, 32), False, 0).scored.tolist()
    )
    assert predictions.groups.tolist() == predictions.rows.tolist(), "nobody says who is shown"
    assert Results(tmp_path).is_finished(run.key)


def test_predictions_tell_who_is_shown(tmp_path: Path) -> None:
    faces.write(tmp_path / "faces", n=150, seed=0, size=32)
    data = work.load(Source.parse(str(tmp_path / "faces")), 32)
    run = a_run(tmp_path / "faces", data, "majority")
    record = execution.execute(run, Results(tmp_path / "out"))
    predictions = Results(tmp_path / "out").predictions(record)
    assert data.groups is not None
    assert (predictions.groups == data.groups[predictions.rows]).all()


def test_nets_learn_from_the_votes_where_the_data_have_them_and_are_scored_by_the_majority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "ferplus"
    samples.write_ferplus(root, n=64)
    source = Source.parse(f"ferplus-distribution:{root}")
    dataset = work.load(source, 32)
    assert dataset.distribution is not None
    given: dict[str, np.ndarray] = {}
    fit = NetClassifier.fit

    def noted(self: NetClassifier, *pictures: np.ndarray, **more: np.ndarray) -> NetClassifier:
        given.update(more)
        return fit(self, *pictures, **more)

    monkeypatch.setattr(NetClassifier, "fit", noted)
    (net,) = models.find("poster-baseline")
    protocol = Fair(split="official")
    run = work.Run(source, work.describe(dataset), 32, protocol, net, {"max_epochs": 1})
    record = execution.execute(run, Results(tmp_path / "out"))
    rows = run.rows()
    assert (given["shares"] == dataset.distribution[rows.training]).all()
    assert (
        Results(tmp_path / "out").predictions(record).labels
        == dataset.labels[[*rows.scored, *rows.selection]]
    ).all()


def test_a_stored_model_says_what_its_answers_mean(run: work.Run, tmp_path: Path) -> None:
    execution.execute(run, Results(tmp_path))
    use = json.loads((Results(tmp_path).run_folder(run.key) / "model.json").read_text())
    assert (use["class_names"], use["size"], use["crop"]) == (["bar", "disc", "ring"], 32, "none")


def test_predictions_hold_the_selection_rows_and_each_row_has_its_file(
    run: work.Run, shapes: Dataset, tmp_path: Path
) -> None:
    record = execution.execute(run, Results(tmp_path))
    stored, rows = Results(tmp_path).predictions(record), run.rows()
    assert stored.of("selection").rows.tolist() == rows.selection.tolist()
    assert stored.scored.rows.tolist() == rows.test["test"].tolist()
    files = pd.read_csv(tmp_path / "data" / f"{shapes.fingerprint[:12]}.csv")
    assert files["file"].tolist() == [*shapes.ids]
    assert files["label"].tolist() == [shapes.class_names[label] for label in shapes.labels]


def test_under_slides_the_pictures_selected_on_are_stored_once(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path
) -> None:
    net = a_run(shapes_folder, shapes, "poster-baseline", settings={"max_epochs": 1})
    net = dataclasses.replace(net, protocol=Slides())
    record = execution.execute(net, Results(tmp_path))
    stored = Results(tmp_path).predictions(record)
    assert set(stored.part) == {"test"}


def test_the_memory_of_a_run_is_what_it_added(run: work.Run, tmp_path: Path) -> None:
    held = np.ones(20_000_000)  # 160 MB of this process
    majority = dataclasses.replace(run, model=models.find("majority")[0])
    measured = execution.execute(majority, Results(tmp_path)).measured
    assert measured is not None
    assert 0 <= measured.peak_memory_mb < held.nbytes / 1e6


def test_words_and_file_names_are_not_hashed_but_the_code_that_splits_is(tmp_path: Path) -> None:
    original = Path(str(splits.__file__)).read_text()
    edited = {
        "renamed.py": original,
        "reworded.py": original.replace('"""', '"""In other words: ', 1),
        "moved.py": original.replace("from datasets.", "from datasets.elsewhere."),
        "changed.py": original.replace("TEST_PARTS = 3", "TEST_PARTS = 4"),
    }
    for name, text in edited.items():
        (tmp_path / name).write_text(text)
    hashes = {name: models.code_hash(str(tmp_path / name)) for name in edited}
    assert edited["changed.py"] != original
    assert hashes["renamed.py"] == hashes["reworded.py"] == hashes["moved.py"]
    assert hashes["changed.py"] != hashes["renamed.py"]


def test_a_run_is_used_again_unless_the_code_that_decides_its_rows_changed(
    run: work.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution.execute(run, Results(tmp_path))
    reworded = dataclasses.replace(run, dataset=dataclasses.replace(run.dataset, described="other"))
    monkeypatch.setitem(work.NOTES, "fair", "said otherwise")
    assert pool.unfinished([reworded], Results(tmp_path)) == []
    for module in (splits, duplicates):
        changed = tmp_path / Path(str(module.__file__)).name
        changed.write_text(f"{Path(str(module.__file__)).read_text()}\nMORE = 1\n")
        with monkeypatch.context() as patch:
            patch.setattr(module, "__file__", str(changed))
            work._procedure.cache_clear()
            assert pool.unfinished([dataclasses.replace(run)], Results(tmp_path)) != []
        work._procedure.cache_clear()


def test_the_stored_model_gives_the_stored_predictions(run: work.Run, tmp_path: Path) -> None:
    record = execution.execute(run, Results(tmp_path))
    predictions = Results(tmp_path).predictions(record)
    images = work.load(run.source, 32).images[predictions.rows]
    model = Results(tmp_path).model(run.key)
    assert (model.predict_proba(images).astype(np.float32) == predictions.probabilities).all()


class Failing(baselines.BASELINES["knn"].estimator):  # type: ignore[misc, name-defined]
    """Ends as its parameter says."""

    def __init__(self, end: str = "error") -> None:
        self.end = end

    def build(self, rows: np.ndarray, y: np.ndarray) -> Any:
        if self.end == "error":
            raise RuntimeError("the third\nbolt is loose")
        if self.end == "memory":
            raise MemoryError("no room for 3 TB")
        if self.end == "hungry":
            held = np.ones(2 * 10**9, np.uint8)
            time.sleep(60)
            raise RuntimeError(f"it held {len(held)} bytes for a minute")
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = baselines.Baseline("failing", "none", Failing)
    monkeypatch.setitem(baselines.BASELINES, "failing", entry)


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("error", "failed", "RuntimeError: the third bolt is loose"),
        ("memory", "out_of_memory", "MemoryError: no room for 3 TB"),
    ],
)
def test_a_fault_is_recorded_and_not_a_result(
    end: str, status: str, reason: str, shapes_folder: Path, shapes: Dataset, tmp_path: Path
) -> None:
    run = a_run(shapes_folder, shapes, "failing", settings={"end": end})
    record = execution.execute(run, Results(tmp_path))
    assert (record.status, record.reason) == (status, reason)
    assert "build" in record.traceback
    assert Results(tmp_path).record(run.key) is not None
    assert not Results(tmp_path).is_finished(run.key)


def test_a_net_too_large_for_the_cards_memory_is_recorded_and_not_trained_otherwise(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def full_card(net: Any, *rest: Any) -> None:
        tried.append(rest[3].batch_size)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr("deepnets.training.classifier.train", full_card)
    monkeypatch.setattr("benchmark.core.fit._warm_up", lambda *_: None)
    run = a_run(shapes_folder, shapes, "cnn3", settings={"batch_size": 64})
    record = execution.execute(run, Results(tmp_path))
    assert record.status == "out_of_memory"
    assert record.reason == "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
    assert tried == [64]
    assert not Results(tmp_path).is_finished(run.key)


def test_a_kind_of_model_is_warmed_up_once_in_a_process(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(fit, "_warm", set())
    monkeypatch.setattr(
        fit, "clone", lambda model: copied.append(type(model).__name__) or clone(model)
    )
    for name in ("majority", "knn", "knn", "majority"):
        run = a_run(shapes_folder, shapes, name, repeat=len(copied))
        assert execution.execute(run, Results(tmp_path)).status == "ok"
    assert len(copied) == len(set(copied)) == 2


def _register_failing(*given: Any) -> None:
    baselines.BASELINES["failing"] = baselines.Baseline("failing", "none", Failing)
    _start_worker(*given)


_start_worker = processes._start_worker


@pytest.mark.usefixtures("failing")
def test_a_killed_process_is_a_row_and_the_others_go_on(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_start_worker", _register_failing)
    runs = [
        a_run(shapes_folder, shapes, "failing", settings={"end": "killed"}),
        a_run(shapes_folder, shapes, "knn"),
    ]
    with Display(Console(stderr=True)) as display:
        killed, other = pool.run_all(runs, Results(tmp_path), 1, Limits(), display)
        kept, _ = pool.run_all(runs, Results(tmp_path), 1, Limits(), display, retry=False)
    assert killed.status == "out_of_memory"
    assert "the system killed the process" in killed.reason
    assert other.status == "ok"
    assert kept == killed
    assert pool.unfinished(runs, Results(tmp_path), retry=False) == []
    assert pool.unfinished(runs, Results(tmp_path)) == runs[:1]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at memory as Linux tells of it")
@pytest.mark.usefixtures("failing")
def test_a_run_that_holds_too_much_is_ended_and_the_others_go_on(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_start_worker", _register_failing)
    runs = [
        a_run(shapes_folder, shapes, "failing", settings={"end": "hungry"}),
        a_run(shapes_folder, shapes, "knn"),
    ]
    with Display(Console(quiet=True)) as display:
        ended, other = pool.run_all(runs, Results(tmp_path), 2, Limits(gigabytes=1.5), display)
    assert ended.status == "out_of_memory"
    assert ended.reason.endswith("and 1.5 is the limit")
    assert other.status == "ok"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at memory as Linux tells of it")
def test_before_memory_is_short_the_process_that_holds_most_is_the_one_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        both = os.getpid(), other.pid
        assert memory.to_be_ended(both, most=None) is None
        monkeypatch.setattr(memory, "RESERVE", 2)
        found = memory.to_be_ended(both, most=None)
        other.kill()
    assert found is not None
    assert found[0] == os.getpid()
    assert "GB were left" in found[1]
    assert memory.to_be_ended([other.pid], most=None) is None, "it has ended"


def test_a_process_that_dies_between_runs_costs_none(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path
) -> None:
    runs = [a_run(shapes_folder, shapes, name) for name in ("majority", "knn")]
    with Display(Console(quiet=True)) as display, pool.start_workers(1, runs) as workers:
        display.begin(runs, reused=0, jobs=1)
        first = workers.make(runs[:1], Results(tmp_path), Limits(), display)
        os.kill(workers.pool.schedule(os.getpid).result(), signal.SIGKILL)
        time.sleep(1)
        second = workers.make(runs[1:], Results(tmp_path), Limits(), display)
    assert {record.status for record in [*first.values(), *second.values()]} == {"ok"}


def test_runs_go_on_where_nobody_carries_what_they_tell(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path
) -> None:
    runs = [a_run(shapes_folder, shapes, name) for name in ("majority", "knn")]
    with Display(Console(quiet=True)) as display, pool.start_workers(1, runs) as workers:
        display.begin(runs, reused=0, jobs=1)
        workers._manager._process.kill()
        made = workers.make(runs, Results(tmp_path), Limits(), display)
    assert {record.status for record in made.values()} == {"ok"}


def test_processes_are_begun_again_when_what_was_killed_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, begun = time.monotonic(), []

    def begin(workers: processes.Processes) -> None:
        if time.monotonic() - start < 0.5:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        begun.append(workers)

    monkeypatch.setattr(processes.Processes, "_begin_once", begin)
    processes.Processes(1)
    assert len(begun) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="it stops no processes")
def test_the_end_does_not_wait_for_what_carries_messages_and_was_stopped(
    shapes_folder: Path, shapes: Dataset
) -> None:
    start = time.monotonic()
    with pool.start_workers(1, [a_run(shapes_folder, shapes, "majority")]) as workers:
        os.kill(workers._manager._process.pid, signal.SIGSTOP)
    assert time.monotonic() - start < 60


def test_a_run_that_was_damaged_since_it_was_made_is_told_and_left(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, results = a_run(shapes_folder, shapes, "majority"), Results(tmp_path)
    with Display(Console(quiet=True)) as display:
        pool.run_all([run], results, 1, Limits(), display)
    assert pool._stored(run, results) is not None
    (results.run_folder(run.key) / "run.json").write_text("")
    assert pool._stored(run, results) is None
    assert "run.json is damaged" in caplog.text


def test_where_no_process_lives_long_enough_each_run_is_a_row(
    shapes_folder: Path, shapes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_start_worker", _die)
    run = a_run(shapes_folder, shapes, "majority")
    with Display(Console(quiet=True)) as display:
        (record,) = pool.run_all([run], Results(tmp_path), 1, Limits(), display)
    assert record.status == "failed"
    assert "ended at once" in record.reason


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes as Linux lists them")
@pytest.mark.skipif(processes.START != "forkserver", reason="workers are not forked here")
def test_what_starts_workers_hears_no_interrupt_and_neither_does_what_takes_its_place() -> None:
    told = """
import os, signal, threading
from multiprocessing import forkserver
from pathlib import Path
from benchmark.core import processes
def tell(folder):
    print(Path(f"/proc/{folder}/status").read_text())
of = forkserver._forkserver
processes.FOR_ALL.clear()  # it begins at once
processes.prepare()
tell(of._forkserver_pid)
workers, first = processes.Processes(1), of._forkserver_pid
os.kill(first, signal.SIGKILL)
workers._end()
workers._begin()
assert of._forkserver_pid != first
tell(of._forkserver_pid)
for thread in {*threading.enumerate()} - {threading.main_thread()}:
    tell(f"self/task/{thread.native_id}")
workers.stop()
"""
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    blocked = [line.split()[1] for line in done.stdout.splitlines() if "SigBlk" in line]
    assert len(blocked) > 2
    assert all(int(each, 16) & 1 << (signal.SIGINT - 1) for each in blocked)


@pytest.mark.parametrize("of", [processes.SyncManager, processes.ProcessPool])
def test_processes_are_begun_again_where_one_of_them_is_ended(
    of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "start" if of is processes.SyncManager else "_start_pool"
    begin, n_begun = getattr(of, name), 0

    def ended_at_first(*given: Any) -> None:
        nonlocal n_begun
        n_begun += 1
        if n_begun == 1:
            raise processes.BrokenProcessPool from EOFError
        begin(*given)

    monkeypatch.setattr(of, name, ended_at_first)
    workers = processes.Processes(1)
    assert workers.call(os.getpid) != os.getpid()
    workers.stop()


def test_processes_that_end_with_nothing_to_do_are_begun_again(
    shapes_folder: Path, shapes: Dataset
) -> None:
    run = a_run(shapes_folder, shapes, "majority")
    workers = processes.Processes(1)

    def end() -> None:
        os.kill(workers.call(os.getpid), signal.SIGKILL)
        time.sleep(1)  # until it is seen that none is left

    with Display(Console(quiet=True)) as display:
        end()
        assert [*workers.measure({"a kind": run}, display)] == ["a kind"]
        end()
        assert workers.call(os.getppid) > 0
    workers.stop()
    with pytest.raises(processes.BrokenProcessPool, match="stopped"):
        workers.call(os.getpid)


def test_processes_that_never_begin_are_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: Any) -> None:
        raise processes.BrokenProcessPool from EOFError

    monkeypatch.setattr(processes.ProcessPool, "_start_pool", ended)
    with pytest.raises(InputError, match=r"no process can be started here \(EOFError\): see"):
        processes.Processes(1)


def test_no_process_outlives_a_killed_command(shapes_folder: Path, tmp_path: Path) -> None:
    asked = ["--model", "vgg11", "--set", "max_epochs=999", "--set", "patience=null"]
    given = ["--data", str(shapes_folder), "--jobs", "1", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "benchmark.run", *asked, *given]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as killed:
        assert killed.stderr is not None
        assert any(b"epoch " in line for line in killed.stderr)
        assert len(_of_session(killed.pid)) > 2
        killed.kill()
    end = time.monotonic() + 30
    while (left := _of_session(killed.pid)) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == []


def _of_session(number: int) -> list[str]:
    """Processes of a session that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            name, _, facts = stat.read_text().rpartition(")")
            state, _, _, session = facts.split()[:4]
            if int(session) == number and state != "Z":
                found.append(name)
    return found


def test_data_that_changed_meanwhile_is_not_used(run: work.Run, tmp_path: Path) -> None:
    stale = dataclasses.replace(run, dataset=dataclasses.replace(run.dataset, fingerprint="2" * 64))
    record = execution.execute(stale, Results(tmp_path))
    assert record.status == "failed"
    assert "changed while it was used" in record.reason


def test_the_usual_value_of_a_parameter_is_no_change(run: work.Run) -> None:
    replace = dataclasses.replace
    assert replace(run, settings={"n_neighbors": 5}).label == "knn"
    assert replace(run, settings={"n_neighbors": 5}).key == run.key
    forest = replace(run, model=models.find("random-forest")[0])
    assert replace(forest, settings={"n_estimators": 7}).label == "random-forest[n_estimators=7]"
    slides = replace(forest, protocol=Slides(), settings={"n_estimators": 10})
    assert slides.label == "random-forest"


def test_a_new_option_that_is_off_moves_no_seed(
    run: work.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WithOption(baselines.BASELINES["knn"].estimator):  # type: ignore[misc, name-defined]
        def __init__(self, n_neighbors: int = 5, device: str = "cpu", option: bool = False) -> None:
            super().__init__(n_neighbors, device)
            self.option = option

    seed = run.seed
    entry = baselines.Baseline("knn", "neighbours", WithOption)
    monkeypatch.setitem(baselines.BASELINES, "knn", entry)
    assert dataclasses.replace(run).seed == seed
    assert dataclasses.replace(run, settings={"option": True}).seed != seed
    assert "train_size" not in Fair(split="identity").key_parts(), "unset, as a new field would be"


def test_who_decides_the_sides_of_a_split_is_part_of_the_key(
    run: work.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import duplicates

    hashed: list[str] = []

    def noted(*files: str) -> str:
        hashed.extend(files)
        return "hash"

    monkeypatch.setattr(work, "code_hash", noted)
    work._procedure.cache_clear()
    work._procedure()
    work._procedure.cache_clear()
    assert duplicates.__file__ in hashed


def test_the_seed_follows_the_run_and_not_its_code_or_the_order_of_its_parameters(
    run: work.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = dataclasses.replace(run, model=models.find("mobilenet")[0])
    one = dataclasses.replace(net, settings={"batch_size": 7, "max_epochs": 2})
    other = dataclasses.replace(net, settings={"max_epochs": 2, "batch_size": 7})
    assert (one.key, one.seed, one.label) == (other.key, other.seed, other.label)
    assert one.seed != net.seed
    assert dataclasses.replace(run, repeat=1).seed != run.seed
    with monkeypatch.context() as patch:
        patch.setattr(models.Model, "source_hash", lambda self: "edited")
        assert dataclasses.replace(run).seed == run.seed


@pytest.mark.parametrize(
    ("cards", "free_gb", "size", "jobs"),
    [(1, 139, 32, 6), (1, 9, 32, 2), (2, 9, 32, 4), (1, 1, 224, 1)],
)
def test_cards_take_as_many_runs_as_their_memory_holds_and_cores_serve(
    cards: int, free_gb: int, size: int, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(pool.joblib, "cpu_count", lambda: 6)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free_gb * 10**9, 140 * 10**9))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    assert pool.default_jobs("cuda", size) == jobs
    assert pool.default_jobs("cpu", size) == 6
