"""What was computed from stored runs is remembered, whatever its folders are called."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmark.core.derived import Derived


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "caf\u00e9",
        pytest.param(
            os.fsdecode(b"not UTF-8 \xff"),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 there"),
        ),
    ],
)
def test_values_are_remembered_of_any_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name / "cache"))
    first, later, other = Derived(), Derived(), Derived()
    first.open_for(tmp_path / name)
    assert first.of("answer", lambda: 42) == 42
    first.save()
    later.open_for(tmp_path / name)
    assert later.of("answer", lambda: 0) == 42
    other.open_for(tmp_path / "other")
    assert other.of("answer", lambda: 0) == 0
