"""What every registered data set keeps to: a new one is tested by being registered."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import Dataset, InputError
from datasets.dataset import Part
from datasets.loaders.drawn import faces
from datasets.registry import LOADERS
from tests.conftest import write_shapes
from tests.datasets import samples

# How a small sample of each set is laid out on disk; None where it lies in no folder.
SAMPLES: dict[str, Callable[[Path], object] | None] = {
    "folder": lambda root: write_shapes(root, per_class=8),
    "muxspace": lambda root: faces.write(root, n=200, seed=1, size=40),
    "generated": None,
    "digits": None,
    "medmnist": samples.write_medmnist,
    "fer2013": samples.write_fer2013,
    "ferplus": samples.write_ferplus,
    "ferplus-distribution": samples.write_ferplus,
    "ckplus": samples.write_ck48,
    "rafdb": samples.write_rafdb,
}


@pytest.fixture(params=sorted(LOADERS), scope="module")
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Dataset]:
    name = request.param
    assert name in SAMPLES, f"say in SAMPLES how a small '{name}' is written"
    write = SAMPLES[name]
    if write is None:
        return lambda size, **more: datasets.load(name, size, **more)
    root = tmp_path_factory.mktemp(name) / "sample"
    write(root)
    return lambda size, **more: datasets.load(f"{name}:{root}", size, **more)


def test_it_keeps_the_contract(loaded: Callable[..., Dataset]) -> None:
    data = loaded(32)
    n = len(data)
    assert n > 1
    assert data.images.shape == (n, 3, 32, 32)
    assert data.images.dtype == np.uint8
    assert data.labels.shape == (n,)
    assert data.labels.dtype == np.int64
    assert data.labels.min() >= 0
    assert data.labels.max() < len(data.class_names)
    assert len(data.ids) == n
    assert data.groups is None or data.groups.shape == (n,)
    assert data.groups is None or data.groups.dtype == np.int64
    assert sum(data.class_counts.values()) == n
    assert len(data.fingerprint) == 64
    assert data.described
    assert datasets.load(data.source, 32).fingerprint == data.fingerprint
    assert (data.crop_found is None) == (data.crop == "none")
    assert data.root is None or all((data.root / name).is_file() for name in data.ids)
    assert data.contributors is None or len(data.contributors) == n
    assert data.parts is None or data.parts.shape == (n,)
    assert data.parts is None or set(data.parts) <= set(Part)
    assert data.other is None
    assert data.faces == (data.name not in ("sample", "digits", "bloodmnist"))
    if data.distribution is not None:
        assert data.distribution.shape == (n, len(data.class_names))
        assert data.distribution.dtype == np.float32
        assert np.allclose(data.distribution.sum(axis=1), 1)
        assert (data.distribution.argmax(axis=1) == data.labels).all()
    assert data.images.reshape(n, -1).base is not None, "the flat view is a copy"


def test_it_is_frozen(loaded: Callable[..., Dataset]) -> None:
    data = loaded(32)
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.labels = data.labels  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 0


def test_loading_again_gives_the_same(loaded: Callable[..., Dataset]) -> None:
    first, again = loaded(32), loaded(32)
    assert first.fingerprint == again.fingerprint
    assert (first.images == again.images).all()
    assert first.ids == again.ids


def test_another_size_keeps_the_rows(loaded: Callable[..., Dataset]) -> None:
    small = loaded(16)
    assert small.size == 16
    assert (small.labels == loaded(32).labels).all()
    assert small.fingerprint != loaded(32).fingerprint


def test_some_rows_are_a_view(loaded: Callable[..., Dataset]) -> None:
    data = loaded(16)
    rows = np.arange(len(data))[::-2]
    some = data.select(rows)
    assert some.pixels.arrays[0] is data.pixels.arrays[0], "pictures are copied"
    assert (some.take(np.arange(len(rows))) == data.take(rows)).all()
    assert (some.labels == data.labels[rows]).all()
    assert some.ids == tuple(data.ids[row] for row in rows)
    assert data.groups is None or (some.groups == data.groups[rows]).all()


def test_its_loader_says_how_to_get_it(loaded: Callable[..., Dataset]) -> None:
    loader = LOADERS[loaded(16).source.partition(":")[0]]
    assert loader.described
    assert (loader.folder_variable is None) == (loader.get == "")
    if loader.folder_variable is not None:
        with pytest.raises(InputError, match=f"get them .*{loader.folder_variable}"):
            datasets.load(loader.name)


def test_it_can_be_cropped(loaded: Callable[..., Dataset]) -> None:
    whole = loaded(16)
    if len(whole) > 1000:
        pytest.skip("cropping so many takes minutes; test_crops draws a few")
    part = loaded(16, crop="mouth")
    assert part.name == f"{whole.name}-mouth"
    assert part.images.shape == whole.images.shape
    assert (part.labels == whole.labels).all()
    assert part.ids == whole.ids
    assert part.fingerprint != whole.fingerprint
    assert part.crop_found is not None
    assert part.crop_found.shape == (len(part),)
    assert whole.crop_found is None


def test_generated_faces_are_called_that(loaded: Callable[..., Dataset]) -> None:
    data = loaded(32)
    assert data.generated == ("generated" in data.described) == (data.name == "generated")
