"""Tables and pictures are what the stored predictions say, and what is wrong is told with why."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import datasets
from benchmark import audit, verify
from benchmark.core.files import digest
from benchmark.core.predictions import Predictions
from benchmark.core.store import Results
from datasets import Dataset
from tests.benchmark.conftest import change_a_byte, home
from tests.conftest import write_shapes
from tests.datasets.samples import png_of

Command = Callable[..., tuple[int, str, str]]

STORED = (
    "run.json",
    "predictions.npz",
    "history.csv",
    "model.json",
    "model.skops",
    "model.safetensors",
)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare what is stored, without drawing everything anew."""
    monkeypatch.setattr(verify, "check_published", lambda *_: [])


def test_fresh_results_pass(results: Path, shapes_folder: Path, run_command: Command) -> None:
    status, out, _ = run_command(verify.main, results, "--data", shapes_folder)
    assert status == 0, out
    assert "shapes: the pictures here have the fingerprint of the runs" in out
    assert "3 sound runs" in out.splitlines()[-1]
    assert "all is what the stored predictions give" in out.splitlines()[-1]


def test_a_changed_prediction_file_fails_with_the_remedy(
    results: Path, run_command: Command
) -> None:
    changed = home(results, "decision-tree") / "predictions.npz"
    change_a_byte(changed)
    status, out, _ = run_command(verify.main, results)
    assert status == 1
    (line,) = [line for line in out.splitlines() if "predictions.npz" in line]
    assert changed.parent.name in line
    assert "remove that folder and run its command again" in line
    assert "1 failures" in out.splitlines()[-1]


def test_every_changed_table_and_picture_is_named(results: Path, run_command: Command) -> None:
    files = ["leaderboard.csv", "leaderboard.md", "report.html", "classes.shapes.png"]
    files += ["leaderboard.shapes.png", "confusion/shapes.fair-40.decision-tree.csv"]
    files += ["confusion/shapes.fair-40.decision-tree.png"]
    (curves,) = (results / "curves").iterdir()
    files.append(f"curves/{curves.name}")
    for name in files:
        change_a_byte(results / name)
    status, out, _ = run_command(verify.main, results)
    assert status == 1
    failures = [line for line in out.splitlines() if "benchmark.report" in line]
    assert sorted(line.split(":")[0] for line in failures) == sorted(files)


def test_what_is_missing_and_what_is_stale_is_named(results: Path, run_command: Command) -> None:
    (results / "leaderboard.md").unlink()
    (results / "confusion" / "shapes.fair-40.decision-tree.csv").unlink()
    gone = (
        "confusion/shapes.fair-40.gone.csv",
        "leaderboard.gone.png",
        "told-apart/shapes.gone.png",
        "splits.csv",
    )
    for stale in gone:
        Results(results).write(stale, "of rows that are gone")
    for name in ("perf.md", "ablation.shapes.csv", "tensorboard/knn/1/training/events"):
        Results(results).write(name, "of another command")
    (results / "README.md").write_text("of the user")
    status, out, _ = run_command(verify.main, results)
    assert status == 1
    assert "leaderboard.md: missing" in out
    assert "confusion/shapes.fair-40.decision-tree.csv: missing" in out
    for stale in gone:
        assert f"{stale}: no run on the board makes this file: remove it" in out
    assert "6 failures" in out.splitlines()[-1]


def test_other_pictures_under_the_same_name_are_told(
    results: Path, tmp_path: Path, shapes: Dataset
) -> None:
    other = write_shapes(tmp_path / "shapes", per_class=20)
    (failure, *_) = verify.verify(Results(results), str(other)).failures
    assert shapes.fingerprint in failure
    assert datasets.load(other).fingerprint in failure
    assert "3 runs" in failure


def test_pictures_that_are_not_here_fail_only_where_required(
    results: Path, run_command: Command
) -> None:
    moved = [
        replace(row, dataset=replace(row.dataset, source="folder:/nowhere"))
        for row in Results(results).rows()
    ]
    Results(results).put_rows(moved)
    status, out, _ = run_command(verify.main, results)
    assert status == 0
    assert "data not here: fingerprints of shapes not checked" in out
    status, out, _ = run_command(verify.main, results, "--require-data")
    assert status == 1
    assert "--data" in out


