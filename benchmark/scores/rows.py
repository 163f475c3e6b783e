"""Rows of the leaderboard: read from stored runs once, for all that is made of them."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from benchmark.core.files import DamagedError, digest
from benchmark.core.predictions import Predictions
from benchmark.core.protocols import Curve, Slides
from benchmark.core.records import OUTSIDE, SELECTION, BoardRow, Measured, Place, Record
from benchmark.core.store import PREDICTIONS, Results
from benchmark.scores import choices, metrics, published
from benchmark.scores.choices import Choice, Validation
from benchmark.scores.metrics import METRICS, RANKED_BY, Metric, with_ends
from benchmark.scores.scores import Answers, Scores, known, mean_of_known, summarised

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Row:
    """A row of the leaderboard: what it is of, what became of its runs, and what they scored.

    Attributes
    ----------
    entry : BoardRow
        The row in ``board.json``.
    runs : list of Record
        ``run.json`` of its runs in order of their repeats, whole or not, each with its ``repeat``.
    scores : Scores or None
        Of the runs that are ``ok``; None if there are none.
    validation : mapping
        By repeat the score of each metric on the pictures selected on; empty where there are none.
    intervals : mapping
        By metric the ends of its 95 % interval; see `pairs.rank`.
    rank : int or None
        Among the rows of its board on the same pictures, if all its runs are ``ok``.
    last_rank : int or None
        The other end of the rank's 95 % interval, see `intervals.last_ranks`.
    share_best : float or None
        Share of the draws of people and repeats in which it is the best of them.
    n_people : int or None
        Who are on its test pictures, if the data say that.
    is_step : bool
        Whether it is of a learning curve's smaller sizes.
    choices : tuple of Choice
        The searches that chose its parameters.
    """

    entry: BoardRow
    runs: list[Record]
    scores: Scores | None
    validation: Validation = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rank: int | None = None
    last_rank: int | None = None
    share_best: float | None = None
    n_people: int | None = None
    is_step: bool = False
    choices: tuple[Choice, ...] = ()

    @property
    def place(self) -> Place:
        """Data set, protocol, split and model."""
        return self.entry.place

    @property
    def board(self) -> str:
        """Name of the protocol and split in headings and file names."""
        return self.entry.protocol.board

    @property
    def board_order(self) -> tuple[str, float, str]:
        """What boards are sorted by: protocol, pictures asked for (all last), split."""
        protocol = self.entry.protocol
        return protocol.name, protocol.train_size or math.inf, protocol.split

    @property
    def fingerprint(self) -> str:
        """Of its data."""
        return self.entry.dataset.fingerprint

    @property
    def data(self) -> str:
        """The beginning of the fingerprint, by which tables tell data of one name apart."""
        return self.fingerprint[:12]

    @property
    def is_deep(self) -> bool:
        """Whether its model is a net."""
        return self.entry.model.deep

    @property
    def curve_size(self) -> float | None:
        """Pictures asked for of a learning curve, infinite for all; None if it is of none."""
        name, size, _ = self.board_order
        return size if name == Curve.name else None

    @property
    def curve(self) -> tuple[str, str, str]:
        """Data set, split and data: what the rows of one learning curve have in common."""
        return self.place.dataset, self.place.split, self.data

    @property
    def size(self) -> int:
        """Pictures learnt from, those to select on included, of a row that has a score."""
        return self.measured[0].n_train + self.measured[0].n_validation

    @property
    def n_test(self) -> int | None:
        """Test pictures; None without a score."""
        return None if self.scores is None else self.scores.n_test

    def mean(self, metric: str) -> float:
        """Mean of the repeats; NaN without a score."""
        return math.nan if self.scores is None else self.scores.mean(metric)

    @property
    def good(self) -> list[Record]:
        """The records of the runs that are ``ok``."""
        return [run for run in self.runs if run.status == "ok"]

    @property
    def measured(self) -> list[Measured]:
        """What the runs that are ``ok`` took."""
        return [run.measured for run in self.good if run.measured is not None]

    @property
    def only_classes(self) -> bool:
        """Whether its runs named classes and gave no probabilities."""
        return any(not run.has_probabilities for run in self.measured)

    @property
    def bad(self) -> Record | None:
        """The first record that is not ``ok``, if any."""
        return next((run for run in self.runs if run.status != "ok"), None)

    @property
    def reason(self) -> str:
        """Why it is not ``ok``, or nothing."""
        if self.bad is None:
            return ""
        several = len(self.runs) > 1
        which = f"repeat {self.bad.repeat + 1} of {len(self.runs)}: " if several else ""
        return f"{which}{self.bad.reason}"

    def validated(self, metric: str) -> float:
        """Score on the pictures selected on, the mean of the repeats; NaN where there are none."""
        return float(np.mean([scores[metric] for scores in self.validation.values()] or [math.nan]))

    @property
    def training_seconds(self) -> float:
        """Seconds of one core that a fitted model took, with all that chose its parameters."""
        threads = self.good[0].environment.threads or 1
        fit = float(np.mean([run.fit_seconds for run in self.measured]))
        if self.entry.tried:
            fit = 0.0  # among those chosen from
        chosen = sum(
            each.total / (len(self.runs) if self.entry.tried else 1) for each in self.choices
        )
        return (fit + chosen) * threads

    @property
    def class_names(self) -> list[str]:
        """All classes of the data set, in the order of their numbers."""
        return [*self.entry.dataset.class_counts]

    @property
    def untrained(self) -> list[str]:
        """Classes with pictures that some run was not trained on."""
        everything = set(range(len(self.class_names)))
        trained = [set(run.trained_classes) for run in self.measured]
        return self._with_pictures(everything - everything.intersection(*trained))

    @property
    def untested(self) -> list[str]:
        """Classes with pictures of which none is in the test set."""
        tested = set() if self.scores is None else self.scores.tested
        return self._with_pictures(set(range(len(self.class_names))) - tested)

    @property
    def never_said(self) -> list[str]:
        """Classes with test pictures, and trained on, that no run ever named."""
        if self.scores is None:
            return []
        tested, named = self.scores.tested, set().union(*self.scores.named)
        return [name for name in self._with_pictures(tested - named) if name not in self.untrained]

    def _with_pictures(self, classes: set[int]) -> list[str]:
        counts = self.entry.dataset.class_counts
        return [name for i, name in enumerate(self.class_names) if i in classes and counts[name]]

    @property
    def notes(self) -> list[str]:
        """What a reader of the row must know, most important first."""
        if self.scores is None:
            return []
        notes = []
        always = self.scores.named
        single = [label for named in always if len(named) == 1 for label in named]
        if single:
            said = sorted({self.class_names[label] for label in single})
            repeats = f" in {len(single)} of {len(always)} repeats" if len(always) > 1 else ""
            notes.append(f"only ever says {' or '.join(said)}{repeats}")
        elif self.never_said:
            notes.append(f"never says {', '.join(self.never_said)}")
        if self.entry.model.family == OUTSIDE:
            notes.append("scored from outside")
        if pretrained_on := self.entry.model.pretrained_on:
            notes.append(f"pre-trained on {pretrained_on}")
        notes.append(self.entry.protocol.note)
        notes += [choice.note for choice in self.choices]
        for absent, where in ((self.untrained, "training"), (self.untested, "test")):
            notes.append(f"no {' or '.join(absent)} in {where}" if absent else "")
        notes.append(self.measured[0].note if len(self.good) == 1 else "")
        return [note for note in notes if note]

    @functools.cached_property
    def columns(self) -> dict[str, Any]:
        """Its values in the table of the leaderboard, by column.

        Times in seconds and milliseconds, memory in units of 10**6 bytes, scores as fractions;
        what is not known is left out.
        """
        dataset, protocol = self.entry.dataset, self.entry.protocol
        return {
            **self.place._asdict(),
            "family": self.entry.model.family,
            "kind": self.entry.model.kind,
            "status": self.bad.status if self.bad else "ok",
            "reason": self.reason,
            "repeats": len(self.good),
            "published_accuracy": published.accuracy(self.place),
            "device": self.entry.device,
            "selected_on": protocol.selected_on,
            "n_left_out": len(dataset.left_out),
            "generated_data": dataset.generated,
            "size": dataset.size,
            "data": self.data,
            "note": "; ".join(self.notes),
            **self._cost_of_search(),
            **(self._scored(self.scores) if self.scores is not None else {}),
        }

    def _scored(self, scores: Scores) -> dict[str, Any]:
        first, measured = self.measured[0], self.measured
        means = {name: scores.mean(name) for name in METRICS}
        for name, ends in self.intervals.items():
            means |= with_ends(name, (means[name], *ends))
        return {
            **means,
            "accuracy_sd_of_repeats": scores.sd("accuracy"),
            "rank": self.rank,
            "last_rank": self.last_rank,
            "share_best": self.share_best,
            "n_people": self.n_people,
            "n_train": first.n_train,
            "n_validation": first.n_validation,
            "n_test": self.n_test,
            "fit_seconds": mean_of_known(run.fit_seconds for run in measured),
            "predict_ms_per_image": mean_of_known(
                run.predict_seconds / run.n_test for run in measured
            )
            * 1e3,
            "peak_memory_mb": max(known(run.peak_memory_mb for run in measured), default=math.nan),
            "parameters": first.parameters,
            "device": " and ".join(sorted({run.device for run in self.measured})),
        }

    def _cost_of_search(self) -> dict[str, Any]:
        """Trials that it was chosen from and their seconds, those of two searches counted once."""
        if not self.choices:
            return {}
        seconds = {key: took for choice in self.choices for key, took in choice.seconds.items()}
        return {"search_trials": len(seconds), "search_seconds": np.nansum([*seconds.values()])}

    def order(self, metric: Metric) -> tuple[Any, ...]:
        """Return what rows are sorted by: by board the more test pictures first, then the best.

        Not by their ranks: a model whose repeats differ much is told apart from few others, and
        shares a rank with much better ones.
        """
        board = self.place.dataset, *self.board_order
        if self.scores is None:
            return (*board, math.inf, True, math.inf, self.place.model)
        mean = self.scores.mean(metric.name)
        worse = -self.scores.n_test, self.rank is None, -metric.goodness(mean)
        return (*board, *worse, self.place.model)


def by_board(rows: Iterable[Row]) -> list[list[Row]]:
    """Put the rows of one board together: first the slides', then by what boards are sorted by."""
    ordered = sorted(rows, key=lambda row: (row.board_order[0] != Slides.name, *row.board_order))
    return grouped(ordered, lambda row: row.board)


