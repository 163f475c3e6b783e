"""Training pictures changed at random, a batch at a time and where the net is.

Nothing here is done to pictures that are predicted. Shifts, turns and crops are one resampling, so
that a picture is blurred once at most.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# What each way does by its strength, and the strength it has where none is given.
USUAL: Mapping[str, float] = {
    "flip": 0.5,  # share of the pictures that are mirrored
    "shift": 0.1,  # farthest way, in widths of the picture, along each axis
    "rotation": 10.0,  # largest turn in degrees
    "crop": 0.8,  # shortest side of the square that is cut out and enlarged, in widths
    "brightness": 0.2,  # largest change, as a share of it
    "erasing": 0.25,  # share of the pictures that lose a rectangle
    "mixup": 0.2,  # alpha of the Beta distribution of shares
}
LARGEST: Mapping[str, float] = {"rotation": 180.0, "mixup": math.inf}  # of the others: 1

# Area, in pictures, and side ratio of an erased rectangle: Zhong et al., arXiv:1708.04896.
ERASED_AREA = (0.02, 0.4)
ERASED_RATIO = (0.3, 1 / 0.3)


@dataclass(frozen=True)
class Augmentation:
    """A mix of ways to change pictures.

    Attributes
    ----------
    strengths : mapping
        By name, see `USUAL`; empty: pictures stay as they are.
    """

    strengths: Mapping[str, float]

    @classmethod
    def parse(cls, text: str) -> Augmentation:
        """Read a mix such as ``flip+shift=0.1+mixup``; an empty text is none.

        Raises
        ------
        ValueError
            If a way is unknown or named twice, or its strength is out of range.
        """
        strengths: dict[str, float] = {}
        for word in filter(None, text.split("+")):
            name, _, value = word.partition("=")
            if name not in USUAL:
                near = difflib.get_close_matches(name, USUAL, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"use {', '.join(USUAL)}"
                raise ValueError(f"no augmentation is called '{name}': {hint}")
            if name in strengths:
                raise ValueError(f"the augmentation '{text}' names {name} twice: name it once")
            try:
                strength = float(value) if value else USUAL[name]
            except ValueError:
                strength = math.nan
            if not 0 < strength <= LARGEST.get(name, 1.0):
                raise ValueError(
                    f"the augmentation {name}={value} is not a number above 0 and up to "
                    f"{LARGEST.get(name, 1.0):g}: {name}={USUAL[name]:g} is usual"
                )
            strengths[name] = strength
        return cls(strengths)

    def __call__(self, images: Tensor, labels: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
        """Change a batch, by the device's random numbers.

        Parameters
        ----------
        images : Tensor of uint8, shape (n, 3, size, size)
        labels : Tensor of int64, shape (n,), or of float32, shape (n, n_classes)
            Classes, or the share of each.
        n_classes : int

        Returns
        -------
        images : Tensor of float32, shape (n, 3, size, size)
            In grey levels, 0 to 255; as they came where there is nothing to do.
        labels : Tensor
            Shares of the classes where pictures were mixed, else as they came.
        """
        if not self.strengths:
            return images, labels
        images = images.float()
        if self.strengths.keys() & {"flip", "shift", "rotation", "crop"}:
            images = self._moved(images)
        if brightness := self.strengths.get("brightness"):
            images = (images * (1 + brightness * _balanced(images))).clamp(0, 255)
        if probability := self.strengths.get("erasing"):
            images = _erased(images, probability)
        if alpha := self.strengths.get("mixup"):
            images, labels = _mixed(images, labels, alpha, n_classes)
        return images, labels

    def _moved(self, images: Tensor) -> Tensor:
        """Mirror, turn, crop and shift; the border's pixels fill what is uncovered."""
        s = self.strengths
        side = 1 - (1 - s.get("crop", 1.0)) * torch.rand(len(images), device=images.device)
        angle = math.radians(s.get("rotation", 0.0)) * _balanced(images).flatten()
        mirrored = torch.rand(len(images), device=images.device) < s.get("flip", 0.0)
        sign = 1.0 - 2.0 * mirrored
        # Where each pixel of the result is taken from; the picture reaches from -1 to 1.
        way = 2 * s.get("shift", 0.0) * _balanced(images, 2) + (1 - side[:, None]) * _balanced(
            images, 2
        )
        cosine, sine = side * angle.cos(), side * angle.sin()
        rows = (
            torch.stack([cosine * sign, -sine, way[:, 0]], 1),
            torch.stack([sine * sign, cosine, way[:, 1]], 1),
        )
        grid = functional.affine_grid(torch.stack(rows, 1), [*images.shape], align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _balanced(images: Tensor, columns: int | None = None) -> Tensor:
    """Random numbers from -1 to 1: ``(n, columns)``, or a number a picture that multiplies it."""
    shape = (len(images), 1, 1, 1) if columns is None else (len(images), columns)
    return 2 * torch.rand(shape, device=images.device) - 1


def _erased(images: Tensor, probability: float) -> Tensor:
    """Fill a rectangle of some pictures with noise, so that no part is all there is to go by."""
    n, _, height, width = images.shape
    u = torch.rand(5, n, device=images.device)
    area = ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * u[0]
    ratio = torch.exp(math.log(ERASED_RATIO[0]) * (1 - 2 * u[1]))
    tall, wide = ((area * r).sqrt().clamp(max=1.0) for r in (ratio, 1 / ratio))
    top, left = (1 - tall) * u[2], (1 - wide) * u[3]
    y, x = (
        (torch.arange(length, device=images.device) + 0.5) / length for length in (height, width)
    )
    inside_y = (y >= top[:, None]) & (y < (top + tall)[:, None])
    inside_x = (x >= left[:, None]) & (x < (left + wide)[:, None])
    erased = inside_y[:, None, :, None] & inside_x[:, None, None, :]
    erased &= (u[4] < probability).view(-1, 1, 1, 1)
    return torch.where(erased, 255 * torch.rand_like(images), images)


def _mixed(images: Tensor, labels: Tensor, alpha: float, n_classes: int) -> tuple[Tensor, Tensor]:
    """Each picture mixed with another, and its label likewise: mixup, arXiv:1710.09412.

    A share is a picture's own, and the larger one of the two, so that its own label stays first.
    """
    device = images.device if images.device.type == "cuda" else "cpu"  # not every one draws it
    given = torch.full((), alpha, device=device)
    beta = torch.distributions.Beta(given, given, validate_args=False)  # a check would wait
    drawn = beta.sample((len(images),))
    own = torch.maximum(drawn, 1 - drawn).to(images.device)
    other = torch.randperm(len(images), device=images.device)
    shares = labels if labels.dim() == 2 else torch.eye(n_classes, device=images.device)[labels]
    images = torch.lerp(images[other], images, own.view(-1, 1, 1, 1))
    return images, torch.lerp(shares[other], shares, own.view(-1, 1))
