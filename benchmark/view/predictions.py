"""What each row of the leaderboard said of every test picture, as CSV for other programs.

In comes a `Leaderboard`; out go ``predictions/<row>.csv``, which `benchmark.core.outside` reads.
"""

from __future__ import annotations

import csv
import functools
import io
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from benchmark.core.files import digest
from benchmark.core.predictions import probability_column
from benchmark.core.store import Results, list_of_pictures
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import Row
from benchmark.view import text

logger = logging.getLogger(__name__)

FOLDER = "predictions"
EXACT = "%.9g"  # what float32 is read back from as it was


def write(board: Leaderboard) -> None:
    """Write ``predictions/<row>.csv`` of every row that has a score.

    The columns are ``repeat`` (from 1, where a row has several), ``file``, ``true``, ``said``,
    ``confidence`` (the probability of what was said), and one for the probability of each class;
    the last two kinds not of a model that only named classes.
    """
    results, written = board.results, set()
    files_of = functools.cache(results.files)
    for row in board.rows:
        files = files_of(row.fingerprint, row.entry.dataset.n)
        if files is None:
            logger.warning("%s is not there: which file is which is not known", row.data)
            continue
        if row.scores is not None:
            words = text.file_name(row.place.dataset, row.board, row.place.model)
            name, repeats = f"{FOLDER}/{words}.csv", [run.repeat for run in row.good]
            made_of = [row.scores.stamp, row.class_names, repeats, len(row.runs)]
            source = digest([*made_of, results.digest(list_of_pictures(row.fingerprint))])
            results.write_from(name, source, functools.partial(_csv, row, files, results))
            written.add(name)
    for name in results.written_in(FOLDER):
        if name not in written:
            results.remove(name)


def _csv(row: Row, files: Sequence[str], results: Results) -> str:
    """A table of predictions as pandas writes it, in less than half of the time."""
    whole = table(row, files, results)
    columns, formats = [], []
    for name in whole:
        column = whole[name]
        if is_float_dtype(column):
            formats.append(EXACT)
        else:
            formats.append("%s")
            quoted = {word: _cell(word) for word in column.unique()}
            column = column.map(quoted)
        columns.append(column.tolist())
    head = ",".join(map(_cell, whole))
    line = ",".join(formats) + "\n"
    return f"{head}\n{''.join([line % each for each in zip(*columns, strict=True)])}"


def _cell(word: object) -> str:
    """A cell of CSV, in quotation marks where it needs them."""
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow([word])
    return cell.getvalue()


def table(row: Row, files: Sequence[str], results: Results) -> pd.DataFrame:
    """Return what the runs of a row said of its test pictures, a line each."""
    names = np.array(row.class_names)
    of_runs = []
    for run in row.good:
        said = results.predictions(run).of(row.entry.protocol.part)
        columns = {
            "file": [files[i] for i in said.rows],
            "true": names[said.labels],
            "said": names[said.probabilities.argmax(axis=1)],
        }
        if not row.only_classes:
            columns["confidence"] = said.probabilities.max(axis=1)
            for i, name in enumerate(names):
                columns[probability_column(name)] = said.probabilities[:, i]
        of_runs.append(pd.DataFrame({"repeat": run.repeat + 1, **columns}))
    whole = pd.concat(of_runs, ignore_index=True)
    return whole if len(row.runs) > 1 else whole.drop(columns="repeat")
