r"""``leaderboard.tex``: each board as a LaTeX table of its own, for ``\usepackage{booktabs}``."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmark.core.records import OUTSIDE
from benchmark.scores import leaderboard
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS
from benchmark.scores.rows import Row
from benchmark.view import text

PREAMBLE = "% Each table stands alone, in a document with \\usepackage{booktabs}.\n"
SIGNS = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$"},
    }
)


def boards(board: Leaderboard) -> str:
    """Write each data set, protocol and split as a table, as `sections.boards` shows them."""
    whole = [rows for rows in board.boards if not all(row.is_step for row in rows)]
    return "\n".join([PREAMBLE, *(_table(rows) for rows in whole)])


def escape(words: str) -> str:
    """Text, such as a model may be called, that LaTeX shows as it is."""
    return words.translate(SIGNS)


def _table(rows: Sequence[Row]) -> str:
    cells = _cells(rows).rename(columns=escape).map(escape)
    table = str(
        cells.style.hide(axis="index").to_latex(
            hrules=True,
            position="htbp",
            position_float="centering",
            caption=escape(_caption(rows)),
            label=f"tab:{text.file_name(rows[0].place.dataset, rows[0].board)}",
            column_format="@{}rl" + "r" * (len(cells.columns) - 2) + "@{}",
        )
    )
    return table.replace("\\centering", "\\centering\n\\footnotesize", 1)  # as wide as a page


def _caption(rows: Sequence[Row]) -> str:
    """What a board is of, what its intervals are, and which of its models were not run here."""
    outside = [row.place.model for row in rows if row.entry.model.family == OUTSIDE]
    marked = f"; scored from outside: {', '.join(outside)}" if outside else ""
    return f"{text.heading(rows)}; in brackets 95 % intervals{marked}"


def _cells(rows: Sequence[Row]) -> pd.DataFrame:
    """Rank, model, accuracy with its interval, macro-F1 and seconds as text, the best first."""
    accuracy, macro_f1 = METRICS["accuracy"], METRICS["macro_f1"]
    several = len({row.n_test for row in rows if row.scores is not None}) > 1
    lines = []
    for row, values in zip(rows, leaderboard.table(rows).to_dict(orient="records"), strict=True):
        scored = text.with_interval(values, "accuracy").replace("-", "--")
        line = {
            "rank": text.ranks(row.rank, row.last_rank).replace("-", "--"),
            "model": row.place.model,
            accuracy.heading: scored or values["status"],
            macro_f1.heading: text.score(values["macro_f1"], "macro_f1"),
            "fit s": text.number(values["fit_seconds"], 1),
        }
        pictures = {"test pictures": text.number(values["n_test"], 0)} if several else {}
        lines.append({**line, **pictures})
    return pd.DataFrame(lines)
