"""Every architecture is what it is called, adapted as it says."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch._prims_common import suggest_memory_format

from datasets import Dataset
from deepnets import ARCHITECTURES, architecture, register
from deepnets.training import classifier
from deepnets.training.classifier import NetClassifier
from deepnets.training.device import Backend
from deepnets.training.layers import Standardised, spare_slow_bf16


def n_convolutions(net: nn.Module) -> int:
    return sum(isinstance(module, nn.Conv2d) for module in net.modules())


def maps(net: nn.Module, size: int, kind: type[nn.Module] = nn.Conv2d) -> list[int]:
    """Width of what each convolution puts out, in the order computed."""
    widths: list[int] = []
    for module in net.modules():
        if isinstance(module, kind):
            module.register_forward_hook(lambda m, i, out: widths.append(out.shape[-1]))
    with torch.no_grad():
        net.eval()(torch.zeros(1, 3, size, size))
    return widths


@pytest.mark.parametrize("size", [32, 48, 64, 96, 224])
@pytest.mark.parametrize("name", [*ARCHITECTURES, "timm:test_resnet", "timm:test_vit"])
def test_it_maps_grey_pictures_of_any_size_to_one_logit_a_class(name: str, size: int) -> None:
    with torch.no_grad(), torch.device("meta"):  # of shapes alone
        net = architecture(name).build(5, size)
        pictures = torch.randn(2, 1, size, size).expand(2, 3, size, size)
        assert net.eval()(pictures).shape == (2, 5)
        outputs = net.train()(pictures)
    for logits in outputs if isinstance(outputs, tuple) else (outputs,):
        assert logits.shape == (2, 5)


SMALL = [
    *timm.list_models("test_*"),
    "tf_efficientnet_lite0",
    "mobilenetv3_small_050",
    "ghostnet_050",
]


ONE_A_FAMILY = {net.family: net.name for net in reversed(ARCHITECTURES.values())}.values()


@pytest.mark.parametrize("name", [*ONE_A_FAMILY, *(f"timm:{name}" for name in SMALL)])
def test_no_net_starts_surer_than_it_can_be(name: str) -> None:
    torch.manual_seed(0)
    net = architecture(name).build(8, 32)
    with torch.no_grad():
        outputs = net.train()(torch.randn(16, 3, 32, 32))
    logits = outputs[0] if isinstance(outputs, tuple) else outputs
    loss = nn.functional.cross_entropy(logits, torch.arange(16) % 8)
    assert loss < 1.3 * np.log(8)


def test_resnet18_at_64_pixels_has_as_many_parameters_as_the_raf_db_reports() -> None:
    net = architecture("resnet18").build(6, 64, stem="7x7")
    assert sum(p.numel() for p in net.parameters()) == 11_179_590


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_vgg_has_the_layers_it_is_named_after(depth: int) -> None:
    net = architecture(f"vgg{depth}").build(8, 32, hidden=4096)
    n_linear = sum(isinstance(module, nn.Linear) for module in net.modules())
    assert n_convolutions(net) + n_linear == depth


def test_googlenet_has_two_auxiliary_heads_in_training_only() -> None:
    net = architecture("googlenet").build(8, 32)
    pictures = torch.randn(2, 3, 32, 32)
    assert len(net.train()(pictures)) == 3
    assert isinstance(net.eval()(pictures), torch.Tensor)
    assert architecture("googlenet").settings["auxiliary_weight"] == 0.3


def test_inception_follows_its_papers_recipe_for_low_resolution() -> None:
    net = architecture("inceptionv3").build(8, 32)
    assert maps(net, 32)[0] == 32, "the first layer keeps the picture's size"
    assert len(net.train()(torch.randn(2, 3, 32, 32))) == 2
    assert architecture("inceptionv3").settings["label_smoothing"] == 0.1


def test_mobilenet_has_its_two_multipliers() -> None:
    def parameters(**options: float) -> int:
        net = architecture("mobilenet").build(8, 32, **options)
        return sum(p.numel() for p in net.parameters())

    assert parameters(width=0.5) < 0.3 * parameters()
    assert parameters(resolution=0.5) == parameters()
    half = architecture("mobilenet").build(8, 32, resolution=0.5)
    whole = architecture("mobilenet").build(8, 32)
    assert maps(half, 32)[0] * 2 == maps(whole, 32)[0]
    for name in ("width", "resolution"):
        with pytest.raises(ValueError, match=rf"{name} multiplier is 1.5"):
            parameters(**{name: 1.5})


def test_se_resnets_weigh_their_channels() -> None:
    for name, blocks in (("seresnet18", 8), ("seresnet34", 16), ("resnet18", 0)):
        net = architecture(name).build(8, 32)
        assert sum("SE" in type(module).__name__ for module in net.modules()) == blocks


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_pictures_too_small_for_a_net_are_enlarged(name: str) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (12, 3, 8, 8), dtype=np.uint8), np.arange(12) % 2
    model = NetClassifier(name, max_epochs=1, random_state=0, device="cpu").fit(X, y)
    assert model.predict_proba(X).shape == (12, 2)


@pytest.mark.parametrize("name", ["googlenet", "inceptionv3", "mobilenet", "resnet18", "vgg11"])
def test_dropout_is_what_it_is_told(name: str) -> None:
    pictures = torch.rand(4, 3, 32, 32)

    def spread(dropout: float) -> float:
        torch.manual_seed(0)
        net = architecture(name).build(3, 32, dropout=dropout).train()
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        with torch.no_grad():
            answers = [net(pictures) for _ in range(2)]
        one, other = (each[0] if isinstance(each, tuple) else each for each in answers)
        return float((one - other).abs().max())

    assert spread(0.5) > spread(0.0) == 0


def test_a_net_is_trained_by_repeatable_kernels_on_maps_with_channels_last(
    monkeypatch: pytest.MonkeyPatch, shapes: Dataset
) -> None:
    class SeenError(Exception):
        pass

    def train(net: nn.Module, *_: object) -> None:
        assert torch.backends.cudnn.deterministic
        convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
        last = torch.channels_last
        assert all(each.weight.is_contiguous(memory_format=last) for each in convolutions)
        assert not all(each.weight.is_contiguous() for each in convolutions)
        raise SeenError

    monkeypatch.setattr(classifier, "train", train)
    with pytest.raises(SeenError):
        NetClassifier("cnn3", device="cpu").fit(shapes.images, shapes.labels)
    assert not torch.backends.cudnn.deterministic, "for the training alone"


def test_two_nets_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="two nets are called 'vgg11'"):
        register("vgg11", family="other")(ARCHITECTURES["vgg11"].builder)


def test_any_timm_net_is_enlarged_only_as_far_as_it_needs() -> None:
    small = architecture("timm:resnet10t").build(4, 32)
    assert small.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 4)
    transformer = architecture("timm:test_vit").build(4, 32)
    assert transformer.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 4)
    with pytest.raises(ValueError, match="timm has no architecture called 'nonsense'"):
        architecture("timm:nonsense")


def test_pictures_are_brought_to_mean_0_and_deviation_1(shapes: Dataset) -> None:
    model = NetClassifier("timm:resnet10t", max_epochs=1, random_state=0, device="cpu")
    net = model.fit(shapes.images, shapes.labels).net_
    assert isinstance(net, Standardised)
    pixels = shapes.images.astype(np.float64)
    assert net.mean.flatten().numpy() == pytest.approx(pixels.mean(axis=(0, 2, 3)), rel=1e-4)
    assert net.deviation.flatten().numpy() == pytest.approx(pixels.std(axis=(0, 2, 3)), rel=1e-4)


def test_a_net_learns_shapes(shapes: Dataset) -> None:
    model = NetClassifier("resnet18", max_epochs=8, batch_size=20, random_state=0, device="cpu")
    model.fit(shapes.images[:60], shapes.labels[:60], shapes.images[60:], shapes.labels[60:])
    assert model.score(shapes.images[60:], shapes.labels[60:]) > 0.7
    assert model.note_ == f"epoch {model.best_epoch_} of {len(model.history_)}"
    assert model.n_parameters_ > 11e6


def test_the_random_state_of_the_process_is_left_alone(shapes: Dataset) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    NetClassifier("mobilenet", max_epochs=1, device="cpu").fit(shapes.images[:9], shapes.labels[:9])
    assert (torch.rand(3) == expected).all()


def test_strided_depthwise_convolutions_stay_in_float32_and_the_others_do_not() -> None:
    net = architecture("mobilenet").build(3, 32)
    names = list(net.state_dict())
    spare_slow_bf16(net)
    kinds: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            strided = module.groups > 1 and module.stride != (1, 1)
            module.register_forward_hook(lambda m, i, out, s=strided: kinds[s].add(out.dtype))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        net.eval()(torch.zeros(1, 3, 32, 32))
    assert kinds == {True: {torch.float32}, False: {torch.bfloat16}}
    assert list(net.state_dict()) == names


class OnCard(Backend):
    """The CPU, where nets are placed as on a card."""

    on_card = True


@pytest.mark.parametrize("name", ["mobilenet", "timm:tf_efficientnet_lite0"])
def test_on_a_card_depthwise_convolutions_see_planes_and_the_others_channels_last(
    name: str,
) -> None:
    """By that PyTorch chooses between its own kernels and those that cuDNN compiles first."""
    net = architecture(name).build(3, 32).to(memory_format=torch.channels_last).eval()
    pictures = torch.rand(2, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    before = net(pictures)
    classifier._place(net, OnCard(torch.device("cpu"), bf16=False))
    taken: dict[bool, set[torch.memory_format]] = {True: set(), False: set()}

    def note(module: nn.Conv2d, seen: tuple[torch.Tensor], _: torch.Tensor) -> None:
        formats = {suggest_memory_format(each) for each in (seen[0], module.weight)}
        last = torch.channels_last in formats  # of either: torch then asks for both
        taken[module.groups > 1].add(torch.channels_last if last else torch.contiguous_format)

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    assert torch.allclose(net(pictures), before, atol=1e-5)
    assert taken == {True: {torch.contiguous_format}, False: {torch.channels_last}}


@pytest.mark.parametrize(
    ("name", "parameters"), [("cnn", 2_606_086), ("cnn-se", 2_606_086 + 512), ("cnn3", 636_166)]
)
def test_the_raf_db_reports_nets_have_as_many_parameters_as_theirs(
    name: str, parameters: int
) -> None:
    net = architecture(name).build(6, 64)
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_the_raf_db_reports_largest_net_has_95_million_parameters() -> None:
    net = architecture("cnn-se-residual").build(6, 64)
    assert round(sum(p.numel() for p in net.parameters()) / 1e6) == 95


def test_poster_vgg_has_five_pooled_blocks_of_64_to_512_filters() -> None:
    net = architecture("poster-vgg").build(7, 48)
    assert sum(isinstance(module, nn.MaxPool2d) for module in net.modules()) == 5
    widths = [m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert sorted(set(widths)) == [64, 128, 256, 512]
