"""Every command and every example of the README and of the pages in docs/ works."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import timm

import baselines
import datasets
import deepnets
from benchmark.core import models
from datasets import Dataset
from datasets.loaders.drawn import faces
from datasets.registry import LOADERS
from tests.conftest import Command, write_picture
from tests.datasets import samples

pytestmark = pytest.mark.spread

ROOT = Path(__file__).parent.parent
PAGES = {path: path.read_text() for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))}
TEXT = "\n".join(PAGES.values())
BIN = ROOT / ".venv" / "bin"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def commands(block: str) -> list[str]:
    """The calls of a block, a line each; a loop goes round once, with the first value."""
    block = block.replace("\\\n", " ")
    known = re.findall(r"^(?:for )?(\w+)(?: in |=)(\S+)", block, flags=re.MULTILINE)
    for name, value in [*known, ("", "")]:
        block = block.replace(f"${name}", value) if name else block
    lines = (" ".join(line.split()) for line in block.splitlines())
    return [line for line in lines if line.startswith(("python", "make"))]


ALL = list(dict.fromkeys(line for block in blocks("sh") for line in commands(block)))
PYTHON = [line for line in ALL if line.startswith("python")]
MAKE = [line for line in ALL if line.startswith("make")]
EXAMPLES = re.findall(r"whole of `([\w/]+)/(\w+)\.py`.*?```python\n(.*?)```", TEXT, re.DOTALL)
SNIPPETS = [code for code in blocks("python") if code not in [code for *_, code in EXAMPLES]]


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small stand-in for each published set, named as the set."""
    folder = tmp_path_factory.mktemp("sets")
    faces.write(folder / "muxspace", n=300, seed=0, size=32)
    samples.write_fer2013(folder / "fer2013", n=420)
    samples.write_ferplus(folder / "ferplus", n=240)
    samples.write_ck48(folder / "ckplus")
    samples.write_rafdb(folder / "rafdb")
    return folder


