"""Training curves for TensorBoard, written from the stored epochs of the runs on a leaderboard."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from datetime import datetime

import click
import pandas as pd

from benchmark.core.records import Record
from benchmark.core.store import Results
from benchmark.scores.rows import Row
from benchmark.view import text
from datasets import InputError


def check_installed() -> None:
    """Raise click.UsageError where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise click.UsageError(
            "--tensorboard needs TensorBoard: pip install 'classical-or-deep[tensorboard]'"
        )


def write(results: Results, rows: Sequence[Row]) -> None:
    """Write the loss and the accuracy of every epoch of every net on a leaderboard.

    ``OUT/tensorboard/<row>/<repeat>/training`` holds a file of events, and so does the folder
    beside it, named after what the epoch was selected on: TensorBoard draws both in one chart. A
    step is an epoch, its time when it ended. The same runs give the same bytes, in place of
    earlier ones.

    Parameters
    ----------
    results : Results
    rows : sequence of Row
        Those of the leaderboard.
    """
    for row in rows:
        folder = text.file_name(row.place.dataset, row.board, row.place.model)
        for record in row.good:
            history = results.history(record.key)
            if history is None:
                continue
            sides = {"train": "training", "validation": row.entry.protocol.selected_on}
            for side, name in sides.items():
                file = f"tensorboard/{folder}/{record.repeat + 1}/{name}/events.out.tfevents"
                results.write(file, _events(record, history, side))


def _events(record: Record, history: pd.DataFrame, side: str) -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    # Not by SummaryWriter, which imports torch and puts the present time into names and events.
    seconds = history["seconds"].cumsum()
    try:
        began = datetime.fromisoformat(record.finished).timestamp() - seconds.iloc[-1]
    except (ValueError, OverflowError) as error:
        why = "does not say when it ended: make it again"
        raise InputError(f"the run {record.key} {why}") from error
    events = [Event(wall_time=began, file_version="brain.Event:2")]
    for epoch, after in zip(history.to_dict(orient="records"), seconds, strict=True):
        values = [
            Summary.Value(tag=score, simple_value=epoch[f"{side}_{score}"])
            for score in ("loss", "accuracy")
        ]
        events.append(
            Event(wall_time=began + after, step=epoch["epoch"], summary=Summary(value=values))
        )
    file = io.BytesIO()
    writer = RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString(deterministic=True))
    return file.getvalue()