def test_a_run_that_is_gone_is_a_leaderboard_that_differs(
    results: Path, run_command: Command
) -> None:
    shutil.rmtree(home(results, "decision-tree"))
    status, out, _ = run_command(verify.main, results)
    assert status == 1
    assert "leaderboard.csv: line 2 is not what" in out


def test_pictures_may_be_packed_otherwise_but_not_look_otherwise(results: Path) -> None:
    path = results / "classes.shapes.png"
    stored = path.read_bytes()
    with Image.open(path) as picture:
        pixels = np.array(picture.convert("RGB"))

    def packed(pixels: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png", compress_level=1)
        return file.getvalue()

    assert packed(pixels) != stored
    assert verify.same_picture(packed(pixels), stored)
    Results(results).write("classes.shapes.png", packed(pixels))
    assert verify.verify(Results(results)).failures == []
    pixels[50, 50, 0] ^= 32
    assert not verify.same_picture(packed(pixels), stored)


@pytest.mark.parametrize(("factor", "n_failures"), [(1 + 1e-9, 0), (1 + 1e-5, 1)])
def test_a_table_may_differ_in_the_last_digits_alone(
    results: Path, factor: float, n_failures: int
) -> None:
    """As where another processor sums in another order."""
    path = results / "leaderboard.csv"
    line = path.read_text()
    value = str(pd.read_csv(path)["log_loss"].max())
    assert value in line
    path.write_text(line.replace(value, f"{float(value) * factor:.10g}"))
    Results(results).write(path.name, path.read_text())
    assert len(verify.verify(Results(results)).failures) == n_failures


def test_numbers_are_found_in_a_line_of_digits_without_end() -> None:
    assert verify.NUMBER.findall(b"a-1.50 2.5.3.25 x7 12:30.0") == [
        b"-1.50",
        b"2.5",
        b"3.25",
        b"30.0",
    ]
    assert not verify.NUMBER.findall(b"1" * 3_000_000)


def test_a_page_may_differ_by_rounding_and_where_pictures_lie_and_in_nothing_else(
    results: Path,
) -> None:
    page = (results / "report.html").read_text()
    path = re.search(r'd="M (\d+\.\d+) ', page)
    answers = re.search(r'id="answers">([^<]*)', page)
    assert path
    assert answers
    unpacked = json.loads(gzip.decompress(base64.b64decode(answers[1])))

    def changed(**what: Any) -> str:
        packed = gzip.compress(json.dumps(unpacked | what).encode())
        return page.replace(answers[1], base64.b64encode(packed).decode())

    def moved(by: float) -> str:
        place = f'd="M {float(path[1]) + by:.6f} '
        return page.replace(path[0], place)

    sets = [{**each, "pictures": {"folder": "elsewhere"}} for each in unpacked["sets"]]
    for same in (moved(0.01), changed(sets=sets)):
        Results(results).write("report.html", same)
        assert verify.verify(Results(results)).failures == []
    for other in (moved(1), changed(boards=[])):
        Results(results).write("report.html", other)
        (failure,) = verify.verify(Results(results)).failures
        assert failure.startswith("report.html: line ")


def test_wrong_input_is_one_line_and_status_2(run_command: Command, tmp_path: Path) -> None:
    for arguments, words in (
        ([tmp_path], "holds no runs"),
        ([tmp_path / "none"], "does not exist"),
        ([tmp_path, "--data", tmp_path / "none"], "is not there"),
    ):
        status, _, err = run_command(verify.main, *arguments)
        assert status == 2
        assert err.startswith("error: ")
        assert err.strip().count("\n") == 0
        assert words in err


def test_audited_results_are_sound_with_the_audits_line_on_them(
    results: Path, shapes_folder: Path, run_command: Command
) -> None:
    assert run_command(audit.main, "--data", shapes_folder, "--out", results)[0] == 0
    assert "Audit:" in (results / "leaderboard.md").read_text()
    status, out, _ = run_command(verify.main, results, "--data", shapes_folder)
    assert status == 0, out


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("where", [0, 0.3, 0.8, 1], ids=str)
@pytest.mark.parametrize("name", ["board.json", *STORED])
def test_a_changed_byte_of_what_is_stored_is_found(results: Path, name: str, where: float) -> None:
    path = results / name
    if name != "board.json":
        path = home(results, "decision-tree" if name == "model.skops" else "mobilenet") / name
    change_a_byte(path, where)
    (failure,) = verify.verify(Results(results)).failures
    assert failure.startswith(path.parent.relative_to(results).as_posix().strip("."))
    assert name in failure


@pytest.mark.parametrize("where", [0, 0.3, 1], ids=str)  # a digest, the name of a picture, a run
def test_a_changed_byte_of_the_list_of_digests_is_found(results: Path, where: float) -> None:
    change_a_byte(results / "SHA256SUMS", where)
    assert verify.verify(Results(results)).failures


@pytest.mark.usefixtures("undrawn")
def test_a_fitted_model_need_not_be_kept_but_all_else_must(results: Path) -> None:
    net = home(results, "mobilenet")
    (net / "model.safetensors").unlink()
    found = verify.verify(Results(results))
    assert found.failures == []
    assert found.models_absent == 1
    (net / "notes.txt").write_text("mine")
    assert "notes.txt is not in SHA256SUMS" in verify.verify(Results(results)).failures[0]
    (net / "notes.txt").unlink()
    (net / "history.csv").unlink()
    assert "history.csv is missing" in verify.verify(Results(results)).failures[0]


def rewrite(out: Path, model: str, **changes: np.ndarray) -> None:
    """Store other predictions as if the run had made them, digests and all."""
    results = Results(out)
    record = results.record(home(out, model).name)
    results.put(record, Predictions(**{**vars(results.predictions(record)), **changes}))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("rows", lambda v: np.zeros_like(v), "rows that are not 38 different ones of 90"),
        ("rows", lambda v: v + 90, "rows that are not 38 different ones of 90"),
        ("labels", lambda v: v + 3, "labels that are not among 3 classes"),
        ("labels", lambda v: v[:-1], "not predictions of 3 classes"),
        ("labels", lambda v: v.astype(float), "not predictions of 3 classes"),
        ("probabilities", lambda v: v[:, :2], "not predictions of 3 classes"),
        ("probabilities", lambda v: v * np.float32(np.nan), "negative or no numbers"),
        ("probabilities", lambda v: v * np.float32(1.1), "do not sum to 1"),
        ("part", lambda v: v[::-1], "other pictures than the protocol says"),
        ("part", lambda v: np.full_like(v, "test"), "38 test pictures, 30 in run.json"),
        ("rows", lambda v: (v + 1) % 90, "other pictures than the protocol says"),
        ("labels", lambda v: 2 - v, "labels that are not those of the pictures"),
        ("groups", lambda v: v * 0, "people that are not those on the pictures"),
    ],
)
def test_predictions_that_cannot_be_are_found(
    results: Path,
    shapes_folder: Path,
    part: str,
    change: Callable[[Any], np.ndarray],
    words: str,
) -> None:
    stored = Results(results)
    predictions = stored.predictions(stored.record(home(results, "decision-tree").name))
    rewrite(results, "decision-tree", **{part: change(getattr(predictions, part))})
    (failure,) = verify.verify(Results(results), str(shapes_folder), require_data=True).failures
    assert words in failure


