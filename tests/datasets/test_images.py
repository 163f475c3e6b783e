"""A picture file becomes RGB planes of the size asked for, or a reason why not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import images


def encoded(picture_rgb: np.ndarray, suffix: str = ".png") -> bytes:
    done, data = cv2.imencode(suffix, picture_rgb[:, :, ::-1])
    assert done
    return data.tobytes()


def test_planes_are_red_then_green_then_blue_row_by_row() -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[0, 1] = [10, 20, 30]
    flat = images.stretch(images.read(encoded(picture)), 32).reshape(-1)
    assert [flat[1], flat[1024 + 1], flat[2048 + 1]] == [10, 20, 30]
    assert flat.sum() == 60


def test_rectangles_are_stretched_to_squares() -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 40:] = 255
    planes = images.stretch(picture, 16)
    assert planes.shape == (3, 16, 16)
    assert (planes[:, :, :8] == 0).all()
    assert (planes[:, :, 8:] == 255).all()


def test_small_pictures_are_enlarged_smoothly() -> None:
    picture = np.tile(np.linspace(0, 255, 4).astype(np.uint8)[None, :, None], (4, 1, 3))
    row = images.stretch(picture, 32)[0, 0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert len(set(row)) > 8


def test_grey_pictures_get_three_equal_planes() -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    done, data = cv2.imencode(".png", grey)
    assert done
    planes = images.stretch(images.read(data.tobytes()), 8)
    assert (planes == grey).all()


def test_a_webp_called_jpg_is_read(tmp_path: Path) -> None:
    picture = np.full((20, 20, 3), 128, np.uint8)
    path = tmp_path / "disguised.jpg"
    path.write_bytes(encoded(picture, ".webp"))
    assert path.read_bytes()[8:12] == b"WEBP"
    assert abs(int(images.load(path, 8).mean()) - 128) <= 2


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_cut_off_picture_is_refused(suffix: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    data = encoded(noise, suffix)
    with pytest.raises(ValueError, match=r"truncated|readable"):
        images.read(data[: int(len(data) * share)])


@pytest.mark.parametrize("data", [b"", b"not a picture at all"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"empty|not a readable picture"):
        images.read(data)
