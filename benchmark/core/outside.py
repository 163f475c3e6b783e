"""Predictions that were made elsewhere: read from a file, checked, and stored as runs.

In comes CSV, as ``predictions/<row>.csv`` has it or plainer; out go predictions and records that
rows of a leaderboard are made of as of any run.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.core.files import digest, read_header, read_lines
from benchmark.core.models import models
from benchmark.core.predictions import SUM_TOLERANCE, Predictions, check_room, probability_column
from benchmark.core.protocols import Protocol, Rows
from benchmark.core.records import OUTSIDE, REPEATS, Environment, Measured, ModelFacts, Record
from benchmark.core.runs import describe, facts_of
from datasets import Dataset, InputError, limits
from datasets.names import readable
from datasets.pictures import file_stamp

NOT_CLASSES = ("repeat", "file", "true", "said", "confidence")  # columns of a file of predictions
OTHERS = 100  # columns that there may be besides those of classes
UNKNOWN = float("nan")


@dataclass(frozen=True, eq=False)
class Answers:
    """What a file of predictions says, a line each.

    Attributes
    ----------
    path : Path
        The file.
    files : list of str
        Which picture a line is of.
    repeats : ndarray of int64, shape (n,)
        From 0.
    probabilities : ndarray of float32, shape (n, n_classes)
        1 of the class named where only classes are.
    has_probabilities : bool
        Whether they are given.
    """

    path: Path
    files: list[str]
    repeats: np.ndarray
    probabilities: np.ndarray
    has_probabilities: bool

    @property
    def n_repeats(self) -> int:
        """Repeats, at least 1."""
        return int(self.repeats.max()) + 1


def check_name(name: str) -> None:
    """Raise InputError if a model that is not of this project cannot be called so."""
    if not re.fullmatch(r"[\w.-]+", name) or len(name.encode()) > limits.NAME:
        raise InputError(
            f"'{name}' can be no model's name: use letters, digits, '.', '-' and '_', "
            f"{limits.NAME} bytes at most"
        )
    if name in models():
        raise InputError(f"{name} is a model of this benchmark: choose another --name")


def read(path: Path, class_names: Iterable[str]) -> Answers:
    """Read a file of predictions.

    Parameters
    ----------
    path : Path
        CSV with the columns ``file`` and either ``said``, a class, or one for the probability of
        each class, called as the class or ``p_`` and the class; with repeats ``repeat``, from 1.
    class_names : iterable of str
        Those of the data set, in the order of their numbers.

    Raises
    ------
    InputError
    """
    names = list(class_names)
    table = _table(path, len(names))
    columns = _columns(path, table, names)
    if "file" not in table or not (columns or "said" in table):
        raise InputError(
            f"{path} needs a column 'file', and either 'said' or a column for each class "
            f"({', '.join(names)}): it has {', '.join(map(str, table))}"
        )
    if not len(table):
        raise InputError(f"{path} has no line of predictions: write one for each test picture")
    files = [str(file) for file in table["file"]]
    said = _said(path, table, names) if "said" in table else None
    if not columns:
        assert said is not None
        probabilities = np.eye(len(names), dtype=np.float32)[said]
    else:
        probabilities = _probabilities(path, table, names, columns)
        _check_agreement(path, files, said, probabilities, names)
    return Answers(path, files, _repeats(path, table), probabilities, bool(columns))


def _table(path: Path, n_classes: int) -> pd.DataFrame:
    file_stamp(path, limits.TABLE_BYTES)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            columns = read_header(lines)
            _check_columns(path, columns, n_classes + OTHERS)
            return read_lines(lines, columns, dtype=str, keep_default_na=False)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # of pandas' parser too
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as CSV ({reason})") from error


def _check_columns(path: Path, columns: list[str], most: int) -> None:
    if len(columns) > most:
        raise InputError(
            f"{path} has {len(columns):,} columns, and may have {most:,}: give 'file', and one "
            "for each class"
        )
    name, times = max(Counter(columns).items(), key=lambda each: each[1], default=("", 0))
    if times > 1:
        raise InputError(f"{path} has {times} columns '{limits.cut(name)}': keep one")


def _columns(path: Path, table: pd.DataFrame, names: list[str]) -> dict[str, str]:
    """Which column has the probabilities of a class, for each that has one."""
    columns: dict[str, str] = {}
    taken = {*NOT_CLASSES, *map(probability_column, names)}
    for name in names:
        plain = [] if name in taken else [name]
        there = [each for each in (*plain, probability_column(name)) if each in table]
        if len(there) > 1:
            raise InputError(
                f"{path} has two columns for the class {name}, {' and '.join(there)}: keep one"
            )
        if there:
            columns[name] = there[0]
    return columns


def _said(path: Path, table: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Numbers of the classes named."""
    numbers = table["said"].map({name: i for i, name in enumerate(names)})
    if (wrong := numbers.isna()).any():
        first = table[wrong].iloc[0]
        raise InputError(
            f"{path} says '{first['said']}' of {first['file']}, which is no class: "
            f"use {', '.join(names)}"
        )
    return numbers.to_numpy(np.int64)