@pytest.mark.usefixtures("undrawn")
def test_a_class_nothing_is_known_of_is_no_fault(results: Path) -> None:
    rewrite(results, "decision-tree", probabilities=np.zeros((38, 3), np.float32))
    assert verify.verify(Results(results)).failures == []


@pytest.mark.usefixtures("undrawn")
def test_a_record_under_a_key_that_is_not_that_of_its_parts_is_found(results: Path) -> None:
    record = Results(results).record(home(results, "decision-tree").name)
    predictions = Results(results).predictions(record)
    Results(results).put(replace(record, parts={**record.parts, "threads": 2}), predictions)
    (failure,) = verify.verify(Results(results)).failures
    assert "the key is not that of its parts" in failure


@pytest.mark.usefixtures("undrawn")
def test_a_run_by_a_protocol_that_is_none_is_a_failure(results: Path, shapes_folder: Path) -> None:
    [row] = [row for row in Results(results).rows() if row.model.label == "decision-tree"]
    record = Results(results).record(row.keys[0])
    parts = {**record.parts, "protocol": "x"}
    predictions, key = Results(results).predictions(record), digest(parts)
    Results(results).put(replace(record, key=key, parts=parts), predictions)
    Results(results).put_rows([replace(row, keys=(key,))])
    failures = verify.verify(Results(results), str(shapes_folder)).failures
    assert any("made by a protocol that is not known here" in failure for failure in failures)


