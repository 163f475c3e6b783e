"""The first minute on a card: does all that trains there work, and say the same as elsewhere?

``make gpu-check`` prints a line a check and a table to paste into an issue.
"""

from __future__ import annotations

import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from torch import nn

from baselines import BASELINES
from benchmark.core import models
from benchmark.core.memory import give_back_card
from benchmark.options import Options, command
from deepnets.training.batches import Pictures
from deepnets.training.classifier import NetClassifier
from deepnets.training.device import Backend, native_bf16
from deepnets.training.engine import predict, train
from deepnets.training.recipes import HOUSE, Recipe

N_TRAIN, N_CLASSES = 250, 5
PRODUCTS = 20  # of 8,192 by 8,192 matrices
TWICE = ("googlenet", "group6-cnn", "resnet18")
TIMED = ("cnn3", "resnet18", "inceptionv3")
HELD = 200  # megabytes that may stay reserved
CLASSICAL = ("knn", "logistic-regression", "hog-svm", "patches")


@dataclass(frozen=True)
class Check:
    """What one check found; a row of the table.

    Attributes
    ----------
    name : str
    ok : bool
    found : str
    """

    name: str
    ok: bool
    found: str


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Noise, brighter from class to class: ``(330, 3, 32, 32)`` of uint8 and labels."""
    y = np.arange(330) % N_CLASSES
    noise = np.random.default_rng(0).normal(60 + 30 * y[:, None, None, None], 40, (330, 3, 32, 32))
    return np.clip(noise, 0, 255).astype(np.uint8), y


def net(name: str, **settings: Any) -> NetClassifier:
    """Train a net on some of the pictures, validated on the others."""
    X, y = pictures()
    usual = {"max_epochs": 5, "patience": None}  # the last batch of each is captured in the 4th
    model = models.find(name)[0].make(**{**usual, **settings})
    model.set_params(device="cuda", random_state=0)
    return model.fit(X[:N_TRAIN], y[:N_TRAIN], X[N_TRAIN:], y[N_TRAIN:])


def classical(name: str, device: str) -> Any:
    """Return a classical model to be fitted, with a seed if it takes one."""
    model = BASELINES[name].estimator(device=device)
    return model.set_params(**{"random_state": 0} if "random_state" in model.get_params() else {})


def the_card(nets: Sequence[str]) -> Iterator[Check]:
    """What card it is, and how fast a matrix product is."""
    start = time.perf_counter()
    torch.zeros(8, device="cuda").sum().item()
    free, total = (each / 1e9 for each in torch.cuda.mem_get_info())
    about = f"{torch.cuda.get_device_name()}, {free:.0f} of {total:.0f} GB free, "
    about += f"torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}, "
    yield Check("card", True, f"{about}context in {time.perf_counter() - start:.1f} s")
    yield Check("bfloat16", native_bf16(), "in hardware" if native_bf16() else "not in hardware")
    forced = os.environ.get("NVIDIA_TF32_OVERRIDE") or os.environ.get(
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "0"
    )
    yield Check("float32 is float32", forced != "1", "TF32 is forced" if forced == "1" else "")
    square = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    seconds = _seconds(lambda: [square @ square for _ in range(PRODUCTS)])
    yield Check("products", True, f"{PRODUCTS * 2 * 8192**3 / seconds / 1e12:.0f} TFLOP/s")


def every_net(nets: Sequence[str]) -> Iterator[Check]:
    """Each net with and without a graph: the same weights, and a loss that falls."""
    for name in nets:
        house = {"recipe": HOUSE, "max_epochs": 5}
        for settings in ({}, house) if name in TIMED else ({},):
            called = f"{name}, {settings.get('recipe', 'published')}"
            try:
                yield _with_and_without_a_graph(called, name, settings)
            except Exception as error:  # of one net; the others are tried all the same
                yield _fault(called, error)


def _with_and_without_a_graph(called: str, name: str, settings: Mapping[str, Any]) -> Check:
    took, fitted = [], []
    for graph in (True, False):
        start = time.perf_counter()
        fitted.append(net(name, **settings, cuda_graph=graph))
        took.append(time.perf_counter() - start)
    one, other = fitted
    same = _same(one, other)
    falls = one.history_[-1].train_loss < one.history_[0].train_loss
    apart = max(
        abs(a.train_loss - b.train_loss) for a, b in zip(one.history_, other.history_, strict=True)
    )
    found = f"{took[0]:.1f} s, {took[1]:.1f} s without a graph; {one.note_}"
    if not same:
        found += f"; other weights than without a graph, losses up to {apart:.1e} apart"
    return Check(called, same and falls and "graph" not in one.note_, found)


def the_same_twice(nets: Sequence[str]) -> Iterator[Check]:
    """Nets trained twice, those that pool to any size among them: the same bits."""
    for name in TWICE:
        yield Check(f"{name} twice", _same(net(name), net(name)), "")


def recipes(nets: Sequence[str]) -> Iterator[Check]:
    """What only some recipes do, with and without a graph."""
    for settings in (
        {"recipe": "strong"},
        {"sam": 0.05},
        {"schedule": "cosine", "ema": 0.99},
        {"optimiser": "muon"},
        {"optimiser": "sgd"},
    ):
        one, other = net("resnet18", **settings), net("resnet18", **settings, cuda_graph=False)
        what = ", ".join(f"{name} {value}" for name, value in settings.items())
        yield Check(f"resnet18, {what}", _same(one, other) and "graph" not in one.note_, one.note_)


class _Waits(nn.Module):
    """Asks for a value, which no graph can hold."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (x.float().sum()).item()
        return x.float() / 255


