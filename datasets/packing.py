"""From a loader's listing to a data set: pictures read, cropped, stretched, packed and checked.

This is the one place where pictures are decoded and cropped; a loader says only where they lie.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import logging
import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import joblib
import numpy as np

from datasets import cache, crops, images, limits
from datasets.dataset import Dataset, Pixels, finished, numbered
from datasets.errors import InputError, reading
from datasets.names import readable
from datasets.pictures import Drawn, Pictures

logger = logging.getLogger(__name__)

HANDFUL = 16  # pictures a thread takes at a time: fewer cost turns, more cost memory
DRAWN_AT_ONCE = 128  # where they are drawn
WAITING_PIXELS = 1 << 22  # of grey pictures that wait for others of their shape
# One bad file in a thousand is an accident to report; more is a broken data set to mend.
MAX_UNREADABLE = 1 / 1000


@dataclass(frozen=True)
class Listing:
    """What a loader knows of a set, a row a picture.

    Attributes
    ----------
    pictures : Pictures
        Where they lie.
    ids : sequence of str
        Name of each; where they are files, from `root` on.
    labels : sequence of int
        Indices into `class_names`.
    class_names : tuple of str
    people, contributors : sequence of str, or None
        Who is shown, and who gave the label.
    root : Path or None
        Folder that `ids` are files of.
    parts : sequence of Part, or None
        Of the official split.
    distribution : ndarray of float32, shape (n, n_classes), or None
        Share of each class in the votes for a row.
    name, described : str
        Of the data set; where empty, what the loader was registered with.
    generated : bool
        Whether the pictures are drawn by this project.
    faces : bool
        Whether they are of faces, as the loader was registered with.
    may_embed : bool
        Whether they may be passed on, as the loader was registered with.
    remarks : tuple of str
        What a reader must know of how they were read.
    """

    pictures: Pictures
    ids: Sequence[str]
    labels: Sequence[int]
    class_names: tuple[str, ...]
    people: Sequence[str] | None = None
    contributors: Sequence[str] | None = None
    root: Path | None = None
    parts: Sequence[int] | None = None
    distribution: np.ndarray | None = None
    name: str = ""
    described: str = ""
    generated: bool = False
    faces: bool = False
    may_embed: bool = False
    remarks: tuple[str, ...] = ()


def load(listing: Listing, size: int, crop: str = crops.NONE) -> Dataset:
    """Make a checked data set of a listing, its pictures cropped and ``size`` x ``size`` pixels.

    Raises
    ------
    InputError
        If more than one picture in a thousand cannot be read, a class has a single picture, fewer
        than two classes have any, or there are too many.
    """
    class_names = [*map(readable, listing.class_names)]
    alike = (unicodedata.normalize("NFC", " ".join(name.split())) for name in class_names)
    for name, times in Counter(alike).items():
        if times > 1:
            raise InputError(f"{times} classes are written '{name}': call them otherwise")
    if len(class_names) > limits.CLASSES:
        raise InputError(
            f"{len(class_names):,} classes are more than {limits.CLASSES:,}: leave some out, or "
            "allow more by --larger"
        )
    packed = pack(listing.pictures, size, crop)
    unreadable = {row for row, _ in packed.unreadable}
    kept = [row for row in range(len(listing.ids)) if row not in unreadable]
    people, who, parts = listing.people, listing.contributors, listing.parts
    return finished(
        Dataset(
            name=readable(listing.name),
            pixels=Pixels((packed.images,), (packed.digest,)),
            labels=np.asarray(listing.labels, dtype=np.int64)[kept],
            class_names=tuple(class_names),
            groups=None if people is None else numbered([people[row] for row in kept]),
            ids=tuple(listing.ids[row] for row in kept),
            described=readable(listing.described),
            left_out=tuple(
                (readable(listing.ids[row]), reason) for row, reason in packed.unreadable
            ),
            generated=listing.generated,
            faces=listing.faces,
            may_embed=listing.may_embed,
            root=listing.root,
            remarks=listing.remarks,
            contributors=None if who is None else tuple(who[row] for row in kept),
            parts=None if parts is None else np.asarray(parts, dtype=np.int8)[kept],
            distribution=None if listing.distribution is None else listing.distribution[kept],
            crop_found=packed.crop_found,
        )
    )


def pack(pictures: Pictures, size: int, crop: str = crops.NONE) -> cache.Packed:
    """Pictures stretched to ``size`` x ``size``, made at most once.

    Files whose name, size and times are those seen before are not read again; a change of content
    makes a new key. The few unreadable ones are reported and left out.

    Raises
    ------
    InputError
        If a picture is not there, or more than one in a thousand cannot be read.
    """
    if size not in pictures.sizes:
        least, most = pictures.sizes[0], pictures.sizes[-1]
        raise InputError(
            f"pictures can be made at {least} to {most} pixels, not {size}: change --size"
        )
    contents = cache.remembered(pictures.stamp(), lambda: _contents(pictures))
    key = {
        "contents": contents,
        "size": size,
        "kind": type(pictures).__name__,
        "crop": crop,
        "prepared by": _code(pictures, crop),
    }
    packed = cache.packed(key, size, lambda: _chunks(pictures, size, crop, contents))
    bad = packed.unreadable
    if len(bad) > MAX_UNREADABLE * len(pictures):
        row, reason = bad[0]
        others = f" ({len(bad) - 1} more like it)" if len(bad) > 1 else ""
        raise InputError(f"{pictures.where(row)}: {reason}{others}: {pictures.mend}")
    for row, reason in bad:
        logger.warning("left out %s: %s", pictures.where(row), reason)
    return packed


def _code(pictures: Pictures, crop: str) -> list[str]:
    """Digest of the code that turns pictures into pixels, and versions of what it calls."""
    files = [__file__, images.__file__, inspect.getfile(type(pictures))]
    files += [] if crop == crops.NONE else [crops.__file__]
    digest = hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
    return [digest, cv2.__version__, importlib.metadata.version("simplejpeg")]


def _contents(pictures: Pictures) -> str:
    digests = []
    for row in range(len(pictures)):
        with reading(pictures.where(row)):
            digests.append(hashlib.sha256(pictures.content(row)).digest())
    return hashlib.sha256(b"".join(digests)).hexdigest()


class Ready(NamedTuple):
    """Some pictures, ready: those of rows in `reasons` are undefined."""

    planes: np.ndarray
    reasons: dict[int, str]
    crop_found: np.ndarray | None
    digests: list[bytes]


def _chunks(pictures: Pictures, size: int, crop: str, contents: str) -> Iterator[cache.Chunk]:
    digests = hashlib.sha256()
    read: Callable[..., Ready] = _drawn if isinstance(pictures, Drawn) else read_some
    n = DRAWN_AT_ONCE if isinstance(pictures, Drawn) else HANDFUL
    starts = range(0, len(pictures), n)
    ready = _in_threads(
        partial(read, pictures, range(start, min(start + n, len(pictures))), size, crop)
        for start in starts
    )
    for start in cache.show(starts, "reading pictures"):
        planes, reasons, crop_found, contents_read = next(ready)
        digests.update(b"".join(contents_read))
        bad = [row - start for row in reasons]
        if crop_found is not None:
            crop_found = np.delete(crop_found, bad)
        yield np.delete(planes, bad, axis=0), [*reasons.items()], crop_found
    if digests.hexdigest() != contents:  # else these pixels would be kept as those of the others
        raise InputError(
            f"{pictures.where(0)} or others with it changed while they were read: start again"
        )


def _in_threads(calls: Iterable[Callable[[], Ready]]) -> Iterator[Ready]:
    """Yield what calls give in their order, made by threads that are a few calls ahead.

    The threads have ended when this has, or Python waits for them: one that comes back from OpenCV
    while Python ends ends the process by an abort.
    """
    n_threads = joblib.cpu_count()
    threads = ThreadPoolExecutor(n_threads)
    waiting: deque[Future[Ready]] = deque()
    try:
        for call in calls:
            waiting.append(threads.submit(call))
            if len(waiting) > 2 * n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)


def _drawn(pictures: Drawn, rows: Sequence[int], size: int, crop: str) -> Ready:
    digests = [hashlib.sha256(pictures.content(row)).digest() for row in rows]
    if crop == crops.NONE:
        return Ready(pictures.draw(np.array(rows), size), {}, None, digests)
    larger = pictures.draw(np.array(rows), pictures.CROPPED_FROM).transpose(0, 2, 3, 1)
    cut = [crops.cut(picture, crop) for picture in larger]
    planes = np.stack([images.stretch(part, size) for part, _ in cut])
    return Ready(planes, {}, np.array([crop_found for _, crop_found in cut]), digests)


def read_some(pictures: Pictures, rows: Sequence[int], size: int, crop: str) -> Ready:
    """Read some pictures in a thread of their own.

    Grey pictures of one shape are stretched four at a time, as the channels of one picture: that
    gives each the same pixels and, where the stretch is no whole number, takes cv2 half the time.
    """
    planes = np.empty((len(rows), 3, size, size), np.uint8)
    crop_found = None if crop == crops.NONE else np.zeros(len(rows), bool)
    reasons: dict[int, str] = {}
    digests: list[bytes] = []
    waiting: dict[tuple[int, ...], dict[int, np.ndarray]] = defaultdict(dict)
    pixels = 0

    def finish(greys: dict[int, np.ndarray]) -> None:
        stretched = images.stretch(cv2.merge(list(greys.values())), size)
        for i, plane in zip(greys, stretched, strict=True):
            planes[i] = plane

    for i, row in enumerate(rows):
        try:
            content = pictures.content(row)
            digests.append(hashlib.sha256(content).digest())
            picture = pictures.decode(content)
        except OSError:  # it could be read a moment ago: see `_chunks`
            digests.append(b"")
            continue
        except ValueError as error:
            reasons[row] = str(error)
            continue
        if crop_found is not None:
            picture, crop_found[i] = crops.cut(picture, crop)
        height, width, channels = picture.shape
        if channels == 3 or (height % size == width % size == 0):
            planes[i] = images.stretch(picture, size)
            continue
        waiting[picture.shape][i] = picture
        pixels += height * width
        if len(waiting[picture.shape]) == 4:
            finish(waiting.pop(picture.shape))
        elif pixels > WAITING_PIXELS:
            for greys in waiting.values():
                finish(greys)
            waiting.clear()
            pixels = 0
    for greys in waiting.values():
        finish(greys)
    return Ready(planes, reasons, crop_found, digests)
