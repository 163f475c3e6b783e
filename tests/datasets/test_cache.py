"""Packed pictures are decoded once, and a stale or damaged cache is rebuilt, never used."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from datasets import Dataset, InputError, cache, images, packing
from datasets.dataset import Pixels
from datasets.pictures import Files
from tests.datasets import samples


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
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was decoded, as it is."""
    seen: list[bytes] = []
    read = images.read

    def counting(data: bytes) -> np.ndarray:
        seen.append(data)
        return read(data)

    monkeypatch.setattr(images, "read", counting)
    return seen


def pack(paths: list[Path], size: int, crop: str = "none") -> cache.Packed:
    """Pack files of one folder."""
    return packing.pack(Files(paths[0].parent, [path.name for path in paths]), size, crop)


def test_pictures_come_in_the_order_asked_for(files: list[Path]) -> None:
    packed = pack(files, 16)
    assert packed.images.shape == (5, 3, 16, 16)
    for path, planes in zip(files, packed.images, strict=True):
        assert (planes == samples.as_read(path, 16)).all()


def test_a_file_named_twice_is_two_rows(files: list[Path]) -> None:
    packed = pack([files[0], files[1], files[0]], 16)
    assert (packed.images[0] == packed.images[2]).all()


def test_the_second_call_decodes_nothing(files: list[Path], decoded: list[bytes]) -> None:
    first = pack(files, 16)
    assert sorted(decoded) == sorted(path.read_bytes() for path in files)
    decoded.clear()
    second = pack(files, 16)
    assert decoded == []
    assert second.digest == first.digest


def test_what_is_opened_is_a_read_only_map_and_no_copy(files: list[Path]) -> None:
    packed = pack(files, 16)
    assert isinstance(packed.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        packed.images[0, 0, 0, 0] = 1


def test_the_same_pictures_elsewhere_need_no_second_decoding(
    files: list[Path], decoded: list[bytes], tmp_path: Path
) -> None:
    pack(files, 16)
    copies = []
    for path in files:
        copy = tmp_path / "copy" / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
        copies.append(copy)
    decoded.clear()
    pack(copies, 16)
    assert decoded == []


def test_other_code_decodes_the_pictures_again(
    files: list[Path], decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pack(files, 16)
    decoded.clear()
    monkeypatch.setattr(packing, "_code", lambda *_: "another")
    assert pack(files, 16).digest == first.digest
    assert len(decoded) == len(files)


def test_a_changed_picture_is_seen_even_with_its_old_time(
    files: list[Path], picture: Callable[..., None]
) -> None:
    before = pack(files, 16)
    stat = files[2].stat()
    picture(files[2], seed=99)
    os.utime(files[2], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = pack(files, 16)
    assert (after.images[2] == samples.as_read(files[2], 16)).all()
    assert after.digest != before.digest


def test_a_picture_more_or_less_is_seen(files: list[Path]) -> None:
    assert len(pack(files[:4], 16).images) == 4
    assert len(pack(files, 16).images) == 5
    files[4].unlink()
    with pytest.raises(InputError, match=r"4\.png is not there"):
        pack(files, 16)
    assert len(pack(files[:4], 16).images) == 4


def test_more_pictures_than_are_decoded_at_a_time_keep_their_order(
    tmp_path: Path, picture: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "HANDFUL", 3)
    monkeypatch.setattr(packing, "MAX_UNREADABLE", 1)
    paths = [tmp_path / f"{i}.{'png' if i % 3 else 'jpg'}" for i in range(21)]
    for i, path in enumerate(paths):
        picture(path, i)
    paths[13].write_bytes(b"broken")
    packed = pack(paths, 16)
    assert [row for row, _ in packed.unreadable] == [13]
    for path, planes in zip(paths[:13] + paths[14:], packed.images, strict=True):
        assert (planes == samples.as_read(path, 16)).all()


def test_another_size_is_another_entry(files: list[Path]) -> None:
    assert pack(files, 16).images.shape[-1] == 16
    assert pack(files, 24).images.shape[-1] == 24


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
    dataset = Dataset(
        name="many",
        pixels=Pixels((packed.images,)),
        labels=np.arange(64_000) % 2,
        class_names=("a", "b"),
        groups=None,
        ids=tuple(map(str, range(64_000))),
        described="many pictures",
        fingerprint="0" * 64,
    )
    rows = np.random.default_rng(0).permutation(64_000)[:20_000]
    before = in_memory()
    taken = dataset.take(rows)
    assert in_memory() - before < packed.images.nbytes / 10
    assert (taken == dataset.images[rows]).all()
    taken[:] = 0  # a copy, so the set itself stays as it is
    assert dataset.images[rows].any()


DAMAGES = ["flip a bit", "cut", "remove", "garble the notes", "pipe in place of the notes"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_rebuilt(
    files: list[Path], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = pack(files, 16).images.copy()
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
    elif damage == "pipe in place of the notes":
        (entry / "meta.json").unlink()
        os.mkfifo(entry / "meta.json")
    else:
        (entry / "meta.json").write_text("{")
    assert (pack(files, 16).images == whole).all()
    assert "damaged" in caplog.text
    caplog.clear()
    pack(files, 16)
    assert caplog.text == ""


def test_a_digest_is_remembered_and_made_again_where_a_pipe_is_in_its_place() -> None:
    made: list[str] = []

    def make() -> str:
        made.append(f"{len(made)}" * 64)
        return made[-1]

    assert cache.remembered("stamp", make) == cache.remembered("stamp", make) == "0" * 64
    (path,) = (cache.folder() / "seen").iterdir()
    path.unlink()
    os.mkfifo(path)
    assert cache.remembered("stamp", make) == cache.remembered("stamp", make) == "1" * 64


def test_where_nothing_says_where_the_cache_is_the_remedy_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(cache.platformdirs, "user_cache_dir", unknown)
    with pytest.raises(InputError, match="set XDG_CACHE_HOME"):
        cache.folder()


def test_nothing_half_written_stays_when_the_making_fails(files: list[Path]) -> None:
    def failing() -> list[cache.Chunk]:
        raise RuntimeError("no more power")

    with pytest.raises(RuntimeError, match="no more power"):
        cache.packed({"any": "key"}, 16, failing)
    assert list((cache.folder() / "packed").iterdir()) == []


def test_unreadable_pictures_are_told_with_their_place(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MAX_UNREADABLE", 1)
    files[3].write_bytes(b"broken")
    packed = pack(files, 16)
    assert len(packed.images) == 4
    assert [row for row, _ in packed.unreadable] == [3]


def test_threads_that_read_pictures_end_before_their_call_does() -> None:
    begun, slow = threading.Event(), threading.Event()

    def wait() -> packing.Ready:
        begun.set()
        slow.wait(0.2)
        return packing.Ready(np.empty(0), {}, None, [])

    before = threading.active_count()
    ready = packing._in_threads(wait for _ in range(1000))
    next(ready)
    assert begun.is_set()
    ready.close()  # as where what it gives cannot be kept
    assert threading.active_count() == before
