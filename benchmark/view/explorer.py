"""What the page opens on a click: every answer to every test picture, packed into text.

In comes a leaderboard; out comes JSON, compressed, which ``explorer.js`` unpacks and nothing else
reads. Whole numbers are letters, so that a model's answers are one string: see `letters`.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from benchmark.core.derived import Derived
from benchmark.scores import pairs
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import with_ends
from benchmark.scores.rows import Row, grouped
from benchmark.scores.scores import Scores
from benchmark.view import text, thumbnails
from benchmark.view.thumbnails import Thumbnails

FIRST_LETTER = 0x100
LEVELS = 60  # of confidence
MOST_EPOCHS = 40  # points of a training curve
LEVEL = 6  # of compression: 9 takes ten times as long for three hundredths of the size
MOST_ANSWERS = 2_500_000  # within the page, of which they are up to 4 MB
CURVES = ("epoch", "train_loss", "validation_loss")


@dataclass(frozen=True)
class Set:
    """A data set: its classes, and the file of each row as far as any board tests on it."""

    name: str
    classes: list[str]
    files: dict[int, str]
    pictures: Thumbnails


@dataclass(frozen=True)
class Test:
    """Test pictures that models were scored on: rows of a set, their classes and people."""

    rows: list[int]
    labels: str
    people: list[int]


@dataclass(frozen=True)
class Model:
    """A model's answers, a string a repeat, and how it learnt."""

    name: str
    kind: str
    score: str
    said: list[str]
    sure: list[str]
    epochs: list[dict[str, list[float | None]]]


@dataclass(frozen=True)
class Verdict:
    """What the paired test says of two models, by their places on the board."""

    better: int
    worse: int
    difference: str
    p: float
    told_apart: bool


@dataclass(frozen=True)
class Board:
    """Models that were scored on the same pictures, the best first."""

    name: str
    title: str
    of: int  # place of the set
    test: int  # place of the test
    metric: str
    models: list[Model]
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(frozen=True)
class Explorer:
    """All that can be opened, and the place of the board to begin with.

    Of ``n_boards``, those for whose answers there is no room on the page are left out.
    """

    first: int
    sets: list[Set]
    tests: list[Test]
    boards: list[Board]
    n_boards: int

    @classmethod
    def of(cls, board: Leaderboard) -> Explorer:
        """Collect the answers of every board but those of a learning curve's smaller sizes."""
        whole = [row for row in board.rows if not row.is_step]
        every = pairs.same_pictures(whole)
        first = every[_first(every)]
        found = _with_room(every, first)
        derived = board.results.derived
        by_set = grouped((same[0] for same in found), lambda row: row.fingerprint)
        places = {rows[0].fingerprint: i for i, rows in enumerate(by_set)}
        sets = [
            _set(
                rows[0],
                [same for same in found if same[0].fingerprint == fingerprint],
                board,
                len(by_set),
            )
            for fingerprint, rows in zip(places, by_set, strict=True)
        ]
        tests: dict[tuple[str, str], int] = {}
        listed: list[Test] = []
        boards = []
        for same in found:
            scores = _scores(same)[0]
            here = same[0].fingerprint, scores.pictures
            if here not in tests:
                tests[here] = len(listed)
                tested = derived.of(f"tested {scores.stamp}", partial(_tested, scores))
                listed.append(Test(*tested))
            boards.append(_board(same, board, places[same[0].fingerprint], tests[here]))
        return cls(found.index(first), sets, listed, boards, len(every))

    def packed(self, derived: Derived | None = None) -> str:
        """Return all of it as text for a page: base64 of gzip of JSON."""
        shown = {name: each for name, each in vars(self).items() if name != "n_boards"}
        whole = json.dumps(shown, default=vars, separators=(",", ":"), ensure_ascii=False)
        content = whole.encode()
        key = f"packed {hashlib.sha256(content).hexdigest()}"
        return str((derived or Derived()).of(key, partial(_packed, content)))


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, LEVEL, mtime=0)).decode()


def _with_room(found: Sequence[list[Row]], first: list[Row]) -> list[list[Row]]:
    """The boards for whose answers there is room: that to begin with, and the first others."""
    room = MOST_ANSWERS
    kept: list[list[Row]] = []
    for same in sorted(found, key=lambda same: same is not first):
        room -= sum(each.n_test * len(each.confusions) for each in _scores(same))
        if room < 0 and kept:
            break
        kept.append(same)
    return [same for same in found if any(same is each for each in kept)]


