"""Which model for these pictures, in five lines: ``python -m benchmark.advise --data FOLDER``."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import numpy as np
from click.core import ParameterSource

from benchmark import session
from benchmark.core import models, processes
from benchmark.core.protocols import Curve, Search, possible_splits
from benchmark.core.records import Asked, Record
from benchmark.core.runs import Run, on_board
from benchmark.options import Options, TrainSize, command
from benchmark.scores import picks
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import Metric
from benchmark.view.text import score
from datasets import Dataset, InputError, crops

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
# By another metric draws of people decide, where the difference is at most the square root of the
# pictures gained times as large as its error: 1.96**2 < 4.
LEAST_GAINED_ELSE = 4
LOOKED_AT = 50  # pictures whose size is taken for that of all
LEAST_LARGER = 1.25  # times the size, below which pictures are no larger to speak of


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


@dataclass(frozen=True)
class Stage:
    """Models that are made together, and the sizes that they learn from, smallest first."""

    models: Sequence[models.Model]
    sizes: Sequence[Curve]

    @property
    def deep(self) -> bool:
        """Whether they are nets."""
        return self.models[0].deep

    def plan(self, options: Options) -> list[Run]:
        """Return its runs; raises what `session.plan` does."""
        names = ",".join(each.name for each in self.models)
        return session.plan(replace(options, model=names), self.sizes)


def stages(options: Options, protocols: Sequence[Curve]) -> list[Stage]:
    """Return what is made one after the other.

    What takes seconds comes first: classical models from few pictures to all, which also tells
    whether more would help. Nets take longest and learn from all, unless no classical model is
    there to tell that.
    """
    every = models.find(f"{BASELINE},{options.model}")
    classical = [each for each in every if not each.deep]
    frozen = [each for each in every if each.is_frozen]
    nets = [each for each in every if each.is_trained_in_epochs]
    of_nets = protocols if len(classical) == 1 else protocols[-1:]
    found = [*(Stage(classical, [size]) for size in protocols)]
    found += [Stage(frozen, of_nets), Stage(nets, of_nets)]
    return [stage for stage in found if stage.models]


@dataclass(frozen=True)
class Room:
    """By how much the best model so far can still be beaten.

    Attributes
    ----------
    metric : Metric
        By which it is the best; its values end at `Metric.most`.
    score : float
        The best model's.
    wrong : int
        Test pictures on which it is wrong, in its best repeat.
    """

    metric: Metric
    score: float
    wrong: int

    @property
    def is_enough(self) -> bool:
        """Whether so many more right answers can be told from chance."""
        least = LEAST_GAINED if self.metric.name == "accuracy" else LEAST_GAINED_ELSE
        return self.wrong >= least

    def __str__(self) -> str:
        share, name = self.metric.most - self.score, self.metric.name
        unit = " %" if self.metric.is_share else ""
        return (
            f"{self.metric.label} {score(self.score, name)}{unit} so far, at most "
            f"{score(share, name)} to add, which is {self.wrong} test pictures"
        )


def room(board: Leaderboard, asked: Asked) -> Room | None:
    """Return by how much the best model can still be beaten; None if nothing is known of that.

    So it is before a model has a result, and by a metric without an upper end.
    """
    best = next(iter(picks.considered(board, asked)), None)
    if best is None or best.scores is None or not board.metric.more_is_better:
        return None
    wrong = min(int(each.sum() - each.trace()) for each in best.scores.confusions)
    return Room(board.metric, best.mean(board.metric.name), wrong)


def larger_size(dataset: Dataset, size: int) -> int | None:
    """Return a size at which the pictures show more, twice as many pixels wide at most.

    Of a crop no one knows how large it was, and drawn pictures are as large as they are asked for.
    """
    from datasets.audit import original  # with libraries of its own

    if dataset.crop != crops.NONE:
        return None
    rows = np.unique(np.linspace(0, len(dataset) - 1, LOOKED_AT).astype(int))
    sides = [min(original(dataset, row).shape[:2]) for row in rows]
    larger = min(2 * size, int(np.median(sides)))
    return larger if larger >= LEAST_LARGER * size else None


def larger_trial(options: Options, dataset: Dataset, board: Leaderboard, asked: Asked) -> list[Run]:
    """Return the run of the best classical model on larger pictures; none where there are none.

    It learns from the pictures that it learnt from on the board, and both the model and the size
    are chosen on the validation pictures: no test picture is asked about, as in a search.
    """
    metric = board.metric
    rows = [
        row
        for row in picks.considered(board, asked)
        if row.place.model in models.models()  # others are of models with settings
        and not row.is_deep
        and row.place.model != BASELINE
        and row.validation
    ]
    size = larger_size(dataset, options.size) if rows else None
    if size is None:
        return []
    best = max(rows, key=lambda row: metric.goodness(row.validated(metric.name)))
    split = Curve.usual_split(possible_splits(dataset))
    there = replace(options, size=size, model=best.place.model)
    return session.plan(there, [Search(split, train_size=options.train_size)])


@dataclass
class Answer:
    """The answer so far: what was asked, the runs that it rests on, and what they show."""

    options: Options
    dataset: Dataset
    asked: Asked
    start: float  # as `time.monotonic` has it
    records: list[Record] = field(default_factory=list)
    board: Leaderboard | None = None

    def improve(self, found: Sequence[Stage]) -> None:
        """Make stages of one kind while they can change the answer, and say it after each.

        They are planned no earlier: nets take the seconds that the import of torch does.
        """
        from benchmark.view.sections.advice import advice

        for stage in found:
            if stage.deep and not self._can_change(stage):
                continue
            self.records += session.make(stage.plan(self.options), self.options, meanwhile=False)
            self.board = Leaderboard.compute(self.options.results)
            # Before the last size of the classical models the answer rests on fewer pictures.
            known = self.asked.protocols.index(stage.sizes[-1].label) + 1
            asked = replace(self.asked, protocols=self.asked.protocols[:known])
            took = time.monotonic() - self.start
            session.say(f"so far ({took:.0f} s): {advice(self.board, asked)[0]}")

    def try_larger(self) -> None:
        """See whether larger pictures help, if the answer leaves room for that."""
        from benchmark.view.sections.advice import larger_pictures

        if self.board is None or self._settled() is not None:
            return
        if trial := larger_trial(self.options, self.dataset, self.board, self.asked):
            self.records += session.make(trial, self.options, shown=[], meanwhile=False)
            (row,) = on_board(trial)
            self.asked = replace(self.asked, larger=row)
            self.options.results.put_asked(self.asked)
            if told := larger_pictures(self.board, self.asked):
                session.say(told)

    def _can_change(self, stage: Stage) -> bool:
        """Whether nets can still be told apart from the best so far; says so if they cannot."""
        if (left := self._settled()) is None:
            return True
        names = ", ".join(each.name for each in stage.models)
        session.say(f"{left} and no more than chance: {names} not tried")
        return False

    def _settled(self) -> Room | None:
        """Return what room is left where it is too little for anything to change the answer."""
        left = room(self.board, self.asked) if self.board else None
        return None if left is None or left.is_enough else left


@command(
    *("drop_class", "drop_duplicates", "crop", "repeats", "size", "device", "jobs"),
    *("time_limit", "memory_limit", "retry"),
    *("metric", "estimate", "backend", "scheduler"),
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
    start = time.monotonic()
    if not options.estimate and options.cluster is None:
        processes.prepare()
    (dataset,) = session.load(options)
    protocols = steps(dataset, options.train_size, options.repeats)
    found = stages(options, protocols)
    if options.estimate:
        session.estimate([run for stage in found for run in stage.plan(options)], options)
        return 0
    session.begin(options, ((source, each) for source in options.sources for each in protocols))
    asked = Asked(dataset.fingerprint, protocols[-1].split, tuple(each.label for each in protocols))
    options.results.put_asked(asked)
    answer = Answer(options, dataset, asked, start)
    answer.improve([stage for stage in found if not stage.deep])
    given = click.get_current_context().get_parameter_source("size")
    if given is ParameterSource.DEFAULT:
        answer.try_larger()
    answer.improve([stage for stage in found if stage.deep])
    from benchmark.view.sections.advice import advice

    board = session.publish(options.results, answer.board)
    status = session.tell_failures(answer.records)
    session.say(f"more: {options.out / 'report.html'}, {options.out / 'advice.md'}")
    for line in advice(board, answer.asked):
        click.echo(line)
    if picks.winner(board) is not None:
        out = shlex.quote(str(options.out))
        session.say(f"to use it: python -m benchmark.predict --out {out} PICTURE")
    return status


if __name__ == "__main__":
    main()
