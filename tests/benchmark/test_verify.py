"""Tables and pictures are what the stored predictions say, and what is wrong is told with why."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark import audit, verify
from benchmark.core import runs, store
from datasets import Dataset
from tests.benchmark.conftest import change_a_byte, home
from tests.conftest import write_shapes

Command = Callable[..., tuple[int, str, str]]


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
    (results / "confusion" / "shapes.fair-40.gone.csv").write_text("")
    (results / "leaderboard.gone.png").write_text("")
    (results / "told-apart" / "shapes.gone.png").parent.mkdir(exist_ok=True)
    (results / "told-apart" / "shapes.gone.png").write_text("")
    (results / "splits.csv").write_text("of rows that are gone")
    (results / "perf.md").write_text("of another command")
    status, out, _ = run_command(verify.main, results)
    assert status == 1
    assert "leaderboard.md: missing" in out
    assert "confusion/shapes.fair-40.decision-tree.csv: missing" in out
    gone = (
        "confusion/shapes.fair-40.gone.csv",
        "leaderboard.gone.png",
        "told-apart/shapes.gone.png",
        "splits.csv",
    )
    for stale in gone:
        assert f"{stale}: no run on the board makes this file: remove it" in out
    assert "6 failures" in out.splitlines()[-1]


def test_all_that_is_published_is_on_the_list_of_it(made: Path) -> None:
    files = {path.relative_to(made) for path in made.rglob("*") if path.is_file()}
    others = {path for path in files if path.parts[0] != "runs" and path.name[0] != "."}
    unlisted = {str(path) for path in others if not verify.is_published(path.as_posix())}
    assert unlisted == {"board.json"}, "what report.publish writes: add it to verify.PUBLISHED"


def test_other_pictures_under_the_same_name_are_told(
    results: Path, tmp_path: Path, shapes: Dataset
) -> None:
    other = write_shapes(tmp_path / "shapes", per_class=20)
    (failure, *_) = verify.verify(results, str(other)).failures
    assert shapes.fingerprint in failure
    assert runs.load(str(other), 32).fingerprint in failure
    assert "3 runs" in failure


def test_pictures_that_are_not_here_fail_only_where_required(
    results: Path, run_command: Command
) -> None:
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


def test_runs_of_before_there_were_digests_are_to_be_made_again(
    results: Path, run_command: Command
) -> None:
    path = home(results, "decision-tree") / "run.json"
    record = json.loads(path.read_text())
    del record["files"], record["digest"]
    path.write_text(store.to_text(record))
    status, out, _ = run_command(verify.main, results)
    assert status == 1
    assert f"runs/{path.parent.name}: written, as 1 of the runs, before" in out
    assert "run again" in out


def test_pictures_may_be_packed_otherwise_but_not_look_otherwise(results: Path) -> None:
    path = results / "classes.shapes.png"
    stored = path.read_bytes()
    with Image.open(path) as picture:
        pixels = np.array(picture)

    def packed(pixels: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png", compress_level=1)
        return file.getvalue()

    assert packed(pixels) != stored
    assert verify.same_picture(packed(pixels), stored)
    page = b'<img src="data:image/png;base64,%s">'
    pages = [page % base64.b64encode(png) for png in (packed(pixels), stored)]
    assert verify._same_but_for_rounding("report.html", *pages)
    pixels[50, 50, 0] ^= 32
    assert not verify.same_picture(packed(pixels), stored)
    pages[0] = page % base64.b64encode(packed(pixels))
    assert not verify._same_but_for_rounding("report.html", *pages)
    assert not verify.same_picture(stored + b"\0", stored)


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
