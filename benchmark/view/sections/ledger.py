"""The section that tells how often the test pictures were looked at."""

from __future__ import annotations

from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.ledger import ledger
from benchmark.view import text
from benchmark.view.sections.section import Section

WHY = (
    "The best of many models on the same test pictures is found better than it is. So all that was "
    "ever scored on them in this folder is counted, whether a board shows it or not."
)
HEADINGS = {
    "dataset": "data",
    "split": "split",
    "n_test": "test pictures",
    "models": "models",
    "settings": "with settings",
    "runs": "runs",
    "not_shown": "of them not shown",
    "trials": "trials on validation pictures",
    "first": "first",
    "last": "last",
}


def ledgers(board: Leaderboard) -> list[Section]:
    """What was ever scored on each set of test pictures."""
    counted = ledger(board.rows, board.results)
    if counted.empty:
        return []
    table = counted[[*HEADINGS]].rename(columns=HEADINGS)
    table["test pictures"] = [f"{n:,}" for n in counted["n_test"]]
    return [
        Section(
            "How often the test pictures were looked at",
            before=[WHY],
            table=table.astype(str),
            data={"ledger.csv": text.csv(counted)},
            where="document",
        )
    ]