def read(results: Results) -> list[Row]:
    """Read every row of a results folder."""
    return [read_row(results, entry) for entry in results.rows()]


T = TypeVar("T")


def grouped(rows: Iterable[T], key: Callable[[T], Any]) -> list[list[T]]:
    """Put rows of one key together, in the order in which keys and rows come."""
    groups: dict[Any, list[T]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return [*groups.values()]


def read_row(results: Results, entry: BoardRow) -> Row:
    """Read the runs of one row, those that validation chooses if several settings were tried."""
    if entry.tried:
        return _tuned(results, entry)
    records = [_record(results, entry, repeat) for repeat in range(len(entry.keys))]
    part, only_classes = entry.protocol.part, any(map(_named_only, records))
    stamp = _stamp(results, records, part)
    summary = results.derived.before(f"scores {stamp}")
    if summary is None:
        whole = _whole(results, entry, records)
        good = [predictions.of(part) for predictions in whole.values()]
        if not good:
            return Row(entry, records, None)
        answers = Answers.of(good)
        summary = summarised(good, answers, only_classes)
        summary["validation"] = [
            [repeat, metrics.score(chosen.labels, chosen.probabilities)]
            for repeat, predictions in whole.items()
            if len((chosen := predictions.of(SELECTION)).rows)
        ]
        read: Callable[[], Answers] = lambda: answers  # noqa: E731
    else:
        read = functools.partial(_answers, results, records, part)
    if _stamp(results, records, part) == stamp:  # no run was found to be damaged
        results.derived.put(f"scores {stamp}", summary)
    return Row(
        entry, records, Scores.from_summary(summary, stamp, read), dict(summary["validation"])
    )


def _record(results: Results, entry: BoardRow, repeat: int) -> Record:
    """The record of a run, or what stands for it."""
    try:
        record = results.record(entry.keys[repeat])
        if record is None:
            return entry.without_result(repeat, "skipped", "not run yet")
        if not entry.may_have(record, repeat):
            raise DamagedError(f"runs/{entry.keys[repeat]} is of another row than {entry.place}")
        return record
    except DamagedError as error:
        return _damaged(entry, repeat, error)


def _damaged(entry: BoardRow, repeat: int, error: DamagedError) -> Record:
    logger.warning("%s: the run does not count", error)
    return entry.without_result(repeat, "failed", "its files are damaged: run it again")


def _named_only(record: Record) -> bool:
    return record.measured is not None and not record.measured.has_probabilities


def _whole(results: Results, entry: BoardRow, records: list[Record]) -> dict[int, Predictions]:
    """What the runs said that are ``ok``; the records of those that are damaged are replaced."""
    whole: dict[int, Predictions] = {}
    for repeat, record in enumerate(records):
        if record.status == "ok":
            try:
                found = results.predictions(record)
                _check_same_pictures([found, *whole.values()][:2], entry.protocol.part)
                whole[repeat] = found
            except DamagedError as error:
                records[repeat] = _damaged(entry, repeat, error)
    return whole


def _check_same_pictures(of_runs: Sequence[Predictions], part: str) -> None:
    one, *others = (each.of(part).rows for each in of_runs)
    if any(not np.array_equal(one, other) for other in others):
        raise DamagedError("repeats of a row were scored on other pictures")


def _stamp(results: Results, records: Sequence[Record], part: str) -> str:
    """Digest of all that the scores of runs are computed from."""
    runs = [
        (
            repeat,
            record.dataset.n,
            record.dataset.n_classes,
            record.measured.n_test,
            record.measured.has_probabilities,
            results.digest(f"runs/{record.key}/{PREDICTIONS}"),
        )
        for repeat, record in enumerate(records)
        if record.status == "ok" and record.measured is not None
    ]
    return digest([part, runs])


def _answers(results: Results, records: Sequence[Record], part: str) -> Answers:
    good = [record for record in records if record.status == "ok"]
    return Answers.of([results.predictions(record).of(part) for record in good])


def _tuned(results: Results, entry: BoardRow) -> Row:
    """Read a row of which each repeat is that of the settings tried that is best on validation."""
    metric = METRICS[results.ranked_by or RANKED_BY[0]]
    tried = [read_row(results, each) for each in entry.settings]
    validations = [each.validation for each in tried]
    keys = choices.chosen_keys(results, entry.settings, validations, metric)
    row = read_row(results, replace(entry, keys=keys, tried=()))
    choice = choices.of_settings((run for each in tried for run in each.runs), len(tried))
    return replace(row, entry=entry, choices=(choice,))
