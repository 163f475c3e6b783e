"""The course's notebooks run as they are, and what they say of their figures holds."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

pytestmark = pytest.mark.spread

NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs" / "course").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_has_exercises(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert any("## Exercises" in cell.source for cell in notebook.cells)
    assert not any(cell.get("outputs") for cell in notebook.cells), "results are not committed"
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    told = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [each for each in told if each.output_type == "error"]
    assert any("text/html" in each.get("data", {}) or "text" in each for each in told)


def test_there_are_five() -> None:
    assert len(NOTEBOOKS) == 5
