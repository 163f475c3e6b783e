"""What a user types becomes facts, and is written back."""

from __future__ import annotations

from pathlib import Path

import pytest

import datasets
from datasets import InputError, Source
from tests.datasets import samples


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("muxspace", Source(("muxspace",))),
        ("fer2013:/my/CK+48", Source(("fer2013:/my/CK+48",))),
        ("./CK+48", Source(("./CK+48",))),
        ("ferplus+ckplus", Source(("ferplus", "ckplus"))),
        ("a-on-b", Source(("a-on-b",))),
        ("eyes:rafdb", Source(("rafdb",), crop="eyes")),
        ("deduplicated:rafdb", Source(("rafdb",), deduplicated=True)),
        ("without:b:without:a:rafdb", Source(("rafdb",), without=("a", "b"))),
        ("without:a%3Ab:without:5%25:rafdb", Source(("rafdb",), without=("5%", "a:b"))),
        (
            "mouth:deduplicated:without:fear:ferplus+ckplus:/x",
            Source(("ferplus", "ckplus:/x"), "mouth", ("fear",), True),
        ),
    ],
)
def test_a_text_is_facts_and_the_facts_are_that_text(text: str, source: Source) -> None:
    assert Source.parse(text) == source
    assert str(source) == text


def test_sets_that_are_tested_on_are_named_with_their_folder(tmp_path: Path) -> None:
    samples.write_rafdb(tmp_path / "raf")
    source = Source.parse("./CK+48", tested_on=f"{tmp_path / 'raf'}+ferplus")
    assert source.tested_on == (f"rafdb:{tmp_path / 'raf'}", "ferplus")
    assert str(source) == f"./CK+48-on-rafdb:{tmp_path / 'raf'}+ferplus"
    assert Source.parse(str(source)) == source


def test_flags_are_added_to_the_text() -> None:
    source = Source.parse("without:fear:rafdb", crop="eyes", without=("anger",), deduplicated=True)
    assert str(source) == "eyes:deduplicated:without:anger:without:fear:rafdb"
    assert Source.parse("eyes:rafdb", crop="eyes").crop == "eyes"


def test_a_data_set_knows_its_source(tmp_path: Path) -> None:
    samples.write_rafdb(tmp_path)
    source = Source.parse(f"eyes:deduplicated:without:fear:rafdb:{tmp_path}")
    data = source.load(16)
    assert data.source == str(source)
    assert data.name == "rafdb-without-fear-deduplicated-eyes"
    assert datasets.load(data.source, 16).fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("eyes:mouth:rafdb", "two crops"),
        ("fer2013-on-rafdb-on-ckplus", "two sets to test on"),
    ],
)
def test_what_contradicts_itself_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Source.parse(text)


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("~nosuchuser/x", "a home of nobody here"),
        ("no/such", "which is no folder"),
        ("x" * 5000, "which cannot be read"),
    ],
)
def test_a_variable_that_leads_nowhere_is_named_with_the_reason(
    named: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUXSPACE_DIR", named)
    with pytest.raises(InputError, match=rf"^MUXSPACE_DIR is '.{{5,100}}', {why}.*: correct it"):
        datasets.default()
