"""Anybody's predictions on the same board: ``python -m benchmark.score --name NAME FILE``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from benchmark import session
from benchmark.core import outside
from benchmark.core.records import BoardRow, Record
from benchmark.core.runs import on_each_test_set
from benchmark.core.store import Results
from benchmark.options import FILE, ONE_PROTOCOL, ONE_SPLIT, Options, command
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import Row
from benchmark.view import text


@command(
    *("data", "drop_class", "drop_duplicates", "crop", "train_size", "size", "metric", "out"),
    "no_predictions",
    protocol=ONE_PROTOCOL,
    split=ONE_SPLIT,
)
@click.option("--name", required=True, help="What the model is called on the leaderboard.")
@click.argument("predictions", type=FILE)
def main(options: Options, name: str, predictions: Path) -> None:
    """Score the PREDICTIONS of a model that was not run here, beside those in OUT.

    The file is CSV with the columns 'file' and either 'said' or one for the probability of each
    class; with repeats a column 'repeat', from 1.
    """
    outside.check_name(name)
    (dataset,) = session.load(options)
    (protocol,) = session.protocols(options, dataset)
    answers = outside.read(predictions, dataset.class_names)
    made = outside.runs(name, answers, dataset, protocol)
    results = options.results
    results.check_writable()
    results.put_pictures(dataset)
    for record, said in made:
        results.put(record, said)
    rows = board_rows([record for record, _ in made])
    session.tell_of_other_pictures(results, rows)
    results.put_rows(rows, options.metric)
    board = session.publish(results, with_predictions=not options.no_predictions)
    for row in board.rows:
        if row.place in {each.place for each in rows}:
            _remove_stale(results, row)
            click.echo(_told(row, board))
    tested = {dataset.ids[row] for _, said in made for row in said.rows}
    if aside := sum(file not in tested for file in answers.files):
        session.say(f"left aside: {aside:,} lines of pictures that are not tested")


def board_rows(records: Sequence[Record]) -> list[BoardRow]:
    """The rows that the repeats of one model are on: one, or one for each of two test sets."""
    first = records[0]
    keys = tuple(record.key for record in records)
    return on_each_test_set(
        BoardRow(first.model, first.protocol, first.dataset, first.device, keys)
    )


def _told(row: Row, board: Leaderboard) -> str:
    """Score and rank of a row in one line."""
    beside = [
        each
        for each in board.rows
        if each.rank is not None
        and (each.place[:3], each.data, each.n_test) == (row.place[:3], row.data, row.n_test)
    ]
    metric = board.metric.label
    rank = f"no rank by {metric}, which needs probabilities"
    if row.rank is not None:
        rank = f"rank {text.ranks(row.rank, row.last_rank)} of {len(beside)} by {metric}"
    return (
        f"{row.place.dataset} {row.board}: {row.place.model} has "
        f"{text.with_interval(row.columns, 'accuracy')} % of {row.n_test:,} test pictures right, "
        f"{rank}"
    )


def _remove_stale(results: Results, row: Row) -> None:
    """Remove the picture of an earlier file of this name that had probabilities."""
    if row.only_classes:
        file = text.file_name(row.place.dataset, row.board, row.place.model)
        for kind in ("png", "csv"):
            results.remove(f"reliability/{file}.{kind}")


if __name__ == "__main__":
    main()
