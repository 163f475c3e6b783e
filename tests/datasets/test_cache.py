"""Packed pictures are decoded once, and a stale or damaged cache is rebuilt, never used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import cache, images
from datasets.dataset import Listing, assemble


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def files(tmp_path: Path, picture: Callable[..., None]) -> list[Path]:
    paths = [tmp_path / "pictures" / f"{i}.png" for i in range(5)]
    for i, path in enumerate(paths):
        picture(path, i)
    return paths


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were decoded, as they are."""
    seen: list[Path] = []
    load_all = images.load_all

    def counting(paths: list[Path], *arguments: Any) -> Any:
        seen.extend(paths)
        return load_all(paths, *arguments)

    monkeypatch.setattr(images, "load_all", counting)
    return seen


def test_pictures_come_in_the_order_asked_for(files: list[Path]) -> None:
    packed = cache.packed_files(files, 16)
    assert packed.images.shape == (5, 3, 16, 16)
    for path, planes in zip(files, packed.images, strict=True):
        assert (planes == images.load(path, 16)).all()


def test_a_file_named_twice_is_two_rows(files: list[Path]) -> None:
    packed = cache.packed_files([files[0], files[1], files[0]], 16)
    assert (packed.images[0] == packed.images[2]).all()


def test_the_second_call_decodes_nothing(files: list[Path], decoded: list[Path]) -> None:
    first = cache.packed_files(files, 16)
    assert sorted(decoded) == files
    decoded.clear()
    second = cache.packed_files(files, 16)
    assert decoded == []
    assert second.digest == first.digest


def test_what_is_opened_is_a_read_only_map_and_no_copy(files: list[Path]) -> None:
    packed = cache.packed_files(files, 16)
    assert isinstance(packed.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        packed.images[0, 0, 0, 0] = 1


def test_the_same_pictures_elsewhere_need_no_second_decoding(
    files: list[Path], decoded: list[Path], tmp_path: Path
) -> None:
    cache.packed_files(files, 16)
    copies = []
    for path in files:
        copy = tmp_path / "copy" / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
        copies.append(copy)
    decoded.clear()
    cache.packed_files(copies, 16)
    assert decoded == []


def test_a_changed_picture_is_seen_even_with_its_old_time(
    files: list[Path], picture: Callable[..., None]
) -> None:
    before = cache.packed_files(files, 16)
    stat = files[2].stat()
    picture(files[2], seed=99)
    os.utime(files[2], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = cache.packed_files(files, 16)
    assert (after.images[2] == images.load(files[2], 16)).all()
    assert after.digest != before.digest


def test_a_picture_more_or_less_is_seen(files: list[Path]) -> None:
    assert len(cache.packed_files(files[:4], 16).images) == 4
    assert len(cache.packed_files(files, 16).images) == 5
    files[4].unlink()
    with pytest.raises(FileNotFoundError):
        cache.packed_files(files, 16)
    assert len(cache.packed_files(files[:4], 16).images) == 4


def test_more_pictures_than_are_decoded_at_a_time_keep_their_order(
    tmp_path: Path, picture: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "BATCH", 8)
    monkeypatch.setattr(cache, "HANDFUL", 3)
    paths = [tmp_path / f"{i}.{'png' if i % 3 else 'jpg'}" for i in range(21)]
    for i, path in enumerate(paths):
        picture(path, i)
    paths[13].write_bytes(b"broken")
    packed = cache.packed_files(paths, 16)
    assert [row for row, _ in packed.unreadable] == [13]
    for path, planes in zip(paths[:13] + paths[14:], packed.images, strict=True):
        assert (planes == images.load(path, 16)).all()


def test_another_size_is_another_entry(files: list[Path]) -> None:
    assert cache.packed_files(files, 16).images.shape[-1] == 16
    assert cache.packed_files(files, 24).images.shape[-1] == 24


def in_memory() -> int:
    """Bytes of files that are mapped into this process and have been looked at."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("this system does not say what is in memory")
    return int(status.read_text().split("RssFile:")[1].split()[0]) * 1024


def many() -> cache.Packed:
    def produce() -> Iterator[cache.Chunk]:
        for i in range(64):
            yield np.full((1000, 3, 16, 16), i, np.uint8), [], None

    return cache.packed({"many": "pictures"}, 16, produce)


def test_opening_leaves_no_picture_in_memory() -> None:
    many()
    before = in_memory()
    packed = many()
    assert in_memory() - before < packed.images.nbytes / 10
    packed.images.sum()
    assert in_memory() - before > packed.images.nbytes / 2, "this test sees no page at all"


def test_taking_pictures_copies_them_and_leaves_no_page_of_the_map_in_memory() -> None:
    packed = many()
    labels = np.arange(64_000) % 2
    listing = Listing([str(i) for i in range(64_000)], labels.tolist(), ("a", "b"))
    dataset = assemble("many", listing, packed, "many pictures")
    rows = np.random.default_rng(0).permutation(64_000)[:20_000]
    before = in_memory()
    taken = dataset.take(rows)
    assert in_memory() - before < packed.images.nbytes / 10
    assert (taken == dataset.images[rows]).all()
    taken[:] = 0  # a copy, so the set itself stays as it is
    assert dataset.images[rows].any()


@pytest.mark.parametrize("damage", ["flip a bit", "cut", "remove", "garble the notes"])
def test_a_damaged_entry_is_rebuilt(
    files: list[Path], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = cache.packed_files(files, 16).images.copy()
    (entry,) = (cache.folder() / "packed").iterdir()
    pixels = entry / "images.u8"
    data = bytearray(pixels.read_bytes())
    if damage == "flip a bit":
        data[1000] ^= 1
        pixels.write_bytes(data)
    elif damage == "cut":
        pixels.write_bytes(data[:-10])
    elif damage == "remove":
        pixels.unlink()
    else:
        (entry / "meta.json").write_text("{")
    assert (cache.packed_files(files, 16).images == whole).all()
    assert "damaged" in caplog.text
    caplog.clear()
    cache.packed_files(files, 16)
    assert caplog.text == ""


def test_nothing_half_written_stays_when_the_making_fails(files: list[Path]) -> None:
    def failing() -> list[cache.Chunk]:
        raise RuntimeError("no more power")

    with pytest.raises(RuntimeError, match="no more power"):
        cache.packed({"any": "key"}, 16, failing)
    assert list((cache.folder() / "packed").iterdir()) == []


def test_unreadable_pictures_are_told_with_their_place(files: list[Path]) -> None:
    files[3].write_bytes(b"broken")
    packed = cache.packed_files(files, 16)
    assert len(packed.images) == 4
    assert [row for row, _ in packed.unreadable] == [3]
