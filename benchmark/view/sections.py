"""Learning curves and searches in words: a title, a table for people, and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from benchmark.core.protocols import Curve
from benchmark.scores import curves as learning_curve
from benchmark.scores import rows as evidence
from benchmark.scores import searches as trials
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS
from benchmark.scores.rows import Row
from benchmark.scores.searches import Search, setting
from benchmark.view.numbers import number, score, with_interval
from benchmark.view.text import heading, picture_name


@dataclass(frozen=True)
class CurveSection:
    """What is shown of the learning curves of one data set and split, at one size in pixels.

    Attributes
    ----------
    title : str
    table : DataFrame
        Accuracy in percent as text, a row a model and a column a size.
    lines : list of str
        Sentences on where nets overtake classical models, and on what to mind.
    points, crossovers : DataFrame
        Those of this section, see `curves`.
    picture : str or None
        Its file, if it has two sizes.
    """

    title: str
    table: pd.DataFrame
    lines: list[str]
    points: pd.DataFrame
    crossovers: pd.DataFrame
    picture: str | None


def curves(found: Leaderboard) -> list[CurveSection]:
    """Return the learning curves, a section for each data set, split and kind of pictures."""
    of_curves = found.table[found.table["curve_size"].notna()]
    sets = of_curves.drop_duplicates(learning_curve.CURVE)
    several = set(sets.loc[sets.duplicated(["dataset", "split"], keep=False), "data"])
    sections = []
    for (dataset, split, data), part in of_curves.groupby(learning_curve.CURVE, sort=False):
        points, crossovers = (
            table[(table[learning_curve.CURVE] == [dataset, split, data]).all(axis=1)]
            for table in (found.curves.points, found.curves.crossovers)
        )
        named = part["board"].iloc[0] != part["protocol"].iloc[0]  # not the usual split
        words = [dataset, *[split] * bool(named), *[data] * (data in several)]
        picture = f"learning-curves.{picture_name(*map(str, words))}.png"
        rows = [row for row in found.rows if row.curve == (dataset, split, data)]
        sections.append(_curve_section(part, rows, points, crossovers, picture))
    return sections


def _curve_section(
    part: pd.DataFrame,
    rows: Sequence[Row],
    points: pd.DataFrame,
    crossovers: pd.DataFrame,
    picture: str,
) -> CurveSection:
    def cell(row: pd.Series) -> str:
        if pd.isna(row["accuracy"]):
            return str(row["status"])
        spread = row["accuracy_sd_of_repeats"]
        repeats = "" if pd.isna(spread) else f" ±{score(spread)}"
        return score(row["accuracy"]) + repeats

    labels = [*part.sort_values("curve_size")["protocol"].unique()]
    texts = part.assign(text=part.apply(cell, axis=1))
    best_first = texts.sort_values("accuracy", ascending=False)
    models = best_first.loc[best_first["protocol"] == labels[-1], "model"]
    wide = texts.pivot_table(index="model", columns="protocol", values="text", aggfunc="first")
    wide = wide.reindex([*dict.fromkeys([*models, *best_first["model"]])])[labels].fillna("")
    sizes = points.groupby("protocol")["size"].max()
    wide.columns = pd.Index(
        [f"{sizes[label]:,} pictures" if label in sizes else label for label in labels]
    )

    lines = []
    best = crossovers[crossovers["net"] == learning_curve.BEST_NET]
    for row in best.to_dict(orient="records"):
        lines.append(f"In {METRICS[row['score']].label} {row['verdict']}.")
    if lines:
        lines.append(
            "Pictures are those learnt from, a fifth of them to select on. The best at each size "
            "are chosen on half of the people and scored on the other half; every pair of models, "
            "and how the interval is made, is in crossovers.csv."
        )
    absent: dict[str, int] = {}
    for each in rows:
        if each.curve_size is not None and each.scores is not None:
            absent |= {name: max(absent.get(name, 0), each.size) for name in each.untrained}
    if absent:
        upto = ", ".join(f"{name} up to {size:,} pictures" for name, size in absent.items())
        lines.append(f"Not in every training set: {upto}; a model cannot name what it never saw.")
    title = heading(part, Curve.name)
    drawn = picture if len(sizes) > 1 else None
    return CurveSection(title, wide.reset_index(), lines, points, crossovers, drawn)


BEST_TRIALS = 10  # of a search, in words; all are in its table


@dataclass(frozen=True)
class SearchSection:
    """What is shown of a search.

    Attributes
    ----------
    title : str
    table : DataFrame
        The best trials as text.
    lines : list of str
        Sentences on the best, the ties, the failures, what matters, and what it took.
    search : Search
    file : str
        Of its table and its picture, without the ending.
    """

    title: str
    table: pd.DataFrame
    lines: list[str]
    search: Search
    file: str


def searches(found: Leaderboard) -> list[SearchSection]:
    """Return what is to be shown of every search."""
    return [_search_section(search, found) for search in found.searches]


def _search_section(search: Search, found: Leaderboard) -> SearchSection:
    entry = search.entry
    about, protocol = entry.dataset, entry.protocol
    data = evidence.data_name(about.name, about.generated)
    scored = (
        f", scored on {search.n_validation:,} validation pictures" if search.n_validation else ""
    )
    title = (
        f"{data} at {about.size} px: {len(search.table):,} trials of {entry.model.label} "
        f"({entry.space}, {entry.sampler}), protocol {protocol.label}, "
        f"{protocol.split} split{scored}, best in {METRICS[entry.metric].label}"
    )
    words = (about.name, search.board, entry.model.label)
    name = picture_name(*words, entry.space, entry.sampler, entry.metric)
    table = _best_trials(search)
    return SearchSection(title, table, _on_search(search, found), search, f"trials/{name}")


def _best_trials(search: Search) -> pd.DataFrame:
    best_first = search.table.loc[search.order()].head(BEST_TRIALS)
    lines = [
        {
            "trial": f"{row['trial']}",
            **{name: setting(row[name]) for name in search.parameters},
            "accuracy % (95 % interval)": with_interval(row, "accuracy"),
            "macro-F1": with_interval(row, "macro_f1"),
            "log loss": score(row["log_loss"], "log_loss"),
            "epochs": number(row["epochs"], 0),
            "seconds": number(row["seconds"], 1),
            "told apart from the best": {True: "yes", False: "no"}.get(
                row["told_apart_from_best"], ""
            ),
        }
        for _, row in best_first.iterrows()
    ]
    return pd.DataFrame(lines)


def _on_search(search: Search, found: Leaderboard) -> list[str]:
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
        for row in found.rows:
            if search in row.searches and row.scores is not None:
                lines.append(
                    f"Under {row.board} that is {with_interval(row.columns(), 'accuracy')} % of "
                    f"{len(row.scores.rows):,} test pictures, which counted in no choice."
                )
        others = int(search.table["accuracy"].notna().sum()) - 1
        if others:
            lines.append(
                f"Of {others:,} others with a score, {search.n_tied:,} cannot be told from it by "
                "these pictures (McNemar's test on the accuracy, pictures of one person taken "
                "together, at 5 % for all of them after Holm)."
            )
    matters = trials.importance(search)
    if matters:
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in matters.items())
        metric = METRICS[search.entry.metric].label
        lines.append(
            f"Of the trials' spread in {metric}, this much lies between the values of a parameter: "
            f"{shares} (correlation ratio); the rest is noise and what parameters do together."
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
