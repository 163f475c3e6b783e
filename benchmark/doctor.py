"""Say what this machine has and lacks, and what to do about it: ``python -m benchmark.doctor``."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
import pandas as pd
from packaging.requirements import Requirement

from benchmark.core import machine, processes
from benchmark.options import Options, command
from benchmark.view import console
from datasets import InputError, cache, images

NAME = "classical-or-deep"
ROOM = 2e9  # bytes free, below which a disk is soon full
OLD_SECONDS = 86_400  # after which a draft belongs to no living process
HUB = ("huggingface.co", 443)  # where weights are
NETWORK_SECONDS = 3
WORKER_SECONDS = 120
SLOW = 2.0  # times as long as float32
SCRIPTS = {"Chinese": "表", "Japanese": "の", "Korean": "한", "Arabic": "ع", "Devanagari": "ह"}


@dataclass(frozen=True)
class Finding:
    """What was looked at, and what was found.

    Attributes
    ----------
    name : str
    found : str
    remedy : str
        What to do, a line; empty where all is well.
    is_fault : bool
        Whether something fails until that is done.
    """

    name: str
    found: str
    remedy: str = ""
    is_fault: bool = False


def versions() -> Iterator[Finding]:
    """Python and the libraries that the project asks for."""
    try:
        asked = [Requirement(each) for each in importlib.metadata.requires(NAME) or ()]
    except importlib.metadata.PackageNotFoundError:
        yield Finding("libraries", "the project is not installed", "run 'make setup'", True)
        return
    asked = [each for each in asked if each.marker is None or each.marker.evaluate({"extra": ""})]
    for each in asked:
        try:
            here = importlib.metadata.version(each.name)
        except importlib.metadata.PackageNotFoundError:
            here = ""
        if not each.specifier.contains(here or "0", prereleases=True):
            remedy = f"run 'make setup', or: pip install '{each}'"
            yield Finding(each.name, here or "not installed", remedy, True)
    told = {name: importlib.metadata.version(name) for name in ("scikit-learn", "torch", "timm")}
    libraries = ", ".join(f"{name} {release}" for name, release in told.items())
    yield Finding("libraries", f"{len(asked)} looked at; {libraries}")


def processor() -> Iterator[Finding]:
    """The processor, its cores, and what it computes with."""
    from deepnets.training.device import backend

    precision = "bfloat16" if backend("cpu").bf16 else "float32, since it has no bfloat16"
    found = f"{machine.processor()}, {os.cpu_count()} cores; nets are computed in {precision}"
    yield Finding("processor", found)


def card() -> Iterator[Finding]:
    """The card, if there is one that torch can use."""
    import torch

    from deepnets.training.device import native_bf16

    if torch.cuda.is_available():
        free, total = (each / 1e9 for each in torch.cuda.mem_get_info())
        precision = "bfloat16" if native_bf16() else "float32, since it has no bfloat16"
        found = f"{torch.cuda.get_device_name()}, {free:.0f} of {total:.0f} GB free, {precision}"
        yield Finding("card", found, "'make gpu-check' tries all that trains on it")
    elif shutil.which("nvidia-smi"):
        remedy = "install torch for CUDA: see pytorch.org/get-started"
        yield Finding("card", f"there is one that torch {torch.__version__} cannot use", remedy)
    elif torch.backends.mps.is_available():
        yield Finding("card", "Apple's")
    else:
        yield Finding("card", "none: nets take a core each")


def layers() -> Iterator[Finding]:
    """Each kind of layer in bfloat16 against float32: its numbers, and its speed."""
    import torch

    from deepnets.training import self_check
    from deepnets.training.device import backend

    where = backend("auto")
    if where.device.type == "mps":
        return
    checked = self_check.layers(where.device.type)
    worst = max(checked, key=lambda layer: layer.apart)
    slowest = max(checked, key=lambda layer: layer.bfloat16 / layer.float32)
    with contextlib.suppress(OSError):  # `folders` tells of a cache that cannot be written to
        machine.remember_bfloat16(worst.apart)
    times = slowest.bfloat16 / slowest.float32
    found = (
        f"bfloat16 is at most {worst.apart:.1%} from float32 ({worst.name}) and takes at most "
        f"{times:.1f} times as long ({slowest.name})"
    )
    remedy = ""
    if where.bf16 and not worst.is_right:
        wrong = ", ".join(layer.name for layer in checked if not layer.is_right)
        remedy = f"nets with these layers are wrong here, install another torch: {wrong}"
    elif where.bf16 and times > SLOW:
        remedy = f"torch {torch.__version__} is slow at it here: try another release"
    elif not where.bf16:
        found += "; it is not used"
    yield Finding("layers", found, remedy, where.bf16 and not worst.is_right)


def decoders() -> Iterator[Finding]:
    """A picture of every kind is read back."""
    seen = np.zeros((16, 16, 3), np.uint8)
    for suffix in sorted(images.SUFFIXES):
        done, data = cv2.imencode(suffix, seen)
        try:
            right = done and np.array_equal(images.read(data.tobytes()).max(), 0)
        except ValueError:
            right = False
        if not right:
            remedy = "install opencv-python-headless and simplejpeg anew"
            yield Finding("decoders", f"{suffix} files cannot be read", remedy, True)
    yield Finding("decoders", f"{', '.join(sorted(images.SUFFIXES))}: tried")


def _temporary() -> Path:
    """Where temporary files go, or would go if anything could be written there."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path(os.environ.get("TMPDIR") or "/tmp")


