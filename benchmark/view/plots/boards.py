"""The picture of a whole leaderboard: which model is best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmark.view.plots.style import SELECTION, TRAINING, drawing, legend, rows_apart, shortened

NETS_500 = (SELECTION, "s", ":")  # the smaller test set, where a board has two


def board(tables: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Draw accuracy with its interval for every model, one column of points a protocol.

    Parameters
    ----------
    tables : mapping
        Rows of the leaderboard by protocol and split, all of one data set.
    title : str
        Data set and number of pictures.
    """
    last = list(tables.values())[-1]
    order = list(last.sort_values("accuracy")["model"])
    order = [m for t in tables.values() for m in t["model"][::-1] if m not in order] + order
    place = {model: i for i, model in enumerate(order)}
    handles: dict[str, Any] = {}
    with drawing(3 + 3.7 * len(tables), 2.4 + 0.3 * len(order), title) as figure:
        all_axes = np.atleast_1d(figure.subplots(1, len(tables), sharex=True, sharey=True))
        for axes, (name, table) in zip(all_axes, tables.items(), strict=True):
            good = table.dropna(subset=["accuracy"])
            most = good["n_test"].max()
            for n_test, part in good.groupby("n_test"):
                colour, marker, line = (TRAINING, "o", "-") if n_test == most else NETS_500
                spread = part["accuracy"] - part["accuracy_lo"], part["accuracy_hi"]
                axes.errorbar(
                    part["accuracy"],
                    part["model"].map(place),
                    xerr=[spread[0], spread[1] - part["accuracy"]],
                    fmt=marker,
                    color=colour,
                    capsize=2,
                    label=f"measured on {n_test:,} test pictures",
                )
                axes.axvline(
                    part["majority_accuracy"].iloc[0],
                    color=colour,
                    ls=line,
                    lw=1,
                    alpha=0.6,
                    label=f"always the commonest class of the {n_test:,}",
                )
            stated = table.dropna(subset=["published_accuracy"])
            if len(stated):
                published = stated["published_accuracy"]
                axes.plot(published, stated["model"].map(place), "kx", label="published")
            split = table["split"].iloc[0]
            unsaid = split == "identity" and not name.endswith(split)
            what = f"{name}, {split} split" if unsaid else name
            axes.set_title(f"{what}, selected on {table['selected_on'].iloc[0]}")
            axes.set_xlabel("accuracy, 95 % interval")
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            rows_apart(axes)
            handles |= {
                label: handle
                for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
            }
        all_axes[0].set_yticks(range(len(order)), [shortened(model) for model in order])
        legend(figure, handles.values(), handles)
    return figure