def _tested(scores: Scores) -> list[object]:
    answers = scores.answers
    people = answers.groups.tolist() if scores.knows_people else []
    return [answers.rows.tolist(), letters(answers.labels), people]


def _said(scores: Scores) -> list[list[str]]:
    answers = scores.answers
    return [
        [letters(said) for said in answers.predicted],
        [letters(levels(sure)) for sure in answers.confidence],
    ]


def _first(found: Sequence[Sequence[Row]]) -> int:
    """Which board to begin with: of the set with most boards the one of most pictures.

    One whose nets were chosen on the test pictures comes last, and one of a curve before it.
    """
    of_set = Counter(same[0].fingerprint for same in found)

    def size(place: int) -> tuple[int, bool, bool, int]:
        row = found[place][0]
        sound = row.entry.protocol.selected_on != "test"
        return of_set[row.fingerprint], sound, row.curve_size is None, row.size

    return max(range(len(found)), key=size)


def letters(numbers: np.ndarray) -> str:
    """Small whole numbers as a string, a letter each."""
    return "".join(chr(FIRST_LETTER + number) for number in numbers.tolist())


def levels(confidence: np.ndarray) -> np.ndarray:
    """Confidence in `LEVELS` steps, finest near 1, where mistakes are most telling."""
    return np.rint(LEVELS * (1 - np.sqrt(1 - np.clip(confidence, 0, 1)))).astype(np.int64)


def _scores(rows: Sequence[Row]) -> list[Scores]:
    return [row.scores for row in rows if row.scores is not None]


def _set(row: Row, found: Sequence[Sequence[Row]], board: Leaderboard, sets: int) -> Set:
    facts = row.entry.dataset
    tests = [_scores(same) for same in found]
    derived = board.results.derived
    of_tests = [derived.of(f"tested {one[0].stamp}", partial(_tested, one[0])) for one in tests]
    tested = sorted({number for rows, *_ in of_tests for number in rows})
    files = board.results.files(row.fingerprint, facts.n)
    pictures = thumbnails.make(thumbnails.find(facts), tests, board.results.path, sets)
    return Set(
        text.data_name(facts),
        row.class_names,
        {number: files[number] for number in tested} if files else {},
        pictures,
    )


def _board(same: Sequence[Row], board: Leaderboard, of: int, test: int) -> Board:
    first = same[0]
    ours = board.pairs_of(first)
    numbers = {row.place.model: i for i, row in enumerate(same)}
    return Board(
        name=text.file_name(first.place.dataset, first.board),
        title=f"{text.data_name(first.entry.dataset)}, {first.board}, {first.n_test:,} pictures",
        of=of,
        test=test,
        metric=board.metric.label,
        models=[_model(row, row.scores, board) for row in same if row.scores is not None],
        verdicts=[
            Verdict(
                numbers[pair["model_a"]],
                numbers[pair["model_b"]],
                text.difference(pair, "difference", pair["metric"]),
                round(pair["p_adjusted"], 4),
                bool(pair["told_apart"]),
            )
            for pair in ours.to_dict(orient="records")
        ],
    )


def _model(row: Row, scores: Scores, board: Leaderboard) -> Model:
    said, sure = board.results.derived.of(f"said {scores.stamp}", partial(_said, scores))
    values = with_ends("accuracy", (scores.mean("accuracy"), *row.intervals["accuracy"]))
    return Model(
        name=row.place.model,
        kind=row.entry.model.kind,
        score=text.with_interval(values, "accuracy"),
        said=said,
        sure=sure,
        epochs=[
            _epochs(history)
            for run in row.good
            if run.measured and run.measured.epochs
            if (history := board.results.history(run.key)) is not None
        ],
    )


def _epochs(history: pd.DataFrame) -> dict[str, list[float | None]]:
    """Columns of a training curve, thinned out."""
    some = np.unique(np.linspace(0, len(history) - 1, MOST_EPOCHS).astype(int))
    thin = history.iloc[some]
    return {
        name: [None if pd.isna(value) else round(float(value), 3) for value in thin[name]]
        for name in CURVES
    }
