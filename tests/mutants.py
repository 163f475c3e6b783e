"""Break what only a card would show, one fault at a time: do the tests see it without one?

    python tests/mutants.py [WORD]

copies the code aside, puts each fault in whose name has the word, runs the test files that should
catch it and prints a table; the status is 1 if one was missed. It takes a few minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("baselines", "benchmark", "datasets", "deepnets", "tests", "setup.cfg", "pyproject.toml")
NETS = "tests/deepnets/training"
GRAPH, STEP = f"{NETS}/test_cuda_graph.py", f"{NETS}/test_on_card.py"
ENGINE, PLACED = f"{NETS}/test_engine.py", "tests/deepnets/test_nets.py -k repeatable"


@dataclass(frozen=True)
class Mutant:
    """A fault.

    Attributes
    ----------
    name : str
    file : str
    old, new : str
        What stands there once, and what takes its place.
    tests : tuple of str
        Arguments of pytest, of the tests that should fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str


_CAPTURE = "deepnets/training/cuda_graph.py"
_ENGINE = "deepnets/training/engine.py"
_OPTIMISER = "deepnets/training/optimiser.py"
_BATCHES = "deepnets/training/batches.py"
_AUGMENT = "deepnets/training/augment.py"
_CLASSIFIER = "deepnets/training/classifier.py"

