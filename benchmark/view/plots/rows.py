"""Pictures of one leaderboard row: what a model gets wrong, how sure it is, how it learnt."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from benchmark.scores.intervals import accuracy_interval
from benchmark.view.plots.style import SELECTION, TRAINING, drawing, shortened
from benchmark.view.text import percent

LEGIBLE = 20  # classes whose counts fit into their cells
NAMED = 60  # classes whose names fit beside the matrix


def confusion(
    counts: np.ndarray,
    class_names: Sequence[str],
    title: str,
    what: str,
    untrained: Collection[str] = (),
) -> Figure:
    """Draw a confusion matrix: the share of each true class by colour, and counts in the cells.

    The picture does not grow with more than `LEGIBLE` classes; the cells are then without text.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_classes, n_classes)
        Rows true, columns predicted.
    class_names : sequence of str
    title : str
        Model and accuracy.
    what : str
        Data set, protocol and number of pictures.
    untrained : collection of str
        Classes that were not in training, to be marked.
    """
    n, totals = len(class_names), counts.sum(axis=1)
    tested = totals > 0
    share = np.full(counts.shape, np.nan)
    share[tested] = counts[tested] / totals[tested, None]
    legible = n <= LEGIBLE
    side = min(n, LEGIBLE)
    with drawing(3.2 + 0.78 * side, 2.2 + 0.62 * side, title) as figure:
        axes = figure.subplots()
        sns.heatmap(
            share,
            annot=_written(counts, share) if legible else None,
            fmt="",
            cmap="Blues",
            vmin=0,
            vmax=1,
            linewidths=0.6 if legible else 0,
            linecolor="0.8",
            rasterized=not legible,
            xticklabels=False,
            yticklabels=False,
            annot_kws={"fontsize": 9},
            cbar_kws={"label": "share of the true class", "format": PercentFormatter(1)},
            ax=axes,
        )
        axes.set_facecolor("0.92")
        _name_classes(axes, class_names, totals, untrained)
        if legible:
            for i in range(n):
                frame = mpl.patches.Rectangle((i, i), 1, 1, fill=False, ec="#d55e00", lw=1.6)
                axes.add_patch(frame)
        recall = percent(np.diag(share)[tested].mean(), 1.1)
        framed = "framed: right answers" if legible else "counts: in the CSV beside this picture"
        axes.set_title(
            f"{what}\n{framed}; mean recall of {tested.sum()} classes {recall}",
            fontsize=9,
            wrap=True,
        )
    return figure


def _name_classes(
    axes: Axes, names: Sequence[str], totals: np.ndarray, untrained: Collection[str]
) -> None:
    """Label both axes, as many classes as there is room for."""
    shown = range(0, len(names), -(-len(names) // NAMED))
    places = np.array(shown) + 0.5
    true = [
        f"{shortened(names[i])}  ({f'{totals[i]:,}' if totals[i] else 'none in test'}"
        f"{', none in training' if names[i] in untrained else ''})"
        for i in shown
    ]
    axes.set_yticks(places, true, rotation=0)
    predicted = [shortened(names[i]) for i in shown]
    axes.set_xticks(places, predicted, rotation=40, ha="right")
    axes.tick_params(labelsize=10 if len(names) <= LEGIBLE else 6)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true  (pictures)")


def _written(counts: np.ndarray, share: np.ndarray) -> np.ndarray:
    """What stands in the cells: counts above shares, nothing where there are none."""
    return np.array(
        [
            [
                f"{n:,}\n{'<1 %' if part < 0.005 else percent(part, 0)}" if n else ""
                for n, part in zip(row, shares, strict=True)
            ]
            for row, shares in zip(counts, share, strict=True)
        ]
    )


def reliability(bins: np.ndarray, title: str, what: str) -> Figure:
    """Draw how often a model is right against how sure it says it is, and how often it says so.

    Parameters
    ----------
    bins : ndarray, shape (3, n_bins)
        See `metrics.reliability`.
    title : str
        Model and calibration error.
    what : str
        Data set, protocol and number of pictures.
    """
    pictures, confidence, right = bins
    edges = np.linspace(0, 1, len(pictures) + 1)
    used = pictures > 0
    says, does = confidence[used] / pictures[used], right[used] / pictures[used]
    with drawing(4.8, 5.4, title) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        width = edges[1]
        middle = edges[:-1][used] + width / 2
        upper.bar(middle, does, width, color=TRAINING, alpha=0.35, ec="white", label="accuracy")
        ends = np.array(
            [accuracy_interval(*each) for each in zip(does, pictures[used], strict=True)]
        )
        upper.errorbar(
            middle,
            does,
            yerr=np.abs(ends.T - does),
            fmt="none",
            ecolor="0.45",
            capsize=2,
            lw=0.9,
            label="95 % interval, pictures alone",
        )
        upper.plot([0, 1], [0, 1], "k--", lw=1, label="calibrated")
        upper.vlines(
            says, says, does, color=SELECTION, lw=2, clip_on=False, label="gap to what it says"
        )
        upper.plot(says, does, "o", color=TRAINING, ms=5, clip_on=False)
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share of right answers")
        upper.legend(frameon=False, loc="upper left", fontsize=8)
        lower.bar(middle, pictures[used], width, color=TRAINING, ec="white")
        lower.set(xlabel="confidence: probability of the class named", ylabel="pictures")
        for x, n in zip(middle, pictures[used], strict=True):
            lower.annotate(
                f"{int(n):,}", (x, n), (0, 2), textcoords="offset points", ha="center", fontsize=7
            )
        lower.margins(y=0.18)
        for axis in (upper.yaxis, lower.xaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        upper.set_title(what, fontsize=9, wrap=True)
    return figure


def curves(histories: Sequence[pd.DataFrame], title: str, what: str, selected_on: str) -> Figure:
    """Draw loss and accuracy per epoch, a line a repeat."""
    with drawing(9, 3.8, title) as figure:
        panels = figure.subplots(1, 2)
        for axes, quantity in zip(panels, ("loss", "accuracy"), strict=True):
            for i, history in enumerate(histories):
                sides = {"train": (TRAINING, "-"), "validation": (SELECTION, "--")}
                if history["validation_accuracy"].isna().all():  # nothing was selected on
                    del sides["validation"]
                for side, (colour, line) in sides.items():
                    name = "training" if side == "train" else selected_on
                    axes.plot(
                        history["epoch"],
                        history[f"{side}_{quantity}"],
                        line,
                        color=colour,
                        alpha=1 if len(histories) == 1 else 0.55,
                        label=name if i == 0 else None,
                        marker="." if len(history) == 1 else None,
                    )
                # The best, or the last where there is none.
                judged = history["validation_accuracy"].fillna(history["epoch"])
                best = int(judged.to_numpy().argmax())
                axes.plot(
                    history["epoch"].iloc[best],
                    history[f"{side}_{quantity}"].iloc[best],
                    "o",
                    color=colour,
                    label="epoch kept" if i == 0 else None,
                )
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_ylabel("cross entropy, nats" if quantity == "loss" else "accuracy")
            if quantity == "accuracy":
                axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            else:
                # One wild early epoch must not flatten the rest of the curve.
                values = pd.concat(histories)[["train_loss", "validation_loss"]].to_numpy()
                axes.set_ylim(0, min(np.nanmax(values), 3 * np.nanmedian(values)) * 1.05)
            axes.legend(frameon=False)
        panels[0].set_title(what, fontsize=9, wrap=True)
    return figure