def _probabilities(
    path: Path, table: pd.DataFrame, names: list[str], columns: dict[str, str]
) -> np.ndarray:
    """Probabilities of all classes, 0 of one without a column."""
    given = table[[*columns.values()]].apply(pd.to_numeric, errors="coerce")
    values = np.zeros((len(table), len(names)), np.float32)
    with np.errstate(over="ignore"):  # what is too large is told below
        values[:, [names.index(name) for name in columns]] = given.to_numpy(np.float32)
    good = (np.isfinite(values) & (values >= 0)).all(axis=1)
    if not good.all():
        file = table["file"].iloc[int(np.argmin(good))]
        raise InputError(
            f"{path} has probabilities of {file} that are negative or no numbers: "
            f"give one for each of {', '.join(columns.values())}"
        )
    sums = values.sum(axis=1, dtype=np.float64)
    apart = np.abs(sums - 1)
    if apart.max() > SUM_TOLERANCE:
        first = int(np.argmax(apart > SUM_TOLERANCE))
        raise InputError(
            f"{path} has probabilities of {table['file'].iloc[first]} that sum to "
            f"{sums[first]:.4g}, not to 1: give all classes, as fractions with four digits or more"
        )
    return values


def _check_agreement(
    path: Path,
    files: list[str],
    said: np.ndarray | None,
    probabilities: np.ndarray,
    names: list[str],
) -> None:
    """Refuse a class named that is not the likeliest: scores would hide one of the two."""
    if said is None:
        return
    of_said = probabilities[np.arange(len(said)), said]
    if (less := of_said < probabilities.max(axis=1)).any():
        first = int(np.argmax(less))
        likeliest = names[int(probabilities[first].argmax())]
        raise InputError(
            f"{path} says {names[said[first]]} of {files[first]} and holds {likeliest} for "
            "likelier: leave out the column 'said', or the probabilities"
        )


def _repeats(path: Path, table: pd.DataFrame) -> np.ndarray:
    """Repeats from 0; all lines are of one where the file has no such column."""
    if "repeat" not in table:
        return np.zeros(len(table), np.int64)
    numbers = pd.to_numeric(table["repeat"], errors="coerce").to_numpy(np.float64)
    there = np.unique(numbers)
    if len(there) > REPEATS:
        raise InputError(f"{path} has {len(there):,} repeats: give {REPEATS:,} at most")
    if not np.array_equal(there, np.arange(1, len(there) + 1)):
        raise InputError(
            f"{path} has repeats {', '.join(sorted(set(table['repeat']))[:5])}: "
            "number them from 1 on, with none left out"
        )
    return numbers.astype(np.int64) - 1


