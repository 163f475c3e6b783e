"""Pictures of one leaderboard row: what a model gets wrong, how sure it is, how it learnt."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from benchmark.view.plots.style import SELECTION, STYLE, TRAINING, heading


def confusion(
    counts: np.ndarray,
    class_names: Sequence[str],
    title: str,
    what: str,
    untrained: Collection[str] = (),
) -> Figure:
    """Draw a confusion matrix: counts, and the share of each true class by colour and in percent.

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
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    text = np.array(
        [
            [f"{n:,}\n{_percent(s)}" if n else "" for n, s in zip(*pair, strict=True)]
            for pair in zip(counts, share, strict=True)
        ]
    )
    n = len(class_names)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.2 + 0.78 * n, 2.2 + 0.62 * n), layout="constrained")
        axes = figure.subplots()
        sns.heatmap(
            share,
            annot=text,
            fmt="",
            cmap="Blues",
            vmin=0,
            vmax=1,
            linewidths=0.6,
            linecolor="0.8",
            mask=np.broadcast_to(totals == 0, counts.shape),
            annot_kws={"fontsize": 9},
            cbar_kws={"label": "share of the true class", "format": PercentFormatter(1)},
            ax=axes,
        )
        axes.set_facecolor("0.92")
        recalls = np.diag(share)
        axes.set_yticks(
            np.arange(n) + 0.5,
            [
                f"{name}  ({f'{total:,}' if total else 'none in test'}"
                f"{', none in training' if name in untrained else ''})"
                for name, total in zip(class_names, totals[:, 0], strict=True)
            ],
            rotation=0,
        )
        axes.set_xticks(np.arange(n) + 0.5, class_names, rotation=40, ha="right")
        axes.set_xlabel("predicted")
        axes.set_ylabel("true  (pictures)")
        for i in range(n):
            axes.add_patch(mpl.patches.Rectangle((i, i), 1, 1, fill=False, ec="#d55e00", lw=1.6))
        n_seen = int((totals > 0).sum())
        heading(figure, title)
        axes.set_title(
            f"{what}\nframed: right answers; mean recall of {n_seen} classes "
            f"{100 * recalls[totals[:, 0] > 0].mean():.1f} %",
            fontsize=9,
            wrap=True,
        )
    return figure


def _percent(share: float) -> str:
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


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
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 5.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        width = edges[1]
        middle = edges[:-1][used] + width / 2
        upper.bar(middle, does, width, color=TRAINING, alpha=0.35, ec="white", label="accuracy")
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
        heading(figure, title)
        upper.set_title(what, fontsize=9, wrap=True)
    return figure


def curves(histories: Sequence[pd.DataFrame], title: str, what: str, selected_on: str) -> Figure:
    """Draw loss and accuracy per epoch, a line a repeat."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.8), layout="constrained")
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
        heading(figure, title)
        panels[0].set_title(what, fontsize=9, wrap=True)
    return figure
