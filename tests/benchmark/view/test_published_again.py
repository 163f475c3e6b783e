"""Publishing again computes and writes what is new, and shows what the stored runs say."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmark import session
from benchmark.core.store import PREDICTIONS, Results
from benchmark.scores import intervals, metrics
from benchmark.scores.pairs import Pairs
from benchmark.view import explorer, page, plots
from datasets import cache
from tests.benchmark.scores.test_leaderboard import put

MODELS = {"knn": [0.6, 0.7], "vgg11": [0.8, 0.9], "majority": [0.5, 0.5]}
COUNTED = (
    *((metrics, "score"), (intervals, "resample"), (Pairs, "_compare"), (Pairs, "p")),
    *((plots, "png"), (plots, "inline")),
)

HELD = (".lock", ".publishing")


def png(figure: Figure, mark: str = "") -> bytes:
    """A picture of one point that says what was to be drawn, for what takes seconds to draw."""
    content, said = io.BytesIO(), PngInfo()
    said.add_text("Comment", mark)
    said.add_text("Title", " ".join(str(axes.get_title()) for axes in figure.axes))
    Image.new("P", (1, 1)).save(content, "PNG", pnginfo=said)
    return content.getvalue()


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plots, "png", png)
    monkeypatch.setattr(plots, "inline", lambda figure, shows: f"<svg><!-- {shows} --></svg>")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "results"
    for model, accuracies in MODELS.items():
        put(out, model, accuracies, "fair-500")
    pictures = pd.DataFrame({"row": range(1000), "file": [f"{i}.png" for i in range(1000)]})
    Results(out).write(f"data/{'f' * 12}.csv", pictures.to_csv(index=False))
    session.publish(Results(out))
    return out


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of what takes time is called from now on."""
    counter: Counter[str] = Counter()
    for place, name in COUNTED:
        monkeypatch.setattr(place, name, _counted(counter, name, getattr(place, name)))
    return counter


def _counted(counter: Counter[str], name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*given: Any, **named: Any) -> Any:
        counter[name] += 1
        return call(*given, **named)

    return counted


def contents(out: Path) -> dict[str, bytes]:
    files = (path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def remembered() -> Path:
    (path,) = (cache.folder() / "derived").iterdir()
    return path


def test_with_nothing_new_nothing_is_computed_drawn_or_written(
    published: Path, request: pytest.FixtureRequest
) -> None:
    before = {path: path.stat() for path in published.rglob("*") if path.name not in HELD}
    calls = request.getfixturevalue("calls")
    session.publish(Results(published))
    assert not calls
    after = {path: path.stat() for path in published.rglob("*") if path.name not in HELD}
    assert {path: each.st_mtime_ns for path, each in after.items()} == {
        path: each.st_mtime_ns for path, each in before.items()
    }
    assert {path: each.st_ino for path, each in after.items()} == {
        path: each.st_ino for path, each in before.items()
    }


def test_of_a_new_row_its_scores_and_its_pairs_are_computed(
    published: Path, calls: Counter[str]
) -> None:
    put(published, "vgg13", [0.7, 0.75], "fair-500")
    session.publish(Results(published))
    assert calls["score"] == 2, "of its two runs"
    assert calls["_compare"] == calls["p"] == len(MODELS)


def test_what_is_published_again_has_the_bytes_of_what_is_published_anew(
    published: Path, tmp_path: Path
) -> None:
    put(published, "vgg13", [0.7, 0.75], "fair-500")
    session.publish(Results(published))
    again = contents(published)
    shutil.rmtree(cache.folder() / "derived")
    for path in published.iterdir():
        if path.name in ("confusion", "told-apart", "predictions"):
            shutil.rmtree(path)
        elif path.suffix in (".html", ".png", ".md"):
            path.unlink()
    page.publish(Results(published))
    assert contents(published) == again


def test_the_runs_are_believed_and_not_what_was_remembered_of_them(published: Path) -> None:
    results = Results(published)
    row = next(row for row in results.rows() if row.model.label == "knn")
    path = results.run_folder(row.keys[0]) / PREDICTIONS
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["probabilities"] = arrays["probabilities"][:, ::-1]
    np.savez_compressed(path, **arrays)
    table = session.publish(results).table.set_index("model")
    assert table.loc["knn", "accuracy"] == pytest.approx((0.4 + 0.7) / 2)


def test_a_file_that_was_changed_is_written_again(published: Path) -> None:
    before = contents(published)
    for name in ("confusion/muxspace.fair-500.knn.csv", "confusion/muxspace.fair-500.knn.png"):
        (published / name).write_bytes(b"something else")
    (published / "predictions" / "muxspace.fair-500.vgg11.csv").unlink()
    session.publish(Results(published))
    assert contents(published) == before


@pytest.mark.parametrize("how", ["damaged", "of another folder", "of other code"])
def test_what_is_remembered_is_believed_only_if_it_is_whole_and_of_this_folder_and_code(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path, before = remembered(), contents(published)
    wrong = path.read_bytes().replace(b"0.5", b"0.9")
    seal, _, text = path.read_bytes().partition(b"\n")
    assert wrong != path.read_bytes()
    if how == "damaged":
        path.write_bytes(seal + b"\n" + text.replace(b"0.5", b"0.9"))
    elif how == "of another folder":
        other = tmp_path / "other"
        for model in MODELS:
            put(other, model, [0.3, 0.9], "fair-500")
        session.publish(Results(other))
        (found,) = {*path.parent.iterdir()} - {path}
        shutil.copy(found, path)
    else:
        monkeypatch.setattr("benchmark.core.derived._made_by", lambda: "other code")
    calls: Counter[str] = Counter()
    resample = intervals.resample
    monkeypatch.setattr(
        intervals, "resample", lambda counts: (calls.update(["resample"]), resample(counts))[1]
    )
    session.publish(Results(published))
    assert calls["resample"] == len(MODELS), "all is computed anew"
    assert contents(published) == before


def test_without_a_cache_folder_results_are_published_all_the_same(
    published: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = contents(published)
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    session.publish(Results(published))
    assert contents(published) == before
    assert "next time all is computed anew" in caplog.text


def test_boards_for_whose_answers_the_page_has_no_room_are_left_out_and_it_says_so(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(published, "knn", [0.6], "fair-100", n_train=5)
    assert "boards can be opened here" not in (published / "report.html").read_text()
    monkeypatch.setattr(explorer, "MOST_ANSWERS", 600)  # those of the board with most pictures
    board = session.publish(Results(published))
    shown = explorer.Explorer.of(board)
    assert [each.name for each in shown.boards] == ["muxspace.fair-500"]
    assert "1 of 2 boards can be opened here" in (published / "report.html").read_text()


def test_what_two_commands_publish_is_written_one_after_the_other(published: Path) -> None:
    (published / "leaderboard.md").unlink()
    with ThreadPoolExecutor(1) as threads:
        with filelock.FileLock(published / ".publishing"):
            other = threads.submit(session.publish, Results(published))
            with pytest.raises(TimeoutError):
                other.result(1)
            assert not (published / "leaderboard.md").exists()
        other.result()
    assert (published / "leaderboard.md").exists()
