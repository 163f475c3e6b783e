"""What each row of the leaderboard said of every test picture, as CSV for other programs.

In comes a `Leaderboard`; out go ``predictions/<row>.csv``, which `benchmark.core.outside` reads.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmark.core.predictions import probability_column
from benchmark.core.store import Results
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
    files_of = functools.cache(board.results.files)
    for row in board.rows:
        files = files_of(row.fingerprint)
        if files is None:
            logger.warning("%s is not there: which file is which is not known", row.data)
            continue
        if row.scores is not None:
            name = text.file_name(row.place.dataset, row.board, row.place.model)
            said = table(row, files, board.results)
            board.results.write(
                f"{FOLDER}/{name}.csv", said.to_csv(index=False, float_format=EXACT)
            )


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
