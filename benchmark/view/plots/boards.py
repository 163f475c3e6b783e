"""The picture of a whole leaderboard: which model is best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmark.scores.metrics import METRICS, Metric
from benchmark.view.plots.style import SELECTION, TRAINING, drawing, legend, rows_apart, shortened

NETS_500 = (SELECTION, "s", ":")  # the smaller test set, where a board has two


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
            for n_test, part in good.groupby("n_test"):
                colour, marker, line = (TRAINING, "o", "-") if n_test == most else NETS_500
                score = part[name_of]
                axes.errorbar(
                    score,
                    part["model"].map(place),
                    xerr=[score - part[f"{name_of}_lo"], part[f"{name_of}_hi"] - score],
                    fmt=marker,
                    color=colour,
                    capsize=2,
                    label=f"measured on {n_test:,} test pictures",
                )
                if floor in METRICS:
                    axes.axvline(
                        part[floor].iloc[0],
                        color=colour,
                        ls=line,
                        lw=1,
                        alpha=0.6,
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