def no_graph(nets: Sequence[str]) -> Iterator[Check]:
    """A net that cannot be captured is trained without a graph, and the next one with one."""
    X, y = pictures()
    waits = nn.Sequential(_Waits(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(3072, N_CLASSES))
    data = Pictures(torch.from_numpy(X).cuda(), torch.from_numpy(y).cuda())
    where = Backend(torch.device("cuda"), native_bf16(), True)
    recipe = Recipe(max_epochs=2, patience=None)
    note = train(waits.cuda(), data, None, N_CLASSES, recipe, where, 0)[2]
    yield Check("goes on without a graph", "without a CUDA graph" in note, note)
    after = net("cnn-se")
    yield Check("a graph afterwards", "graph" not in after.note_, after.note_)


def elsewhere(nets: Sequence[str]) -> Iterator[Check]:
    """The card says what the CPU says."""
    X, y = pictures()
    held, n = y[N_TRAIN:], N_TRAIN
    kept = [models.find("cnn3")[0].make(max_epochs=8, patience=None) for _ in range(2)]
    right = []
    for model, device in zip(kept, ("cpu", "cuda"), strict=True):
        model.set_params(device=device, random_state=0).fit(X[:n], y[:n])
        right.append((model.predict(X[n:]) == held).mean())
    told = f"{right[0]:.1%} and {right[1]:.1%}"
    yield Check("cnn3 learns as on the CPU", abs(right[0] - right[1]) < 0.1, told)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.safetensors"
        kept[1].save(path)
        there = NetClassifier.load(path, device="cpu").predict_proba(X[n:])
    far = float(np.abs(there - kept[1].predict_proba(X[n:])).max())
    yield Check("saved, it says the same on the CPU", far < 0.05, f"up to {far:.4f} apart")
    for name in CLASSICAL:
        here, on_card = (
            classical(name, each).fit(X[:n], y[:n]).predict_proba(X[n:]) for each in ("cpu", "cuda")
        )
        same = (here.argmax(1) == on_card.argmax(1)).mean()
        far = float(np.abs(here - on_card).max())
        yield Check(name, same > 0.97, f"{same:.1%} alike, up to {far:.1e} apart")


def memory(nets: Sequence[str]) -> Iterator[Check]:
    """Too little memory: fewer pictures are asked about at once; all of it comes back."""
    X, _ = pictures()
    fitted = net("resnet18")
    where = Backend(torch.device("cuda"), native_bf16())
    many = torch.from_numpy(np.tile(X, (8, 1, 1, 1)))
    wanted = predict(fitted.net_, many, where)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    predict(fitted.net_, many, where)
    peak, total = torch.cuda.max_memory_reserved(), torch.cuda.mem_get_info()[1]
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.6 * peak / total)
    try:
        got = predict(fitted.net_, many, where)
        far = float((got - wanted).abs().max())
        yield Check("predicts in 60 % of the memory", far < 0.01, f"up to {far:.1e} apart")
    except torch.OutOfMemoryError as error:
        yield Check("predicts in 60 % of the memory", False, str(error)[:80])
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    del fitted, wanted
    give_back_card()
    held = torch.cuda.memory_reserved() / 1e6
    yield Check("memory comes back", held < HELD, f"{held:.0f} MB held")


