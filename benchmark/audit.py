"""Look for what would make scores lie, before training: ``python -m benchmark.audit --data NAME``.

Writes ``OUT/audit.json``, ``OUT/audit.html`` and a contact sheet, ``OUT/audit-pairs.png``.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click
import numpy as np

from benchmark import session
from benchmark.core.protocols import Fair, Protocol, Slides, possible_splits
from benchmark.core.store import Results
from benchmark.options import Options, command
from benchmark.view import page, plots
from benchmark.view.text import HOW_TO_GET_REAL, percent
from datasets import Dataset, InputError, audit
from datasets.duplicates import conflicting, identical
from datasets.names import readable

SCHEMA = 1
# The nets of the slides get rows of their own; under fair all models get the same.
SPLITS: dict[str, tuple[Protocol, bool]] = {
    "slides": (Slides(), False),
    "slides, nets": (Slides(), True),
    "fair random": (Fair(split="random"), False),
    "fair identity": (Fair(split="identity"), False),
    "fair official": (Fair(split="official"), False),
    "fair across": (Fair(split="across"), False),
}
PAIRS_DRAWN = 40


def examine(dataset: Dataset) -> dict[str, Any]:
    """Audit a data set.

    Returns
    -------
    dict
        What ``audit.json`` holds; the same bytes for the same data set.
    """
    copies = identical(dataset)
    facts = audit.measure(dataset)
    first = audit.firsts(len(dataset), copies)
    divisions = _divisions(dataset)
    possible = {name: each for name, each in divisions.items() if not isinstance(each, str)}
    near = audit.near_duplicates(facts.hashes, first, [each for each, _ in possible.values()])
    beside = dict(zip(possible, near.beside, strict=True))
    unlisted, missing = audit.unlisted_and_missing(dataset)
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(dataset.ids):
        rows_of.setdefault(name, []).append(row)
    repeated = [np.array(rows) for rows in rows_of.values() if len(rows) > 1]
    different = [rows for rows in copies if len({dataset.ids[row] for row in rows}) > 1]
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "data": {
            "name": dataset.name,
            "source": dataset.described,
            "fingerprint": dataset.fingerprint,
            "size": dataset.size,
            "n": len(dataset),
            "generated": dataset.generated,
            "faces": dataset.faces,
        },
        "summary": "",
        "files": {
            "in_files": dataset.root is not None,
            "distinct": len(rows_of),
            "unlisted": [readable(name) for name in unlisted],
            "missing": [readable(name) for name in missing],
            "unreadable": [[name, reason] for name, reason in dataset.left_out],
        },
        "classes": dataset.class_counts,
        "repeated_names": [_rows(dataset, rows) for rows in repeated],
        "conflicting_labels": [_rows(dataset, r) for r in copies if conflicting(dataset, r)],
        "identical_files": [_rows(dataset, rows) for rows in different],
        "near_duplicates": {
            "hash": f"ImageHash phash of {audit.BITS} bits, at most {audit.NEAR} of them different",
            "n": near.n,
            "listed": [{**_rows(dataset, pair[:2]), "bits": int(pair[2])} for pair in near.closest],
        },
        "splits": [],
        "shortcuts": [],
    }
    for name, division in divisions.items():
        if isinstance(division, str):
            record["splits"].append({"split": name, "impossible": division})
            continue
        training, test = division
        overlap = audit.overlap(dataset, training, test, first, beside[name])
        record["splits"].append({"split": name, **asdict(overlap)})
        record["shortcuts"] += [
            {"split": name, **asdict(shortcut)}
            for shortcut in audit.shortcuts(dataset, facts, training, test)
        ]
    record["summary"] = summary(record)
    return record


def _divisions(dataset: Dataset) -> dict[str, tuple[np.ndarray, np.ndarray] | str]:
    """Rows that are known and rows that are tested of each split, or why there are none."""
    made: dict[str, tuple[np.ndarray, np.ndarray] | str] = {}
    for name, (protocol, deep) in SPLITS.items():
        if protocol.split not in possible_splits(dataset):
            continue
        if isinstance(protocol, Slides) and not dataset.faces:
            continue  # which are about faces
        try:
            made[name] = session.known_and_tested(dataset, protocol, deep)
        except InputError as error:
            made[name] = str(error)
    return made


def _rows(dataset: Dataset, rows: np.ndarray) -> dict[str, Any]:
    people = None if dataset.groups is None else len(np.unique(dataset.groups[rows]))
    return {
        "rows": rows.tolist(),
        "names": [readable(dataset.ids[row]) for row in rows],
        "labels": [dataset.class_names[label] for label in dataset.labels[rows]],
        "people": people,
    }


def summary(record: dict[str, Any]) -> str:
    """One line on what an audit found, for the leaderboard."""
    conflicts = record["conflicting_labels"]
    which = f" ({conflicts[0]['names'][0]})" if len(conflicts) == 1 else ""
    parts = [
        f"{_count(len(record['repeated_names']), 'file name')} repeated",
        f"{_count(len(record['identical_files']), 'group')} of different files byte for byte "
        "the same",
        f"{_count(len(conflicts), 'picture')} with conflicting labels{which}",
        f"{_count(record['near_duplicates']['n'], 'near-duplicate pair')}",
    ]
    sentences = ["Audit: " + ", ".join(parts)]
    said = {"slides", "fair identity", "fair official"} & {
        each["split"] for each in record["splits"]
    }
    said = said or {"fair random"}
    for split in record["splits"]:
        if split["split"] not in said or "impossible" in split:
            continue
        person = ""
        if split["person"] is not None:
            share = split["person"] / split["n_test"]
            person = f"{percent(share)} of the test pictures show a person who is in training, "
        sentences.append(
            f"Under {split['split']} {person}{split['identical']} are in training byte for byte"
        )
    sentences.append(_shortcut_sentence(record["shortcuts"], record["data"]["faces"]))
    return ". ".join(sentences) + "."


def _shortcut_sentence(shortcuts: list[dict[str, Any]], faces: bool) -> str:
    """What tells each class best unseen, under the first split where anything does."""
    single = [each for each in shortcuts if each["columns"] != "all of these"]
    for split in dict.fromkeys(each["split"] for each in single):
        here = [each for each in single if each["split"] == split]
        told = [(one, each["columns"]) for each in here for one in each["classes"] if one["found"]]
        best: dict[str, str] = {}
        for one, columns in sorted(told, key=lambda item: item[0]["recall"], reverse=True):
            recall, others = percent(one["recall"]), percent(one["others"])
            sentence = f"{one['class_name']} by {columns} ({recall}, by chance {others})"
            best.setdefault(one["class_name"], sentence)
        if best:
            unseen = "face" if faces else "picture"
            return (
                f"Shortcuts: under {split} a classifier that sees no {unseen} finds "
                f"{', '.join(best.values())}"
            )
        winners = [each for each in here if each["beats_majority"]]
        if winners:
            top = max(winners, key=lambda each: each["accuracy"])
            return (
                f"Shortcut: under {split} {top['columns']} alone scores "
                f"{percent(top['accuracy'])}, the commonest class {percent(top['majority'])}"
            )
    return "No shortcut found"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def pairs(dataset: Dataset, record: dict[str, Any]) -> list[plots.Pair]:
    """Pairs to look at: different files that are the same, then the nearest."""
    listed = [("byte for byte the same", each) for each in record["identical_files"]]
    listed += [
        (f"{each['bits']} of {audit.BITS} bits differ", each)
        for each in record["near_duplicates"]["listed"]
    ]
    result = []
    for what, each in listed[:PAIRS_DRAWN]:
        # Of several that are the same, two with different names.
        names = [dataset.ids[row] for row in each["rows"]]
        other = next(i for i, name in enumerate(names) if name != names[0])
        people = {None: "", 1: ", one person"}.get(each["people"], ", two people")
        sides = tuple(
            plots.Side(
                audit.original(dataset, each["rows"][i]), each["names"][i], each["labels"][i]
            )
            for i in (0, other)
        )
        result.append(plots.Pair(what + people, *sides))
    return result


def write(dataset: Dataset, results: Results) -> dict[str, Any]:
    """Audit a data set and write the record, the contact sheet and the page to a folder."""
    record, sheet = examine(dataset), "audit-pairs.png"
    shown = pairs(dataset, record)
    if shown:
        drawn = plots.pairs(shown, f"{dataset.name}: the closest pairs of pictures")
        results.write(sheet, plots.png(drawn))
    else:
        results.remove(sheet)  # of an earlier audit
    results.write("audit.json", json.dumps(record, indent=2) + "\n")
    by_split: dict[str, list[dict[str, Any]]] = {}
    for shortcut in record["shortcuts"]:
        by_split.setdefault(shortcut["split"], []).append(shortcut)
    html = page.render(
        "audit.html",
        results,
        record=record,
        shortcuts=by_split,
        unreadable=[f"{name} ({reason})" for name, reason in record["files"]["unreadable"]],
        sheet=sheet if shown else None,
        n_shown=len(shown),
        warning=HOW_TO_GET_REAL if dataset.generated else "",
        faces=record["data"]["faces"],
        people=dataset.groups is not None,
    )
    results.write("audit.html", html)
    return record


@command("data", "drop_class", "drop_duplicates", "size", "out")
def main(options: Options) -> None:
    """Look in pictures for copies, leaks across the splits and shortcuts; train nothing."""
    (dataset,) = session.load(options)
    options.results.check_writable()
    record = write(dataset, options.results)
    if options.results.rows():
        page.publish(options.results)
    click.echo(record["summary"])
    click.echo(readable(f"written: {options.out / 'audit.html'}, audit.json"))


if __name__ == "__main__":
    main()
