"""Hands damaged files to all that reads what strangers give: ``make fuzz``.

Each input is a sound file that was changed at random: bits turned, parts cut out, repeated, put in
or filled with one value; in JSON also one value put in another's place. What reads it may refuse
it, by the errors that it names, and nothing else may happen: no other error, no end of the process,
no reading for longer than `SECONDS`, and no more memory than `GIGABYTES`. What breaks that rule is
kept in a file and told.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import resource
import shutil
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

import datasets
from benchmark import compare, verify
from benchmark.core import execute, models, outside, runs
from benchmark.core.files import DamagedError
from benchmark.core.protocols import Fair, Protocol, Search
from benchmark.core.records import Asked
from benchmark.core.store import Results
from benchmark.options import read_yaml
from benchmark.scores import searches
from benchmark.view import page
from datasets import InputError, Source, images
from datasets.loaders import muxspace
from deepnets.training.classifier import NetClassifier
from tests.conftest import write_shapes
from tests.datasets import samples

SECONDS = 20  # that reading one input may take
GIGABYTES = 4  # of address space that a batch may add to what its process has
BATCH, SLOW, DRAWN = 1000, 20, 1  # inputs that one process reads: usual, slow, drawn as a picture
TOLD = 200  # batches, after which it is told how far it is
# What is put in the place of a value.
VALUES: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 3, 10**6, 2**53, 10**400, 0.5, -0.5, 1e308, float("nan"), float("inf")),
    *("", "a", "..", "/", "ok", "failed", "x" * 10_000, "\x1b[31m", "\ud800", "2020-01-01"),
    *([], {}, [[]], {"": 0}),
)
CLASSES = ("bar", "disc", "ring")


@dataclass(frozen=True)
class Target:
    """A kind of file, and what reads it.

    Attributes
    ----------
    seeds : tuple of bytes
        Sound ones.
    read : callable
        Takes a file.
    refuses : tuple of exception types
        By which it says that the file is not sound.
    ending : str
    batch : int
        Inputs that one process reads, and that are read of this kind in a turn.
    """

    seeds: tuple[bytes, ...]
    read: Callable[[Path], Any]
    refuses: tuple[type[Exception], ...]
    ending: str = ""
    batch: int = BATCH


@dataclass
class Tally:
    """How many inputs there were by kind, how many of them were refused, and what went wrong."""

    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add what was found elsewhere."""
        self.read.update(other.read)
        self.refused.update(other.refused)
        self.faults += other.faults


def changed(content: bytes, chance: random.Random) -> bytes:
    """Change a file in one to four places."""
    made = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(made) + 1)
        end = min(start + chance.choice((1, 2, 4, 16, 256)), len(made))
        way = chance.randrange(6)
        if way == 0 and made:
            made[start % len(made)] ^= 1 << chance.randrange(8)
        elif way == 1:
            del made[start:end]
        elif way == 2:
            made[start:start] = made[start:end] * chance.randint(1, 8)
        elif way == 3:
            made[start:end] = bytes([chance.choice((0, 255, 32, 34, 45, 123))]) * (end - start)
        elif way == 4:
            made[start:start] = chance.randbytes(chance.choice((1, 4, 16)))
        else:
            del made[start:]
    return bytes(made)


def with_another_value(content: bytes, chance: random.Random) -> bytes:
    """Change what a file of JSON says in one place, where it is read as what it was."""
    told = json.loads(content)
    places: list[tuple[Any, Any]] = []
    waiting = [told]
    while waiting:
        inside = waiting.pop()
        keys = inside if isinstance(inside, dict) else range(len(inside))
        places += [(inside, key) for key in keys]
        waiting += [inside[key] for key in keys if isinstance(inside[key], dict | list)]
    inside, key = chance.choice(places)
    inside[key] = chance.choice((*VALUES, [inside[key]]))
    return json.dumps(told).encode()