def speed(nets: Sequence[str]) -> Iterator[Check]:
    """Milliseconds of a step by the house recipe, with and without a graph."""
    X, y = pictures()
    many, labels = np.tile(X, (10, 1, 1, 1)), np.tile(y, 10)
    for name in TIMED:
        found = []
        for graph in (True, False):
            model = models.find(name)[0].make(
                recipe=HOUSE, max_epochs=3, budget=None, changed_from=0, cuda_graph=graph
            )
            model.set_params(device="cuda", random_state=0)
            torch.cuda.reset_peak_memory_stats()
            history = model.fit(many, labels).history_
            steps = -(-len(many) // model.batch_size)
            later = statistics.median(each.seconds for each in history[1:])
            found.append(f"{1e3 * later / steps:.2f} ms a step")
            peak = torch.cuda.max_memory_reserved() / 1e9
            first = history[0].seconds - later
        yield Check(
            f"{name}, batches of {model.batch_size}",
            True,
            f"{found[0]}, {found[1]} without a graph; starts in {first:.1f} s; {peak:.1f} GB",
        )


def _fault(name: str, error: Exception) -> Check:
    return Check(name, False, f"{type(error).__name__}: {str(error)[:200]}")


def _same(one: NetClassifier, other: NetClassifier) -> bool:
    weights = (each.net_.state_dict().values() for each in (one, other))
    return all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def _seconds(work: Callable[[], Any]) -> float:
    work()
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - start


# In order: what would make everything else meaningless comes first.
GROUPS: Sequence[Callable[[Sequence[str]], Iterable[Check]]] = (
    *(the_card, every_net, the_same_twice, recipes, no_graph, elsewhere, memory, speed),
)


@command("model")
def main(options: Options) -> int:
    """Check a CUDA card: every net, every recipe, memory and speed; status 1 if a check fails."""
    if not torch.cuda.is_available():
        raise click.UsageError("no CUDA card is here: torch.cuda.is_available() says no")
    warnings.simplefilter("ignore", UserWarning)
    begun = time.perf_counter()
    nets = [
        each.name
        for each in models.find(options.model)
        if each.is_trained_in_epochs and not each.needs_download
    ]
    checks: list[Check] = []

    def tell(check: Check) -> None:
        checks.append(check)
        seconds = f"[{time.perf_counter() - begun:5.1f} s]"
        click.echo(f"{seconds} {'ok  ' if check.ok else 'FAIL'} {check.name}: {check.found}")

    for group in GROUPS:
        try:
            for check in group(nets):
                tell(check)
        except Exception as error:  # the fault of a group is a failed check; the others go on
            tell(_fault(group.__name__, error))
    table = pd.DataFrame([{**asdict(each), "ok": "yes" if each.ok else "NO"} for each in checks])
    click.echo(f"\n{table.to_markdown(index=False)}")
    failed = [each.name for each in checks if not each.ok]
    click.echo(f"\n{len(checks) - len(failed)} of {len(checks)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
