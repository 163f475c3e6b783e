"""A results folder with all that one can hold, for the tests of what looks after such folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmark.core import execute as execution
from benchmark.core import models, runs
from benchmark.core.protocols import Fair
from benchmark.core.store import Results
from benchmark.view.page import publish
from datasets import Dataset, Source


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path, shapes: Dataset) -> Path:
    """Results of a classical model, a net, and a run that failed."""
    out = tmp_path_factory.mktemp("verify") / "results"
    about = runs.describe(shapes)
    for name, settings in (
        ("decision-tree", {}),
        ("mobilenet", {"max_epochs": 1}),
        ("knn", {"n_neighbors": 0}),
    ):
        model = models.models()[name]
        run = runs.Run(
            Source.parse(str(shapes_folder)), about, 32, Fair(train_size=40), model, settings
        )
        execution.execute(run, Results(out))
        Results(out).put_rows(run.board_rows)
    publish(Results(out))
    return out


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


def home(out: Path, model: str) -> Path:
    results = Results(out)
    row = next(row for row in results.rows() if row.model.label.startswith(model))
    return results.run_folder(row.keys[0])


def change_a_byte(path: Path, where: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    path.write_bytes(content)