def with_another_parameter(content: bytes, chance: random.Random) -> bytes:
    """Change in one place what a net's file says of the net."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    said = header["__metadata__"]
    for kind in said:
        said[kind] = with_another_value(said[kind].encode(), chance).decode()
    new = json.dumps(header).encode()
    return len(new).to_bytes(8, "little") + new + content[8 + length :]


def pictures() -> tuple[bytes, ...]:
    """Small pictures of several formats."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    made = (cv2.imencode(each, noise)[1] for each in (".png", ".jpg", ".bmp", ".webp"))
    return tuple(each.tobytes() for each in made)


def put_run(out: Path, data: Path, protocol: Protocol, model: str, **settings: Any) -> runs.Run:
    """Make a run, and keep it in a results folder."""
    source = Source.parse(str(data))
    about = runs.describe(runs.load(source, 32))
    run = runs.Run(source, about, 32, protocol, models.models()[model], settings)
    execute.execute(run, Results(out))
    return run


def results(folder: Path) -> Path:
    """A results folder of a classical model and a net."""
    data, out = write_shapes(folder / "shapes", per_class=10), folder / "out"
    for name, settings in (("decision-tree", {}), ("poster-baseline", {"max_epochs": 1})):
        Results(out).put_rows(put_run(out, data, Fair(), name, **settings).board_rows)
    page.publish(Results(out))
    return out


def searched(folder: Path) -> Path:
    """A results folder of a search of two trials, and of advice."""
    data, out = write_shapes(folder / "searched", per_class=10), folder / "out of searches"
    Results(out).put_rows(put_run(out, data, Fair(), "decision-tree").board_rows)
    trials = [put_run(out, data, Search(), "decision-tree", max_depth=depth) for depth in (1, 2)]
    by_key = {run.key: run for run in trials}
    search = searches.entry(by_key, Fair(), "depths", "grid", "accuracy")
    Results(out).put_search(search)
    Results(out).put_asked(Asked(search.dataset.fingerprint, "random", ("fair",)))
    page.publish(Results(out))
    return out


def in_a_folder(
    whole: Path, name: str, look: Callable[[Results], object] = verify.verify
) -> Callable[[Path], object]:
    """Look at a results folder in which a file has another content, sealed as if it were sound."""

    def read(file: Path) -> object:
        with tempfile.TemporaryDirectory() as temporary:
            out = Path(shutil.copytree(whole, Path(temporary) / "out"))
            Results(out).write(name, file.read_bytes())
            return look(Results(out))

    return read


def model_of(whole: Path, key: str, name: str) -> Callable[[Path], object]:
    """Load a model whose file has another content, sealed as if it were its own."""

    def read(file: Path) -> object:
        with tempfile.TemporaryDirectory() as temporary:
            changed = Results(Path(temporary))
            changed.put_files(key, {name: file.read_bytes()})
            return changed.model(key)

    return read


def a_set(name: str, write: Callable[[Path], None], changes: str, folder: Path) -> Target:
    """A small copy of a data set, loaded with one of its files changed."""
    whole = folder / f"{name} {changes}".replace("/", " ")
    write(whole)
    (file,) = whole.rglob(changes)

    def read(changed: Path) -> object:
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(shutil.copytree(whole, Path(temporary) / "root"))
            os.environ["XDG_CACHE_HOME"] = temporary
            (root / file.relative_to(whole)).write_bytes(changed.read_bytes())
            return datasets.load(f"{name}:{root}", size=16)

    return Target((file.read_bytes(),), read, (InputError,), batch=SLOW)


def sets(folder: Path) -> Iterator[tuple[str, Target]]:
    """Data sets as their owners give them out, by name."""
    for name, write, file in (
        ("fer2013", samples.write_fer2013, "fer2013.csv"),
        ("ferplus", samples.write_ferplus, "fer2013new.csv"),
        ("medmnist", samples.write_medmnist, "*.npz"),
        ("rafdb", samples.write_rafdb, "list_patition_label.txt"),
        ("rafdb", samples.write_rafdb_folders, "train_labels.csv"),
        ("ckplus", samples.write_ckplus, "S005_001_*_emotion.txt"),
    ):
        yield f"{name} {file}", a_set(name, write, file, folder)


