"""Words about faces, people and slides are there only where the data have them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark import audit, run
from benchmark.view import text
from benchmark.view.text import Facts
from tests.conftest import Command

PRIVATE = re.compile(r"\b(faces?|persons?|people|expressions?|slides)\b", re.IGNORECASE)
UNSEEN = re.compile(r"<script.*?</script>|<style.*?</style>|<[^>]*>", re.DOTALL)


def test_what_is_shown_of_plain_pictures_never_speaks_of_faces_people_or_slides(
    shapes_folder: Path,
    tmp_path: Path,
    run_command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmark.core.protocols.Curve.FIRST", 15)
    data = ("--data", shapes_folder, "--out", tmp_path)
    status, told, _ = run_command(audit.main, *data)
    assert status == 0
    models = ("--model", "majority,decision-tree", "--protocol", "fair,curve", "--jobs", 1)
    status, screen, err = run_command(run.main, *models, *data)
    assert status == 0
    files = ("leaderboard.md", "report.html", "audit.html")
    shown = [told, screen, err, *((tmp_path / name).read_text() for name in files)]
    for each in shown:
        assert PRIVATE.findall(UNSEEN.sub("", each)) == []


def test_faces_people_and_slides_are_spoken_of_where_they_are() -> None:
    lines = " ".join(text.how_to_read(Facts(faces=True, people=True, slides=True)))
    assert "bootstrap by person" in lines
    assert "Under slides" in lines
    assert "judge people" in lines
    assert PRIVATE.findall(" ".join(text.how_to_read(Facts()))) == []
