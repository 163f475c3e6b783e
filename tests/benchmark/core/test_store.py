"""A results folder holds what was put there, whole; what is damaged is told and does not count."""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
import math
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.f2py import crackfortran
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from benchmark import verify
from benchmark.core import model_files, store
from benchmark.core.files import DamagedError, digest, file_digest, write_file
from benchmark.core.predictions import n_bytes
from benchmark.core.records import (
    EPOCHS,
    OUTSIDE,
    SCHEMA,
    SELECTION,
    Record,
    SearchRecord,
    Trial,
    Tried,
    from_json,
)
from benchmark.core.store import Results
from datasets import Dataset, InputError, limits
from deepnets.training.engine import Epoch
from tests.benchmark.made_up import board_row, predictions, record


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    ran = record(board_row(left_out=(("a.png", "is empty"),)), parts={"settings": {"a": [1, None]}})
    Results(tmp_path).put(ran)
    assert Results(tmp_path).record("k") == ran
    assert from_json(Record, json.loads(json.dumps(dataclasses.asdict(ran)))) == ran


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"measured": None}, "of runs that are ok"),
        ({"status": "failed"}, "of runs that are ok"),
        ({"measured.n_test": 0}, "no test picture"),
        ({"measured.n_test": 10**400}, "counts something"),
        ({"dataset.size": 10**6}, "1 to 1,024 px"),
        ({"parts.model": ["knn"]}, "names the model"),
        ({"status": "=1+1", "measured": None}, "a run is one of"),
        ({"finished": "=1+1"}, "isoformat"),
        ({"protocol.selected_on": "x"}, "are selected on"),
        ({"model.label": "x" * 10_000}, "longer than any name"),
        ({"measured.n_train": -1}, "counts something"),
        ({"measured.trained_classes": [0, 2]}, "no such class"),
        ({"measured.fit_seconds": None}, "not known"),
        ({"measured.fit_seconds": 1e300}, "without end"),
        ({"measured.fit_seconds": float("inf")}, "not of type float"),
        ({"environment.bfloat16_apart": float("inf")}, "not of type float"),
        ({"measured.predict_seconds": -1}, "less than nothing"),
        ({"measured.peak_memory_mb": 10**400}, "not of type float"),
    ],
)
def test_a_record_that_no_run_can_leave_is_refused(changes: dict[str, object], words: str) -> None:
    told = dataclasses.asdict(record(board_row()))
    for where, value in changes.items():
        *inside, name = where.split(".")
        (told[inside[0]] if inside else told)[name] = value
    with pytest.raises(ValueError, match=words):
        from_json(Record, json.loads(json.dumps(told)))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe,", id="no text"),
        pytest.param(b"epoch,seconds\n1,2\n", id="other columns"),
        pytest.param(f"{','.join(EPOCHS)}\n1,2,3,4,5,soon\n".encode(), id="a word"),
        pytest.param(f"{','.join(EPOCHS)}\n1,2,3,4,5,1e999\n".encode(), id="no end"),
        pytest.param(f"{','.join(EPOCHS)}\n1,2,3,4,5,1e300\n".encode(), id="nearly no end"),
        pytest.param(f"{','.join(EPOCHS)}\n".encode(), id="no epoch"),
        pytest.param(f"{','.join(EPOCHS)}\n1,,,,,1\n".encode(), id="no score"),
        pytest.param(f"{','.join(EPOCHS)}\n7,1,2,3,0.4,5,1\n".encode(), id="a cell more"),
        pytest.param(f"{','.join(EPOCHS)}\n1.5,2,3,4,5,1\n".encode(), id="half an epoch"),
    ],
)
def test_epochs_that_are_none_are_not_shown(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Results(tmp_path).put_files("k", {"history.csv": content})
    assert Results(tmp_path).history("k") is None
    assert "its epochs are not shown" in caplog.text


def test_columns_that_are_others_are_not_read_which_takes_the_square_of_their_number(
    tmp_path: Path, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = Results(tmp_path)
    results.put_pictures(shapes)
    assert results.files(shapes.fingerprint, len(shapes)) == [*shapes.ids]
    many = f"file{',a' * 200_000}\n".encode()
    results.put_files("k", {"history.csv": many})
    (tmp_path / store.list_of_pictures(shapes.fingerprint)).write_bytes(many)
    monkeypatch.setattr(pd, "read_csv", lambda *_, **__: pytest.fail("it takes the square"))
    assert results.history("k") is None
    with pytest.raises(InputError, match="it is no list of pictures"):
        results.files(shapes.fingerprint)


def test_a_list_of_pictures_with_a_cell_too_many_is_not_read_as_one_without(
    tmp_path: Path, shapes: Dataset
) -> None:
    results = Results(tmp_path)
    results.put_pictures(shapes)
    (tmp_path / store.list_of_pictures(shapes.fingerprint)).write_text("row,file\nz,0,a.png\n")
    with pytest.raises(InputError, match="more cells than its first line names columns"):
        results.files(shapes.fingerprint)


def test_the_columns_of_epochs_are_those_that_are_written() -> None:
    assert [each.name for each in dataclasses.fields(Epoch)] == EPOCHS


@pytest.mark.parametrize("where", ["model.label", "protocol.label", "dataset.fingerprint"])
def test_what_a_record_says_holds_no_code_for_a_terminal(where: str) -> None:
    told = dataclasses.asdict(record(board_row()))
    part, name = where.split(".")
    told[part][name] = "\x1b[31mred"
    with pytest.raises(ValueError, match=r"\\x1b\[31mred' was not written"):
        from_json(Record, json.loads(json.dumps(told)))


@pytest.mark.parametrize(
    "where", ["measured.note", "measured.device", "protocol.note", "environment.system"]
)
def test_what_a_record_tells_in_words_is_read_so_that_it_can_be_seen(where: str) -> None:
    told = dataclasses.asdict(record(board_row()))
    part, name = where.split(".")
    told[part][name] = "\x1b[31mred"
    read = from_json(Record, json.loads(json.dumps(told)))
    assert getattr(getattr(read, part), name) == r"\x1b[31mred"


def test_remarks_too(tmp_path: Path) -> None:
    told = dataclasses.asdict(record(board_row()))
    told["dataset"]["remarks"] = ["=1+1"]
    assert from_json(Record, json.loads(json.dumps(told))).dataset.remarks == ("'=1+1",)


def test_a_row_has_as_many_repeats_as_each_of_its_settings() -> None:
    with pytest.raises(ValueError, match="have its repeats"):
        dataclasses.replace(board_row(), tried=(Tried("knn", ("k", "l")),))


def test_a_search_has_trials_whose_words_can_be_seen() -> None:
    row = board_row()
    facts = row.model, row.protocol, row.dataset, row.device, "fair", "small", "grid", "accuracy"
    with pytest.raises(ValueError, match="has a trial"):
        SearchRecord(*facts, ())
    with pytest.raises(ValueError, match="was not written"):
        SearchRecord(*facts, (Trial("knn", {"k": "\x1b[31m"}, "key"),))


def test_a_results_folder_may_be_named_from_another_one(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    results = Results(tmp_path / "here" / ".." / "out")
    results.put_rows([board_row()])
    assert results.rows() == [board_row()]


def test_a_row_has_no_repeats_without_end() -> None:
    with pytest.raises(ValueError, match="1,000 repeats"):
        board_row(keys=("k",) * 1001)


def test_what_is_not_known_is_nan_and_null_in_json(tmp_path: Path) -> None:
    row = board_row()
    elsewhere = dataclasses.replace(row, model=dataclasses.replace(row.model, family=OUTSIDE))
    Results(tmp_path).put(record(elsewhere, fit_seconds=math.nan))
    stored = (tmp_path / "runs" / "k" / "run.json").read_text()
    assert json.loads(stored)["measured"]["fit_seconds"] is None
    assert "NaN" not in stored
    found = Results(tmp_path).record("k")
    assert found is not None
    assert found.measured is not None
    assert math.isnan(found.measured.fit_seconds)
    assert digest({"a": [math.nan]}) == digest({"a": [None]}), "as it is read again"


def test_a_record_of_before_is_of_a_model_that_gave_probabilities(tmp_path: Path) -> None:
    Results(tmp_path).put(record(board_row()))
    path = tmp_path / "runs" / "k" / "run.json"
    stored = json.loads(path.read_text())
    del stored["measured"]["has_probabilities"]
    path.write_text(json.dumps(stored))
    assert Results(tmp_path).record("k") == record(board_row())


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.pop("status"),
        lambda record: record.update(status=3),
        lambda record: record.update(model="knn"),
        lambda record: record["model"].update(deep="no"),
        lambda record: record["measured"].update(fit_seconds="fast"),
        lambda record: record["dataset"].update(class_counts={"a": "many"}),
        lambda record: record["dataset"].update(name="../elsewhere"),
        lambda record: record.update(more=1),
    ],
)
def test_a_record_that_lacks_a_field_or_has_another_type_is_not_made(
    damage: Callable[[dict[str, Any]], object],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    Results(tmp_path).put(record(board_row()))
    path = tmp_path / "runs" / "k" / "run.json"
    stored = json.loads(path.read_text())
    damage(stored)
    path.write_text(json.dumps(stored))
    with pytest.raises(DamagedError):
        Results(tmp_path).record("k")
    assert not Results(tmp_path).is_finished("k")
    assert "is damaged" in caplog.messages[0]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000], ids=range(5))
