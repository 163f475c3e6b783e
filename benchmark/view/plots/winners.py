"""The map of who wins: number of pictures across, seconds of training upwards."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from benchmark.core.records import KINDS
from benchmark.scores.metrics import METRICS
from benchmark.view.plots.style import COLOURS, drawing, legend, shortened
from benchmark.view.text import score

BEYOND = 2.0  # times the last change that the time axis goes on
QUICKEST = 0.1  # seconds, from which on it begins
LETTER = 0.075  # inches that a letter takes
ROOM = 0.055  # of the axis' height that a line of text needs


def winners(table: pd.DataFrame, title: str) -> Figure:
    """Draw which kind of model wins where.

    Parameters
    ----------
    table : DataFrame
        Rows of `scores.winners.winners` of one data set and split.
    title : str
        Data set, protocol and number of pictures.
    """
    sizes = np.unique(table["pictures"].to_numpy(np.int64))
    low = max(table["seconds_from"].min(), QUICKEST)
    high = table["seconds_from"].max() * BEYOND
    edges = _edges(sizes)
    axes_inches = max(8.0, 1.5 + 1.5 * len(sizes))
    with drawing(axes_inches + 1.0, 6.2, title) as figure:
        axes = figure.subplots()
        axes.set(xscale="log", yscale="log", xlim=(edges[0], edges[-1]), ylim=(low, high))
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.set_xlabel("pictures learnt from, a fifth of them to select on (logarithmic scale)")
        where = "one core" if table["devices"].eq("cpu").all() else "one core, and a card"
        axes.set_ylabel(f"seconds of training, {where} (logarithmic scale)")
        label = METRICS[table["metric"].iloc[0]].label
        axes.set_title(f"the model that wins, and its {label} on the test pictures", fontsize=9)
        for row in table.to_dict(orient="records"):
            column = int(np.searchsorted(sizes, row["pictures"]))
            left, right = edges[column], edges[column + 1]
            bottom, top = max(row["seconds_from"], low), min(row["seconds_to"], high)
            if bottom >= top:
                continue
            ahead = METRICS[row["metric"]].goodness(row["difference"]) > 0
            unsure = not pd.isna(row["runner_up"]) and not (row["told_apart"] and ahead)
            axes.add_patch(
                Rectangle(
                    (left, bottom),
                    right - left,
                    top - bottom,
                    facecolor=COLOURS[row["kind"]],
                    alpha=0.85,
                    edgecolor="white",
                    linewidth=1.5,
                    hatch="////" if unsure else None,
                )
            )
            height = np.log(top / bottom) / np.log(high / low)
            name = row["model"].partition("[")[0].rpartition(":")[2]  # the colour says the kind
            inches = axes_inches * np.log(right / left) / np.log(edges[-1] / edges[0])
            most = max(int(inches / LETTER), 4)
            words = [shortened(name, most), score(row["score"], row["metric"])]
            if height > ROOM:
                text = "\n".join(words) if height > 2 * ROOM else " ".join(words)
                axes.text(
                    *(np.sqrt(left * right), np.sqrt(bottom * top), text),
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    clip_on=True,
                    bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5},
                )
        shown = [name for name in KINDS if name in set(table["kind"])]
        handles = [Patch(facecolor=COLOURS[name], alpha=0.85, label=name) for name in shown]
        handles.append(
            Patch(
                facecolor="0.85",
                hatch="////",
                edgecolor="white",
                label="on the test pictures not surely better than the next kind",
            )
        )
        legend(figure, handles, columns=min(len(handles), 3))
    return figure


def _edges(sizes: np.ndarray) -> np.ndarray:
    """Where columns around these sizes begin and end, half way between them by the logarithm."""
    logs = np.log(sizes.astype(float))
    if len(logs) == 1:
        return np.exp([logs[0] - 0.35, logs[0] + 0.35])
    middle = (logs[1:] + logs[:-1]) / 2
    ends = 2 * logs[0] - middle[0], 2 * logs[-1] - middle[-1]
    return np.exp([ends[0], *middle, ends[1]])
