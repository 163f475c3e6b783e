"""The picture of a whole leaderboard: which model is best."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmark.core.records import KINDS
from benchmark.scores.metrics import METRICS, Metric
from benchmark.view.plots.style import (
    COLOURS,
    MARKS,
    drawing,
    legend,
    logarithmic,
    rows_apart,
    shortened,
)

FLOOR = "majority"
QUICKEST = 0.01  # seconds of training that are told from none


def board(tables: Mapping[str, pd.DataFrame], metric: Metric, title: str) -> Figure:
    """Draw a score with its interval for every model, one column of points a protocol.

    Parameters
    ----------
    tables : mapping
        Rows of the leaderboard by protocol and split, all of one data set.
    metric : Metric
        One that has intervals.
    title : str
        Data set and number of pictures.
    """
    last = list(tables.values())[-1]
    name_of, floor = metric.name, f"majority_{metric.name}"
    order = list(last.sort_values(name_of, ascending=metric.more_is_better)["model"])
    others = dict.fromkeys(m for t in tables.values() for m in t["model"][::-1] if m not in order)
    order = [*others, *order]
    place = {model: i for i, model in enumerate(order)}
    handles: dict[str, Any] = {}
    with drawing(3 + 3.7 * len(tables), 2.4 + 0.3 * len(order), title) as figure:
        all_axes = np.atleast_1d(figure.subplots(1, len(tables), sharex=True, sharey=True))
        for axes, (name, table) in zip(all_axes, tables.items(), strict=True):
            good = table.dropna(subset=[name_of])
            most = good["n_test"].max()
            for n_test, kind in itertools.product(sorted(good["n_test"].unique()), KINDS):
                part = good[(good["n_test"] == n_test) & (good["kind"] == kind)]
                if not len(part):
                    continue
                score, fewer = part[name_of], n_test < most  # hollow on the smaller test set
                axes.errorbar(
                    score,
                    part["model"].map(place),
                    xerr=[score - part[f"{name_of}_lo"], part[f"{name_of}_hi"] - score],
                    fmt=MARKS[kind],
                    color=COLOURS[kind],
                    markerfacecolor="white" if fewer else COLOURS[kind],
                    capsize=2,
                    label=f"{kind}, on {n_test:,} test pictures",
                )
            for n_test in sorted(good["n_test"].unique()) if floor in METRICS else ():
                axes.axvline(
                    good.loc[good["n_test"] == n_test, floor].iloc[0],
                    color="0.4",
                    ls="-" if n_test == most else ":",
                    lw=1,
                    label=f"{METRICS[floor].label}, of the {n_test:,}",
                )
            stated = table.dropna(subset=["published_accuracy"])
            if len(stated) and name_of == "accuracy":
                published = stated["published_accuracy"]
                axes.plot(published, stated["model"].map(place), "kx", label="published")
            split = table["split"].iloc[0]
            unsaid = split == "identity" and not name.endswith(split)
            what = f"{name}, {split} split" if unsaid else name
            axes.set_title(f"{what}, selected on {table['selected_on'].iloc[0]}")
            axes.set_xlabel(f"{metric.label}, 95 % interval")
            if metric.is_share:
                axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            rows_apart(axes)
            handles |= {
                label: handle
                for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
            }
        all_axes[0].set_yticks(range(len(order)), [shortened(model) for model in order])
        legend(figure, handles.values(), handles)
    return figure


def costs(table: pd.DataFrame, metric: Metric, title: str) -> Figure:
    """Draw a score against the time of training, with the models that no other beats in both.

    Parameters
    ----------
    table : DataFrame
        Rows of the leaderboard, all on the same test pictures; that of `FLOOR` is left out.
    metric : Metric
        One that has intervals.
    title : str
        Data set, protocol and number of pictures.
    """
    good = table.dropna(subset=[metric.name, "fit_seconds"])
    good = good[good["family"] != FLOOR]  # far below, it would squeeze the others together
    seconds = good["fit_seconds"].clip(lower=QUICKEST)
    score = good[metric.name]
    front = _front(seconds.to_numpy(), metric.goodness(score).to_numpy())
    with drawing(10, 6, title) as figure:
        axes = figure.subplots()
        logarithmic(axes)
        axes.plot(seconds.iloc[front], score.iloc[front], "-", color="0.6", lw=1, zorder=0)
        for kind in (each for each in KINDS if (good["kind"] == each).any()):
            those = good["kind"] == kind
            axes.errorbar(
                seconds[those],
                score[those],
                yerr=[
                    (score - good[f"{metric.name}_lo"])[those],
                    (good[f"{metric.name}_hi"] - score)[those],
                ],
                fmt=MARKS[kind],
                color=COLOURS[kind],
                elinewidth=0.8,
                label=kind,
            )
        for i, place in enumerate(front):
            axes.annotate(
                shortened(good["model"].iloc[place], 30),
                (seconds.iloc[place], score.iloc[place]),
                (5, -14 if i % 2 else 8),  # so that neighbours' names do not meet
                textcoords="offset points",
                fontsize=8.5,
            )
        learnt = (good["n_train"] + good["n_validation"].fillna(0)).max()
        axes.set_title(f"models that learnt from {learnt:,.0f} pictures", fontsize=9)
        axes.set_xlabel("seconds to train, one fit (logarithmic scale)")
        axes.set_ylabel(f"{metric.label}, 95 % interval")
        if metric.is_share:
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.margins(x=0.14)
        rows_apart(axes, "both")
        handles, labels = axes.get_legend_handles_labels()
        line = axes.plot([], [], "-", color="0.6", label="none is better and quicker")
        legend(figure, [*handles, *line], [*labels, "none is better and quicker"], columns=5)
    return figure


def _front(seconds: np.ndarray, goodness: np.ndarray) -> list[int]:
    """Places of those that no other is as good as in less time, the quickest first."""
    found: list[int] = []
    for place in np.lexsort((-goodness, seconds)).tolist():
        if not found or goodness[place] > goodness[found[-1]]:
            found.append(place)
    return found