def test_files_that_are_no_json_are_damaged(content: bytes, tmp_path: Path) -> None:
    Results(tmp_path).put(record(board_row()))
    (tmp_path / "runs" / "k" / "run.json").write_bytes(content)
    with pytest.raises(DamagedError):
        Results(tmp_path).record("k")
    (tmp_path / "board.json").write_bytes(content)
    with pytest.raises(InputError, match="remove it and run the same command"):
        Results(tmp_path).rows()


def test_a_record_of_a_later_version_is_refused(tmp_path: Path) -> None:
    Results(tmp_path).put(record(board_row()))
    path = tmp_path / "runs" / "k" / "run.json"
    path.write_text(path.read_text().replace(f'"schema": {SCHEMA}', '"schema": 99'))
    with pytest.raises(InputError, match=f"schema 99, this version reads {SCHEMA}"):
        Results(tmp_path).record("k")


def test_the_board_keeps_the_rows_of_other_calls(tmp_path: Path) -> None:
    one, other = board_row("a", keys=("1",)), board_row("b", keys=("2",))
    later = board_row("b", keys=("3", "4"))
    Results(tmp_path).put_rows([one, other])
    Results(tmp_path).put_rows([later])
    assert Results(tmp_path).rows() == [one, later]


def test_every_file_is_listed_with_its_digest(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.put_rows([board_row()])
    results.put(record(board_row()), predictions(np.arange(100) % 2, np.ones(100, bool)))
    results.write("confusion/a.csv", "a")
    results.write("gone.csv", "b")
    results.remove("gone.csv")
    files = {path for path in tmp_path.rglob("*") if path.is_file() and path.name[0] != "."}
    files.remove(tmp_path / "SHA256SUMS")
    assert results.sums() == {
        path.relative_to(tmp_path).as_posix(): file_digest(path) for path in files
    }
    (tmp_path / "runs" / "k" / "predictions.npz").unlink()
    results.put(record(board_row(), status="failed"))
    assert sorted(results.sums()) == ["board.json", "confusion/a.csv", "runs/k/run.json"]


def test_a_run_that_is_there_is_listed_and_outlasts_a_loss_of_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: set[int] = set()  # numbers of the files and folders that the disk was asked to keep
    fsync, rename = os.fsync, Path.rename

    def synced(handle: int) -> None:
        fsync(handle)
        kept.add(os.fstat(handle).st_ino)

    def renamed(draft: Path, home: Path) -> Path:
        needed = [draft, *draft.iterdir(), tmp_path / "SHA256SUMS"]
        assert {path.stat().st_ino for path in needed} <= kept
        assert f"runs/{home.name}/run.json" in Results(tmp_path).sums()
        return rename(draft, home)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    Results(tmp_path).put(record(board_row()), predictions(np.zeros(100, int), np.ones(100, bool)))
    Results(tmp_path).put_rows([board_row()])
    assert Results(tmp_path).is_finished("k")
    lasting = [tmp_path / "runs", tmp_path / "board.json", tmp_path / "SHA256SUMS"]
    assert {path.stat().st_ino for path in lasting} <= kept


@pytest.mark.parametrize("word", ["=1+1", "a\x1bb", "\udcff"])
def test_a_stranger_s_names_are_refused_unless_they_are_readable(word: str, tmp_path: Path) -> None:
    Results(tmp_path).put_rows([board_row()])
    board = json.loads((tmp_path / "board.json").read_text())
    board["entries"][0]["dataset"]["class_counts"] = {word: 600, "b": 400}
    (tmp_path / "board.json").write_text(json.dumps(board))
    with pytest.raises(InputError, match="was not written as names are"):
        Results(tmp_path).rows()


def test_nothing_is_written_or_read_outside_the_folder(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    for name in ("../a.csv", "/a.csv"):
        with pytest.raises(InputError, match="no name of a file"):
            results.write(name, "")
    for key in ("../../k", "x" * 256, "\u00e9" * 128, "a/" * 300):
        with pytest.raises(InputError, match="no name of a file"):
            results.record(key)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "\x1b[31mred"])
