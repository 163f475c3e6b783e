"""Files that are not what they should be are refused in one line, and no pixel is made up."""

from __future__ import annotations

import os
import socket
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import datasets
from benchmark import audit
from benchmark.core import processes
from datasets import InputError, images, limits, packing
from datasets.dataset import numbered
from datasets.loaders import fer2013, ferplus, muxspace
from datasets.pictures import Files
from tests.conftest import Command
from tests.datasets import samples
from tests.datasets.samples import png_of, refused


@pytest.fixture
def root(tmp_path: Path, picture: Callable[..., None]) -> Path:
    """Two classes of four."""
    for i in range(4):
        picture(tmp_path / "set" / "a" / f"{i}.png", i)
        picture(tmp_path / "set" / "b" / f"{i}.png", 10 + i)
    return tmp_path / "set"


def test_a_file_that_changes_while_it_is_read_leaves_nothing_in_the_cache(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, picture: Callable[..., None]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = root / "a" / "0.png"
    before, contents = path.read_bytes(), packing._contents

    def changed_after(pictures: Files) -> str:
        digest = contents(pictures)
        picture(path, seed=99)
        return digest

    with monkeypatch.context() as patch:
        patch.setattr(packing, "_contents", changed_after)
        refused(root, "changed while they were read")
    path.write_bytes(before)
    data = datasets.load(root)
    assert (data.images[data.ids.index("a/0.png")] == samples.as_read(path, 32)).all()


def test_a_picture_is_not_read_through_a_link_out_of_the_folder(
    root: Path, tmp_path: Path, picture: Callable[..., None]
) -> None:
    picture(tmp_path / "secret.png")
    (root / "a" / "inside.png").symlink_to(root / "b" / "0.png")
    datasets.load(str(root))
    (root / "a" / "odd.png").symlink_to(tmp_path / "secret.png")
    refused(root, "odd.png", "a link out of")


def test_classes_that_are_written_alike_are_refused(
    root: Path, picture: Callable[..., None]
) -> None:
    for name in ("\x1b", "\\x1b"):
        picture(root / name / "0.png")
        picture(root / name / "1.png", 1)
    refused(root, "2 classes are written", "x1b")


def test_a_jpeg_that_goes_over_its_pixels_again_and_again_is_refused() -> None:
    import cv2

    done, data = cv2.imencode(
        ".jpg", np.zeros((64, 64, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    )
    assert done
    jpeg = data.tobytes()
    last = jpeg.rindex(images.SCAN)
    again = bytearray(jpeg[:last] + jpeg[last:-2] * 100 + jpeg[-2:])
    for sampling in (again[again.index(b"\xff\xc2") + 11], 0x13, 0x14):  # of which few have a name
        again[again.index(b"\xff\xc2") + 11] = sampling
        with pytest.raises(ValueError, match="too often"):
            images.read(bytes(again))


def test_what_is_no_file_is_refused_before_it_is_read(root: Path) -> None:
    odd = root / "a" / "odd.jpg"
    os.mkfifo(odd)
    refused(root, "odd.jpg", "a pipe, a device or a socket")
    odd.unlink()
    odd.symlink_to("/dev/zero")
    refused(root, "odd.jpg", "a pipe, a device or a socket")
    odd.unlink()
    odd.symlink_to(odd)
    refused(root, "odd.jpg", "cannot be read")
    odd.unlink()
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(odd.parent)  # its name may have a hundred letters
        made.bind(odd.name)
        os.chdir(here)
        refused(root, "odd.jpg", "a pipe, a device or a socket")


def test_a_huge_file_is_refused_before_it_is_read(root: Path) -> None:
    with (root / "a" / "huge.jpg").open("wb") as file:
        file.truncate(20 << 30)
    refused(root, "huge.jpg", "21,474,836,480 bytes")


def test_names_that_no_file_can_have_are_one_line() -> None:
    refused("x" * 5000, "cannot be read")
    refused(f"/{'x' * 5000}", "cannot be read")
    with pytest.raises(InputError, match="null"):
        Files(Path("/"), ["a\0b.png"]).stamp()


@pytest.mark.parametrize("name", ["../secret.png", "a/../../secret.png", "/etc/passwd"])
def test_a_legend_leads_to_no_picture_outside_its_folder(
    name: str, tmp_path: Path, picture: Callable[..., None]
) -> None:
    clone = tmp_path / "clone"
    for seed in range(4):
        picture(clone / "images" / f"Ann_{seed}.png", seed)
    picture(clone / "secret.png")
    (clone / "data").mkdir()
    rows = [f"1,Ann_{i}.png,{'fear' if i % 2 else 'anger'}" for i in range(4)]
    (clone / "data" / "legend.csv").write_text(
        "\n".join(["user.id,image,emotion", *rows, f"1,{name},fear"])
    )
    refused(clone, f"'{name}' is outside", "legend.csv")


def png_header(side: int) -> bytes:
    """A PNG of one bit a pixel, black."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return png_of((b"IHDR", header), (b"IDAT", b""), (b"IEND", b""))


def bmp_header(side: int) -> bytes:
    """A run-length encoded BMP of 8 bits a pixel."""
    about = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 4, 2835, 2835, 256, 0)
    palette = bytes(4 * 256)
    start = 14 + len(about) + len(palette)
    head = b"BM" + struct.pack("<IHHI", start + 4, 0, 0, start)
    return head + about + palette + b"\x00\x01\x00\x01"


@pytest.mark.parametrize("make", [png_header, bmp_header])
def test_more_pixels_than_are_decoded_are_refused_by_the_header(
    make: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    import cv2

    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match="too many"):
        images.read(make(32_000))


def test_a_jpeg_whose_header_promises_more_than_it_has_is_refused() -> None:
    import cv2

    done, data = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))
    assert done
    bomb = bytearray(data.tobytes())
    start = bomb.index(b"\xff\xc0")
    for side, words in ((4000, "truncated"), (32_000, "too many")):
        bomb[start + 5 : start + 9] = struct.pack(">HH", side, side)
        with pytest.raises(ValueError, match=words):
            images.read(bytes(bomb))


@pytest.fixture
def bounds() -> Iterator[None]:
    yield
    os.environ.pop(limits.VARIABLE, None)
    limits.follow()


def write_bound(to: Path) -> None:
    to.write_text(str(limits.PIXELS))


@pytest.mark.usefixtures("bounds")
def test_larger_pictures_are_read_where_that_is_asked_for(
    tmp_path: Path, run_command: Command
) -> None:
    picture = png_header(10_000)
    with pytest.raises(ValueError, match="too many"):
        images.read(picture)
    missing = ("--data", tmp_path / "missing", "--larger", 2)
    assert run_command(audit.main, *missing)[0] == 2
    with pytest.raises(ValueError, match="truncated"):  # it is a header only
        images.read(picture)
    process = processes.aside(write_bound, tmp_path / "bound")
    process.join()
    assert int((tmp_path / "bound").read_text()) == limits.PIXELS == 1 << 27


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize("times", [10**13, 10**4000])
def test_what_may_be_larger_without_end_is_read_as_ever(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.write_fer2013(tmp_path, n=20)
    monkeypatch.setenv("FER2013_DIR", str(tmp_path))
    limits.allow(times)
    assert len(datasets.load("fer2013")) == 20


@pytest.mark.usefixtures("bounds")
def test_a_number_of_too_many_digits_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.VARIABLE, "9" * 5000)
    limits.follow()
    assert limits.PIXELS == limits.MOST


@pytest.mark.parametrize("cell", ['"a\n",' * 2000, f'"{"a" * 99}' + "\n" * 10_000])
def test_a_row_that_goes_on_through_line_ends_is_refused_before_it_is_held(
    cell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "legend.csv"
    rows = "me,1.png,anger\n" * 1000
    path.write_text(f"user.id,image,emotion\n{rows}\n\nme,{cell}")
    monkeypatch.setattr(limits, "LINE", 2000)
    with pytest.raises(InputError, match=r"legend.csv, line [0-9]{4}: its row is too long"):
        muxspace.read_legend(path)
    path.write_text(f"user.id,image,emotion\n{rows}")
    assert len(muxspace.read_legend(path)) == 1000


def test_a_table_of_too_many_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.write_ferplus(tmp_path, n=24)
    (tmp_path / "legend.csv").write_text("user.id,image,emotion\n" + "me,1.png,anger\n" * 24)
    table = fer2013.read_table(tmp_path / "fer2013.csv")
    votes = tmp_path / ferplus.VOTES
    monkeypatch.setattr(limits, "PICTURES", 23)
    for read in (
        lambda: fer2013.read_table(tmp_path / "fer2013.csv"),
        lambda: ferplus.read_votes(votes, table),
        lambda: muxspace.read_legend(tmp_path / "legend.csv"),
    ):
        with pytest.raises(InputError, match=r"csv has more than 23 rows: .* by --larger"):
            read()
        with monkeypatch.context() as patch:
            patch.setattr(limits, "PICTURES", 24)
            read()


def test_one_long_name_of_a_person_does_not_make_all_as_long() -> None:
    names = ["x" * 1000, *(f"{i % 7}" for i in range(200)), "ä", "Z", "a"]
    np.testing.assert_array_equal(numbered(names), np.unique(names, return_inverse=True)[1])
    numbers = np.array([5, -1, 5, 70])
    assert numbered(numbers).tolist() == [1, 0, 1, 2]
    assert numbered([]).dtype == np.int64
    tracemalloc.start()
    numbered(["x" * 100_000, *["me"] * 999])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10_000_000


def test_few_large_grey_pictures_wait_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{i}.jpg" for i in range(6)]
    for i, name in enumerate(names):
        samples.write_face(tmp_path / name, i, (300 + i, 301))
    files = Files(tmp_path, names)
    usual = packing.read_some(files, range(6), 32, "none").planes
    monkeypatch.setattr(packing, "WAITING_PIXELS", 100_000)
    assert (packing.read_some(files, range(6), 32, "none").planes == usual).all()
