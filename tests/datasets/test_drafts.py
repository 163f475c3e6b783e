"""What a killed process leaves half-written is removed, what a living one writes is not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.core.store import Results
from datasets import cache


def test_drafts_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    ours = cache.draft_prefix()
    of_dead = ours.replace(f"-{os.getpid()}-", f"-{dead.stdout.decode().strip()}-")
    left = tmp_path / "runs" / f"{of_dead}x"
    kept = [tmp_path / f"{ours}x", tmp_path / ".draft-elsewhere-1-x", tmp_path / ".draft-old"]
    if (own := Path("/proc/self/ns/pid")).exists():  # another container may have this host's name
        kept.append(tmp_path / f"{of_dead.replace(f'-{own.stat().st_ino}-', '-1-')}x")
    for folder in (left, *kept):
        folder.mkdir(parents=True)
        (folder / "whole").write_text("half")
    Results(tmp_path).check_writable()
    assert not left.exists()
    assert all(folder.exists() for folder in kept)


def test_folders_that_others_remove_meanwhile_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("going", "staying"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    scandir = os.scandir

    def late(folder: str | os.PathLike[str]) -> Iterator[os.DirEntry[str]]:
        if Path(folder).name == "going":
            Path(folder).rmdir()
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", late)
    Results(tmp_path).check_writable()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["staying"]


def test_nothing_is_left_of_what_could_not_be_written(tmp_path: Path) -> None:
    try:
        with cache.written_whole(tmp_path / "file") as draft:
            draft.write_text("half")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert [*tmp_path.iterdir()] == []