def test_a_list_of_files_names_none_elsewhere_and_none_that_cannot_be_seen(
    name: str, tmp_path: Path
) -> None:
    results = Results(tmp_path)
    results.put_rows([board_row()])
    lines = (tmp_path / "SHA256SUMS").read_text().splitlines()
    lines = sorted([*lines, f"{'0' * 64}  {name}"], key=lambda line: line[66:])
    (tmp_path / "SHA256SUMS").write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(DamagedError, match="is no name of a file in it"):
        results.sums()
    (failure,) = verify.verify(results).failures
    assert "\x1b" not in failure


def test_a_model_file_that_unpacks_to_much_more_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "runs/k").mkdir(parents=True)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.npy", bytes(10**6))
    Results(tmp_path).put_files("k", {"model.skops": whole.getvalue()})
    with pytest.raises(ValueError, match="packed tighter"):
        Results(tmp_path).model("k")


@pytest.mark.parametrize(
    "foreign",
    [
        Path("elsewhere"),
        make_pipeline(FunctionTransformer(np.vectorize(crackfortran.myeval))),
        FunctionTransformer(importlib.import_module),
    ],
    ids=["a class", "a function of numpy that runs code", "a function of Python"],
)
def test_a_model_file_with_foreign_code_is_not_loaded(tmp_path: Path, foreign: Any) -> None:
    Results(tmp_path).put_files("k", {"model.skops": skops.io.dumps(foreign)})
    with pytest.raises(ValueError, match="not written by this project"):
        Results(tmp_path).model("k")


