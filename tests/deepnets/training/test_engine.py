"""The training loop stops, restores and reports as it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn import functional

from deepnets.training.batches import Pictures
from deepnets.training.device import Backend
from deepnets.training.engine import PREDICT_PIXELS, Epoch, evaluate, predict, train
from deepnets.training.optimiser import Average, optimiser, schedule, step_aside
from deepnets.training.recipes import Recipe

CPU = Backend(torch.device("cpu"), bf16=False)


def recipe(**changes: object) -> Recipe:
    usual = {"max_epochs": 10, "batch_size": 8, "stop": "rises", "patience": 3}
    return Recipe(**{**usual, **changes})  # type: ignore[arg-type]


def pictures(n: int = 24) -> Pictures:
    """Dark pictures of class 0 and bright ones of class 1."""
    labels = torch.arange(n) % 2
    images = (60 + 120 * labels.view(-1, 1, 1, 1)).expand(n, 3, 4, 4).to(torch.uint8).clone()
    return Pictures(images, labels)


class Scripted(nn.Module):
    """Says in each epoch what a script tells it to, so that losses rise and fall as wanted."""

    def __init__(self, losses: Sequence[float]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("epoch", torch.tensor(0))
        self.losses = losses

    def train(self, mode: bool = True) -> Scripted:
        if mode and not self.training:
            self.epoch += 1
        return super().train(mode)

    def forward(self, images: Tensor) -> Tensor:
        # exp(-loss) for class 0, whose pictures alone the tests validate on.
        share = math.exp(-self.losses[int(self.epoch)])
        logits = torch.tensor([share, 1 - share]).log()
        return logits.expand(len(images), 2) + 0 * self.weight


def run(losses: Sequence[float], **changes: object) -> tuple[list[Epoch], int, Scripted]:
    net = Scripted(losses).eval()
    net.epoch -= 1
    validation = Pictures(pictures(4).images, torch.zeros(4, dtype=torch.int64))
    history, best, _ = train(net, pictures(), validation, 2, recipe(**changes), CPU, seed=0)
    return history, best, net


def test_it_stops_after_three_rises_in_a_row_and_no_sooner() -> None:
    losses = [0.9, 0.8, 0.85, 0.9, 0.7, 0.75, 0.8, 0.85, 0.1, 0.1]
    history, _, _ = run(losses)
    assert [round(epoch.validation_loss, 2) for epoch in history] == losses[:8]


def test_it_stops_when_no_epoch_was_better_for_so_long() -> None:
    losses = [0.9, 0.8, 0.85, 0.7, 0.75, 0.74, 0.73, 0.1, 0.1, 0.1]
    history, best, _ = run(losses, stop="stale", monitor="loss")
    assert (best, len(history)) == (4, 7)


def test_without_patience_all_epochs_are_made() -> None:
    assert len(run([0.1 * (i + 1) for i in range(10)], patience=None)[0]) == 10


@pytest.mark.parametrize(("monitor", "expected"), [("loss", 4), ("accuracy", 1)])
def test_the_best_epochs_state_is_what_is_left(monitor: str, expected: int) -> None:
    # Accuracy is 1 from the first epoch on, so the first of equals is kept.
    _, best, net = run([0.6, 0.5, 0.4, 0.3, 0.35, 0.4, 0.5, 0.6, 0.6, 0.6], monitor=monitor)
    assert best == expected
    assert int(net.epoch) == expected - 1


def test_without_validation_pictures_the_last_weights_stay() -> None:
    net = nn.Sequential(Float(), nn.Flatten(), nn.Linear(48, 2))
    history, best, _ = train(net, pictures(), None, 2, recipe(max_epochs=4), CPU, seed=0)
    assert best == len(history) == 4
    assert all(math.isnan(epoch.validation_loss) for epoch in history)


class Float(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.float() / 255


def test_it_learns_what_can_be_learned() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(Float(), nn.Flatten(), nn.Linear(48, 2))
    told: list[Epoch] = []
    data = pictures()
    learning = recipe(max_epochs=60, learning_rate=0.02, patience=None)
    history, _, _ = train(net, data, data, 2, learning, CPU, 0, told.append)
    assert told == history
    assert history[-1].train_loss < history[0].train_loss
    assert history[-1].validation_accuracy == 1
    assert float(evaluate(net, data, CPU)[1]) == 1


def test_auxiliary_heads_count_by_their_weight() -> None:
    class Headed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.main, self.extra = nn.Linear(48, 2), nn.Linear(48, 2)

        def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
            flat = images.float().flatten(1) / 255
            return (self.main(flat), self.extra(flat)) if self.training else self.main(flat)

    moved = {}
    for weight in (0.0, 0.3):
        torch.manual_seed(0)
        net = Headed()
        before = net.extra.weight.clone()
        train(net, pictures(), None, 2, recipe(max_epochs=1, auxiliary_weight=weight), CPU, 0)
        moved[weight] = float((net.extra.weight - before).detach().abs().max())
    assert moved[0.0] == 0 < moved[0.3]


def test_a_net_computes_in_bfloat16_where_it_is_told_to_and_its_loss_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: set[tuple[bool, torch.dtype]] = set()
    losses: set[torch.dtype] = set()
    real = functional.cross_entropy

    def cross_entropy(logits: Tensor, *rest: object, **named: object) -> Tensor:
        losses.add(logits.dtype)
        return real(logits, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(functional, "cross_entropy", cross_entropy)
    net = linear()
    net[2].register_forward_hook(lambda module, _, out: seen.add((module.training, out.dtype)))
    half = Backend(CPU.device, bf16=True)
    train(net, pictures(), pictures(), 2, recipe(max_epochs=1), half, 0)
    assert seen == {(True, torch.bfloat16), (False, torch.bfloat16)}
    assert losses == {torch.float32}
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}


def test_a_diverging_training_is_an_error_with_a_remedy() -> None:
    net = nn.Sequential(Float(), nn.Flatten(), nn.Linear(48, 2))
    nn.init.constant_(net[2].weight, math.inf)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        train(net, pictures(), None, 2, recipe(), CPU, 0)


def test_a_class_the_net_does_not_know_is_wrong_but_not_in_the_loss() -> None:
    net = Scripted([0.5]).eval()
    labels = torch.tensor([0, 0, 0, -1])
    loss, accuracy = evaluate(net, Pictures(pictures(4).images, labels), CPU).tolist()
    assert loss == pytest.approx(0.5, abs=1e-4)
    assert accuracy == 0.75


def test_probabilities_do_not_depend_on_the_cutting_into_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = nn.Sequential(Float(), nn.Flatten(), nn.Linear(48, 3))
    images = pictures(11).images
    whole = predict(net, images, CPU)
    monkeypatch.setitem(PREDICT_PIXELS, "cpu", 4 * 16)
    assert torch.allclose(predict(net, images, CPU), whole, atol=1e-6)


class Small(nn.Module):
    """Takes so many pictures at once; with more it says that the card is full."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.asked = most, list[int]()

    def forward(self, images: Tensor) -> Tensor:
        self.asked.append(len(images))
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return images.float().mean((1, 2, 3), keepdim=True).flatten(1).expand(-1, 2)


