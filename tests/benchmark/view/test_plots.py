"""Pictures say what they show, whole, and are drawn anew only when they would differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from benchmark.view import page, plots
from benchmark.view.sections import Picture

LONG = "vgg13[augment=flip+shift=0.1+rotation=15+crop=0.8+brightness=0.3+mixup=0.4,max_epochs=50]"
WHAT = (
    "muxspace: faces (not whole pictures), 32 px, protocol whole-slides, slides split, 4,518 test "
    "pictures of 2,451 people, epoch chosen on the test set"
)
PAIRS = pd.DataFrame(
    {
        **{
            "model_a": [LONG],
            "model_b": ["knn"],
            "metric": ["accuracy"],
            "score_a": [0.8],
            "score_b": [0.6],
        },
        **{"difference": [0.2], "told_apart": [True]},
    }
)
HISTORY = pd.DataFrame(
    {
        **{"epoch": [1, 2], "train_loss": [0.7, 0.8], "train_accuracy": [0.5, 0.6]},
        **{"validation_loss": [0.7, 0.8], "validation_accuracy": [0.5, 0.6]},
    }
)
WITH_LONG_TITLES: dict[str, Callable[[], Figure]] = {
    "confusion": lambda: plots.confusion(np.eye(3, dtype=np.int64), ["a", "b", "c"], LONG, WHAT),
    "reliability": lambda: plots.reliability(np.ones((3, 15)), f"{LONG}: error 0.1", WHAT),
    "curves": lambda: plots.curves([HISTORY], LONG, WHAT, "validation"),
    "told apart": lambda: plots.told_apart([("100 pictures", PAIRS)], f"{WHAT}:\n{WHAT}"),
    "classes": lambda: plots.classes({"a": 3, "b": 2}, f"{LONG} {WHAT}"),
}


@pytest.mark.parametrize("name", WITH_LONG_TITLES)
def test_no_title_is_cut_off(name: str) -> None:
    figure = WITH_LONG_TITLES[name]()
    figure.draw_without_rendering()
    written = [*figure.texts, *(child for axes in figure.axes for child in axes.get_children())]
    boxes = {
        each.get_text(): Text.get_window_extent(each)  # of a note without its line
        for each in written
        if isinstance(each, Text) and each.get_text()
    }
    assert "".join(boxes).count("\n"), "broken into lines"
    for text, box in boxes.items():
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width, f"beside the picture: {text}"
        assert box.y0 >= 0 and box.y1 <= figure.bbox.height, f"above or below: {text}"


def test_a_confusion_matrix_is_drawn_with_empty_classes_and_the_same_bytes_twice(
    tmp_path: Path,
) -> None:
    counts = np.array([[5, 1, 0], [0, 0, 0], [2, 0, 9]])
    for name in ("one.png", "two.png"):
        figure = plots.confusion(counts, ["a", "b", "c"], "model: 82.4 % right", "what")
        labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert labels == ["a  (6)", "b  (none in test)", "c  (11)"]
        (tmp_path / name).write_bytes(plots.png(figure, mark="m"))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert plots.is_current(tmp_path / "one.png", "m")
    assert not plots.is_current(tmp_path / "one.png", "other")
    assert not plots.is_current(tmp_path / "three.png", "m")
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.width > 400


@pytest.mark.parametrize("room", ["style", "rows"])
def test_a_change_to_the_drawing_code_makes_pictures_outdated(
    room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture("p.png", "", Figure, ("words",))
    mark = page._mark(picture)
    code = shutil.copytree(Path(plots.__file__).parent, tmp_path / "plots")
    with (code / f"{room}.py").open("a") as file:
        file.write("CHANGED = True\n")
    monkeypatch.setattr(plots, "__file__", str(code / "__init__.py"))
    assert page._mark(picture) != mark


def test_a_class_that_was_not_in_training_is_marked_in_its_confusion_matrix() -> None:
    figure = plots.confusion(np.diag([3, 0, 2]), ["a", "b", "c"], "t", "w", untrained=["b", "c"])
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["a  (3)", "b  (none in test, none in training)", "c  (2, none in training)"]


def test_a_hundred_classes_are_drawn_on_a_bounded_picture_in_a_second_or_two(
    tmp_path: Path,
) -> None:
    counts = np.full((100, 100), 3)
    names = [f"class {i}" for i in range(100)]
    sizes = []
    for n in (20, 100):
        figure = plots.confusion(counts[:n, :n], names[:n], "model: 1 % right", "what")
        (tmp_path / f"{n}.png").write_bytes(plots.png(figure))
        sizes.append(Image.open(tmp_path / f"{n}.png").size)
    assert sizes[1] == sizes[0]
    assert len(figure.axes[0].texts) == 0
    assert "counts: in the CSV" in figure.axes[0].get_title("left")


def test_a_class_name_that_looks_like_mathematics_is_drawn_as_it_is() -> None:
    names = [r"$\frac{$", "$x$"]
    for figure in (
        plots.confusion(np.eye(2, dtype=np.int64), names, "t", "w"),
        plots.classes(dict.fromkeys(names, 1), "t"),
    ):
        assert plots.png(figure)
    shown = plots.confusion(np.eye(2, dtype=np.int64), names, "t", "w").axes[0].get_yticklabels()
    assert [text.get_text() for text in shown] == [r"$\frac{$  (1)", "$x$  (1)"]


def test_the_numbers_of_a_logarithmic_scale_are_written_out() -> None:
    figure = plots.classes({"a": 9, "b": 6868}, "t")
    plots.png(figure)
    shown = {text.get_text() for text in figure.axes[0].get_xticklabels()}
    assert shown >= {"10", "100", "1,000"}
    assert not any("$" in text for text in shown)