def test_a_model_file_is_not_read_unless_it_is_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = Results(tmp_path)
    results.put_files("k", {"model.skops": skops.io.dumps(Path("elsewhere"))})
    file = tmp_path / "runs" / "k" / "model.skops"
    file.write_bytes(file.read_bytes()[:-1])
    monkeypatch.setattr(skops.io, "get_untrusted_types", lambda file: pytest.fail("it was read"))
    with pytest.raises(DamagedError, match="not as it was written"):
        results.model("k")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("baselines.patches.Patches", True),
        ("baselines.patches.np", False),
        ("baselines.patches.nothing", False),
        ("baselines.no_such_module.Patches", False),
        ("baselines.patches.MiniBatchKMeans", False),
        ("numpy.vectorize", False),
    ],
)
def test_only_classes_that_we_define_are_ours(name: str, ours: bool) -> None:
    assert model_files._is_ours(name) is ours


def test_a_row_of_another_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "board.json").write_text('{"a/fair/random/knn": {"keys": []}}')
    with pytest.raises(InputError, match="remove it and run the same command"):
        Results(tmp_path).rows()


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    results = Results(tmp_path / "out")
    results.put_rows([board_row()])
    (tmp_path / "out" / "confusion").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link"):
        results.write("confusion/a.csv", "a")
    assert [*(tmp_path / "elsewhere").iterdir()] == []


def test_no_device_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "pipe", "a")