def test_fewer_pictures_are_asked_about_at_once_where_memory_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    net = Small(most=3)
    assert len(predict(net, pictures(9).images, CPU)) == 9
    assert net.asked[-3:] == [3, 3, 3]
    with pytest.raises(torch.OutOfMemoryError):
        predict(Small(most=0), pictures(9).images, CPU)


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(Float(), nn.Flatten(), nn.Linear(48, 2))


def rates(name: str, n_steps: int) -> list[float]:
    learning = recipe(schedule=name, learning_rate=0.1)
    found = schedule(optimiser(linear(), learning, CPU), learning, n_steps)
    return [next(found)[0] for _ in range(n_steps)]


def test_a_schedule_rises_and_falls_as_it_is_called() -> None:
    assert set(rates("constant", 20)) == {0.1}
    cosine, cycle = rates("cosine", 20), rates("one-cycle", 20)
    assert cosine[0] == 0.1
    assert cosine == sorted(cosine, reverse=True)
    assert cosine[10] == pytest.approx(0.05)
    top = cycle.index(max(cycle))
    assert cycle[top] == pytest.approx(0.1)
    assert 0 < top < 6
    assert cycle[-1] < cycle[0] < 0.01


@pytest.mark.parametrize("n_steps", range(1, 13))
@pytest.mark.parametrize("name", ["constant", "cosine", "one-cycle"])
def test_the_shortest_trainings_have_a_schedule_too(name: str, n_steps: int) -> None:
    assert all(0 < rate <= 0.1 for rate in rates(name, n_steps))


def test_each_step_is_made_at_the_rate_of_its_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[float] = []
    step = torch.optim.AdamW.step

    def watched(self: torch.optim.AdamW) -> None:
        used.append(self.param_groups[0]["lr"])
        step(self)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    learning = recipe(schedule="cosine", learning_rate=0.1, max_epochs=4, patience=None)
    train(linear(), pictures(20), None, 2, learning, CPU, 0)
    assert used == rates("cosine", 4 * 3)


def test_weights_decay_and_biases_do_not() -> None:
    def trained(decay: float) -> nn.Module:
        net = linear()
        train(net, pictures(), None, 2, recipe(max_epochs=3, weight_decay=decay), CPU, 0)
        return net

    plain, decayed = trained(0.0), trained(5.0)
    assert decayed[2].weight.norm() < 0.99 * plain[2].weight.norm()
    groups = optimiser(linear(), recipe(weight_decay=5.0), CPU).param_groups
    assert {tuple(group["params"][0].shape): group["weight_decay"] for group in groups} == {
        (2,): 0.0,
        (2, 48): 5.0,
    }


def test_without_decay_the_optimiser_is_adam() -> None:
    def moved(make: Callable[[nn.Module], torch.optim.Optimizer]) -> Tensor:
        net = linear()
        optimise = make(net)
        for _ in range(3):
            optimise.zero_grad()
            net(pictures().images).square().sum().backward()
            optimise.step()
        return net[2].weight.detach()

    ours = moved(lambda net: optimiser(net, recipe(), CPU))
    adam = moved(lambda net: torch.optim.Adam(net.parameters(), 1e-3, fused=True))
    assert torch.equal(ours, adam)


