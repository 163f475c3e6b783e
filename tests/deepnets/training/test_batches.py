"""An epoch's batches are the pictures in its order, wherever they lie."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepnets.training.batches import Batches, Pictures
from deepnets.training.device import Backend

CPU = Backend(torch.device("cpu"), bf16=False)


def pictures(n: int) -> Pictures:
    labels = torch.arange(n)
    return Pictures(labels.to(torch.uint8).view(-1, 1, 1, 1).expand(n, 3, 4, 4).clone(), labels)


def epoch(batches: Batches, order: Tensor) -> list[tuple[Tensor, Tensor, list[float]]]:
    batches.begin(order, [[0.5, float(i)] for i in range(len(batches.sizes))])
    found = []
    for i, n in enumerate(batches.sizes):
        batches.bring(i)
        images, labels, numbers = batches.pick(n)
        found.append((images, labels, numbers.tolist()))
    return found


def test_a_batch_of_one_is_left_out_unless_it_is_all_there_is() -> None:
    def sizes(n: int) -> list[int]:
        return Batches(pictures(n), n, 4, 1, CPU).sizes

    assert sizes(9) == [4, 4]
    assert sizes(10) == [4, 4, 2]
    assert sizes(1) == [1]


def test_every_epoch_goes_through_its_own_order_and_its_own_numbers() -> None:
    data = pictures(10)
    batches = Batches(data, 10, 4, 2, CPU)
    for seed in range(2):
        order = torch.randperm(10, generator=torch.Generator().manual_seed(seed))
        found = epoch(batches, order)
        assert torch.equal(torch.cat([labels for _, labels, _ in found]), order)
        assert torch.equal(torch.cat([images for images, _, _ in found]), data.images[order])
        assert [numbers for _, _, numbers in found] == [[0.5, 0.0], [0.5, 1.0], [0.5, 2.0]]


def test_rows_may_be_shown_more_than_once() -> None:
    order = torch.tensor([2, 2, 0, 1, 1, 1])
    found = epoch(Batches(pictures(3), 6, 4, 2, CPU), order)
    assert torch.cat([labels for _, labels, _ in found]).tolist() == order.tolist()


def test_pictures_in_the_hosts_memory_come_to_the_device_a_batch_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pinned: list[Tensor] = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda batch: pinned.append(batch) or batch)
    data, order = pictures(10), torch.arange(9, -1, -1)
    elsewhere = Backend(torch.device("meta"), bf16=False)
    come = epoch(Batches(data, 10, 4, 2, elsewhere), order)
    assert [len(labels) for _, labels, _ in come] == [4, 4, 2]
    assert {each.device.type for images, labels, _ in come for each in (images, labels)} == {"meta"}
    assert torch.equal(torch.cat(pinned[::2]), data.images[order])
    assert torch.equal(torch.cat(pinned[1::2]), data.labels[order])


def test_a_batch_that_came_from_the_hosts_memory_is_in_its_order() -> None:
    data, order = pictures(10), torch.arange(9, -1, -1)
    batches = Batches(data, 10, 4, 2, CPU)
    streamed = Batches(data, 10, 4, 2, Backend(torch.device("meta"), bf16=False))
    assert streamed.order.tolist() == [0, 1, 2, 3] * 2 + [0, 1]
    streamed.near = Pictures(torch.zeros(4, 3, 4, 4, dtype=torch.uint8), torch.zeros(4).long())
    for one, other in zip(epoch(batches, order), epoch(streamed, order), strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
