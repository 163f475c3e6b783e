"""Which model for these pictures, in five lines: ``python -m benchmark.advise --data FOLDER``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd

from benchmark import session
from benchmark.core.protocols import Curve, possible_splits
from benchmark.core.store import Results
from benchmark.options import Options, TrainSize, command
from benchmark.scores import curves
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import Row
from benchmark.view.text import score
from datasets import Dataset, InputError

# Fast or good at few pictures in results/reference, at least two of each kind.
USUAL = "logistic-regression,random-forest,hog-svm,vgg11,seresnet18"
BASELINE = "majority"  # always among the models, to be compared with
FEWEST = 40  # pictures to learn from: a quarter of them is 8 to train on and 2 to select on
SERVED = 10_000  # pictures whose answering counts in what a model costs
CHEAP = 60.0  # seconds that are no reason to prefer a model
WIDE = 0.2  # an interval wider than this says little


def steps(dataset: Dataset, train_size: int | None, repeats: int) -> list[Curve]:
    """Return the curve at a quarter, a half and all of the pictures.

    Raises
    ------
    InputError
        If there are too few.
    """
    split = Curve.usual_split(possible_splits(dataset))
    whole = Curve(split=split, train_size=train_size, repeats=repeats)
    n = whole.n_pictures(dataset)
    parts = [replace(whole, train_size=n // part) for part in (4, 2)]
    seen = [part for part in parts if n >= FEWEST and part.shows_two_classes(dataset)]
    if not seen:
        raise InputError(
            f"{n} pictures to learn from, beside the third for the test, are too few to advise on: "
            f"bring {FEWEST} or more, of two classes at least"
        )
    return [*seen, whole]


def advice(
    found: Leaderboard, dataset: Dataset, protocols: Sequence[Curve], results: Results
) -> list[str]:
    """Answer the user's question in five lines.

    Parameters
    ----------
    found : Leaderboard
        Of the results folder.
    dataset : Dataset
        The pictures.
    protocols : sequence of Curve
        Smallest first; what is advised rests on the last.
    results : Results

    Returns
    -------
    list of str
        Which model; what accuracy to expect; what it costs; deep or classical; whether more
        pictures would help. One line if no model has a result.
    """
    data, whole = dataset.fingerprint[:12], protocols[-1]
    curve = {
        (row.place.protocol, row.place.model): row
        for row in found.rows
        if row.scores is not None
        and row.bad is None
        and row.fingerprint == dataset.fingerprint
        and row.place.split == whole.split
    }
    board, pairs = (
        table[
            (table["data"] == data)
            & (table["protocol"] == whole.label)
            & (table["split"] == whole.split)
        ]
        for table in (found.table, found.pairs)
    )
    board = board[board["rank"].notna()]
    if not len(board):
        return ["Which model: not known, as no run on all pictures was finished."]
    cost = board["fit_seconds"] + board["predict_ms_per_image"] * SERVED / 1000
    board = board.assign(cost=np.ceil(cost / CHEAP))
    tied = board[board["rank"] == 1].sort_values("accuracy", ascending=False, kind="stable")
    useless = bool((tied["model"] == BASELINE).any())
    pick = (tied if useless else tied.sort_values("cost", kind="stable")).iloc[0]
    row = curve[whole.label, pick["model"]]
    steps_of_pick = [
        curve[key] for each in protocols if (key := (each.label, pick["model"])) in curve
    ]
    return [
        _which(board, tied, pick, useless),
        _expect(pick, row),
        _costs(pick, row, results),
        _deep_or_classical(board, pairs, curve, whole.label),
        _more_pictures(steps_of_pick, int(pick["n_test"])),
    ]


def _interval(low: float, high: float) -> str:
    return f"95 % interval {score(low)} to {score(high)}"


def _which(board: pd.DataFrame, tied: pd.DataFrame, pick: pd.Series, useless: bool) -> str:
    n_test = f"{pick['n_test']:,} test pictures"
    others = [
        f"{row['model']} {score(row['accuracy'])} %"
        for row in tied.to_dict(orient="records")
        if row["model"] != pick["model"]
    ]
    if useless:
        return (
            f"Which model: none yet. On these {n_test} no model is surely better than always "
            f"saying the commonest class; {pick['model']} is right most often."
        )
    if not others:
        return (
            f"Which model: {pick['model']}, surely better than each of the {len(board) - 1} others "
            f"tried, on {n_test}."
        )
    return (
        f"Which model: {pick['model']} ({score(pick['accuracy'])} %). These {n_test} cannot tell "
        f"it from {', '.join(others)}, which cost more or are right less often."
    )


def _expect(pick: pd.Series, row: Row) -> str:
    assert row.scores is not None
    commonest = row.class_names[int(np.bincount(row.scores.labels).argmax())]
    low, high = pick["accuracy_lo"], pick["accuracy_hi"]
    small = (
        f" So wide an interval says little: test pictures are few ({pick['n_test']:,})."
        if high - low > WIDE
        else ""
    )
    return (
        f"What to expect: {score(pick['accuracy'])} % of new pictures like these right "
        f"({_interval(low, high)}); always saying '{commonest}' is right on "
        f"{score(pick['majority_accuracy'])} %.{small}"
    )


def _costs(pick: pd.Series, row: Row, results: Results) -> str:
    record = row.good[0]
    files = [*results.run_folder(record.key).glob("model.s*")]
    size = f"a file of {files[0].stat().st_size / 1e6:.1f} MB, " if files else ""
    threads = record.environment.threads
    where = f"{record.environment.processor}, {threads} thread{'s' * (threads > 1)}"
    return (
        f"What it costs: {pick['fit_seconds']:.1f} s to train on {pick['n_train']:,} pictures, "
        f"{pick['predict_ms_per_image']:.2g} ms to answer one; {size}at most "
        f"{pick['peak_memory_mb']:,.0f} MB of memory in training "
        f"({where if pick['device'] == 'cpu' else pick['device']})."
    )


def _deep_or_classical(
    board: pd.DataFrame, pairs: pd.DataFrame, curve: dict[tuple[str, str], Row], label: str
) -> str:
    by_accuracy = board.sort_values("accuracy", ascending=False)["model"]
    best: dict[bool, str] = {}
    for model in by_accuracy:
        best.setdefault(curve[label, model].is_deep, model)
    if len(best) < 2:
        kind = "nets" if True in best else "classical models"
        return f"Deep or classical: only {kind} have a result; try both kinds with --model."
    names = {best[True], best[False]}
    same = pairs["model_a"].isin(names) & pairs["model_b"].isin(names)
    pair = pairs[same].iloc[0]
    kinds = {best[True]: "the best net", best[False]: "the best classical model"}
    one, other = (f"{kinds[name]} ({name})" for name in (pair["model_a"], pair["model_b"]))
    sure = "more than chance explains" if pair["told_apart"] else "no more than chance may explain"
    return (
        f"Deep or classical: {one} is {score(pair['difference'])} points more often right than "
        f"{other} ({_interval(pair['difference_lo'], pair['difference_hi'])}): {sure}."
    )


def _more_pictures(rows: Sequence[Row], n_test: int) -> str:
    """What twice as many pictures gave, and may give again.

    Errors are taken to fall as a power of the number of pictures to some limit, the usual form of
    learning curves (Cortes, Jackel, Solla, Vapnik and Denker, "Learning curves: asymptotic values
    and rate of convergence", NIPS 1993): each doubling then gains the same share of the one before.
    A share of 1 or more is no such curve, and nothing is foretold from it.
    """
    if len(rows) < 2:
        return "More pictures: not known, as the smaller sizes have no result."
    last, low, high = curves.gain(rows[-2], rows[-1])
    half, everything = (f"{row.size:,}" for row in rows[-2:])
    gained = (
        f"from {half} to {everything} accuracy changed by {score(last, sign='+')} points "
        f"({_interval(low, high)})"
    )
    if low <= 0:
        least = math.ceil(100 * (high - low) / 2)
        return (
            f"More pictures: no sign that they would help: {gained}; a gain below {least} points "
            f"would not show on {n_test:,} test pictures."
        )
    before = curves.gain(rows[-3], rows[-2]).value if len(rows) > 2 else 0.0
    again = (
        f"twice as many may add {score(last * last / before)} points more"
        if last < before
        else "how much more cannot be said, as the curve does not flatten yet"
    )
    return f"More pictures: they would help: {gained}; {again}."


@command(
    *("drop_class", "drop_duplicates", "crop", "repeats", "size", "device", "jobs", "time_limit"),
    data={"required": True, "help": "A folder with one folder a class, or a name."},
    model={"default": USUAL},
    train_size={"type": TrainSize(FEWEST), "help": "Pictures to learn from at most."},
    out={"default": Path("results/advice")},
)
def main(options: Options) -> int:
    """Say in five lines which model suits the pictures, how good it is and what it costs."""
    options = replace(options, model=f"{BASELINE},{options.model}")
    (dataset,) = session.load(options)
    protocols = steps(dataset, options.train_size, options.repeats)
    runs = session.plan(options, protocols)
    session.begin(options)
    records = session.make(runs, options)
    board = session.publish(options.results)
    status = session.tell_failures(records)
    session.say(f"more: {options.out / 'report.html'}")
    for line in advice(board, dataset, protocols, options.results):
        click.echo(line)
    return status


if __name__ == "__main__":
    main()
