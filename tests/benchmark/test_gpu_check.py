"""``make gpu-check``: its checks are of a card, so here only what it says without one."""

from __future__ import annotations

import pytest
import torch

from benchmark import gpu_check


def test_without_a_card_it_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu_check"])
    with pytest.raises(SystemExit) as ended:
        gpu_check.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: no CUDA card is here: torch.cuda.is_available() says no\n"
    )


def test_a_failed_check_does_not_stop_the_others_and_makes_the_status_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(nets: list[str]) -> None:
        raise RuntimeError("no such kernel")

    def works(nets: list[str]) -> list[gpu_check.Check]:
        return [gpu_check.Check("card", True, "found")]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu_check, "GROUPS", (breaks, works))
    monkeypatch.setattr("sys.argv", ["gpu_check"])
    with pytest.raises(SystemExit) as ended:
        gpu_check.main()
    told = capsys.readouterr().out
    assert ended.value.code == 1
    assert "FAIL breaks: RuntimeError: no such kernel" in told
    assert "ok   card: found" in told
    assert "1 of 2 checks passed" in told
    assert "| card" in told
