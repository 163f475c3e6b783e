"""Sections on searches: the best trials, the ties, the failures, and what matters."""

from __future__ import annotations

from functools import partial

import pandas as pd

from benchmark.scores import searches as trials
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS
from benchmark.scores.searches import Search, setting
from benchmark.view import plots, text
from benchmark.view.sections.section import Picture, Section
from benchmark.view.text import Facts, number, score, with_interval

BEST_TRIALS = 10  # of a search, in words; all are in its table


def searches(board: Leaderboard) -> list[Section]:
    """The best trials of every search."""
    return [of_search(search, board) for search in board.searches]


def of_search(search: Search, board: Leaderboard) -> Section:
    """The best trials of a search, the ties, the failures, what matters, and what it took."""
    entry = search.entry
    dataset, protocol = entry.dataset, entry.protocol
    pictures = f", scored on {search.n_validation:,} validation pictures"
    title = (
        f"{text.data_name(dataset)} at {dataset.size} px: "
        f"{len(search.table):,} trials of {entry.model.label} "
        f"({entry.space}, {entry.sampler}), protocol {protocol.label}, "
        f"{protocol.split} split{pictures if search.n_validation else ''}, "
        f"best in {METRICS[entry.metric].label}"
    )
    words = (dataset.name, search.board, entry.model.label)
    file = f"trials/{text.file_name(*words, entry.space, entry.sampler, entry.metric)}"
    return Section(
        title,
        dataset.name,
        table=_best_trials(search) if len(search.order()) else None,
        after=_on_search(search, board),
        pictures=[
            Picture(f"{file}.png", "The trials by parameter", partial(plots.search, search, title))
        ],
        data={f"{file}.csv": text.csv(search.table)},
        where="document",
    )


def _best_trials(search: Search) -> pd.DataFrame:
    told = {True: "yes", False: "no"}
    lines = [
        {
            "trial": f"{row['trial']}",
            **{name: setting(row[name]) for name in search.parameters},
            "accuracy % (95 % interval)": with_interval(row, "accuracy"),
            "macro-F1": with_interval(row, "macro_f1"),
            "log loss": score(row["log_loss"], "log_loss"),
            "epochs": number(row["epochs"], 0),
            "seconds": number(row["seconds"], 1),
            "told apart from the best": told.get(row["told_apart_from_best"], ""),
        }
        for _, row in search.table.loc[search.order()].head(BEST_TRIALS).iterrows()
    ]
    return pd.DataFrame(lines)


def _on_search(search: Search, board: Leaderboard) -> list[str]:
    lines = []
    n, pictures = len(search.table), f"{search.n_validation:,} validation pictures"
    waiting = int((search.table["status"] == trials.NOT_RUN).sum())
    if waiting:
        lines.append(f"{waiting:,} of {n:,} trials were not run yet: the same command goes on.")
    if search.best is not None:
        best = search.table[search.table["best"]].iloc[0]
        lines.append(
            f"Best: {search.best.label}, {with_interval(best, 'accuracy')} % of the "
            f"{pictures} right, which flatters, since it was chosen on them."
        )
        for row in board.rows:
            if search.won_by(row) and row.scores is not None:
                lines.append(
                    f"Under {row.board} that is {with_interval(row.columns, 'accuracy')} % of "
                    f"{row.scores.n_test:,} test pictures, which counted in no choice."
                )
        others = int(search.table["accuracy"].notna().sum()) - 1
        if others:
            lines.append(
                f"Of {others:,} others with a score, {search.n_tied:,} cannot be told from it by "
                "these pictures (McNemar's test on the accuracy"
                f"{text.taken_together(Facts.of(board).people)}, at 5 % for all of them after "
                "Holm)."
            )
    matters = trials.importance(search)
    if matters:
        shares = ", ".join(f"{name} {text.percent(share, 0)}" for name, share in matters.items())
        lines.append(
            f"Of the trials' spread in {METRICS[search.entry.metric].label}, this much lies "
            f"between the values of a parameter: {shares} (correlation ratio); the rest is noise "
            "and what parameters do together."
        )
    bad = search.table[~search.table["status"].isin(["ok", trials.NOT_RUN])]
    if len(bad):
        first = bad.iloc[0]
        lines.append(
            f"{len(bad):,} trials have no score; the first is trial {first['trial']}: "
            f"{first['status']}: {first['reason']}."
        )
    lines.append(f"All trials took {search.seconds:,.1f} s, one after the other.")
    return lines
