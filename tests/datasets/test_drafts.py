"""What a killed process leaves half-written is removed, what a living one writes is not."""

import os
import subprocess
import sys
from pathlib import Path

from benchmark.core.store import Results
from datasets import cache


def test_drafts_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    ours = cache.draft_prefix()
    left = tmp_path / "runs" / f"{ours.replace(str(os.getpid()), dead.stdout.decode().strip())}x"
    kept = [tmp_path / f"{ours}x", tmp_path / ".draft-elsewhere-1-x", tmp_path / ".draft-old"]
    for folder in (left, *kept):
        folder.mkdir(parents=True)
        (folder / "whole").write_text("half")
    Results(tmp_path).check_writable()
    assert not left.exists()
    assert all(folder.exists() for folder in kept)


def test_nothing_is_left_of_what_could_not_be_written(tmp_path: Path) -> None:
    try:
        with cache.written_whole(tmp_path / "file") as draft:
            draft.write_text("half")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert [*tmp_path.iterdir()] == []
