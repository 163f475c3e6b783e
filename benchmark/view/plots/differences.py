"""Pictures of differences: between models, between test sets, between recipes; are they sure?"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from benchmark.scores.contrasts import Contrast
from benchmark.scores.metrics import METRICS, SHOWN
from benchmark.view.plots.style import (
    SELECTION,
    TRAINING,
    drawing,
    legend,
    rows_apart,
    shortened,
)
from benchmark.view.text import score, split_name

LETTERS = 110  # of a line over a contrast


def told_apart(panels: Sequence[tuple[str, pd.DataFrame]], title: str) -> Figure:
    """Draw for every pair of models of a board how much the one is better, and if that is sure.

    Parameters
    ----------
    panels : sequence of (str, DataFrame)
        For each set of pictures its title and its part of `pairs.compare`'s pairs.
    title : str
        Data set and protocol.
    """
    orders = [list(dict.fromkeys([*pairs["model_a"], *pairs["model_b"]])) for _, pairs in panels]
    heights = [len(order) + 2.5 for order in orders]
    widest = max(map(len, orders))
    letters = max(len(shortened(model)) for order in orders for model in order)
    words = 0.09 * max(letters, 20)  # inches that the longest name takes
    size = max(1.6 + words + 0.46 * widest, 6.5), 0.9 + words / 2 + 0.3 * sum(heights)
    with drawing(*size, title) as figure:
        columns = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (name, pairs), order in zip(columns, panels, orders, strict=True):
            place = {model: i for i, model in enumerate(order)}
            metric = METRICS[pairs["metric"].iloc[0]]
            for pair in pairs.to_dict(orient="records"):
                x, y = place[pair["model_b"]], place[pair["model_a"]]
                colour = TRAINING if pair["told_apart"] else "0.9"
                axes.add_patch(mpl.patches.Rectangle((x, y), 1, 1, fc=colour, ec="white"))
                axes.text(
                    *(x + 0.5, y + 0.5, score(metric.goodness(pair["difference"]), metric.name)),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if pair["told_apart"] else "0.25",
                    fontweight="bold" if pair["told_apart"] else None,
                )
            scores = dict(zip(pairs["model_a"], pairs["score_a"], strict=True))
            scores |= dict(zip(pairs["model_b"], pairs["score_b"], strict=True))
            axes.set(xlim=(1, max(widest, 2)), ylim=(len(order) - 1, 0))
            axes.set_yticks(
                np.arange(len(order) - 1) + 0.5,
                [
                    f"{shortened(model)}  {score(scores[model], metric.name)}"
                    for model in order[:-1]
                ],
            )
            names = [shortened(model) for model in order[1:]]
            axes.set_xticks(np.arange(1, len(order)) + 0.5, names, rotation=40, ha="right")
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.set_title(name, fontsize=9)
        apart = mpl.patches.Patch(fc=TRAINING, label="told apart")
        tie = mpl.patches.Patch(fc="0.9", label="not told apart by these pictures")
        legend(figure, [apart, tie])
    return figure


def contrast(table: pd.DataFrame, kind: Contrast, title: str, about: Sequence[str] = ()) -> Figure:
    """Draw the scores of every model on two test sets, and the difference, with intervals.

    Parameters
    ----------
    table : DataFrame
        One of `contrasts.boards`, the best first.
    kind : Contrast
        What it is of.
    title : str
        Data set, protocol and what is shown.
    about : sequence of str
        Lines on what was done to the data.
    """
    first, place = table.iloc[0], np.arange(len(table))[::-1]
    remarks = 0.2 * sum(1 + len(line) // LETTERS for line in about)
    with drawing(9, 2 + 2 * (0.8 + 0.34 * len(table)) + remarks, title) as figure:
        panels = figure.subplots(2, 2, sharey=True, width_ratios=[3, 2])
        for (left, right), score in zip(panels, kind.scores, strict=True):
            drawn = ((SELECTION, "s", 0.12), (TRAINING, "o", -0.12))
            metric = METRICS[score]
            times = metric.scale
            for side, (colour, marker, up) in zip(kind.sides, drawn, strict=True):
                n, people = first[f"n_test_{side}"], first[f"n_people_{side}"]
                shown = "" if n == people else f" of {people:,} people"
                left.errorbar(
                    *(table[f"{score}_{side}"], place + up),
                    xerr=_ends(table, f"{score}_{side}"),
                    fmt=marker,
                    color=colour,
                    capsize=2,
                    label=f"{split_name(side)}: {n:,} test pictures{shown}",
                )
            left.set_yticks(place, table["model"])
            right.errorbar(
                *(times * table[f"{score}_difference"], place),
                xerr=times * _ends(table, f"{score}_difference"),
                fmt="kd",
                capsize=2,
                label=f"{kind.sides[0]} less {kind.sides[1]}",
            )
            right.axvline(0, color="0.5", lw=1)
            left.set_xlabel(f"{metric.label}, 95 % interval")
            right.set_xlabel(f"difference{' in points' if metric.is_share else ''}, 95 % interval")
            for axes in (left, right):
                rows_apart(axes)
                axes.set_ylim(-0.6, len(table) - 0.4)
            if metric.is_share:
                left.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        handles, labels = (
            [each for axes in panels[0] for each in axes.get_legend_handles_labels()[i]]
            for i in (0, 1)
        )
        legend(figure, handles, labels)
        panels[0, 0].set_title("\n".join(about), fontsize=9, wrap=True)
    return figure


def _ends(table: pd.DataFrame, score: str) -> np.ndarray:
    """How far the ends of a score's interval lie off, as error bars are given: ``(2, n)``."""
    ends = table[score] - table[f"{score}_lo"], table[f"{score}_hi"] - table[score]
    return np.stack([each.to_numpy(np.float64) for each in ends])


def worth(table: pd.DataFrame, title: str) -> Figure:
    """Draw what each part of a recipe is worth, in accuracy and macro-F1.

    Parameters
    ----------
    table : DataFrame
        Rows of `ablation.table` but for the whole recipe's.
    title : str
        Recipe, model, data set, protocol and pictures.
    """
    place = np.arange(len(table))[::-1]
    with drawing(10, 2.4 + 0.36 * len(table), title) as figure:
        for axes, score in zip(figure.subplots(1, 2, sharey=True), SHOWN, strict=True):
            metric = METRICS[score]
            scale = metric.scale
            unit = f"points of {metric.label}" if metric.is_share else metric.label
            axes.axvline(0, color="0.5", lw=1)
            axes.errorbar(
                *(scale * table[f"{score}_worth"], place),
                xerr=scale * _ends(table, f"{score}_worth"),
                fmt="o",
                color=TRAINING,
                capsize=3,
            )
            axes.set_xlabel(f"worth in {unit}, 95 % interval")
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.set_yticks(place, table["left_out"])
            rows_apart(axes)
        figure.supylabel("left out", fontsize=10)
    return figure
