"""Where models are computed: on a card where there is one, else wherever they can be."""

from __future__ import annotations

import pytest
import torch

from deepnets.training.device import Backend, backend


def test_a_device_that_is_not_here_is_refused() -> None:
    assert backend("cpu").device.type == "cpu"
    with pytest.raises(ValueError, match="no device is called 'gpu'"):
        backend("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no CUDA device"):
            backend("cuda")
        assert backend("auto").device.type == "cpu"


def test_bfloat16_is_used_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for has in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has: has)
        assert backend("cpu") == Backend(torch.device("cpu"), bf16=has, graph=False)


@pytest.mark.parametrize("has_bf16", [True, False])
def test_a_card_is_taken_where_there_is_one_with_graphs_unless_they_are_switched_off(
    has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: has_bf16 or including_emulation,
    )
    card = torch.device("cuda")
    assert backend("auto") == backend("cuda") == Backend(card, has_bf16, graph=True)
    assert backend("cuda", graph=False) == Backend(card, has_bf16, graph=False)
    assert backend("cpu").device.type == "cpu"


def test_on_apples_device_there_is_neither_bfloat16_nor_a_graph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert backend("auto") == Backend(torch.device("mps"), bf16=False, graph=False)


def test_pictures_stay_on_a_card_that_has_room_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1000, 4000))
    card = Backend(torch.device("cuda"), bf16=True)
    assert card.has_room(100)
    assert not card.has_room(900), "other runs need the rest"
    assert Backend(torch.device("cpu"), bf16=True).has_room(10**12), (
        "the host's memory is where they are"
    )