@pytest.mark.parametrize("name", ["board.json", "runs/k/run.json", "runs/k/predictions.npz"])
def test_what_is_no_regular_file_is_not_waited_for(name: str, tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.put_rows([board_row()])
    results.put(record(board_row()), predictions(np.zeros(100, int), np.ones(100, bool)))
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    if name == "board.json":
        with pytest.raises(InputError, match="a pipe"):
            results.rows()
    else:
        assert not results.is_finished("k")
        assert any("runs/k" in each for each in verify.verify(results).failures)


def test_predictions_that_unpack_to_more_than_they_may_are_damaged(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.put(record(board_row()), predictions(np.zeros(100, int), np.ones(100, bool)))
    np.savez_compressed(tmp_path / "runs/k/predictions.npz", labels=np.zeros(10**7))
    with pytest.raises(DamagedError, match="unpacked"):
        results.predictions(record(board_row()))


def test_a_record_cannot_say_that_predictions_may_take_all_memory() -> None:
    told = dataclasses.asdict(record(board_row()))
    told["dataset"]["n"] = 10**12
    read = from_json(Record, json.loads(json.dumps(told)))
    assert store._bytes_of_predictions(read) == limits.TABLE_BYTES


def test_a_damaged_list_of_pictures_is_written_again(tmp_path: Path, shapes: Dataset) -> None:
    results = Results(tmp_path)
    results.put_pictures(shapes)
    (path,) = (tmp_path / "data").iterdir()
    written = path.read_bytes()
    path.write_bytes(b"")
    results.put_pictures(shapes)
    assert path.read_bytes() == written


def test_a_list_of_digests_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Results(tmp_path).write("a.csv", "a")
    monkeypatch.setattr(limits, "BOARD_BYTES", 10)
    with pytest.raises(DamagedError, match="SHA256SUMS"):
        Results(tmp_path).sums()


def test_predictions_have_no_more_bytes_than_they_are_reckoned_to_have(tmp_path: Path) -> None:
    said = predictions(np.array([0, 1, 0]), np.array([True, True, False]), part=SELECTION)
    np.savez_compressed(tmp_path / "said.npz", **vars(said))
    with zipfile.ZipFile(tmp_path / "said.npz") as packed:
        unpacked = sum(each.file_size for each in packed.infolist())
    assert unpacked <= n_bytes(3, 2)


def test_a_run_without_a_result_takes_no_place_of_one_that_has_one(tmp_path: Path) -> None:
    results, row = Results(tmp_path), board_row(keys=("k",))
    results.put(record(row, n_test=4), predictions(np.arange(4) % 2, np.arange(4) < 3))
    late = results.put(record(row, status="timeout"))
    assert late.status == "ok"
    assert results.is_finished("k")
    (results.run_folder("k") / "predictions.npz").write_bytes(b"damaged")
    assert results.put(record(row, status="timeout")).status == "timeout"


def test_what_a_user_has_put_into_a_folder_of_ours_stays(tmp_path: Path) -> None:
    results = Results(tmp_path)
    for name in ("svg/a/b.svg", "svg/c.svg", "svgs/d.svg"):
        results.write(name, "ours")
    (tmp_path / "svg" / "mine.svg").write_text("mine")
    results.remove_folder("svg")
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.svg")}
    assert left == {"svg/mine.svg", "svgs/d.svg"}
    assert not (tmp_path / "svg" / "a").exists()
    assert [*results.sums()] == ["svgs/d.svg"]


def test_of_a_list_of_digests_that_is_damaged_what_can_be_read_is_kept(tmp_path: Path) -> None:
    results = Results(tmp_path)
    for name in ("a.txt", "b.txt"):
        results.write(name, "ours")
    listed = tmp_path / "SHA256SUMS"
    listed.write_bytes(listed.read_bytes().replace(b"\n", b"\r\n") + b"what is this\n")
    with pytest.raises(DamagedError):
        results.sums()
    results.write("c.txt", "ours")
    assert [*results.sums()] == ["a.txt", "b.txt", "c.txt"]


def test_a_digest_is_one(tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text(f"{'g' * 64}  a.txt\n")
    with pytest.raises(DamagedError, match="not as it was written"):
        Results(tmp_path).sums()