MUTANTS = (
    Mutant(
        "random numbers are not put back after a failed capture",
        _CAPTURE,
        "        torch.cuda.set_rng_state(random)\n",
        "",
        GRAPH,
    ),
    Mutant(
        "no warm-up before a capture", _CAPTURE, "WARM_UP_STEPS = 3", "WARM_UP_STEPS = 0", GRAPH
    ),
    Mutant(
        "a step is made outside its capture",
        _CAPTURE,
        "pool, aside):\n            step()",
        "pool, aside):\n            pass\n        step()",
        GRAPH,
    ),
    Mutant(
        "the warm-up does not wait for the steps before it",
        _CAPTURE,
        "            self.aside.wait_stream(torch.cuda.current_stream())\n",
        "",
        GRAPH,
    ),
    Mutant(
        "the steps after the warm-up do not wait for it",
        _CAPTURE,
        "            torch.cuda.current_stream().wait_stream(self.aside)\n",
        "",
        GRAPH,
    ),
    Mutant(
        "a failed capture keeps the stream",
        _CAPTURE,
        "        torch.cuda.set_stream(stream)\n",
        "",
        GRAPH,
    ),
    Mutant(
        "a graph is kept when its gradients have changed",
        _ENGINE,
        "            steps.forget()",
        "            pass",
        GRAPH,
    ),
    Mutant(
        "other graphs are kept when one cannot be had",
        _CAPTURE,
        "            self.graphs = {}  # they",
        "            # they",
        GRAPH,
    ),
    Mutant(
        "a graph that cannot be had is tried again and again",
        _CAPTURE,
        'self.note, self.wanted = f"runs without a CUDA graph: {error}", False',
        'self.note = f"runs without a CUDA graph: {error}"',
        GRAPH,
    ),
    Mutant(
        "a lack of memory in a capture is taken for a step that cannot be captured",
        _CAPTURE,
        "        if isinstance(first, torch.OutOfMemoryError):",
        "        if False:",
        GRAPH,
    ),
    Mutant(
        "the optimiser counts its steps on the host",
        _OPTIMISER,
        "torch.optim.AdamW(groups, fused=True, capturable=where.on_card)",
        "torch.optim.AdamW(groups, fused=True)",
        STEP,
    ),
    Mutant(
        "the learning rate is a number of Python",
        _OPTIMISER,
        "torch.full((), rate, device=where.device) if where.on_card else rate",
        "rate",
        f"{STEP} {GRAPH}",
    ),
    Mutant(
        "the learning rate is on the host",
        _OPTIMISER,
        "torch.full((), rate, device=where.device)",
        "torch.full((), rate)",
        STEP,
    ),
    Mutant(
        "the average reads its weight on the host",
        _OPTIMISER,
        "        if self._on_card:",
        "        if False:",
        f"{STEP} {GRAPH}",
    ),
    Mutant(
        "the prior of the classes is left on the host",
        _ENGINE,
        "recipe.balance_strength).to(where.device)\n    optimise",
        "recipe.balance_strength)\n    optimise",
        STEP,
    ),
    Mutant(
        "a step asks for the loss",
        _ENGINE,
        "        optimise.step()\n",
        "        loss.item()\n        optimise.step()\n",
        f"{STEP} {GRAPH}",
    ),
    Mutant(
        "random numbers of the changes come from the host",
        _AUGMENT,
        "return 2 * torch.rand(shape, device=images.device) - 1",
        "return (2 * torch.rand(shape) - 1).to(images.device)",
        STEP,
    ),
    Mutant(
        "the shares of mixed pictures come from the host",
        _AUGMENT,
        'images.device if images.device.type == "cuda" else "cpu"',
        '"cpu"',
        STEP,
    ),
    Mutant(
        "the counter of steps is read on the host",
        _BATCHES,
        "self.numbers.index_select(0, self.made)[0]",
        "self.numbers[int(self.made)]",
        f"{STEP} {GRAPH}",
    ),
    Mutant(
        "the net does not compute in bfloat16",
        _ENGINE,
        "        with where.autocast():\n            outputs",
        "        if True:\n            outputs",
        ENGINE,
    ),
    Mutant(
        "weights do not have their channels last",
        _CLASSIFIER,
        "    net.to(memory_format=torch.channels_last)\n",
        "",
        PLACED,
    ),
    Mutant(
        "depthwise convolutions wait for cuDNN to compile",
        _CLASSIFIER,
        "        spare_compiled_kernels(net)\n",
        "        pass\n",
        "tests/deepnets/test_nets.py -k depthwise",
    ),
    Mutant(
        "each training has a stream of its own",
        _CAPTURE,
        "self.aside = side_stream(torch.cuda.current_device())",
        "self.aside = torch.cuda.Stream(torch.cuda.current_device())",
        GRAPH,
    ),
    Mutant(
        "kernels need not give the same twice",
        _CLASSIFIER,
        "enabled=True, deterministic=True",
        "enabled=True, deterministic=False",
        PLACED,
    ),
    Mutant(
        "the pictures of a classical model stay on the host",
        "baselines/cuda.py",
        'torch.from_numpy(array).to("cuda") for array in (X, y)',
        "torch.from_numpy(array) for array in (X, y)",
        "tests/baselines/test_cuda.py -k on_tensors",
    ),
    Mutant(
        "what neighbours are ranked by is made on the host",
        "baselines/neighbours.py",
        "torch.arange(columns, device=order.device)",
        "torch.arange(columns)",
        "tests/baselines/test_cuda.py -k asked_on",
    ),
)


def caught(mutant: Mutant, folder: Path) -> bool:
    """Whether tests fail with the fault in the copy that lies in a folder."""
    path = folder / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"'{mutant.name}': {mutant.file} has {text.count(mutant.old)} such places")
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        return tests_fail(mutant.tests, folder)
    finally:
        path.write_text(text)


def tests_fail(tests: str, folder: Path) -> bool:
    """Run tests of the copy in a folder, to the first that fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests.split()]
    here = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=folder, env=here, capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise RuntimeError(f"pytest {tests} did not run: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return run.returncode == 1


def main(word: str = "") -> int:
    """Try the faults whose name has a word; print what became of each."""
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in COPIED:
            source = ROOT / each
            if source.is_dir():
                shutil.copytree(source, folder / each, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / each)
        for tests in sorted({mutant.tests for mutant in chosen}):
            if tests_fail(tests, folder):
                raise RuntimeError(f"{tests} fails without a fault")
        print("| fault | |\n|:--|:--|")
        missed = 0
        for mutant in chosen:
            found = caught(mutant, folder)
            missed += not found
            print(f"| {mutant.name} | {'caught' if found else 'MISSED'} |", flush=True)
    print(f"\n{len(chosen) - missed} of {len(chosen)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