def folders(out: Path) -> Iterator[Finding]:
    """The folders that are written to: whether they can be, and how much room they have."""
    asked = {
        "results": (out, "name another --out"),
        "cache": (cache.folder(), "set XDG_CACHE_HOME to another folder"),
        "temporary files": (_temporary(), "set TMPDIR to another folder"),
    }
    for name, (path, remedy) in asked.items():
        there = next(each for each in (path, *path.absolute().parents) if each.exists())
        try:
            with tempfile.NamedTemporaryFile(dir=there):
                pass
        except OSError as error:
            found = f"{path} cannot be written to ({error.strerror})"
            yield Finding(name, found, remedy, True)
            continue
        free = shutil.disk_usage(there).free
        found = f"{path}: {free / 1e9:.1f} GB free"
        yield Finding(name, found, f"make room, or {remedy}" * (free < ROOM), free < ROOM / 20)


def cached() -> Iterator[Finding]:
    """What lies in the cache, and what was left there by processes that were killed."""
    home, now, sizes = cache.folder(), time.time(), []
    for folder, _, names in os.walk(home):  # others may write and remove there meanwhile
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                sizes.append(Path(folder, name).stat().st_size)
    left = []
    for path in cache.drafts(home):
        with contextlib.suppress(FileNotFoundError):
            if now - path.stat().st_mtime > OLD_SECONDS:
                left.append(path)
    find = f"find {home} -name '{cache.DRAFT}*' -mtime +0"
    remedy = f"remove {len(left)} drafts of killed processes: {find}"
    found = f"{len(sizes):,} files of {sum(sizes) / 1e9:.1f} GB, each checked when it is used"
    yield Finding("cached", found, f"{remedy} -exec rm -r {{}} +" * bool(left))


def workers() -> Iterator[Finding]:
    """A process beside this one starts and ends, and sockets can be where they are to lie."""
    try:
        place, usual = processes.socket_folder(), tempfile.gettempdir()
    except (InputError, OSError) as error:
        remedy = str(error) if isinstance(error, InputError) else "set TMPDIR to another folder"
        yield Finding("workers", "no process can be started", remedy, True)
        return
    process = None
    with contextlib.suppress(OSError, EOFError):
        process = processes.aside(os.getpid)
        process.join(WORKER_SECONDS)
    if process is not None and process.exitcode == 0:
        elsewhere = f"; sockets lie in {place}, since {usual} is too long for them"
        yield Finding("workers", f"a process starts and ends{elsewhere * (place != usual)}")
    else:
        if process is not None:
            process.kill()
        remedy = "see that /dev/shm can be written to and processes are not limited (ulimit -u -v)"
        yield Finding("workers", "no process can be started beside this one", remedy, True)


def letters() -> Iterator[Finding]:
    """The alphabets that pictures can be labelled in."""
    from benchmark.view.plots import fonts

    lacking = [name for name, sign in SCRIPTS.items() if fonts.lacking(sign)]
    remedy = f"labels in them are drawn as boxes: {fonts.INSTALL}" if lacking else ""
    none = f", none for {', '.join(lacking)}" if lacking else ""
    found = f"{', '.join(fonts.families())}{none}"
    yield Finding("fonts", found, remedy)


def network() -> Iterator[Finding]:
    """Whether weights can be fetched."""
    try:
        socket.create_connection(HUB, NETWORK_SECONDS).close()
    except OSError as error:
        found = f"{HUB[0]} cannot be reached ({error.strerror or error})"
        remedy = "nets start from weights on this disk only: --weights FILE, or finetuned:NAME"
        yield Finding("network", found, remedy)
    else:
        yield Finding("network", f"{HUB[0]} can be reached")


def code() -> Iterator[Finding]:
    """Which commit this is."""
    commit, changed = machine.code()
    differs = ", with changes that the records of runs tell of" if changed else ""
    yield Finding("code", f"commit {commit[:12]}{differs}" if commit else "no commit is known")


@command("out")
def main(options: Options) -> int:
    """Look at what the benchmark needs of this machine; status 1 if something would fail."""
    looks: Sequence[Callable[[], Iterator[Finding]]] = (
        *(versions, code, processor, card, layers, decoders),
        *(lambda: folders(options.out), cached, workers, letters, network),
    )
    found = [finding for look in looks for finding in look()]
    table = pd.DataFrame(
        {
            "": ["FAULT" if each.is_fault else "see" if each.remedy else "ok" for each in found],
            "what": [each.name for each in found],
            "found": [each.found for each in found],
        }
    )
    console.print_table("This machine", table, console.output(), notes="found")
    for each in found:
        if each.remedy:
            click.echo(f"{each.name}: {each.remedy}")
    return int(any(each.is_fault for each in found))


if __name__ == "__main__":
    main()
