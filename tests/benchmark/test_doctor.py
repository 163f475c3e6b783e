"""The doctor finds what is wrong with a machine and says what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import doctor
from benchmark.core import machine, processes
from datasets import cache, git, images

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    machine.bfloat16_apart.cache_clear()


def test_a_sound_machine_has_no_fault_and_every_look_says_something(
    run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "WORKER_SECONDS", 600)
    status, out, _ = run_command(doctor.main, "--out", tmp_path / "results")
    assert status == 0
    assert "FAULT" not in out
    for what in ("libraries", "code", "processor", "card", "layers", "decoders", "results"):
        assert what in out
    for what in ("cache", "cached", "workers", "fonts", "network"):
        assert what in out
    assert not (tmp_path / "results").exists(), "it only looks"


def test_what_it_saw_of_bfloat16_is_told_by_the_records_of_later_runs() -> None:
    assert machine.environment(1).bfloat16_apart is None
    (found,) = doctor.layers()
    machine.bfloat16_apart.cache_clear()
    apart = machine.environment(1).bfloat16_apart
    assert apart is not None
    assert f"{apart:.1%} from float32" in found.found


def test_a_library_that_is_missing_or_too_old_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["click>=99", "no-such-library>=1", "numpy>=2.0", "never>=1; extra == 'demo'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: asked)
    *faults, last = doctor.versions()
    assert [each.name for each in faults] == ["click", "no-such-library"]
    assert all(each.is_fault and "make setup" in each.remedy for each in faults)
    assert not last.is_fault


def test_files_that_cannot_be_read_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_webp(data: bytes) -> object:
        if data[8:12] == b"WEBP":
            raise ValueError("no")
        return read(data)

    read = images.read
    monkeypatch.setattr(images, "read", no_webp)
    fault, _ = doctor.decoders()
    assert fault.is_fault
    assert ".webp" in fault.found


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_to_is_a_fault(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    results, *_ = doctor.folders(tmp_path / "results")
    tmp_path.chmod(0o700)
    assert results.is_fault
    assert results.remedy == "name another --out"


def test_a_full_disk_is_told_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ROOM", float("inf"))
    assert all("make room" in each.remedy for each in doctor.folders(tmp_path))


def test_drafts_of_killed_processes_are_told_with_what_removes_them() -> None:
    old, young = (cache.folder() / "packed" / f".draft-{name}" for name in ("old", "young"))
    for draft in (old, young):
        draft.mkdir(parents=True)
    long_ago = time.time() - 2 * doctor.OLD_SECONDS
    os.utime(old, (long_ago, long_ago))
    (found,) = doctor.cached()
    assert found.remedy.startswith("remove 1 drafts")
    assert not found.is_fault


def test_what_goes_while_the_cache_is_looked_at_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes, stays, link = (cache.folder() / ".draft-1" / name for name in ("goes", "stays", "link"))
    goes.parent.mkdir(parents=True)
    goes.write_bytes(b"1")
    stays.write_bytes(b"12")
    link.symlink_to("nothing")
    look = Path.stat

    def looked_at(path: Path, **how: bool) -> os.stat_result:
        found = look(path, **how)
        if path == goes:
            path.unlink()
        return found

    monkeypatch.setattr(Path, "stat", looked_at)
    (first,), (second,) = doctor.cached(), doctor.cached()
    assert first.found.startswith("2 files")
    assert second.found.startswith("1 files")


def test_sockets_that_lie_elsewhere_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "socket_folder", lambda: "/short")
    (found,) = doctor.workers()
    assert "sockets lie in /short" in found.found
    assert not found.remedy


def test_a_machine_that_starts_no_process_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        exitcode = 1

        def join(self, seconds: float) -> None: ...
        def kill(self) -> None: ...

    monkeypatch.setattr(processes, "aside", lambda function: Dead())
    (found,) = doctor.workers()
    assert found.is_fault
    assert "/dev/shm" in found.remedy


def test_without_a_network_it_says_what_nets_start_from(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> socket.socket:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refused)
    (found,) = doctor.network()
    assert not found.is_fault
    assert "--weights FILE" in found.remedy


def test_the_commit_is_none_where_the_code_is_no_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "HERE", tmp_path)
    machine.code.cache_clear()
    assert machine.code() == ("", None)
    machine.code.cache_clear()


def test_the_commit_is_that_of_this_code_in_a_hook_of_another_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = {}
    for name in ("code", "other"):
        who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
        for asked in (["init", "-q", name], ["-C", name, *who, "commit", "-qm", name]):
            asked += ["--allow-empty"] if "commit" in asked else []
            subprocess.run(["git", *asked], cwd=tmp_path, env=git.environment(), check=True)
        monkeypatch.setattr(machine, "HERE", tmp_path / name)
        machine.code.cache_clear()
        commits[name], _ = machine.code()
    monkeypatch.setattr(machine, "HERE", tmp_path / "code")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "code"))
    machine.code.cache_clear()
    assert machine.code() == (commits["code"], False)
    machine.code.cache_clear()


def test_nothing_can_be_written_and_every_look_is_still_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    monkeypatch.setattr(doctor.tempfile, "gettempdir", full)
    monkeypatch.setattr(doctor.tempfile, "NamedTemporaryFile", full)
    *_, temporary = doctor.folders(tmp_path)
    assert temporary.is_fault
    assert temporary.found.startswith(f"{tmp_path / 'gone'} cannot be written to")
    assert temporary.remedy == "set TMPDIR to another folder"
    monkeypatch.setattr(doctor.machine, "write_file", full)
    (layers,) = doctor.layers()
    assert "bfloat16" in layers.found
    monkeypatch.setattr(processes, "aside", full)
    (workers,) = doctor.workers()
    assert workers.is_fault
