"""The page in a real browser: it works from disk, on any width, in the dark and without a mouse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmark.core.store import Results

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
MODELS = ("decision-tree", "knn", "logistic-regression")
BOARD = "shapes.fair-40"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path) -> Path:
    """Results of some quick models on a folder of pictures, twice each."""
    out = tmp_path_factory.mktemp("browser") / "results"
    models = ",".join(["majority", "random-forest", "hog-svm", *MODELS])
    asked = ["--model", models, "--data", str(shapes_folder), "--train-size", "40"]
    command = [sys.executable, "-m", "benchmark.run", *asked, "--repeats", "2", "--jobs", "1"]
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True)
    return out


@dataclass
class Opened:
    """A page and what it did that nobody may see: requests and messages."""

    page: sync_api.Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=as_root)


def opened(browser: sync_api.Browser, out: Path, width: int, scheme: str = "light") -> Opened:
    """Open the page from disk and wait until its answers are unpacked."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    seen = Opened(context.new_page())
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.on("console", lambda message: seen.messages.append(message.text))
    seen.page.on("pageerror", lambda error: seen.messages.append(str(error)))
    seen.page.goto((out / "report.html").as_uri())
    seen.page.wait_for_selector("#matrix td")
    return seen


@pytest.fixture(scope="module")
def page(browser: sync_api.Browser, out: Path) -> sync_api.Page:
    return opened(browser, out, 1400).page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 800, 390])
def test_it_asks_for_nothing_says_nothing_and_axe_finds_nothing(
    browser: sync_api.Browser, out: Path, width: int, scheme: str
) -> None:
    seen = opened(browser, out, width, scheme)
    found = axe.Axe().run(seen.page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "moderate")] == []
    away = [each for each in seen.requests if not each.startswith(("data:", "file:"))]
    assert away == []
    assert seen.messages == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    seen.page.context.close()


def test_the_answer_stands_first(page: sync_api.Page) -> None:
    first = page.locator("section.answer").first
    assert first.bounding_box()["y"] < 300
    assert re.search(r"With \d+ pictures use [\w-]+ \(classical on pixels\)", first.inner_text())


def test_a_table_is_sorted_by_any_column_and_shows_the_rows_asked_for(page: sync_api.Page) -> None:
    table = page.locator(f"table:has(tr[id^='{BOARD}.'])")
    names = table.locator("tbody tr th")
    table.locator("thead button", has_text=re.compile("^model$")).click()
    assert names.all_inner_texts() == sorted(names.all_inner_texts())
    table.locator("thead button", has_text=re.compile("^accuracy")).click()
    scores = table.locator("tbody tr td:nth-child(3)").all_inner_texts()
    values = [float(each.split()[0]) for each in scores]
    assert values == sorted(values, reverse=True)
    find = page.locator("input[type=search][aria-label='Only rows with these letters']").last
    find.fill("knn")
    assert table.locator("tbody tr:visible").count() == 1
    find.fill("")


def test_a_cell_opens_its_pictures_the_surest_first(page: sync_api.Page, out: Path) -> None:
    choose(page, "#one", "majority")
    counts = pd.read_csv(out / "confusion" / f"{BOARD}.majority.csv", index_col=0).to_numpy()
    off = counts - np.diag(np.diag(counts))
    true, said = np.unravel_index(off.argmax(), off.shape)
    cell = page.locator(f"#matrix td[data-cell='{true},{said}'] button")
    assert cell.inner_text() == f"{off.max():,}"
    cell.click()
    title = page.locator("#title").inner_text()
    assert f"{off.max():,} answers in 2 repeats" in title
    shown = page.locator("#shown li")
    assert shown.count() == min(24, int(title.split()[0]))
    assert shown.first.locator(".thumb").is_visible()
    assert shown.first.locator(".file").inner_text().endswith(".png")


def test_two_models_are_compared_by_the_counts_that_their_answers_give(
    page: sync_api.Page, out: Path
) -> None:
    choose(page, "#one", "decision-tree")
    choose(page, "#other", "logistic-regression")
    page.locator("#repeat").select_option("0")
    results = Results(out)
    right = {}
    for row in results.rows():
        record = results.record(row.keys[0])
        assert record is not None
        stored = results.predictions(record).of("test")
        right[row.model.label] = stored.probabilities.argmax(axis=1) == stored.labels
    one, other = right["decision-tree"], right["logistic-regression"]
    groups = page.locator("#groups").inner_text()
    assert f"only decision-tree is right: {(one & ~other).sum()}" in groups
    assert f"only logistic-regression is right: {(~one & other).sum()}" in groups
    assert "in accuracy" in page.locator("#verdict").inner_text()
    page.locator("#groups button").first.click()
    assert page.locator("#shown li").count() == min(24, (one & ~other).sum())
    choose(page, "#other", "none")
    page.locator("#repeat").select_option("")


def test_pictures_can_be_filtered_and_few_of_them_carry_a_warning(page: sync_api.Page) -> None:
    whole = page.locator("#summary").inner_text()
    page.locator("#class").select_option("0")
    some = page.locator("#summary").inner_text()
    assert int(some.split()[0]) < int(whole.split()[0])
    assert "the figure says little" in some
    assert "interval is too short" in some
    page.locator("#class").select_option("")
    assert page.locator("#summary").inner_text() == whole


def test_all_of_it_can_be_done_without_a_mouse(page: sync_api.Page) -> None:
    page.locator("#board").focus()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#matrix td') !== null"):
            break
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "title", "the reader is led to them"


def test_a_models_name_leads_to_its_pictures(page: sync_api.Page) -> None:
    page.locator(f"a[data-open='{BOARD}']", has_text="random-forest").first.click()
    assert page.locator("#one option:checked").inner_text().startswith("random-forest")


def test_on_paper_no_table_is_cut_off(browser: sync_api.Browser, out: Path) -> None:
    paper = opened(browser, out, 1060).page  # A4 across, at 96 dots an inch
    paper.emulate_media(media="print")
    cut = "(tables) => tables.filter((e) => e.scrollWidth > e.clientWidth + 1).length"
    assert paper.locator(".scroll:visible").evaluate_all(cut) == 0
    paper.context.close()


def choose(page: sync_api.Page, select: str, name: str) -> None:
    """Choose the option that begins with a name."""
    values = page.locator(f"{select} option").evaluate_all(
        "(all, name) => all.filter((o) => o.textContent.startsWith(name)).map((o) => o.value)", name
    )
    page.locator(select).select_option(values[0])


def test_the_readmes_picture_is_taken_of_a_page_by_one_command(out: Path, tmp_path: Path) -> None:
    command = [sys.executable, "docs/take-pictures.py", str(out / "report.html"), str(tmp_path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert len(re.findall(r"painted after \d+\.\d\d s, ready after \d+\.\d\d s", told)) == 4
    taken = {path.name: Image.open(path) for path in tmp_path.iterdir()}
    assert len(taken) == 8
    for name, picture in taken.items():
        assert picture.width == int(name.split("-")[1])
        assert len(set(picture.convert("L").getdata())) > 50, "something is on it"
    assert taken["inside-1400-light.png"].size == Image.open("docs/page.png").size
