"""Tables on screen are whole, however narrow the terminal is."""

from __future__ import annotations

import io
import re

import pandas as pd
import pytest
from rich.console import Console

from benchmark.view.console import print_table, say

MODELS = ["logistic-regression[max_iter=100]", "logistic-regression[max_iter=300]", "knn"]
BOARD = pd.DataFrame(
    {
        "rank": ["1", "2", "3"],
        "model": MODELS,
        "accuracy % (95 % interval)": ["77.1 (74.4-79.5)", "74.6 (71.9-77.1)", "58.0 (56.0-59.9)"],
        "macro-F1": ["0.291 (0.254-0.330)", "0.287 (0.252-0.325)", "0.201 (0.172-0.233)"],
        "published %": ["", "", ""],
        "fit s": ["6.0", "16.1", "0.0"],
        "status and notes": ["100 lbfgs iterations, stopped at its limit, not converged", "", "x"],
    }
)


def printed(width: int, text: pd.DataFrame = BOARD) -> str:
    screen = io.StringIO()
    print_table("title", text, Console(file=screen, width=width))
    return screen.getvalue()


@pytest.mark.parametrize("width", [70, 80, 110, 150, 250])
def test_no_cell_of_a_table_is_cut_off(width: int) -> None:
    text = printed(width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    shown = BOARD.drop(columns=["published %", "status and notes"]).to_numpy().ravel()
    assert [cell for cell in shown if cell not in text] == []
    for word in BOARD["status and notes"].str.cat(sep=" ").split():
        assert word in text


def test_a_column_without_text_is_left_out() -> None:
    assert "published" not in printed(150)


def test_a_wide_table_comes_in_parts_that_each_name_the_models() -> None:
    assert printed(150).count(MODELS[0]) == 1
    narrow = printed(80)
    assert narrow.count(MODELS[0]) == len(re.findall("┃ model", narrow)) == 3


def test_a_very_long_name_takes_several_lines() -> None:
    name = "vgg13[" + ",".join(f"parameter_{i}={i}" for i in range(9)) + "]"
    text = printed(80, BOARD.assign(model=name))
    assert max(map(len, text.splitlines())) <= 80
    assert "parameter_8=8]" in re.sub(r"[\s│]", "", text)


def test_what_a_table_tells_is_no_markup_and_no_code_for_the_terminal() -> None:
    named = BOARD.rename(columns={"fit s": "fair[/b]"})
    assert "fair[/b]" in printed(250, named)
    screen = io.StringIO()
    say(["in \x1b[31mred"], Console(file=screen))
    assert screen.getvalue() == "in \\x1b[31mred\n"