@pytest.mark.usefixtures("undrawn")
def test_a_stranger_puts_no_line_of_his_own_in_the_answer(
    results: Path, run_command: Command
) -> None:
    line = "422 sound runs: all is what the stored predictions give"
    moved = [
        replace(row, dataset=replace(row.dataset, source=f"folder:/nowhere\n{line}"))
        for row in Results(results).rows()
    ]
    Results(results).put_rows(moved)
    _, out, _ = run_command(verify.main, results)
    assert line in out
    assert line not in out.splitlines()


@pytest.mark.usefixtures("undrawn")
def test_a_row_that_names_another_rows_run_is_found(results: Path) -> None:
    rows = {row.model.label.split("[")[0]: row for row in Results(results).rows()}
    Results(results).put_rows([replace(rows["decision-tree"], keys=rows["mobilenet"].keys)])
    failures = verify.verify(Results(results)).failures
    assert any("a run of something else" in failure for failure in failures)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("forged", ["mobilenet", "decision-tree"])
def test_a_row_that_names_another_rows_run_is_found_after_that_row_too(
    forged: str, results: Path
) -> None:
    rows = {row.model.label.split("[")[0]: row for row in Results(results).rows()}
    other = rows["decision-tree" if forged == "mobilenet" else "mobilenet"]
    Results(results).put_rows([replace(rows[forged], keys=other.keys)])
    (failure,) = verify.verify(Results(results)).failures
    assert "a run of something else" in failure


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_no_board_shows_is_checked_and_one_that_is_gone_is_missed(
    results: Path,
) -> None:
    folder = home(results, "decision-tree")
    rows = [row for row in Results(results).rows() if row.keys[0] != folder.name]
    board = json.loads((results / "board.json").read_text())
    board["entries"] = [each for each in board["entries"] if folder.name not in each["keys"]]
    Results(results).write("board.json", json.dumps(board))
    assert len(Results(results).rows()) == len(rows)
    assert verify.verify(Results(results)).failures == []
    change_a_byte(folder / "predictions.npz")
    (failure,) = verify.verify(Results(results)).failures
    assert failure.startswith(f"runs/{folder.name}: predictions.npz was changed")
    shutil.rmtree(folder)
    found = verify.verify(Results(results))
    assert found.failures == []
    assert (
        f"runs/{folder.name} is listed in SHA256SUMS and gone: the ledger lacks it" in found.notes
    )


def test_a_strangers_picture_or_page_that_unpacks_to_gigabytes_is_another(results: Path) -> None:
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    words = b"Software\0\0" + zlib.compress(b"x" * (1 << 24))
    bomb = png_of((b"IHDR", header), (b"zTXt", words), (b"IDAT", b""), (b"IEND", b""))
    drawn = (results / "classes.shapes.png").read_bytes()
    assert verify._other_picture(bomb, drawn) == "damaged"
    page = b'<script id="answers">%s</script>'
    ours = page % base64.b64encode(gzip.compress(b'{"sets": []}'))
    large = page % base64.b64encode(gzip.compress(b"[" + b"[]," * (1 << 20) + b"[]]"))
    assert verify.without_thumbnails(large, 1000) == large
    assert verify._difference("report.html", large, ours).startswith("line 1 ")
    assert verify._difference("report.html", ours, ours) == ""
