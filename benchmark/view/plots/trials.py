"""The picture of a search: what every value of a parameter scored."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmark.scores import searches
from benchmark.scores.metrics import METRICS
from benchmark.scores.searches import Search, setting
from benchmark.view.plots.style import SELECTION, TRAINING, drawing, legend, logarithmic, rows_apart

PARAMETERS_A_ROW = 4
LOGARITHMIC_FROM = 50.0  # times that the largest value drawn from a range is the smallest


def search(found: Search, title: str) -> Figure:
    """Draw the score of every trial against the value of each parameter that has several.

    Parameters
    ----------
    found : Search
    title : str
        Data set, model, protocol, number of pictures.
    """
    metric, table = found.entry.metric, found.table
    alone = {name: [*found.table[name].unique()] for name in found.parameters}
    tried = searches.varied(found) or alone  # of one trial
    shares = searches.importance(found)
    good, n_bad = table.dropna(subset=["accuracy"]), int(table["accuracy"].isna().sum())
    n_columns = min(len(tried), PARAMETERS_A_ROW)
    n_rows = -(-len(tried) // n_columns)
    apart = good["told_apart_from_best"].fillna(False).astype(bool)
    every = [
        (good[apart], f"told apart from the best ({apart.sum()})", "x", "0.55"),
        (good[~apart & ~good["best"]], f"not told apart ({found.n_tied})", "o", TRAINING),
        (good[good["best"]], "the best", "*", SELECTION),
    ]
    kinds = [kind for kind in every if len(kind[0])]
    with drawing(max(3.1 * n_columns + 0.6, 9), 1.9 + 3.1 * n_rows, title) as figure:
        cells = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
        for axes in cells.flat[len(tried) :]:
            axes.set_axis_off()
        for axes, (name, values) in zip(cells.flat, tried.items(), strict=False):
            numbers = pd.to_numeric(pd.Series(values), errors="coerce").notna().all()
            listed = len(values) <= searches.FEW or not numbers
            place = {value: i for i, value in enumerate(values)}
            if listed:  # beside each other in the order tried, so that none hides another
                same = good.groupby(good[name])["trial"]
                beside = (same.cumcount() + 0.5) / same.transform("size") - 0.5
                x = good[name].map(place).astype(float) + 0.7 * beside
            else:
                x = good[name].astype(float)
            for part, label, marker, colour in kinds:
                star = marker == "*"
                axes.plot(
                    *(x[part.index], part[metric].astype(float), marker),
                    color=colour,
                    ms=15 if star else 5,
                    mec="k" if star else colour,
                    alpha=1 if star else 0.75,
                    zorder=3 if star else 2,
                    label=label,
                )
            if listed:
                medians = good.groupby(good[name])[metric].median()
                at = [place[value] for value in medians.index]
                axes.hlines(
                    *(medians.astype(float), np.array(at) - 0.38, np.array(at) + 0.38),
                    color="k",
                    lw=1.2,
                    label="median of the value",
                )
                axes.set_xticks(range(len(values)), [setting(value) for value in values])
                axes.set_xlim(-0.5, len(values) - 0.5)
            elif x.min() > 0 and x.max() / x.min() > LOGARITHMIC_FROM:
                logarithmic(axes)
            axes.set_xlabel(name)
            if name in shares:
                axes.set_title(
                    f"{100 * shares[name]:.0f} % of the spread between trials", fontsize=9
                )
            rows_apart(axes)
        for axes in cells[:, 0]:
            axes.set_ylabel(f"validation {METRICS[metric].label}")
            if METRICS[metric].is_share:
                axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        handles, labels = cells[0, 0].get_legend_handles_labels()
        if n_bad:
            handles.append(mpl.patches.Patch(fc="none", ec="none"))
            labels.append(f"without a score and not drawn: {n_bad}")
        legend(figure, handles, labels, 5)
    return figure
