"""``make data`` brings one commit, whole or not at all, and goes on after an interruption."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets import InputError, cache, fetch
from datasets.git import environment


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    done = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> tuple[Path, str]:
    """A repository whose wanted commit is not its newest, and the hash of that commit."""
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for text in ("wanted", "newer"):
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / "legend.csv").write_text(text)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", text)
    return folder, git(folder, "rev-parse", "HEAD~1")


def test_the_wanted_commit_is_brought(origin: tuple[Path, str], tmp_path: Path) -> None:
    url, commit = origin
    fetch.fetch(str(url), commit, tmp_path / "home")
    assert (tmp_path / "home" / "data" / "legend.csv").read_text() == "wanted"
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_the_repository_that_a_hook_is_of_is_left_alone(
    origin: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, commit = origin
    mine = tmp_path / "mine"
    git(tmp_path, "clone", "--quiet", str(url), str(mine))
    (mine / "data" / "legend.csv").write_text("my work")
    before = git(mine, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(mine / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(mine))
    monkeypatch.setenv("GIT_INDEX_FILE", str(mine / ".git" / "index"))
    fetch.fetch(str(url), commit, tmp_path / "home")
    assert (tmp_path / "home" / "data" / "legend.csv").read_text() == "wanted"
    assert (mine / "data" / "legend.csv").read_text() == "my work"
    assert git(mine, "rev-parse", "HEAD") == before


def test_git_is_told_of_the_way_and_of_no_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
    told = subprocess.run(
        ["git", "rev-parse", "--local-env-vars"], check=True, capture_output=True, text=True
    )
    of_a_repository = told.stdout.split()
    assert "GIT_DIR" in of_a_repository
    for name in of_a_repository:
        monkeypatch.setenv(name, "elsewhere")
    assert environment()["GIT_SSH_COMMAND"] == "ssh -i key"
    assert not {*of_a_repository} & {*environment()}


def test_what_an_interrupted_call_left_is_used(origin: tuple[Path, str], tmp_path: Path) -> None:
    url, commit = origin
    draft = tmp_path / "home.partial"
    draft.mkdir()
    git(draft, "init", "--quiet")
    (draft / ".git" / "index.lock").touch()
    (draft / "data").mkdir()
    (draft / "data" / "legend.csv").write_text("half")
    fetch.fetch(str(url), commit, tmp_path / "home")
    assert (tmp_path / "home" / "data" / "legend.csv").read_text() == "wanted"


def test_a_commit_that_is_not_there_leaves_no_folder(
    origin: tuple[Path, str], tmp_path: Path
) -> None:
    url, _ = origin
    with pytest.raises(InputError, match="git checkout failed"):
        fetch.fetch(str(url), "0" * 40, tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_without_network_the_benchmark_may_go_on(
    run_command: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MUXSPACE_URL", str(tmp_path / "no-such-repository"))
    status, _, err = run_command(lambda: exit(fetch.main()), "--if-possible")
    assert status == 0
    assert "no real pictures to be had" in err
    status, _, err = run_command(lambda: exit(fetch.main()))
    assert status == 2
    assert "MUXSPACE_URL" in err


@pytest.mark.parametrize("shallow", [False, True])
def test_a_clone_on_this_machine_serves_too(
    origin: tuple[Path, str],
    shallow: bool,
    run_command: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    url, commit = origin
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(url), str(clone))
    git(clone, "checkout", "--quiet", "--detach", commit)
    if shallow:  # without a branch, and with that commit alone
        git(clone, "branch", "-r", "-d", "origin/HEAD")
        for branch in git(clone, "branch", "--format=%(refname:short)").split("\n"):
            if not branch.startswith("("):
                git(clone, "branch", "-D", branch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MUXSPACE_URL", str(clone))
    monkeypatch.setattr(fetch, "COMMIT", commit)
    status, _, err = run_command(lambda: exit(fetch.main()))
    assert status == 0, err
    home = cache.folder() / "muxspace"
    assert f"the muxspace pictures are at {home}" in err
    assert (home / "data" / "legend.csv").read_text() == "wanted"


def test_whatever_is_wrong_with_a_folder_or_the_address_is_told_in_one_line(
    run_command: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def told(variable: str, value: str) -> str:
        with monkeypatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
            patch.setenv("MUXSPACE_URL", str(tmp_path / "no-such-repository"))
            patch.setenv(variable, value)
            status, _, err = run_command(lambda: exit(fetch.main()))
        assert status == 2
        (line,) = (line for line in err.splitlines() if line.startswith("error: "))
        assert "Traceback" not in err
        assert len(line) < 300
        return line

    (tmp_path / "file").touch()
    in_the_way = told("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "cannot be used (Not a directory)" in in_the_way
    assert "set XDG_CACHE_HOME" in in_the_way
    assert "correct it, or unset it" in told("MUXSPACE_DIR", "x" * 5000)
    assert "git fetch failed" in told("MUXSPACE_URL", "x" * 5000)
    monkeypatch.setattr(shutil, "which", lambda _: "git")
    assert "git cannot be started" in told("PATH", str(tmp_path))
