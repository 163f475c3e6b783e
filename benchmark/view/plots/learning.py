"""The picture of learning curves: from how many pictures on the best net overtakes."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.isotonic import isotonic_regression

from benchmark.scores.metrics import METRICS
from benchmark.view.plots.style import CLASSICAL, TRAINING, drawing, legend, rows_apart

FAMILIES = {"net": (TRAINING, "-"), "classical": (CLASSICAL, "--")}


def learning_curves(
    points: pd.DataFrame, crossovers: pd.DataFrame, metrics: tuple[str, str], title: str
) -> Figure:
    """Draw two scores of every model against the number of training pictures.

    Parameters
    ----------
    points : DataFrame
        Of one data set and split, see `curves.points`.
    crossovers : DataFrame
        Those of the best net and the best classical model, see `curves.crossovers`.
    metrics : (str, str)
        The scores.
    title : str
        Data set, protocol and number of pictures.
    """
    sizes = np.unique(points["size"].to_numpy(np.int64))
    models = points.drop_duplicates("model")
    markers = dict(zip(models["model"], itertools.cycle("osD^vP*Xp<>h"), strict=False))
    with drawing(14, max(5.2, 2.2 + 0.24 * len(models)), title) as figure:
        panels = figure.subplots(1, 2, sharex=True)
        for axes, score in zip(panels, metrics, strict=True):
            metric = METRICS[score]
            name, ends = metric.label, []
            good = points.assign(goodness=metric.goodness(points[score]))
            best = good.sort_values(["size", "goodness"]).groupby("kind")["model"].last()
            for model, part in points.groupby("model"):
                kind = part["kind"].iloc[0]
                colour, line = FAMILIES[kind]
                first = bool(model == best[kind])
                x, y = part["size"].to_numpy(np.float64), part[score].to_numpy(np.float64)
                if first:
                    low, high = (part[f"{score}_{end}"].to_numpy(float) for end in ("lo", "hi"))
                    axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
                axes.plot(
                    *(x, y, line),
                    color=colour,
                    marker=markers[model],
                    ms=5 if first else 4,
                    lw=2.4 if first else 1,
                    alpha=1 if first else 0.7,
                )
                ends.append((x[-1], y[-1], str(model), colour, first))
            if (floor := f"majority_{score}") in points:
                axes.axhline(points[floor].iloc[0], color="0.5", ls=":", lw=1)
            axes.set_xscale("log", base=2)
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=40, ha="right")
            axes.minorticks_off()
            axes.set_xlim(sizes[0] / 1.08, sizes[-1] * 1.08)
            rows_apart(axes, "both")
            axes.set_xlabel("pictures learnt from, a fifth to select on (logarithmic scale)")
            axes.set_ylabel(name)
            if metric.is_share:
                axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            _mark_crossover(axes, crossovers[crossovers["score"] == score], name)
            _label_ends(axes, ends)
        handles: list[Any] = [
            mpl.lines.Line2D([], [], color=colour, ls=line, lw=2, label=kind)
            for kind, (colour, line) in FAMILIES.items()
            if kind in set(points["kind"])
        ]
        handles += [
            mpl.patches.Patch(fc="0.5", alpha=0.3, label="95 % interval, of the best of each kind"),
            *(
                mpl.lines.Line2D([], [], color="0.5", ls=":", label=METRICS[floor].label)
                for floor in (f"majority_{score}" for score in metrics)
                if floor in points
            ),
        ]
        if ((crossovers["crossover"] > 0) & (crossovers["crossover"] < np.inf)).any():
            handles.append(
                mpl.lines.Line2D(
                    *([], []), color="k", marker="|", ms=9, label="crossover and its 95 % interval"
                )
            )
        legend(figure, handles, columns=len(handles))
    return figure


def _mark_crossover(axes: Any, crossover: pd.DataFrame, name: str) -> None:
    """Say over the axes if the best net overtakes, and mark where, with the interval."""
    if not len(crossover):
        axes.set_title(name)
        return
    found = crossover.iloc[0]
    axes.set_title(textwrap.fill(found["verdict"], 88), fontsize=9)
    if not 0 < found["crossover"] < np.inf:
        return
    low, high = axes.get_xlim()
    ends = np.clip([found["crossover_lo"], found["crossover_hi"]], low, high)
    place = axes.get_xaxis_transform()
    axes.axvline(found["crossover"], color="k", lw=1, alpha=0.6)
    axes.plot(ends, [0.03, 0.03], color="k", lw=1.5, transform=place)
    for end, beyond, arrow in zip(ends, (low, high), ("<", ">"), strict=True):
        marker = arrow if end == beyond else "|"
        axes.plot(end, 0.03, marker, color="k", ms=9, transform=place, clip_on=False)
    axes.plot(found["crossover"], 0.03, "o", color="k", ms=5, transform=place)


def _label_ends(axes: Any, ends: Sequence[tuple[float, float, str, Any, bool]]) -> None:
    """Write each model's name right of its curve's end, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    step = min(0.045, 1 / len(ends))  # of the height: a line of text
    ordered = sorted(ends, key=lambda end: end[1])
    wanted = np.array([(y - low) / (high - low) for _, y, *_ in ordered])
    # The nearest places that are a line apart, by least squares.
    lines = step * np.arange(len(ordered))
    places = lines + isotonic_regression(wanted - lines, y_min=0, y_max=1 - lines[-1])
    for (x, y, model, colour, first), place in zip(ordered, places, strict=True):
        axes.annotate(
            model,
            (x, y),
            (1.03, place),
            textcoords="axes fraction",
            va="center",
            fontsize=8.5,
            color=colour,
            fontweight="bold" if first else None,
            arrowprops={
                **{"arrowstyle": "-", "relpos": (0, 0.5), "shrinkA": 0, "shrinkB": 3},
                **{"color": colour, "lw": 0.5, "alpha": 0.6},
            },
            annotation_clip=False,
        )
