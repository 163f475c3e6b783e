"""How long publishing takes: ``python docs/publish-study.py FOLDER ROWS``.

Makes a results folder of so many made-up rows out of the stored predictions of the reference, then
publishes all but the last anew, again, and again with the last, each in a process of its own, and
prints the seconds. The data sets are made up too; each has four boards of 25 models, half of these
with three repeats.
"""

import hashlib
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmark.core.predictions import Predictions
from benchmark.core.records import SELECTION, TEST, BoardRow, DataFacts
from benchmark.core.store import Results

REFERENCE = Results(Path(__file__).parents[1] / "results" / "reference")
MODELS = 25  # of a board
LABELS = ("fair-100", "fair-500", "fair-2000", "fair")
TESTED = (500, 1000, 2000, 4500)  # pictures, a number each data set in turn
PUBLISH = (sys.executable, "-m", "benchmark.report", "--out")


def templates() -> list[tuple[BoardRow, list[Predictions]]]:
    """The rows of one board of the reference with three repeats, and what their runs said."""
    found = []
    for row in REFERENCE.rows():
        if row.place[:2] == ("muxspace", "fair-500") and len(row.keys) == 3:
            records = [REFERENCE.record(key) for key in row.keys]
            found.append((row, [REFERENCE.predictions(each) for each in records if each]))
    return found


def made_up(n: int) -> Iterator[tuple[BoardRow, list[Predictions]]]:
    """Rows like those of the reference, with predictions that are a little like theirs."""
    given = templates()
    for number in range(n):
        board, place = divmod(number, MODELS)
        data, label = divmod(board, len(LABELS))
        rng = np.random.default_rng([board, place])
        row, said = given[place % len(given)]
        name = f"set-{data}"
        digest = hashlib.sha256(name.encode()).hexdigest()
        dataset = replace(row.dataset, name=name, fingerprint=digest, source="")
        size = LABELS[label].partition("-")[2]
        protocol = replace(
            row.protocol, label=LABELS[label], train_size=int(size) if size else None
        )
        repeats = said[: 1 + 2 * (board % 2)]
        keys = tuple(
            hashlib.sha256(f"{board} {place} {repeat}".encode()).hexdigest()
            for repeat in range(len(repeats))
        )
        model = replace(row.model, label=f"{row.model.label}[v={place // len(given)}]")
        yield (
            BoardRow(model, protocol, dataset, row.device, keys),
            [perturbed(each, TESTED[data % len(TESTED)], rng) for each in repeats],
        )


def perturbed(said: Predictions, n: int, rng: np.random.Generator) -> Predictions:
    """Say something else of the first `n` of the test pictures, and of those selected on."""
    test = np.flatnonzero(said.part == TEST)[:n]
    chosen = np.sort(np.concatenate([test, np.flatnonzero(said.part == SELECTION)]))
    some = Predictions(*(column[chosen] for column in vars(said).values()))
    noise = rng.gumbel(size=some.probabilities.shape) * rng.uniform(0.1, 1)
    logits = np.log(some.probabilities.astype(np.float64) + 1e-6) + noise
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return replace(some, probabilities=(odds / odds.sum(axis=1, keepdims=True)).astype(np.float32))


def write(results: Results, rows: Iterator[tuple[BoardRow, list[Predictions]]]) -> None:
    """Store rows, their runs and the list of their pictures."""
    like = REFERENCE.record(next(iter(REFERENCE.rows())).keys[0])
    files = (REFERENCE.path / "data" / f"{muxspace().fingerprint[:12]}.csv").read_text()
    entries, lists = [], set()
    with results.together():
        for row, runs in rows:
            for repeat, (key, said) in enumerate(zip(row.keys, runs, strict=True)):
                measured = replace(like.measured, n_test=len(said.scored.rows))
                facts = {"model": row.model, "protocol": row.protocol, "dataset": row.dataset}
                run = replace(like, **facts, key=key, repeat=repeat, measured=measured)
                results.put(run, said)
            lists.add(row.dataset.fingerprint[:12])
            entries.append(row)
        for name in lists:
            results.write(f"data/{name}.csv", files)
        results.put_rows(entries)


def muxspace() -> DataFacts:
    """The data set that all is made up from."""
    return next(row.dataset for row in REFERENCE.rows() if row.dataset.name == "muxspace")


def timed(out: Path) -> float:
    """Seconds of publishing a folder in a process of its own."""
    began = time.perf_counter()
    subprocess.run([*PUBLISH, str(out)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main(folder: str, n: str) -> None:
    """Make the folder and print the seconds."""
    out, rows = Path(folder), made_up(int(n))
    results = Results(out)
    write(results, itertools.islice(rows, int(n) - 1))
    print(f"{int(n) - 1} rows, anew: {timed(out):.1f} s", flush=True)
    print(f"{int(n) - 1} rows, again: {timed(out):.1f} s", flush=True)
    write(results, rows)
    print(f"{n} rows, one of them new: {timed(out):.1f} s", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
