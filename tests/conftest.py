"""Small data sets for the tests, and the real pictures where they are."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import hypothesis
import numpy as np
import pytest

import datasets
from benchmark.core import processes
from datasets import Dataset, cache

REAL = os.environ.get("MUXSPACE_DIR")
Command = Callable[..., tuple[int, str, str]]  # see `run_command`
FAST = ("--model", "majority,knn", "--jobs", "1")  # the flags of a quick call
# Beside other work, threads of torch wait for those that are kept from running: for minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Examples that tests of properties try: some, always the same, or as many as `make fuzz` asks for.
hypothesis.settings.register_profile(
    "some", max_examples=30, derandomize=True, database=None, deadline=None
)
hypothesis.settings.register_profile(
    "many", max_examples=2000, database=None, deadline=None, print_blob=True
)
hypothesis.settings.load_profile(os.environ.get("EXAMPLES", "some"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's cache out of the tests; the variable reaches the processes they start."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    if not str(cache.folder()).startswith(os.environ["XDG_CACHE_HOME"]):
        pytest.exit("the cache folder cannot be moved on this system")


@pytest.fixture(scope="session", autouse=True)
def _warm_workers() -> None:
    """Fork the processes of every command from one that has imported what nets need."""
    processes.prepare(nets=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file on one worker, since they share fixtures that take long."""
    for item in items:
        if item.get_closest_marker("spread") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(autouse=True)
def _no_real_data_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test meets the real pictures only by asking for them."""
    for name in datasets.names():
        monkeypatch.delenv(f"{name.upper()}_DIR", raising=False)


@pytest.fixture(scope="session")
def real() -> Dataset:
    """The real muxspace pictures at 32 px."""
    if not REAL:
        pytest.skip("MUXSPACE_DIR is not set: the real pictures are not here")
    return datasets.load(f"muxspace:{REAL}")


def write_picture(path: Path, seed: int = 0, shape: tuple[int, int] = (24, 20)) -> None:
    """Write a small colour picture of blurred noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix, cv2.blur(noise, (5, 5)))
    assert done
    path.write_bytes(data.tobytes())  # OpenCV dies of a name that is not UTF-8


@pytest.fixture
def picture() -> Callable[..., None]:
    return write_picture


def write_shapes(root: Path, per_class: int = 30) -> Path:
    """Write a class folder a model can learn: discs, bars and rings on noisy grounds."""
    for label, name in enumerate(["bar", "disc", "ring"]):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            rng = np.random.default_rng([label, i])
            canvas = rng.integers(90, 150, (40, 40, 3), dtype=np.uint8)
            x, y = (int(v) for v in rng.integers(16, 24, 2))
            if name == "bar":
                cv2.line(canvas, (x - 12, y), (x + 12, y), (250,) * 3, 5)
            else:
                cv2.circle(canvas, (x, y), 10, (250,) * 3, -1 if name == "disc" else 2)
            assert cv2.imwrite(str(root / name / f"{name}_{i:03}.png"), canvas)
    return root


@pytest.fixture(scope="session")
def shapes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes")


@pytest.fixture(scope="session")
def shapes(shapes_folder: Path) -> Dataset:
    """Three learnable classes of 30 pictures each at 32 px."""
    return datasets.load(shapes_folder)


@pytest.fixture(scope="session")
def vgg16_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands for timm's VGG16 where there is no network: its convolutions, untrained."""
    import safetensors.torch

    import deepnets

    net = deepnets.architecture("poster-vgg").build(2, 32).state_dict()
    path = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    features = {name: value for name, value in net.items() if name.startswith("features.")}
    safetensors.torch.save_file(features, path)
    return path


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process: its exit status, standard output and standard error."""

    def run(main: Callable[[], object], *arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
        capfd.readouterr()
        heard = signal.getsignal(signal.SIGINT)
        with pytest.raises(SystemExit) as end:
            main()
        signal.signal(signal.SIGINT, heard)
        out, err = capfd.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return run
