"""Learning curves: where a net overtakes, how sure that is, and what is shown of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from benchmark import run, verify
from benchmark.core.store import Results
from benchmark.scores import curves as learning_curve
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import SHOWN
from benchmark.scores.rows import Row
from benchmark.scores.scores import Scores
from benchmark.view import sections
from benchmark.view.page import publish
from tests.benchmark.made_up import board_row, predictions, record
from tests.benchmark.scores.test_leaderboard import put
from tests.conftest import Command

SIZES = np.array([100, 200, 400, 800])
N = 300  # test pictures


def answers(
    rng: np.random.Generator, accuracies: Sequence[float], model: str, repeats: int = 1
) -> list[Row]:
    """A model's rows at every size; each picture is as hard for one size as for another."""
    hard = rng.random(N)
    rows = []
    for size, accuracy in zip(SIZES, accuracies, strict=True):
        luck = rng.normal(0, 0.02, repeats) if repeats > 1 else np.zeros(1)
        right = hard < (accuracy + luck)[:, None]
        rows.append(made_up(model, int(size), right))
    return rows


def made_up(model: str, size: int, right: np.ndarray) -> Row:
    """A row of the leaderboard with these answers right: booleans ``(repeats, n)``."""
    labels = np.arange(right.shape[1]) % 2
    runs = [predictions(labels, each) for each in right]
    row = board_row(model, f"curve-{size}", dataset="made-up", deep=model.startswith("net"))
    ran = record(row, n_train=size * 4 // 5, n_validation=size // 5)
    return Row(row, [ran] * len(runs), Scores.of(runs))


def crossover(rows: Sequence[Row], net: str, classical: str) -> pd.Series:
    found = learning_curve.crossovers(rows, SHOWN).set_index(["score", "net", "classical"])
    return found.loc[("accuracy", net, classical)]


@pytest.mark.parametrize(
    ("difference", "size"),
    [
        ([-1, -1, 1, 1], 200 * 2**0.5),
        ([-3, -1, 3, 3], 200 * 2**0.25),
        ([1, -1, 1, 1], 200 * 2**0.5),  # for good, not for the first time
        ([-2, 0, 1, 2], 200),
        ([1, 2, 1, 1], 0),
        ([0, 1, 1, 1], 100),
        ([1, 1, 1, -1], np.inf),
        ([-1, -1, -1, 0], np.inf),
    ],
)
def test_a_crossover_is_where_the_difference_turns_for_good(
    difference: list[float], size: float
) -> None:
    assert learning_curve.crossing(SIZES, np.array(difference)) == pytest.approx(size)
    both = learning_curve.crossing(SIZES, np.array([difference, [-1.0, -1, -1, 1]]))
    assert both == pytest.approx([size, 400 * 2**0.5])


NET, CLASSICAL = (0.50, 0.60, 0.70, 0.80), (0.65, 0.68, 0.71, 0.74)
CROSSING = 400 * 2 ** (1 / 7)  # 1 point behind at 400, 6 ahead at 800


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_interval_covers_a_known_crossover(repeats: int) -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(40):
        rows = answers(rng, NET, "net", repeats) + answers(rng, CLASSICAL, "forest", repeats)
        found = crossover(rows, "net", "forest")
        covered.append(found["crossover_lo"] <= CROSSING <= found["crossover_hi"])
    # 95 %, less two and a half standard errors of 40 simulations
    assert np.mean(covered) >= 0.86


def test_without_a_crossover_it_is_said_who_is_ahead_and_how_sure() -> None:
    rng = np.random.default_rng(1)
    worse, better = answers(rng, (0.5,) * 4, "net"), answers(rng, (0.8,) * 4, "forest")
    found = crossover(worse + better, "net", "forest")
    assert np.isinf([found["crossover"], found["crossover_lo"], found["crossover_hi"]]).all()
    assert found["share_net_behind"] > 0.99
    assert found["verdict"] == (
        "they do not cross: forest is ahead at every size (not overtaken by 800 in more than "
        "99 % of draws; 95 % interval of a crossover: more than 800)"
    )
    swapped = answers(rng, (0.8,) * 4, "net") + answers(rng, (0.5,) * 4, "forest")
    found = crossover(swapped, "net", "forest")
    assert found["crossover"] == found["crossover_hi"] == 0
    assert "net is ahead at every size (so in more than 99 % of draws" in found["verdict"]
    assert "less than 100" in found["verdict"]


def test_two_models_that_are_the_same_do_not_cross() -> None:
    rng = np.random.default_rng(2)
    forest = answers(rng, CLASSICAL, "forest")
    rng = np.random.default_rng(2)
    found = crossover(forest + answers(rng, CLASSICAL, "net"), "net", "forest")
    assert found["verdict"].startswith("they do not cross: net is not ahead at 800 pictures")


def test_an_end_of_an_interval_may_lie_beyond_the_sizes_measured() -> None:
    rng = np.random.default_rng(3)
    rows = answers(rng, (0.5, 0.58, 0.65, 0.72), "net") + answers(rng, (0.7,) * 4, "forest")
    found = crossover(rows, "net", "forest")
    assert 100 < found["crossover_lo"] < 800
    assert np.isinf(found["crossover_hi"])
    assert "to more than 800" in found["verdict"]
    shares = found[["share_crossing", "share_net_ahead", "share_net_behind"]]
    assert shares.sum() == pytest.approx(1)


def test_what_training_again_changes_widens_the_interval() -> None:
    hard = np.random.default_rng(4).random((2, N))

    def width(net_luck: Sequence[float]) -> float:
        rows = []
        for size, net in zip(SIZES, (0.4, 0.55, 0.75, 0.9), strict=True):
            luck = np.array(net_luck)[:, None]
            rows.append(made_up("net", int(size), hard[0] < net + luck))
            rows.append(made_up("forest", int(size), hard[1] < 0.65 + 0 * luck))
        found = crossover(rows, "net", "forest")
        return float(np.log2(found["crossover_hi"] / found["crossover_lo"]))

    assert width([0, 0, 0]) == pytest.approx(width([0]))
    assert width([0, -0.1, 0.1]) > 1.2 * width([0])


def test_the_best_of_many_equals_is_not_flattered() -> None:
    rng = np.random.default_rng(6)
    best = []
    for _ in range(15):
        rows = answers(rng, (0.7,) * 4, "forest")
        for i in range(8):
            rows += answers(rng, (0.7,) * 4, f"net{i}")
        found = learning_curve.crossovers(rows, SHOWN)
        best.append(found[found["net"] == learning_curve.BEST_NET].iloc[0])
    # Eight equals to choose from are ahead of the one as often as not, not nearly always.
    assert 0.2 <= np.mean([row["share_net_behind"] for row in best]) <= 0.8


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published curves of three models at three sizes, made up."""
    out = tmp_path_factory.mktemp("curves") / "results"
    for size, label in ((100, "curve-100"), (200, "curve-200"), (330, "curve-all")):
        for model, accuracy, deep in (
            *(("majority", 0.5, False), ("knn", 0.7, False)),
            ("tiny", size / 330, True),
        ):
            put(out, model, [accuracy, accuracy], label, n_train=size - 10, deep=deep)
    put(out, "knn", [0.6], "fair-500")
    publish(Results(out))
    return out


def test_every_point_is_a_row_of_the_leaderboard(results: Path) -> None:
    table = pd.read_csv(results / "leaderboard.csv")
    points = pd.read_csv(results / "learning-curves.csv")
    assert list(points.columns) == list(learning_curve.POINTS)
    assert len(table) == 10
    assert len(points) == 9
    both = points.merge(table, on=["dataset", "protocol", "split", "model"])
    assert (both["accuracy_x"] == both["accuracy_y"]).all()
    assert sorted(points["size"].unique()) == [100, 200, 330]
    assert dict(zip(points["model"], points["kind"], strict=True)) == {
        "majority": "classical",
        "knn": "classical",
        "tiny": "net",
    }


def test_a_curve_is_one_section_and_its_largest_size_a_board(results: Path) -> None:
    text = (results / "leaderboard.md").read_text()
    assert text.count("protocol curve,") == 1
    assert text.count("protocol curve-all,") == 1
    assert "protocol curve-100," not in text
    assert "| model    | 100 pictures   | 200 pictures   | 330 pictures   |" in text
    assert "In accuracy the best net overtakes the best classical model for good at" in text
    assert "![Learning curves](<learning-curves.muxspace.png>)" in text
    page = (results / "report.html").read_text()
    assert "the best net overtakes the best classical model" in page
    assert 'aria-label="Learning curves"' in page


def test_smaller_sizes_leave_their_counts_and_the_largest_its_pictures_too(results: Path) -> None:
    for label, drawn in (("curve-100", False), ("curve-all", True), ("fair-500", True)):
        base = results / "confusion" / f"muxspace.{label}.knn"
        assert base.with_name(f"{base.name}.csv").is_file()
        assert base.with_name(f"{base.name}.png").is_file() == drawn
    assert [path.name for path in (results / "told-apart").iterdir()] == ["muxspace.curve-all.png"]


def test_a_curve_that_goes_on_leaves_no_pictures_of_where_it_ended(
    results: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(results, tmp_path / "results"))
    results_of = Results(out)
    board = [row for row in results_of.rows() if row.place.protocol != "curve-all"]
    results_of.remove("board.json")
    results_of.put_rows(board)
    publish(Results(out))
    assert (out / "confusion" / "muxspace.curve-200.knn.png").is_file()
    results_of.put_rows(Results(results).rows())
    publish(Results(out))
    for name in ("confusion/muxspace.curve-200.knn.png", "told-apart/muxspace.curve-200.png"):
        assert not (out / name).exists()


def test_the_tables_and_the_picture_of_a_curve_are_verified(results: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(results, tmp_path / "results"))
    assert not list(verify.check_published(out, verify.Findings()))
    names = ["learning-curves.csv", "crossovers.csv", "learning-curves.muxspace.png"]
    for name in names:
        content = bytearray((out / name).read_bytes())
        content[len(content) // 2] ^= 1
        (out / name).write_bytes(content)
    failures = list(verify.check_published(out, verify.Findings()))
    assert sorted(line.split(":")[0] for line in failures) == sorted(names)


def test_what_is_left_of_a_curve_that_is_gone_is_named(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.6], "fair-500")
    publish(Results(tmp_path))
    assert not (tmp_path / "learning-curves.csv").exists()
    Results(tmp_path).write("crossovers.csv", "")
    (failure,) = verify.check_published(tmp_path, verify.Findings())
    assert failure == "crossovers.csv: no run on the board makes this file: remove it"


def test_a_failed_size_is_said_in_its_place(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.7], "curve-100", n_train=90)
    put(tmp_path, "knn", [0.8], "curve-all", n_train=190)
    put(tmp_path, "tiny", [0.7], "curve-100", n_train=90, deep=True)
    put(tmp_path, "tiny", [0.8], "curve-all", n_train=190, deep=True, status="timeout")
    found = publish(Results(tmp_path))
    (section,) = sections.curves(found)
    assert section.table is not None
    assert section.table.to_numpy().tolist() == [
        ["knn", "70.0", "80.0"],
        ["tiny", "70.0", "timeout"],
    ]
    assert not len(found.curves.crossovers)
    assert (tmp_path / "learning-curves.muxspace.png").is_file()


def test_classes_missing_from_small_training_sets_are_said(tmp_path: Path) -> None:
    put(tmp_path, "knn", [0.7], "curve-100", n_train=90, trained=(0,))
    put(tmp_path, "knn", [0.8], "curve-all", n_train=190)
    (section,) = sections.curves(Leaderboard.compute(Results(tmp_path)))
    assert "Not in every training set: b up to 100 pictures" in section.after[-1]


def test_pictures_of_two_sizes_in_pixels_are_two_sections(tmp_path: Path) -> None:
    for label, n in (("curve-100", 90), ("curve-all", 190)):
        put(tmp_path, "knn", [0.7], label, n_train=n)
        put(tmp_path, "tiny", [0.6], label, n_train=n, fingerprint="e" * 64)
    one, other = sections.curves(Leaderboard.compute(Results(tmp_path)))
    assert one.table is not None
    assert other.table is not None
    assert [*one.table["model"], *other.table["model"]] in (["knn", "tiny"], ["tiny", "knn"])
    assert one.pictures[0].file != other.pictures[0].file


def test_sixteen_names_at_the_end_of_their_curves_do_not_overlap(tmp_path: Path) -> None:
    for i in range(16):
        for label, n in (("curve-100", 90), ("curve-all", 190)):
            put(tmp_path, f"model{i}", [0.7 + i / 1000], label, n_train=n, deep=i > 6)
    (section,) = sections.curves(Leaderboard.compute(Results(tmp_path)))
    figure = section.pictures[0].draw()
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [Text.get_window_extent(text) for text in axes.texts]  # without its line
        assert len(boxes) == 16
        assert not any(
            one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[i + 1 :]
        )
        assert all(figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1 for box in boxes)


def test_the_command_runs_a_curve_and_says_what_it_found(
    shapes_folder: Path, tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.core.protocols.Curve.FIRST", 15)
    command = ("--model", "majority,decision-tree", "--protocol", "curve", "--data", shapes_folder)
    status, out, _ = run_command(run.main, *command, "--out", tmp_path, "--jobs", 1)
    assert status == 0
    points = pd.read_csv(tmp_path / "learning-curves.csv")
    assert points["protocol"].unique().tolist() == ["curve-15", "curve-30", "curve-all"]
    assert re.search(r"┃ +15 ┃ +30 ┃ +60 ┃\n┃ model +┃ pictures ┃", out)
    assert not list(verify.check_published(tmp_path, verify.Findings()))
    status, _, err = run_command(run.main, *command, "--train-size", 16, "--out", tmp_path)
    assert status == 2
    assert err.strip().startswith("error: a curve needs two training sizes")
    assert len(err.strip().splitlines()) == 1
