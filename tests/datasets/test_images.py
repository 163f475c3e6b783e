"""A picture file becomes RGB planes of the size asked for, or a reason why not."""

from __future__ import annotations

import contextlib
from io import BytesIO
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest
from PIL import EpsImagePlugin, ExifTags, Image, PpmImagePlugin

from datasets import crops, images, packing
from datasets.pictures import Files
from tests.datasets import samples


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


@pytest.fixture
def picture() -> np.ndarray:
    """Colours with edges, of a width and height that no block of a JPEG divides."""
    noise = np.random.default_rng(0).integers(0, 256, (83, 107, 3), dtype=np.uint8)
    return cv2.blur(noise, (3, 3))


def as_cv2_reads_it(data: bytes, size: int) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    how = cv2.INTER_AREA if min(picture.shape[:2]) >= size else cv2.INTER_LINEAR
    return cv2.resize(picture, (size, size), interpolation=how)[:, :, ::-1].transpose(2, 0, 1)


def check(data: bytes, folder: Path, *, fast: bool) -> None:
    """Compare a file with what cv2 alone gives, and how it was decoded with what is expected."""
    path = folder / "picture.jpg"
    path.write_bytes(data)
    for size in (8, 32, 41, 83, 96, 128):
        assert (samples.as_read(path, size) == as_cv2_reads_it(data, size)).all()
    with mock.patch.object(cv2, "imdecode", wraps=cv2.imdecode) as imdecode:
        samples.as_read(path, 32)
    assert imdecode.called != fast


def saved(picture: np.ndarray, mode: str = "RGB", **settings: object) -> bytes:
    out = BytesIO()
    Image.fromarray(picture).convert(mode).save(out, "JPEG", **settings)
    return out.getvalue()


