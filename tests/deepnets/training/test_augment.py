"""Training pictures are changed as the name of each way says, and nothing else is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from deepnets.training.augment import USUAL, Augmentation

N, SIZE = 200, 8


def pictures() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randint(0, 256, (N, 3, SIZE, SIZE), dtype=torch.uint8), torch.arange(N) % 4


def changed(text: str, images: Tensor | None = None) -> tuple[Tensor, Tensor]:
    usual, labels = pictures()
    return Augmentation.parse(text)(usual if images is None else images, labels, 4)


def centred_square(low: int = 0, high: int = 255) -> Tensor:
    """A bright square in the middle quarter of a dark picture."""
    images = torch.full((N, 3, 32, 32), low, dtype=torch.uint8)
    images[:, :, 12:20, 12:20] = high
    return images


def centre(images: Tensor) -> tuple[Tensor, Tensor]:
    """Centre of brightness along each axis, in pixels."""
    mass, at = images[:, 0].float(), torch.arange(images.shape[-1]) + 0.5
    total = mass.sum((1, 2))
    return (mass.sum(1) * at).sum(1) / total, (mass.sum(2) * at).sum(1) / total


def test_nothing_to_do_leaves_pictures_labels_and_chance_untouched() -> None:
    images, labels = pictures()
    before = torch.get_rng_state()
    same, as_labelled = Augmentation.parse("")(images, labels, 4)
    assert same is images
    assert as_labelled is labels
    assert torch.equal(torch.get_rng_state(), before)


def test_a_flip_mirrors_half_of_the_pictures_and_leaves_the_others() -> None:
    images, _ = pictures()
    result, _ = changed("flip")
    plain = (result - images).abs().amax((1, 2, 3)) < 1e-2
    mirrored = (result - images.flip(3)).abs().amax((1, 2, 3)) < 1e-2
    assert (plain ^ mirrored).all()
    assert 0.35 < mirrored.float().mean() < 0.65
    assert not (changed("flip=1")[0] - images.flip(3)).abs().max() > 1e-2


def test_a_shift_reaches_its_strength_along_both_axes_and_no_farther() -> None:
    result, _ = changed("shift=0.1", centred_square())
    for middle in centre(result):
        away = (middle - 16).abs()
        assert away.max() <= 3.2 + 0.01
        assert away.max() > 2.5
        assert (middle - 16).mean().abs() < 0.5


def test_a_rotation_turns_about_the_centre_by_up_to_its_degrees() -> None:
    images = torch.zeros(N, 3, 33, 33, dtype=torch.uint8)
    images[:, :, 16, 27:30] = 255  # a mark to the right of the centre
    across, down = centre(changed("rotation=30", images)[0])
    angle = torch.rad2deg(torch.atan2(down - 16.5, across - 16.5))
    assert angle.abs().max() <= 31
    assert angle.max() > 20
    assert angle.min() < -20


def test_a_crop_enlarges_and_shows_no_border() -> None:
    result, _ = changed("crop=0.5", centred_square(50, 200))
    area = (result[:, 0] > 125).float().sum((1, 2))
    # A crop may cut the square at its edge; none makes it smaller than it was by more.
    assert area.max() > 3.2 * 64
    assert area.median() > 64
    corner = torch.zeros(N, 3, 32, 32, dtype=torch.uint8)
    corner[:, :, :8] = 255
    assert (changed("crop=0.5", corner)[0][:, :, -1] == 0).all(), "nothing from beyond the picture"


def test_brightness_scales_a_picture_as_a_whole_and_stays_in_range() -> None:
    grey = torch.full((N, 3, SIZE, SIZE), 100, dtype=torch.uint8)
    result, _ = changed("brightness=0.2", grey)
    assert (result.amax((1, 2, 3)) - result.amin((1, 2, 3))).max() < 1e-3
    assert 80 <= result.min() < 85
    assert 115 < result.max() <= 120
    assert changed("brightness=1")[0].max() <= 255


def test_erasing_fills_a_rectangle_of_the_share_of_pictures_it_is_told() -> None:
    black = torch.zeros(N, 3, 32, 32, dtype=torch.uint8)
    result, _ = changed("erasing=0.5", black)
    hit = (result > 0).any(1)
    some = hit.any((1, 2))
    assert 0.35 < some.float().mean() < 0.65
    for one in hit[some]:
        rows, columns = one.any(1).nonzero().flatten(), one.any(0).nonzero().flatten()
        assert len(rows) == rows[-1] - rows[0] + 1, "one rectangle"
        assert len(columns) == columns[-1] - columns[0] + 1
        assert one.float().mean() < 0.45


def test_mixup_mixes_pictures_and_labels_by_the_same_share() -> None:
    images = (pictures()[1] * 60).to(torch.uint8).view(-1, 1, 1, 1).expand(N, 3, SIZE, SIZE)
    result, shares = changed("mixup=1", images)
    assert shares.shape == (N, 4)
    assert shares.sum(1) == pytest.approx(torch.ones(N))
    assert torch.equal(shares.argmax(1), pictures()[1]), "its own label stays first"
    grey = (shares * torch.tensor([0.0, 60.0, 120.0, 180.0])).sum(1)
    assert result[:, 0, 0, 0] == pytest.approx(grey, abs=1e-3)
    assert shares.max(1).values.min() < 0.7, "some are mixed"


def test_soft_labels_are_mixed_too() -> None:
    images, labels = pictures()
    soft = torch.nn.functional.one_hot(labels, 4).float() * 0.6 + 0.1
    _, shares = Augmentation.parse("mixup=1")(images, soft, 4)
    assert shares.sum(1) == pytest.approx(torch.ones(N))
    assert shares.max() <= 0.7 + 1e-6


@pytest.mark.parametrize("name", list(USUAL))
def test_every_way_changes_pictures_repeats_itself_by_its_seed_and_keeps_their_range(
    name: str,
) -> None:
    images, _ = pictures()
    torch.manual_seed(3)
    first, _ = Augmentation.parse(name)(images, pictures()[1], 4)
    torch.manual_seed(3)
    images, labels = pictures()
    torch.manual_seed(3)
    again, _ = Augmentation.parse(name)(images, labels, 4)
    assert first.shape == images.shape
    assert not torch.equal(again, images.float())
    assert again.min() >= 0
    assert again.max() <= 255 + 1e-3
    torch.manual_seed(3)
    assert torch.equal(again, Augmentation.parse(name)(images, labels, 4)[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flop", "no augmentation is called 'flop': did you mean 'flip'"),
        ("flip+flip", "names flip twice"),
        ("shift=2", "shift=2 is not a number above 0 and up to 1"),
        ("shift=far", "shift=far is not a number"),
        ("rotation=0", "rotation=0 is not a number above 0 and up to 180"),
    ],
)
def test_a_mix_that_cannot_be_is_told_by_its_word(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Augmentation.parse(text)
