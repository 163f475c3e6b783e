"""What holds whatever is handed in: names, splits, sources, flags, files of results and the page.

``make test`` tries some examples, always the same; ``make fuzz`` thousands that are new.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import json
import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from benchmark.core import outside
from benchmark.core.protocols import Fair, Split
from benchmark.core.records import (
    DataFacts,
    Measured,
    ModelFacts,
    ProtocolFacts,
    Record,
    from_json,
    to_text,
)
from benchmark.core.store import Results
from benchmark.options import Options, command
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import drawing, page
from datasets import InputError, Source, crops, limits
from datasets.loaders import folder
from datasets.names import FORMULA, HIDDEN, JOINERS, readable
from datasets.splits import hold_out
from tests.benchmark.core.test_protocols import data
from tests.benchmark.made_up import board_row, predictions, record

pytestmark = [pytest.mark.property, pytest.mark.spread]  # in any order, on any worker

# Words as people write them, as attackers do, and as file systems keep what is not UTF-8.
WORDS = (
    st.text(min_size=1, max_size=12)
    | st.sampled_from(["=1+1", "<script>", "$\\input{x}$", "a|b", "--", "'", '"', "a,b", "\u202e"])
    | st.binary(min_size=1, max_size=6).map(os.fsdecode)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def one_line(error: BaseException) -> bool:
    """Whether an error is told in a line."""
    return bool(str(error)) and "\n" not in str(error)


@given(WORDS)
def test_a_name_is_shown_as_a_line_without_what_cannot_be_seen(name: str) -> None:
    shown = readable(name)
    seen = {unicodedata.category(sign) for sign in shown if sign not in JOINERS}
    assert not HIDDEN & seen
    assert not FORMULA.fullmatch(shown)
    assert readable(shown) == shown
    shown.encode()


@given(st.data())
def test_what_is_held_out_is_no_more_and_no_less_than_the_rest(of: st.DataObject) -> None:
    labels = np.array(of.draw(st.lists(st.integers(0, 5), min_size=1, max_size=120)))
    parts, seed = of.draw(st.integers(2, 5)), of.draw(st.integers(0, 2**40))
    people = of.draw(st.none() | st.integers(1, 40))
    groups = None
    if people is not None:
        groups = np.random.default_rng(seed).integers(0, people, len(labels))
    try:
        kept, held = hold_out(labels, groups, parts, seed)
    except InputError as error:
        assert groups is not None
        assert one_line(error)
        return
    assert sorted([*kept, *held]) == list(range(len(labels)))
    if groups is None:
        share = np.bincount(labels) / parts
        assert np.abs(np.bincount(labels[held], minlength=len(share)) - share).max() <= 1
    else:
        assert not {*groups[kept]} & {*groups[held]}
    again = hold_out(labels, groups, parts, seed)
    assert all((one == other).all() for one, other in zip(again, (kept, held), strict=True))


@given(
    n=st.integers(20, 200),
    train_size=st.none() | st.integers(5, 100),
    split=st.sampled_from(["random", "identity"]),
    deep=st.booleans(),
    repeat=st.integers(0, 5),
)
def test_no_picture_and_no_person_is_learned_from_and_scored(
    n: int, train_size: int | None, split: Split, deep: bool, repeat: int
) -> None:
    dataset = data(n)
    try:
        rows = Fair(split, train_size=train_size).rows(dataset, deep, repeat)
    except InputError as error:
        assert one_line(error)
        return
    learned, scored = [*rows.training, *rows.selection], [*rows.scored]
    assert len({*learned, *scored}) == len(learned) + len(scored)
    if split == "identity":
        people = dataset.groups
        assert people is not None
        assert not {*people[learned]} & {*people[scored]}


@given(
    sets=st.lists(st.sampled_from(["rafdb", "fer2013:/a b", "folder:./x", "ckplus"]), min_size=1),
    crop=st.sampled_from(crops.CROPS),
    without=st.lists(WORDS, max_size=3),
    deduplicated=st.booleans(),
)
def test_a_source_is_read_as_it_is_written(
    sets: list[str], crop: str, without: list[str], deduplicated: bool
) -> None:
    source = Source(tuple(sets), crop, tuple(without), deduplicated)
    assert Source.parse(str(source)) == source


@contextlib.contextmanager
def called(*arguments: str) -> Iterator[list[Options]]:
    """Call a command that takes flags of many kinds, and give what it was asked."""
    asked: list[Options] = []

    @command(
        *("model", "repeats", "size", "budget", "time_limit", "metric", "protocol", "drop_class"),
        *("settings", "out", "config", "train_size"),
    )
    def main(options: Options) -> None:
        asked.append(options)

    before, sys.argv = sys.argv, ["command", *arguments]
    try:
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code in (0, 2)
        assert bool(asked) == (end.value.code == 0)
        yield asked
    finally:
        sys.argv = before


FLAGS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.from_regex(r"[a-z][a-z0-9*-]{0,9}", fullmatch=True),
        "repeats": st.integers(1, 9),
        "size": st.integers(8, 64),
        "budget": st.floats(0.1, 10),
        "time-limit": st.integers(1, 99),
        "metric": st.sampled_from(["accuracy", "macro_f1"]),
        "protocol": st.lists(st.sampled_from(["fair", "slides"]), min_size=1, unique=True),
        "train-size": st.integers(10, 500) | st.just("all"),
        "set": st.lists(st.sampled_from(["a=1", "b=1e-3", "c=[1, x]", "d=null"]), unique=True),
    },
)


@given(FLAGS)
def test_a_configuration_asks_for_what_the_same_flags_do(flags: dict[str, Any]) -> None:
    given_flags: list[str] = []
    for name, value in flags.items():
        if name == "set":
            given_flags += [each for one in value for each in ("--set", one)]
        else:
            several = value if isinstance(value, list) else [value]
            given_flags += [f"--{name}", ",".join(map(str, several))]
    with TemporaryDirectory() as home:
        path = Path(home, "bench.yaml")
        path.write_text(json.dumps(flags))
        with called("--config", str(path)) as by_file, called(*given_flags) as by_flags:
            (one,), (other,) = by_file, by_flags
            assert dataclasses.replace(one, config=None) == other


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["model", "repeats", "set", "budget", "out"]), JSON) | JSON)
def test_what_is_no_configuration_is_told_in_a_line(
    capfd: pytest.CaptureFixture[str], content: Any
) -> None:
    with TemporaryDirectory() as home:
        path = Path(home, "bench.yaml")
        path.write_text(json.dumps(content))
        capfd.readouterr()
        with called("--config", str(path)) as asked:
            said = capfd.readouterr().err
            assert asked or (said.startswith("error: ") and said.count("\n") == 1)


# What counts pictures, seconds or bytes.
st.register_type_strategy(int, st.integers(0, 2**50))
st.register_type_strategy(float, st.floats(allow_infinity=False))
WRITTEN = st.text().map(readable)
st.register_type_strategy(str, WRITTEN)
SPENT = st.floats(0, 2**50)
FACTS = {
    "model": st.builds(
        ModelFacts, label=WRITTEN, family=WRITTEN, pretrained_on=st.none() | WRITTEN
    ),
    "protocol": st.builds(
        ProtocolFacts,
        **dict.fromkeys(("name", "label", "split", "usual_split", "note"), WRITTEN),
        selected_on=st.sampled_from(["test", "validation", "nothing"]),
    ),
    "dataset": st.builds(
        DataFacts,
        name=st.just("shapes"),
        size=st.integers(1, limits.SIDE),
        described=WRITTEN,
        fingerprint=WRITTEN,
        class_counts=st.dictionaries(WORDS.map(readable), st.integers(0, 10**6), min_size=1),
        crop=st.sampled_from(crops.CROPS),
        left_out=st.lists(st.tuples(WORDS.map(readable), WRITTEN)).map(tuple),
    ),
    "key": st.just("k"),
    "parts": st.dictionaries(st.text(max_size=4), JSON, max_size=3),
    "finished": st.sampled_from(["", "2026-11-28T10:00:00+00:00"]),
}
MEASURED = st.builds(
    Measured,
    n_test=st.integers(1, 2**50),
    trained_classes=st.just((0,)),
    fit_seconds=SPENT,
    predict_seconds=SPENT,
    peak_memory_mb=SPENT,
)
GOOD = st.builds(Record, **FACTS, status=st.just("ok"), measured=MEASURED)
BAD = st.builds(Record, **FACTS, status=st.just("failed"), measured=st.none())
RECORDS = GOOD | BAD


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(ran: Record) -> None:
    with TemporaryDirectory() as home:
        Results(Path(home)).put(ran)
        found = Results(Path(home)).record("k")
    assert found is not None
    assert to_text(dataclasses.asdict(found)) == to_text(dataclasses.asdict(ran))


@given(RECORDS, st.data())
def test_a_record_with_another_value_somewhere_is_read_or_refused(
    ran: Record, of: st.DataObject
) -> None:
    whole = json.loads(to_text(dataclasses.asdict(ran)))
    inside = whole
    while True:
        key = of.draw(st.sampled_from(sorted(inside)))
        if not isinstance(inside[key], dict) or not inside[key] or of.draw(st.booleans()):
            break
        inside = inside[key]
    inside[key] = of.draw(JSON)
    with contextlib.suppress(ValueError):
        assert isinstance(from_json(Record, whole), Record)


@given(st.lists(WORDS, min_size=2, max_size=5), st.integers(1, 8), st.booleans())
def test_predictions_are_read_as_a_table_has_them(
    words: list[str], n: int, with_probabilities: bool
) -> None:
    classes = [*dict.fromkeys(map(readable, words))]
    assume(len(classes) > 1)
    said = np.arange(n) % len(classes)
    with TemporaryDirectory() as home:
        path = Path(home, "table.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            if with_probabilities:
                table.writerow(["file", *(f"p_{name}" for name in classes)])
                table.writerows([f"{i}.png", *np.eye(len(classes))[k]] for i, k in enumerate(said))
            else:
                table.writerow(["file", "said"])
                table.writerows([f"{i}.png", classes[k]] for i, k in enumerate(said))
        answers = outside.read(path, classes)
    assert answers.probabilities.argmax(axis=1).tolist() == said.tolist()
    assert answers.files == [f"{i}.png" for i in range(n)]


def writable(word: str) -> bool:
    """Whether a folder can be called so, and is looked into."""
    return not set("/\0") & {*word} and word[0] != "." and len(os.fsencode(word)) < 100


@given(st.lists(WORDS.filter(writable), min_size=2, max_size=4, unique=True))
def test_a_folder_has_the_classes_that_its_folders_are_called(words: list[str]) -> None:
    with TemporaryDirectory() as home:
        for word in words:
            Path(home, word).mkdir()
            Path(home, word, f"{words[0]}.png").write_bytes(b"a")
        listing = folder.find(Path(home))
    assert list(listing.class_names) == sorted(words)
    assert [listing.class_names[label] for label in listing.labels] == [
        str(Path(each).parent) for each in listing.ids
    ]


class Elements(HTMLParser):
    """What a page consists of, and what would be run."""

    def __init__(self, page_: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.handlers: list[str] = []
        self.feed(page_)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture(scope="module")
def publish() -> Iterator[Callable[[str, str], Elements]]:
    """Publish results of two models on two classes, and give the elements of the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "png", lambda wanted: [b"" for _ in wanted])

        @functools.cache
        def make(one: str, other: str) -> Elements:
            with TemporaryDirectory() as home:
                results = Results(Path(home))
                rows = []
                for model, right in (("knn", 60), ("majority", 40)):
                    row = board_row(model, keys=(model,), class_counts={one: 600, other: 400})
                    labels = np.arange(100) % 2
                    results.put(
                        dataclasses.replace(record(row), key=model),
                        predictions(labels, np.arange(100) < right),
                    )
                    rows.append(row)
                results.put_rows(rows)
                page.publish(results, Leaderboard.compute(results))
                return Elements((Path(home) / "report.html").read_text())

        yield make


@settings(max_examples=max(settings().max_examples // 10, 3))
@given(one=WORDS.map(readable), other=WORDS.map(readable))
def test_a_page_has_the_same_elements_whatever_classes_are_called(
    publish: Callable[[str, str], Elements], one: str, other: str
) -> None:
    assume(one != other)
    plain, made = publish("a", "b"), publish(one, other)
    assert made.tags == plain.tags
    assert made.handlers == []
