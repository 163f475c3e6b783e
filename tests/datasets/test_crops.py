"""A crop is cut from the picture as it comes, where the cascades find it or where it usually is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import datasets
from datasets import InputError, crops, images, packing
from datasets.loaders import muxspace
from datasets.loaders.drawn import faces, sampling
from datasets.pictures import Files
from tests.conftest import REAL, write_shapes
from tests.datasets import samples

EVERY = sorted(crops.WORDS)


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    """Some of the real pictures as they come."""
    if not REAL:
        pytest.skip("MUXSPACE_DIR is not set: the real pictures are not here")
    rows = muxspace.read_legend(Path(REAL, "data", "legend.csv"))[::300]
    return [images.read(Path(REAL, "images", name).read_bytes()) for name, _, _ in rows]


def share_found(pictures: list[np.ndarray], crop: str) -> float:
    return float(np.mean([crops.cut(picture, crop)[1] for picture in pictures]))


@pytest.mark.real
def test_it_is_found_in_most_photographs(photographs: list[np.ndarray]) -> None:
    assert share_found(photographs, "face") > 0.9
    assert share_found(photographs, "eyes") > 0.65
    assert share_found(photographs, "mouth") > 0.75


@pytest.mark.real
@pytest.mark.parametrize("crop", EVERY)
def test_it_follows_the_face_through_a_larger_picture(
    photographs: list[np.ndarray], crop: str
) -> None:
    alike = []
    for picture in photographs:
        height, width = picture.shape[:2]
        margins = ((height // 4, height), (width, width // 4), (0, 0))
        alone, found = crops.cut(picture, crop)
        inside, found_inside = crops.cut(np.pad(picture, margins, mode="edge"), crop)
        if found and found_inside:
            pair = [images.stretch(part, 24).mean(axis=0).ravel() for part in (alone, inside)]
            alike.append(np.corrcoef(pair)[0, 1])
    assert len(alike) > len(photographs) / 2
    assert np.median(alike) > 0.75


@pytest.mark.real
def test_small_pictures_in_a_table_are_cropped_too(
    photographs: list[np.ndarray], tmp_path: Path
) -> None:
    lines = ["emotion,pixels,Usage"]
    for i, picture in enumerate(photographs):
        grey = images.stretch(picture, 48)[0].ravel()
        lines.append(f"{i % 7},{' '.join(map(str, grey))},{samples.USAGES[i % 6]}")
    (tmp_path / "fer2013.csv").write_text("\n".join([*lines, ""]))
    data = datasets.load(f"fer2013:{tmp_path}", 32, "eyes")
    assert data.crop_found is not None
    assert data.crop_found.mean() > 0.65
    assert data.images.std(axis=(2, 3)).min() > 0


@pytest.mark.parametrize(("crop", "start", "end"), [("eyes", 0.19, 0.54), ("mouth", 0.65, 0.99)])
def test_without_a_face_it_is_where_it_is_in_a_registered_one(
    crop: str, start: float, end: float
) -> None:
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[:, None], 120, axis=1)[..., None]
    part, found = crops.cut(ramp, crop)
    assert not found
    assert part[0, 0, 0] / 200 == pytest.approx(start, abs=0.1)
    assert part[-1, 0, 0] / 200 == pytest.approx(end, abs=0.1)
    assert part.shape[1] < 120


def test_without_a_face_the_face_is_the_whole_picture() -> None:
    picture = np.zeros((30, 20, 3), np.uint8)
    part, found = crops.cut(picture, "face")
    assert part.shape == picture.shape
    assert not found


@pytest.mark.parametrize("crop", EVERY)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 300, 3), (300, 2, 1)])
def test_a_picture_of_any_shape_leaves_something(crop: str, shape: tuple[int, int, int]) -> None:
    part, _ = crops.cut(np.zeros(shape, np.uint8), crop)
    assert min(part.shape) > 0


@pytest.mark.parametrize("crop", EVERY)
@pytest.mark.parametrize("shape", [(1 << 22, 1, 1), (1, 1 << 22, 1), (1 << 20, 4, 3)])
def test_what_is_looked_through_does_not_grow_with_a_thin_picture(
    crop: str, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sides: list[int] = []
    scaled = crops._scaled

    def noted(picture: np.ndarray, scale: float) -> np.ndarray:
        sides.extend(round(scale * side) for side in picture.shape[:2])
        return scaled(picture, scale) if max(sides) < 1000 else np.zeros((1, 1), np.uint8)

    monkeypatch.setattr(crops, "_scaled", noted)
    part, found = crops.cut(np.zeros(shape, np.uint8), crop)
    assert max(sides) < 1000
    assert min(part.shape) > 0
    assert not found


def test_a_cropped_set_has_the_rows_of_the_whole_and_says_what_it_is(tmp_path: Path) -> None:
    faces.write(tmp_path / "faces", n=120, seed=1, size=64)
    whole = datasets.load(tmp_path / "faces")
    for crop in EVERY:
        part = datasets.load(tmp_path / "faces", crop=crop)
        assert part.crop_found is not None
        share = f"found in {100 * part.crop_found.mean():.0f} % of the pictures"
        assert part.name == f"generated-{crop}"
        assert f"{crops.WORDS[crop]} {share}" in part.described
        assert part.ids == whole.ids
        assert (part.labels == whole.labels).all()
        assert part.fingerprint != whole.fingerprint
        for planes, name in zip(part.images[:5], part.ids, strict=False):
            picture = images.read((tmp_path / "faces/images" / name).read_bytes())
            assert (planes == images.stretch(crops.cut(picture, crop)[0], 32)).all()
        again = datasets.load(f"{crop}:{tmp_path / 'faces'}")
        assert again.fingerprint == part.fingerprint
        assert again.name == part.name
    assert whole.crop_found is None
    assert datasets.load(tmp_path / "faces", crop="none").fingerprint == whole.fingerprint


def test_the_second_opening_crops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples.write_fer2013(tmp_path)
    first = datasets.load(tmp_path, 32, "mouth")
    monkeypatch.setattr(crops, "cut", lambda *_: pytest.fail("a picture was cropped again"))
    again = datasets.load(tmp_path, 32, "mouth")
    assert again.fingerprint == first.fingerprint
    assert np.array_equal(again.crop_found, first.crop_found)  # type: ignore[arg-type]


def test_faces_that_lie_in_no_files_are_drawn_larger_to_be_cropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = sampling.sample(120)
    monkeypatch.setattr(sampling, "sample", lambda *_: few)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    part = datasets.load("generated", 16, "eyes")
    assert (part.name, part.images.shape) == ("generated-eyes", (120, 3, 16, 16))
    assert part.generated


def test_joined_and_deduplicated_sets_are_cropped_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.write_fer2013(tmp_path / "fer")
    samples.write_rafdb(tmp_path / "raf")
    monkeypatch.setenv("FER2013_DIR", str(tmp_path / "fer"))
    monkeypatch.setenv("RAFDB_DIR", str(tmp_path / "raf"))
    fer, raf, both = (
        datasets.load(name, crop="eyes") for name in ("fer2013", "rafdb", "fer2013+rafdb")
    )
    assert both.name == "fer2013+rafdb-eyes"
    assert np.array_equal(both.images, np.concatenate([fer.images, raf.images]))
    assert np.array_equal(both.crop_found, np.concatenate([fer.crop_found, raf.crop_found]))  # type: ignore[list-item]
    assert datasets.load("fer2013-on-rafdb", crop="eyes").name == "fer2013-on-rafdb-eyes"
    clean = datasets.load("eyes:deduplicated:fer2013")
    assert clean.name == "fer2013-deduplicated-eyes"
    assert np.array_equal(clean.images, fer.images)


def test_unreadable_pictures_move_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_UNREADABLE", 1)
    names = [f"{i}.png" for i in range(5)]
    for i, name in enumerate(names):
        assert cv2.imwrite(str(tmp_path / name), samples.face(i))
    (tmp_path / names[2]).write_bytes(b"broken")
    packed = packing.pack(Files(tmp_path, names), 16, "mouth")
    assert [row for row, _ in packed.unreadable] == [2]
    assert packed.crop_found is not None
    assert len(packed.crop_found) == len(packed.images) == 4


def test_a_folder_cannot_pass_for_a_cropped_set(tmp_path: Path) -> None:
    write_shapes(tmp_path / "muxspace-eyes", per_class=4)
    whole = datasets.load(tmp_path / "muxspace-eyes")
    assert whole.name == "muxspace-eyes-folder"
    assert whole.source == str(tmp_path / "muxspace-eyes")
    assert whole.crop == "none"
    (tmp_path / "muxspace-eyes").rename(tmp_path / "my-eyes")
    assert datasets.load(tmp_path / "my-eyes").name == "my-eyes"


def test_an_unknown_crop_is_one_line(shapes_folder: Path) -> None:
    with pytest.raises(InputError, match="no crop is called 'nose': use one of none, eyes"):
        datasets.load(shapes_folder, crop="nose")
