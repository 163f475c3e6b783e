"""Which model for these pictures, in five lines: ``python -m benchmark.advise --data FOLDER``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from benchmark import session
from benchmark.core import models
from benchmark.core.protocols import Curve, possible_splits
from benchmark.core.records import Asked, Record
from benchmark.core.runs import Run
from benchmark.options import Options, TrainSize, command
from benchmark.scores.leaderboard import Leaderboard
from datasets import Dataset, InputError

# Good for what they cost in results/reference, of every kind.
USUAL_MODELS = (
    "logistic-regression,random-forest,hog-svm,patches,frozen:tf_efficientnet_lite0,"
    "poster-baseline,finetuned:tf_efficientnet_lite0"
)
USUAL_BUDGET = 2.0  # so that a thousand pictures take about three minutes
BASELINE = "majority"  # always among the models, to be compared with
MIN_PICTURES = 40  # to learn from: a quarter of them is 8 to train on and 2 to select on
# Right answers that a model must gain, and lose none, for a test to tell it apart: 2 / 2**6 < 0.05.
LEAST_GAINED = 6


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
    seen = [part for part in parts if n >= MIN_PICTURES and part.shows_two_classes(dataset)]
    if not seen:
        raise InputError(
            f"{n} pictures to learn from, beside the third for the test, are too few to advise on: "
            f"bring {MIN_PICTURES} or more, of two classes at least"
        )
    return [*seen, whole]


def stages(
    options: Options, protocols: Sequence[Curve]
) -> list[tuple[list[models.Model], Sequence[Curve]]]:
    """Return what is made one after the other: models, and the sizes that they learn from.

    What takes seconds comes first: classical models from few pictures to all, which also tells
    whether more would help. Nets take longest and learn from all, unless no classical model is
    there to tell that.
    """
    every = models.find(f"{BASELINE},{options.model}")
    classical = [each for each in every if not each.deep]
    frozen = [each for each in every if each.is_frozen]
    nets = [each for each in every if each.is_trained_in_epochs]
    of_nets = protocols if len(classical) == 1 else protocols[-1:]
    found = [*((classical, [size]) for size in protocols), (frozen, of_nets), (nets, of_nets)]
    return [(entries, sizes) for entries, sizes in found if entries]


def room(board: Leaderboard, asked: Asked) -> tuple[float, int]:
    """Return by how much the best model can still be beaten: a share, and pictures."""
    from benchmark.view.sections.advice import considered  # with matplotlib

    best = max(considered(board, asked), key=lambda row: row.mean("accuracy"), default=None)
    if best is None or best.scores is None:
        return 1.0, LEAST_GAINED
    wrong = int((best.scores.predicted != best.scores.labels).sum(axis=1).min())
    return 1 - best.mean("accuracy"), wrong


@command(
    *("drop_class", "drop_duplicates", "crop", "repeats", "size", "device", "jobs", "time_limit"),
    *("metric", "estimate"),
    data={"required": True, "help": "A folder with one folder a class, or a name."},
    model={"default": USUAL_MODELS},
    train_size={"type": TrainSize(MIN_PICTURES), "help": "Pictures to learn from at most."},
    budget={
        "default": USUAL_BUDGET,
        "help": "Arithmetic of each net's training, 10**12 operations.",
    },
    out={"default": Path("results/advice")},
)
def main(options: Options) -> int:
    """Say in five lines which model suits the pictures, how good it is and what it costs."""
    from benchmark.view.sections.advice import advice  # with matplotlib, not for the workers

    start = time.monotonic()
    (dataset,) = session.load(options)
    protocols = steps(dataset, options.train_size, options.repeats)
    planned = [
        session.plan(replace(options, model=",".join(each.name for each in entries)), sizes)
        for entries, sizes in stages(options, protocols)
    ]
    if options.estimate:
        session.estimate([run for runs in planned for run in runs], options)
        return 0
    session.begin(options)
    asked = Asked(dataset.fingerprint, protocols[-1].split, tuple(each.label for each in protocols))
    options.results.put_asked(asked)
    records: list[Record] = []
    for number, runs in enumerate(planned[:-1]):
        # Before the last size of the classical models the answer rests on fewer pictures.
        known = replace(asked, protocols=asked.protocols[: number + 1])
        if _can_change(options, known, runs):
            records += session.make(runs, options)
            so_far = advice(Leaderboard.compute(options.results), known)[0]
            session.say(f"so far ({time.monotonic() - start:.0f} s): {so_far}")
    if _can_change(options, asked, planned[-1]):
        records += session.make(planned[-1], options)
    board = session.publish(options.results)
    status = session.tell_failures(records)
    session.say(f"more: {options.out / 'report.html'}, {options.out / 'advice.md'}")
    for line in advice(board, asked):
        click.echo(line)
    return status


def _can_change(options: Options, asked: Asked, runs: Sequence[Run]) -> bool:
    """Whether nets can still be told apart from the best model so far; says so if they cannot."""
    if not all(run.model.deep for run in runs):
        return True
    share, wrong = room(Leaderboard.compute(options.results), asked)
    if wrong < LEAST_GAINED:
        names = ", ".join(dict.fromkeys(run.model.name for run in runs))
        session.say(
            f"{100 * (1 - share):.1f} % so far: {names} can add {100 * share:.1f} at most, which "
            f"is {wrong} test pictures and no more than chance: not tried"
        )
    return wrong >= LEAST_GAINED


if __name__ == "__main__":
    main()