def start_from(path: Path) -> None:
    """See whether a net can start from weights."""
    NetClassifier("poster-baseline", weights=str(path)).check(32, 3)


def targets(folder: Path) -> dict[str, Target]:
    """All that is handed damaged files, by name; sound ones are written to a folder."""
    whole = results(folder)
    legend = b"user.id,image,emotion\n" + b"628,a_0001.jpg,happiness\n629,b_2.jpg,anger\n" * 3
    table = b"file,p_bar,p_disc,p_ring\na.png,0.5,0.25,0.25\nb.png,0.1,0.8,0.1\n"
    config = b"model: knn\nrepeats: 3\nset: [n_neighbors=3]\nsplit: random # {a: [1, 2]}\n"
    refused = (InputError, DamagedError)
    found = {
        "picture": Target(
            pictures(), lambda path: images.read(path.read_bytes()), (ValueError,), ".png"
        ),
        "legend": Target((legend,), muxspace.read_legend, refused),
        "predictions": Target((table,), lambda path: outside.read(path, CLASSES), refused),
        "configuration": Target((config,), read_yaml, (click.UsageError,)),
        **dict(sets(folder)),
    }
    other = searched(folder)
    for name in ("searches.json", "advice.json"):
        shown = in_a_folder(other, name, page.publish)
        seed = ((other / name).read_bytes(),)
        found[f"page of {name}"] = Target(seed, shown, refused, batch=DRAWN)
    for name in ("board.json", "SHA256SUMS"):
        seed = ((whole / name).read_bytes(),)
        found[name] = Target(seed, in_a_folder(whole, name), refused, batch=SLOW)
        shown = in_a_folder(whole, name, page.publish)
        found[f"page of {name}"] = Target(seed, shown, refused, batch=DRAWN)
    for row in Results(whole).rows():
        for path in sorted(Results(whole).run_folder(row.keys[0]).iterdir()):
            seed, name = (path.read_bytes(),), f"runs/{row.keys[0]}/{path.name}"
            if path.suffix in (".skops", ".safetensors"):
                read = model_of(whole, row.keys[0], path.name)
                found[path.name] = Target(seed, read, (ValueError,), batch=SLOW)
                if path.suffix == ".safetensors":
                    found["weights"] = Target(seed, start_from, (ValueError,), batch=SLOW)
            elif path.name != "model.json":
                read = in_a_folder(whole, name)
                batch = DRAWN if path.suffix == ".csv" else SLOW
                of = f"{row.model.label} {path.name}"
                found[of] = Target(seed, read, refused, batch=batch)
                shown = in_a_folder(whole, name, page.publish)
                found[f"page of {of}"] = Target(seed, shown, refused, batch=DRAWN)
                if path.name == "run.json":
                    beside = in_a_folder(whole, name, partial(compare.compare, Results(whole)))
                    found[f"comparison with {of}"] = Target(seed, beside, refused, batch=SLOW)
    return found


def read_one(target: Target, content: bytes) -> str:
    """Read an input; ``read``, ``refused``, or what went wrong."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"longer than {SECONDS} s")

    signal.signal(signal.SIGALRM, too_long)
    with tempfile.NamedTemporaryFile(suffix=target.ending) as file:
        Path(file.name).write_bytes(content)
        signal.alarm(SECONDS)
        try:
            target.read(Path(file.name))
        except target.refuses:
            return "refused"
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        finally:
            signal.alarm(0)
    return "read"


def an_input(target: Target, seed: str, number: int) -> bytes:
    """One of a batch's inputs, the same each time."""
    chance = random.Random(f"{seed} {number}")
    content = chance.choice(target.seeds)
    if content.startswith(b"{") and chance.randrange(2):
        return with_another_value(content, chance)
    if content[8:9] == b"{" and chance.randrange(2):
        return with_another_parameter(content, chance)
    return changed(content, chance)