def runs(
    name: str, answers: Answers, dataset: Dataset, protocol: Protocol
) -> list[tuple[Record, Predictions]]:
    """Make what was said elsewhere the runs of a model, a repeat each.

    Pictures are named as their files are, or as `readable` writes these. What is said of some that
    are not tested is left aside.

    Raises
    ------
    InputError
        If a test picture is missing or there twice, a file is not of the data set, or the
        predictions would be too large.
    """
    known = {readable(name): name for name in dataset.ids} | {name: name for name in dataset.ids}
    if strange := [file for file in answers.files if file not in known]:
        raise InputError(
            f"{answers.path} has {len(strange)} lines of files that are not of {dataset.name}, "
            f"such as '{strange[0]}': name them as 'python -m benchmark.split' does"
        )
    answers = replace(answers, files=[known[file] for file in answers.files])
    protocol = replace(protocol, repeats=answers.n_repeats)
    about, made = describe(dataset), []
    for repeat in range(protocol.repeats):
        rows = protocol.rows(dataset, deep=False, repeat=repeat)
        check_room(len(rows.scored), about)
        predictions = _of_repeat(answers, repeat, dataset, rows)
        made.append(
            (_record(name, answers, dataset, protocol, repeat, rows, predictions), predictions)
        )
    return made


def _of_repeat(answers: Answers, repeat: int, dataset: Dataset, rows: Rows) -> Predictions:
    """What one repeat says of its test pictures."""
    tested = rows.scored
    lines = _lines(answers, repeat, [dataset.ids[row] for row in tested])
    return Predictions(
        tested,
        dataset.labels[tested],
        answers.probabilities[lines],
        tested if dataset.groups is None else dataset.groups[tested],
        np.repeat([*rows.test], [len(part) for part in rows.test.values()]),
    )


def _lines(answers: Answers, repeat: int, tested: list[str]) -> list[int]:
    """Which line of a repeat is of each test picture.

    A set may list a file several times: one line is then of all of these, or there is one of each.
    """
    given: dict[str, list[int]] = {}
    for line in np.flatnonzero(answers.repeats == repeat).tolist():
        given.setdefault(answers.files[line], []).append(line)
    where = f" in repeat {repeat + 1}" if answers.n_repeats > 1 else ""
    if missing := [file for file in tested if file not in given]:
        raise InputError(
            f"{answers.path} lacks {len(missing)} of the {len(tested)} test pictures{where}, "
            f"such as {missing[0]}: 'python -m benchmark.split' lists them"
        )
    times = pd.Series(tested).value_counts()
    for file in tested:
        if len(given[file]) not in (1, times[file]):
            raise InputError(
                f"{answers.path} has {len(given[file])} lines of {file}{where}: keep one"
            )
    nth = pd.Series(tested).groupby(tested).cumcount()
    return [given[file][i % len(given[file])] for file, i in zip(tested, nth, strict=True)]


def _record(
    name: str,
    answers: Answers,
    dataset: Dataset,
    protocol: Protocol,
    repeat: int,
    rows: Rows,
    predictions: Predictions,
) -> Record:
    """The record of one repeat; what it took is not known."""
    about = describe(dataset)
    parts = {
        "data": dataset.fingerprint,
        "protocol": protocol.key_parts(),
        "model": name,
        "repeat": repeat,
        "predictions": hashlib.sha256(predictions.probabilities.tobytes()).hexdigest(),
        "has_probabilities": answers.has_probabilities,
    }
    return Record(
        ModelFacts(name, OUTSIDE, deep=False),
        facts_of(protocol, about),
        about,
        device="",
        key=digest(parts),
        status="ok",
        reason="",
        repeat=repeat,
        parts=parts,
        environment=Environment(),
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        measured=Measured(
            n_train=len(rows.training),
            n_validation=len(rows.selection),
            n_test=len(rows.scored),
            fit_seconds=UNKNOWN,
            predict_seconds=UNKNOWN,
            peak_memory_mb=UNKNOWN,
            parameters=None,
            epochs=0,
            device="",
            note="",
            trained_classes=tuple(np.unique(dataset.labels[rows.training]).tolist()),
            has_probabilities=answers.has_probabilities,
        ),
    )
