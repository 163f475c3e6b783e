"""Where models are computed: on a card where there is one, else wherever they can be."""

from __future__ import annotations

import pytest
import torch

from baselines.device import choose


def test_a_device_that_is_unknown_or_not_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose("cpu") == "cpu"
    with pytest.raises(ValueError, match="no device is called 'gpu': use auto, cpu, cuda, mps"):
        choose("gpu")
    with pytest.raises(ValueError, match="no CUDA device is here: use the device cpu, or auto"):
        choose("cuda")


def test_apples_device_is_taken_where_there_is_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose("auto") == "mps"
    assert choose("auto", ("cuda", "cpu")) == "cpu", "of what the model can compute on"
