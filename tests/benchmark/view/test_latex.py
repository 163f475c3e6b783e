"""The boards as LaTeX: a table each that stands alone, whatever models and data are called."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmark.core.store import Results
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import latex
from tests.benchmark.scores.test_leaderboard import put


@pytest.fixture(scope="module")
def tex(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("tex")
    put(out, "knn", [0.81], "fair-500")
    put(out, "vgg11[budget=10,stem=a_b%]", [0.8, 0.7], "fair-500")
    put(out, "majority", [0.5], "fair-500", status="failed")
    put(out, "knn", [0.6], "slides")
    put(out, "vgg11", [0.7], "slides", n=50)
    return latex.boards(Leaderboard.compute(Results(out)))


def tables(tex: str) -> list[str]:
    return re.findall(r"\\begin\{table\}.*?\\end\{table\}", tex, flags=re.DOTALL)


def test_each_board_is_a_whole_table_of_its_own(tex: str) -> None:
    fair, slides = tables(tex)
    assert r"\usepackage{booktabs}" in tex
    assert tex.count(r"\begin{") == tex.count(r"\end{") == 4
    for table, label in ((fair, "muxspace.fair-500"), (slides, "muxspace.slides")):
        assert table.count(r"\label{tab:" + label + "}") == 1
        for rule in ("toprule", "midrule", "bottomrule"):
            assert table.count(f"\\{rule}\n") == 1
        (columns,) = re.findall(r"\\begin\{tabular\}\{@\{\}(\w+)@\{\}\}", table)
        lines = [line for line in table.splitlines() if line.endswith(r"\\")]
        assert {line.count(" & ") for line in lines} == {len(columns) - 1}


def test_the_caption_says_what_a_board_is_of(tex: str) -> None:
    (caption,) = re.findall(r"\\caption\{(.*)\}\n", tables(tex)[0])
    assert caption.startswith("muxspace at 32 px, protocol fair-500, random split")
    assert "selection on validation, scored on 100 pictures" in caption


def test_a_row_has_rank_model_accuracy_with_interval_macro_f1_and_seconds(tex: str) -> None:
    fair, slides = tables(tex)
    assert re.search(
        r"^1--2 & knn & 81\.0 \(\d\d\.\d--\d\d\.\d\) & 0\.810 & 1\.0 \\\\$", fair, re.M
    )
    assert re.search(r"^ & majority & failed &  &  \\\\$", fair, re.M), "nothing disappears"
    assert "test pictures" not in fair
    assert "test pictures" in slides, "where they are not the same for all rows"


def test_names_are_shown_as_they_are(tex: str) -> None:
    assert r"vgg11[budget=10,stem=a\_b\%]" in tex
    assert r"accuracy \%" in tex
    assert r"in brackets 95 \% intervals" in tex
    assert latex.escape(r"50% of a_b & c\d {e}") == (r"50\% of a\_b \& c\textbackslash{}d \{e\}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_latex_takes_it_and_a_table_is_no_wider_than_a_page(tex: str, tmp_path: Path) -> None:
    long = tex.replace("knn &", r"finetuned:tf\_efficientnet\_lite0[budget=10.0] &", 1)
    document = r"\documentclass{article}\usepackage{booktabs}\begin{document}"
    (tmp_path / "a.tex").write_text(f"{document}\n{long}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout
    assert "Overfull" not in made.stdout
