"""Names are data: whatever classes, files and a set are called, no format takes it for its own."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from benchmark import verify
from benchmark.core.store import Results
from tests.conftest import write_picture

CLASSES = (
    '=HYPERLINK("http:x")',
    "+cmd|' calc'!A1",
    "@SUM(1)",
    "<img src=x onerror=alert(1)>",
    "a|b`c`",
    r"$\input{x}$ #% &_^~",
    "\x1b[31m\u202egnp",
    os.fsdecode(b"\xff\xfe"),
    "表情 Glück",
)
FILE = "-1+{}=<b>|$\x07.png"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two models on such a set, in every format."""
    root = tmp_path_factory.mktemp("names") / "=1+1 <i>|$x$"
    for label, word in enumerate(CLASSES):
        for i in range(8):
            write_picture(root / word / FILE.format(i), seed=8 * label + i)
    to = root.parent / "out"
    call = [sys.executable, "-m", "benchmark.run", "--model", "majority,knn"]
    subprocess.run([*call, "--data", str(root), "--out", str(to)], check=True, capture_output=True)
    return to


def texts(out: Path, ending: str) -> Iterator[str]:
    """What the files that end so hold."""
    found = sorted(out.rglob(f"*.{ending}"))
    assert found
    return (path.read_bytes().decode() for path in found)


def test_no_cell_of_a_table_is_a_formula(out: Path) -> None:
    cells = [
        cell for text in texts(out, "csv") for row in csv.reader(text.splitlines()) for cell in row
    ]
    assert any("HYPERLINK" in cell for cell in cells)
    for cell in cells:
        if cell[:1] in {"=", "+", "-", "@"} and len(cell) > 1:
            assert np.isfinite(float(cell)), cell


def test_a_page_has_no_element_by_them(out: Path) -> None:
    class Page(HTMLParser):
        tags: list[str] = []  # noqa: RUF012
        handlers: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append(tag)
            self.handlers += [name for name, _ in attrs if name.startswith("on")]

    page = Page()
    for text in texts(out, "html"):
        page.feed(text)
    assert "table" in page.tags
    assert not {"img", "i", "b"} & {*page.tags}
    assert page.handlers == []


def test_a_table_in_markdown_has_no_more_columns_by_them(out: Path) -> None:
    for text in texts(out, "md"):
        for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
            lines = table.splitlines()
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1, table
        assert "<img" not in text


def test_latex_gets_no_command_by_them(out: Path) -> None:
    for text in texts(out, "tex"):
        assert r"\input" not in text
        assert "<i>" not in text or "$x$" not in text


@pytest.mark.parametrize("ending", ["csv", "html", "md", "tex"])
def test_nothing_unseen_is_written(ending: str, out: Path) -> None:
    for text in texts(out, ending):
        hidden = {sign for sign in text if unicodedata.category(sign) in {"Cc", "Cf", "Cs"}}
        assert hidden <= {"\n", "\r", "\t"}


def test_such_results_are_as_they_should_be(out: Path) -> None:
    assert verify.verify(Results(out)).failures == []
