"""Opens a page in Chromium and takes pictures of it: ``python docs/take-pictures.py PAGE FOLDER``.

Writes the page's top and its confusion matrix, at two widths, light and dark, and prints after how
long something was painted and a cell could be opened. Chromium is looked for on the path.
"""

import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTHS, SCHEMES = (1400, 390), ("light", "dark")
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def take(page_file: Path, folder: Path) -> None:
    """Take all pictures of a page."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for width in WIDTHS:
            for scheme in SCHEMES:
                size = {"width": width, "height": 910}
                page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
                start = time.perf_counter()
                page.goto(page_file.resolve().as_uri())
                page.wait_for_selector("#matrix td")
                ready = time.perf_counter() - start
                name = f"{width}-{scheme}"
                page.screenshot(path=folder / f"top-{name}.png")
                page.evaluate("document.getElementById('inside').scrollIntoView()")
                page.screenshot(path=folder / f"inside-{name}.png")
                painted = page.evaluate(PAINTED) / 1000
                print(f"{name}: painted after {painted:.2f} s, ready after {ready:.2f} s")


if __name__ == "__main__":
    take(Path(sys.argv[1]), Path(sys.argv[2]))