def a_batch(target: Target, seed: str, n: int, answers: Any) -> None:
    """Read inputs in a process of its own, and say of each what became of it."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + int(GIGABYTES * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    logging.disable(logging.WARNING)  # that something is damaged is no news here
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where decoders say so
    for number in range(n):
        answers.put((number, read_one(target, an_input(target, seed, number))))


def batches(each: dict[str, Target], n: int, seed: str) -> Iterator[tuple[str, str, int]]:
    """Kinds in turn, with the seed and the size of each batch, until there are so many inputs."""
    done = number = 0
    while done < n:
        for name in each:
            size = min(each[name].batch, n - done)
            if size > 0:
                yield name, f"{seed} {name} {number}", size
            done += size
        number += 1


def one_batch(name: str, target: Target, seed: str, n: int, to: Path) -> Tally:
    """Read a batch of inputs; one that ends its process is told, and the rest of it left out."""
    context: Any = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=a_batch, args=(target, seed, n, answers))
    process.start()
    tally, heard = Tally(), time.monotonic()
    became: dict[int, str] = {}
    while process.is_alive() or not answers.empty():
        while not answers.empty():
            became.update([answers.get()])
            heard = time.monotonic()
        if time.monotonic() - heard > 2 * SECONDS:  # where no alarm reaches it
            process.kill()
        process.join(0.01)
    if process.exitcode != 0:
        became[len(became)] = f"its process ended with exit code {process.exitcode}"
    tally.read[name] += len(became)
    for number, said in became.items():
        tally.refused[name] += said == "refused"
        if said not in ("read", "refused"):
            to.mkdir(parents=True, exist_ok=True)
            file = to / f"{name} {seed} {number}{target.ending}".replace("/", " ")
            file.write_bytes(an_input(target, seed, number))
            tally.faults.append(f"{name}: {said} ({file})")
            click.echo(tally.faults[-1])
    return tally


_here: dict[str, Target] = {}  # by name, for processes that are forked


def _asked(batch: tuple[str, str, int, Path]) -> Tally:
    name, seed, n, to = batch
    return one_batch(name, _here[name], seed, n, to)


@click.command
@click.option("--inputs", type=click.IntRange(1), default=20_000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--only", default="", help="A word that the kinds read must have in their name.")
@click.option("--to", type=click.Path(path_type=Path), default=Path("fuzz-found"))
def main(inputs: int, seed: int, only: str, to: Path) -> None:
    """Read so many damaged files; keep in TO those that break the rule, and fail if any does."""
    tally, begun = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        _here.update(targets(Path(folder)))
        chosen = {name: each for name, each in _here.items() if only in name}
        if not chosen:
            raise click.UsageError(f"nothing that is read has '{only}' in its name")
        for name, target in chosen.items():
            for said in {read_one(target, seed) for seed in target.seeds} - {"read"}:
                raise click.ClickException(f"{name}: as it is it should be read, but: {said}")
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(os.cpu_count(), context) as side_by_side:
            asked = ((*each, to) for each in batches(chosen, inputs, str(seed)))
            for number, found in enumerate(side_by_side.map(_asked, asked), 1):
                tally.add(found)
                if number % TOLD == 0:
                    _tell(tally, begun)
    for name in chosen:
        click.echo(f"{name}: {tally.read[name]:,} inputs, {tally.refused[name]:,} refused")
    _tell(tally, begun)
    raise SystemExit(bool(tally.faults))


def _tell(tally: Tally, begun: float) -> None:
    done, seconds = sum(tally.read.values()), time.monotonic() - begun
    click.echo(f"{done:,} inputs in {seconds:.0f} s: {len(tally.faults)} faults")


if __name__ == "__main__":
    main()
