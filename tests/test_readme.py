"""Every command and every example of the README works."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest
import safetensors.torch
import timm

import baselines
import datasets
import deepnets
from benchmark.core import models
from datasets import Dataset
from datasets.loaders.drawn import faces
from tests.datasets import samples

pytestmark = pytest.mark.spread

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
BIN = ROOT / ".venv" / "bin"

COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)
    for line in block.strip().splitlines()
    # The first is only for the shell it is typed in; the second is what runs this test.
    if line not in (". .venv/bin/activate", "make test")
]
EXAMPLES = re.findall(r"whole of `(\w+)/(\w+)\.py`:\n\n```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small stand-in for the muxspace pictures, beside those for other sets."""
    folder = tmp_path_factory.mktemp("readme") / "muxspace"
    faces.write(folder, n=800, seed=0, size=32)
    samples.write_fer2013(folder.parent / "fer2013", n=420)
    samples.write_ferplus(folder.parent / "ferplus", n=240)
    samples.write_ck48(folder.parent / "ckplus")
    samples.write_rafdb(folder.parent / "rafdb")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_works(
    command: str, pictures: Path, tmp_path: Path, shapes_folder: Path
) -> None:
    if subprocess.run(["make", "-q", "setup"], cwd=ROOT, check=False).returncode != 0:
        pytest.skip("the environment was not made by make, or is out of date")
    (tmp_path / "my-pictures").symlink_to(shapes_folder)
    if "--weights" in command:
        net = timm.create_model("resnet18").state_dict()
        safetensors.torch.save_file(net, tmp_path / "resnet18.safetensors")
    out = tmp_path / "results"
    variables = {
        **{f"{path.name.upper()}_DIR": str(path) for path in pictures.parent.iterdir()},
        "MODELS": "majority,knn",
        "OUT": str(out),
    }
    environment = {**os.environ, **variables, "PATH": f"{BIN}:{os.environ['PATH']}"}
    if command.startswith("make"):
        folder = ROOT
    else:
        folder = tmp_path
        environment["PYTHONPATH"] = str(ROOT)
    if any(f"benchmark.{name}" in command for name in ("report", "verify", "compare")):
        subprocess.run(["make", "bench"], cwd=ROOT, env=environment, check=True, timeout=300)
        (out / "reference").symlink_to(ROOT / "results" / "reference")
    if "run" in command and "--list" not in command:
        # As typed, but for the models of "all" and the length of the training.
        command = command.replace("--model all", "--model mobilenet")
        command = command.replace("'knn,vgg*'", "'vgg11*'")
        command = command.replace("knn,hog-svm,mobilenet", "mobilenet")
        if any(net in command for net in ("seresnet18", "mobilenet", "timm", "vgg")):
            command += " --set max_epochs=1"
    if "ablation" in command:
        command += " --set max_epochs=1"
    if "advise" in command:
        command += " --model knn,decision-tree"
    if "search" in command:
        (tmp_path / "neighbours.yaml").write_text("n_neighbors: [1, 5]")
        command = command.replace(
            "--model cnn --grid raf-db-report", "--model knn --grid neighbours.yaml"
        )
        command = command.replace("--trials 20", "--trials 2")
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if "run" in command and "--list" not in command and "--estimate" not in command:
        assert (out / "leaderboard.csv").is_file()
    if "search" in command:
        assert len([*(out / "trials").glob("*.png")]) == 1
    if "advise" in command:
        assert len(done.stdout.splitlines()) == 5


@pytest.mark.parametrize(("package", "module", "code"), EXAMPLES)
def test_the_example_is_a_model(
    package: str, module: str, code: str, tmp_path: Path, shapes: Dataset
) -> None:
    before = set(models.models())
    path = tmp_path / f"{module}.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(f"{package}.{module}", path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    (name,) = set(models.models()) - before
    try:
        model = models.models()[name].estimator({"max_epochs": 1} if package == "deepnets" else {})
        fitted = model.fit(shapes.images[:60], shapes.labels[:60])
        assert fitted.predict_proba(shapes.images[60:]).shape == (30, 3)
    finally:
        baselines.BASELINES.pop(name, None)
        deepnets.ARCHITECTURES.pop(name, None)


def test_the_readme_has_commands_and_examples_to_test() -> None:
    assert len(COMMANDS) >= 8
    assert [package for package, _, _ in EXAMPLES] == ["baselines", "deepnets"]


def test_every_data_set_is_named() -> None:
    for name in set(datasets.names()) - {"folder", "generated"}:
        assert f"`{name}`" in TEXT, f"name {name} in the README's table of data sets"


def test_every_model_is_named_and_every_file_linked_is_there() -> None:
    for name in models.models():
        assert f"`{name}`" in TEXT, f"name {name} in the README's table of models"
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if not link.startswith("http"):
            path = ROOT / link
            assert path.is_dir() or path.stat().st_size > 0, f"README links to {link}"


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("bench", "test", "setup", "data", "perf", "report", "lint", "clean"):
        assert f"make {target}" in done.stdout