@pytest.mark.parametrize("sampling", ["411", "420", "422", "440", "444"])
@pytest.mark.parametrize("progressive", [0, 1])
def test_a_colour_jpeg_gives_cv2s_pixels(
    picture: np.ndarray, tmp_path: Path, sampling: str, progressive: int
) -> None:
    name = f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}"
    settings = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, getattr(cv2, name)]
    settings += [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    check(cv2.imencode(".jpg", picture, settings)[1].tobytes(), tmp_path, fast=True)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_grey_jpeg_gives_cv2s_pixels(
    picture: np.ndarray, tmp_path: Path, progressive: bool
) -> None:
    check(saved(picture, "L", progressive=progressive), tmp_path, fast=True)


def test_grey_pictures_stretched_together_give_cv2s_pixels_each(
    picture: np.ndarray, tmp_path: Path
) -> None:
    turned = np.ascontiguousarray(picture.transpose(1, 0, 2))
    several = [saved(picture + np.uint8(i), "L" if i % 3 else "RGB") for i in range(9)]
    several[2:2] = [saved(turned, "L"), saved(255 - turned, "L")]
    paths = []
    for i, data in enumerate(several):
        paths.append(tmp_path / f"{i}.jpg")
        paths[-1].write_bytes(data)
    for size in (16, 41, 83, 128):
        files = Files(tmp_path, [path.name for path in paths])
        ready = packing.read_some(files, range(len(paths)), size, crops.NONE)
        for data, planes in zip(several, ready.planes, strict=True):
            assert (planes == as_cv2_reads_it(data, size)).all()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_turned_as_its_camera_was_held(
    picture: np.ndarray, tmp_path: Path, turn: int, mode: str
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    check(saved(picture, mode, exif=exif), tmp_path, fast=False)


def test_a_turn_written_after_the_pixels_counts_too(picture: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = saved(picture, exif=exif)
    start = data.index(b"\xff\xe1")
    stop = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    check(data[:start] + data[stop:-2] + data[start:stop] + data[-2:], tmp_path, fast=False)


def test_jpegs_of_other_colours_give_cv2s_pixels(picture: np.ndarray, tmp_path: Path) -> None:
    check(saved(picture, "CMYK"), tmp_path, fast=False)
    check(saved(picture, keep_rgb=True), tmp_path, fast=True)


def test_a_jpeg_of_rare_sampling_is_left_to_cv2(picture: np.ndarray, tmp_path: Path) -> None:
    settings = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411]
    data = bytearray(cv2.imencode(".jpg", picture[:64, :64], settings)[1].tobytes())
    data[data.index(b"\xff\xc0") + 11] = 0x14  # 4:4:1, which needs as many blocks of this square
    check(bytes(data), tmp_path, fast=False)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp"])
def test_another_format_called_jpg_gives_cv2s_pixels(
    picture: np.ndarray, tmp_path: Path, suffix: str
) -> None:
    check(encoded(picture, suffix), tmp_path, fast=False)


def test_bytes_after_the_end_of_a_jpeg_are_let_be(picture: np.ndarray, tmp_path: Path) -> None:
    check(saved(picture) + b"more" * 50, tmp_path, fast=True)


def test_a_jpeg_that_cv2_mends_is_read_as_cv2_does(picture: np.ndarray, tmp_path: Path) -> None:
    data = saved(picture)
    check(data[:-2] + b"more" * 5 + data[-2:], tmp_path, fast=True)


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0nothing"])
def test_of_a_damaged_jpeg_nothing_is_said_on_the_side(
    picture: np.ndarray, exif: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    data = saved(picture, exif=exif)
    for damaged in (data[:-2] + b"more" * 5 + data[-2:], data[:2] + b"more" + data[2:]):
        with contextlib.suppress(ValueError):
            images.read(damaged)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0nothing"])
def test_a_jpeg_whose_data_do_not_fill_it_is_refused(picture: np.ndarray, exif: bytes) -> None:
    data = saved(picture, exif=exif)
    with pytest.raises(ValueError, match="truncated"):
        images.read(data[: len(data) // 2] + b"\xff\xd9")


@pytest.mark.parametrize(
    ("place", "change"),
    [(4, b"\x0c"), (5, b"\xff\xdc\xff\xdc"), (9, b"\x02"), (1, b"\xc5")],
    ids=["12 bits", "65,500 pixels square", "two colours", "hierarchical"],
)
def test_a_jpeg_that_cv2_refuses_is_refused(picture: np.ndarray, place: int, change: bytes) -> None:
    data = bytearray(saved(picture))
    start = data.index(b"\xff\xc0")
    data[start + place : start + place + len(change)] = change
    with pytest.raises(ValueError, match="not a readable picture"):
        images.read(bytes(data))


def test_a_webp_called_jpg_is_read(tmp_path: Path) -> None:
    picture = np.full((20, 20, 3), 128, np.uint8)
    path = tmp_path / "disguised.jpg"
    path.write_bytes(encoded(picture, ".webp"))
    assert path.read_bytes()[8:12] == b"WEBP"
    assert abs(int(samples.as_read(path, 8).mean()) - 128) <= 2


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_cut_off_picture_is_refused(suffix: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    data = encoded(noise, suffix)
    with pytest.raises(ValueError, match=r"truncated|readable"):
        images.read(data[: int(len(data) * share)])


@pytest.mark.parametrize("suffix", [".tiff", ".ppm", ".jp2", ".pfm", ".hdr", ".gif", ".avif"])
def test_a_picture_of_another_format_is_neither_looked_at_nor_decoded(
    suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = np.float32 if suffix in (".pfm", ".hdr") else np.uint8
    done, data = cv2.imencode(suffix, np.zeros((32, 32, 3), kind))
    assert done
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match="no JPEG, PNG, WebP or BMP"):
        images.read(data.tobytes())


def test_comments_of_a_format_that_is_not_read_are_not_gone_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Image.init()
    for kind in (EpsImagePlugin.EpsImageFile, PpmImagePlugin.PpmImageFile):
        monkeypatch.setattr(kind, "_open", lambda _: pytest.fail("it was looked at"))
    for begin in (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%A: b\n", b"P6\n#a\n"):
        with pytest.raises(ValueError, match="no JPEG, PNG, WebP or BMP"):
            images.read(begin)


@pytest.mark.parametrize("data", [b"", b"not a picture at all"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"empty|not a readable picture"):
        images.read(data)