def test_the_average_of_the_weights_is_judged_and_kept() -> None:
    data = pictures()
    net = linear()
    learning = recipe(max_epochs=5, patience=None, ema=0.9, learning_rate=0.05)
    ends: list[Tensor] = []

    def note(epoch: Epoch) -> None:
        ends.append(net[2].weight.detach().clone())  # of the weights in training

    history, _, _ = train(net, data, None, 2, learning, CPU, 0, note)
    assert not torch.equal(net[2].weight, ends[-1])
    low, high = torch.stack(ends).min(0).values, torch.stack(ends).max(0).values
    inside = (net[2].weight >= low) & (net[2].weight <= high)
    assert inside.float().mean() > 0.9
    assert len(history) == 5


@pytest.mark.parametrize("on_card", [False, True])
def test_the_average_is_that_of_timm(on_card: bool) -> None:
    class Where(Backend):
        pass

    Where.on_card = on_card  # type: ignore[assignment,method-assign]
    net = linear()
    ours, theirs = (
        Average(net, 0.7, Where(CPU.device, bf16=False)),
        ModelEmaV3(net, 0.7, use_warmup=True),
    )
    for made in range(1, 12):
        with torch.no_grad():
            net[2].weight.add_(torch.randn(2, 48))
        ours.update(torch.tensor(ours.weight(made), dtype=torch.float64))
        theirs.update(net, made)
        if on_card:
            assert torch.allclose(ours.net[2].weight, theirs.module[2].weight, atol=1e-5)
        else:
            assert torch.equal(ours.net[2].weight, theirs.module[2].weight)


def test_sam_steps_down_the_gradient_found_up_the_hill_and_comes_back() -> None:
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    net = nn.Module()
    net.weight = weight
    (weight.square().sum() / 2).backward()  # its gradient is the weight itself, of length 5
    back = step_aside(net, 0.5)
    assert weight.detach().tolist() == pytest.approx([3.3, 4.4])
    back()
    assert weight.detach().tolist() == pytest.approx([3.0, 4.0])


def test_sam_changes_a_training_and_it_still_learns() -> None:
    data, learned = pictures(), {}
    for radius in (0.0, 0.5):
        net = linear()
        learning = recipe(max_epochs=60, learning_rate=0.02, patience=None, sam=radius)
        history, _, _ = train(net, data, data, 2, learning, CPU, 0)
        assert history[-1].validation_accuracy == 1
        learned[radius] = net[2].weight.detach().clone()
    assert not torch.equal(learned[0.0], learned[0.5])


def test_a_picture_and_its_mirror_image_are_predicted_alike_with_test_time_flips() -> None:
    net = linear()
    images = torch.randint(0, 256, (5, 3, 4, 4), dtype=torch.uint8)
    assert not torch.allclose(predict(net, images, CPU), predict(net, images.flip(3), CPU))
    both = predict(net, images, CPU, flip=True)
    assert torch.allclose(both, predict(net, images.flip(3), CPU, flip=True))
    assert both.sum(1) == pytest.approx(torch.ones(5))


def test_soft_labels_are_learned_as_shares() -> None:
    images = pictures().images
    shares = torch.tensor([[0.7, 0.3]]).repeat(24, 1)
    net = linear()
    learning = recipe(max_epochs=80, learning_rate=0.01, patience=None)
    history, _, _ = train(net, Pictures(images, shares), None, 2, learning, CPU, 0)
    assert predict(net, images, CPU).mean(0).tolist() == pytest.approx([0.7, 0.3], abs=0.03)
    assert history[-1].train_accuracy == 1, "the majority is class 0"


@pytest.mark.parametrize(
    ("balance", "smoothing", "expected"),
    [("none", 0.0, 0.25), ("logits", 0.0, 0.5), ("none", 0.4, 0.35), ("logits", 0.4, 0.5)],
)
def test_adjusted_logits_make_a_net_answer_as_if_classes_were_alike(
    balance: str, smoothing: float, expected: float
) -> None:
    # Pictures that say nothing: all a net can learn is how common a class is.
    data = Pictures(torch.full((40, 3, 4, 4), 100, dtype=torch.uint8), torch.arange(40) % 4 // 3)
    net = linear()
    ways = {"schedule": "cosine", "balance": balance, "label_smoothing": smoothing}
    learning = recipe(max_epochs=100, learning_rate=0.01, **ways)
    train(net, data, None, 2, learning, CPU, 0)
    rare = predict(net, data.images, CPU)[:, 1].mean().item()
    assert rare == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ema": 1.0}, "ema is 1.0"),
        ({"label_smoothing": -0.1}, "label_smoothing is -0.1"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"balance_strength": 2.0}, "balance_strength is 2.0"),
        ({"max_epochs": 0}, "max_epochs is 0"),
        ({"augment": "flop"}, "no augmentation is called 'flop'"),
    ],
)
def test_a_value_out_of_range_is_told_by_its_name(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recipe(**change).check_values()