@pytest.fixture
def home(tmp_path: Path, sets: Path, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder a command is typed in: all the sets are known, and there are pictures."""
    for path in sets.iterdir():
        monkeypatch.setenv(f"{path.name.upper()}_DIR", str(path))
    (tmp_path / "my-pictures").symlink_to(shapes_folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def quicker(command: str) -> str:
    """The command with one net of those named, for an epoch, and fewer pictures and trials."""
    command = command.replace("--model NET --set OPTION", "--model resnet18 --set stem=3x3-pool")
    command = command.replace("--data generated", "--data muxspace")
    command = re.sub(r"--train-size \d+", "--train-size 160", command)
    command = command.replace("n_estimators=300", "n_estimators=30")
    command = re.sub(r"--budget \S+", "--budget 0.01", command)
    if "advise" in command:
        return f"{command} --model knn,decision-tree"
    if "search" in command:
        command = command.replace("cnn --grid raf-db-report", "knn --grid neighbours.yaml")
        return command.replace("--trials 20", "--trials 2")
    if "explain" in command:
        return command.replace(" my-pictures", " my-pictures/disc/disc_000.png")
    if "ablation" in command:
        command = command.replace("--train-size 160", "--train-size 40 --repeats 1")
    named = re.search(r"--model (\S+)", command)
    found = models.find(named[1].strip("'")) if named else []
    nets = [model.name for model in found if model.is_trained_in_epochs]
    if named and nets:
        net = "mobilenet" if "mobilenet" in nets else nets[0]
        command = command.replace(named[0], f"--model {net}")
        command = re.sub(r" --set max_epochs=\d+", "", command) + " --set max_epochs=1"
    return command


@pytest.mark.parametrize("command", PYTHON)
def test_the_command_works(
    command: str, home: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, module, *arguments = shlex.split(quicker(command))
    for place, argument in enumerate(arguments):
        if argument.endswith(".safetensors"):
            net = next(name for name in arguments if name.startswith("timm:"))
            weights = timm.create_model(net.removeprefix("timm:")).state_dict()
            safetensors.torch.save_file(weights, home / "weights.safetensors")
            arguments[place] = "weights.safetensors"
    (home / "neighbours.yaml").write_text("n_neighbors: [1, 5]")
    if module.rpartition(".")[2] in ("report", "verify", "compare"):
        fast = ("--model", "majority,knn", "--protocol", "slides,fair", "--train-size", 160)
        assert run_command(importlib.import_module("benchmark.run").main, *fast)[0] == 0
        (home / "results" / "reference").symlink_to(ROOT / "results" / "reference")
        arguments = [*arguments, *(("--require-data",) if "verify" in module else ())]
    if module == "benchmark.score":
        fast = ("--model", "knn", "--data", "my-pictures")
        assert run_command(importlib.import_module("benchmark.run").main, *fast)[0] == 0
        (said,) = home.glob("results/predictions/*.csv")
        said.rename(home / "predictions.csv")
    if module in ("benchmark.predict", "benchmark.explain"):
        fast = ("--model", "hog-svm", "--data", "my-pictures")
        assert run_command(importlib.import_module("benchmark.run").main, *fast)[0] == 0
        write_picture(home / "my-picture.jpg")
        film = cv2.VideoWriter("film.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
        film.write(np.zeros((48, 64, 3), np.uint8))
        film.release()
    if module == "benchmark.export":
        fast = ("--model", "knn,logistic-regression", "--data", "my-pictures")
        assert run_command(importlib.import_module("benchmark.run").main, *fast)[0] == 0
    if module == "benchmark":  # lists the others, and is no command of flags
        monkeypatch.setattr("sys.argv", ["benchmark"])
        importlib.import_module("benchmark.__main__").main()
        return
    status, out, err = run_command(importlib.import_module(module).main, *arguments)
    assert status == 0, err
    if module == "benchmark.run" and not {"--list", "--estimate"} & {*arguments}:
        assert len([*home.glob("*/leaderboard.csv")]) == 1
    if module == "benchmark.search":
        assert len([*home.glob("results/trials/*.png")]) == 1
    if module == "benchmark.advise":
        assert len(out.splitlines()) == 5
    if module == "benchmark.predict":
        assert len(pd.read_csv("predicted/predictions.csv"))
    if module == "benchmark.explain":
        assert [*home.glob("explained/*")]
    if module == "benchmark.export":
        assert len([*home.rglob("model.onnx")]) == len([*home.rglob("model.md")]) == 1


@pytest.mark.parametrize("command", MAKE)
def test_the_target_works(command: str, home: Path, run_command: Command) -> None:
    if subprocess.run(["make", "-q", "setup"], cwd=ROOT, check=False).returncode != 0:
        pytest.skip("the environment was not made by make, or is out of date")
    few = {"MODELS": "majority,knn", "TRAIN_SIZE": "160"}  # of the 200 that are to be learnt from
    long = command.startswith(("make test", "make demo"))  # the second serves for good
    long |= command.startswith(("make gpu-check", "make kill-test", "make fuzz"))
    long |= "perf" in command and "loading" not in command
    if "report" in command:
        fast = ("--model", "majority", "--train-size", 160, "--out", home / "results")
        assert run_command(importlib.import_module("benchmark.run").main, *fast)[0] == 0
    done = subprocess.run(
        [*shlex.split(command), *(["--dry-run"] if long else [])],
        cwd=ROOT,
        env={**os.environ, **few, "OUT": str(home / "results")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if command.startswith("make bench"):
        assert (home / "results" / "leaderboard.csv").is_file()


@pytest.mark.parametrize("code", SNIPPETS)
def test_the_snippet_works(code: str, home: Path, run_command: Command) -> None:
    if "model.onnx" in code:
        fast = ("--model", "knn", "--data", "my-pictures", "--protocol", "fair")
        run_command(importlib.import_module("benchmark.run").main, *fast)
        run_command(importlib.import_module("benchmark.export").main)
    elif "results" in code:
        run_command(importlib.import_module("benchmark.run").main, "--model", "knn")
    exec(compile(code, "snippet", "exec"), {})


def example(package: str, tmp_path: Path) -> ModuleType:
    """Import the example of a package as if its file were there."""
    ((module, code),) = [(module, code) for where, module, code in EXAMPLES if where == package]
    path = tmp_path / f"{module}.py"
    path.write_text(code)
    name = f"{package.replace('/', '.')}.{module}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(found := importlib.util.module_from_spec(spec))
    return found


@pytest.mark.parametrize("package", ["baselines", "deepnets"])
def test_the_example_is_a_model(package: str, tmp_path: Path, shapes: Dataset) -> None:
    before = set(models.models())
    example(package, tmp_path)
    (name,) = set(models.models()) - before
    try:
        model = models.models()[name].make(**{"max_epochs": 1} if package == "deepnets" else {})
        fitted = model.fit(shapes.images[:60], shapes.labels[:60])
        assert fitted.predict_proba(shapes.images[60:]).shape == (30, 3)
    finally:
        baselines.BASELINES.pop(name, None)
        deepnets.ARCHITECTURES.pop(name, None)


def test_the_example_is_a_data_set(tmp_path: Path) -> None:
    example("datasets/loaders", tmp_path)
    try:
        folder = tmp_path / "garments"
        lines = ["picture,label,person"]
        for i, word in enumerate(["dress", "hat", "shirt"] * 2):
            write_picture(folder / f"{i}.png", seed=i)
            lines.append(f"{i}.png,{word},p{i}")
        (folder / "garments.csv").write_text("\n".join(lines))
        dataset = datasets.load(folder)
        assert dataset.name == "garments"
        assert dataset.class_names == ("dress", "hat", "shirt")
        assert dataset.labels.tolist() == [0, 1, 2, 0, 1, 2]
        assert dataset.groups is not None
    finally:
        LOADERS.pop("garments")


def test_there_are_commands_and_examples_to_test() -> None:
    assert len(PYTHON) >= 30
    assert {"make bench", "make test", "make data"} <= {*MAKE}
    assert sorted(package for package, *_ in EXAMPLES) == [
        "baselines",
        "datasets/loaders",
        "deepnets",
    ]
    assert SNIPPETS


def test_the_readme_is_short() -> None:
    assert len(PAGES[ROOT / "README.md"].splitlines()) <= 110


def test_every_data_set_and_every_model_is_named() -> None:
    for name in set(datasets.names()) - {"folder", "generated"}:
        assert f"`{name}`" in PAGES[ROOT / "docs" / "data-sets.md"], f"name the data set {name}"
    for name in models.models():
        assert f"`{name}`" in PAGES[ROOT / "docs" / "models.md"], f"name the model {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_linked_is_there(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]+))?\)", PAGES[page]):
        if link.startswith("http"):
            continue
        path = page.parent / link if link else page
        assert path.is_dir() or path.stat().st_size > 0, f"{page.name} links to {link}"
        if anchor:
            titles = re.findall(r"^#+ (.*)", path.read_text(), flags=re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert anchor in anchors, f"{page.name} links to {link}#{anchor}"


def test_every_page_is_reached_from_the_readme() -> None:
    for page in PAGES:
        assert page.name == "README.md" or f"(docs/{page.name})" in PAGES[ROOT / "README.md"]


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("bench", "test", "setup", "data", "perf", "report", "lint", "clean"):
        assert f"make {target}" in done.stdout
