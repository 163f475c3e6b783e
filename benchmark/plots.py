"""Every picture. Colours are safe for the colour-blind; each says what it shows without help."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image

DPI = 110
TRAINING, SELECTION = sns.color_palette("colorblind")[0], sns.color_palette("colorblind")[1]
NETS_500 = (SELECTION, "s", ":")  # the smaller test set, where a board has two
PAIRS_A_ROW = 4
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a class may be called $x$
}


def save(figure: Figure, path: Path, mark: str = "") -> None:
    """Write a PNG whole or not at all; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    path : Path
    mark : str
        Says what the picture was drawn from, for `is_current`.
    """
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=DPI, metadata={"Software": None, "Comment": mark})
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(image.getvalue())
    draft.replace(path)


def is_current(path: Path, mark: str) -> bool:
    """Whether a picture is there and was drawn from what `mark` stands for."""
    if not path.is_file():
        return False
    with Image.open(path) as picture:
        return picture.info.get("Comment") == mark


def confusion(counts: np.ndarray, class_names: Sequence[str], title: str, what: str) -> Figure:
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
                f"{name}  ({total:,})" if total else f"{name}  (none in test)"
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
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        axes.set_title(
            f"{what}\nframed: right answers; mean recall of {n_seen} classes "
            f"{100 * recalls[totals[:, 0] > 0].mean():.1f} %",
            fontsize=9,
        )
    return figure


def _percent(share: float) -> str:
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def curves(histories: Sequence[pd.DataFrame], title: str, what: str, selected_on: str) -> Figure:
    """Draw loss and accuracy per epoch, a line a repeat."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.8), layout="constrained")
        for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            for i, history in enumerate(histories):
                for side, colour, line in (
                    ("train", TRAINING, "-"),
                    ("validation", SELECTION, "--"),
                ):
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
                best = int(history["validation_accuracy"].to_numpy().argmax())
                axes.plot(
                    history["epoch"].iloc[best],
                    history[f"validation_{quantity}"].iloc[best],
                    "o",
                    color=SELECTION,
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
        figure.suptitle(f"{title}\n{what}", x=0.01, ha="left", fontsize=11)
    return figure


def classes(counts: Mapping[str, int], title: str) -> Figure:
    """Draw how many pictures each class has, on a logarithmic scale, with the counts."""
    ordered = sorted(counts.items(), key=lambda item: item[1])
    names, values = zip(*ordered, strict=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 1.4 + 0.36 * len(names)), layout="constrained")
        axes = figure.subplots()
        axes.barh(names, values, color=TRAINING)
        axes.set_xscale("log")
        total = sum(values)
        for place, value in enumerate(values):
            text = f" {value:,} ({100 * value / total:.1f} %)"
            axes.text(max(value, 1), place, text, va="center", fontsize=9)
        axes.set_xlim(0.8, max(values) * 6)
        axes.set_xlabel("pictures (logarithmic scale)")
        axes.set_title(title)
    return figure


def board(tables: Mapping[str, pd.DataFrame], published: pd.Series, title: str) -> Figure:
    """Draw accuracy with its interval for every model, one column of points a protocol.

    Parameters
    ----------
    tables : mapping
        Rows of the leaderboard by protocol, all of one data set.
    published : Series
        Stated accuracies by model; may be empty.
    title : str
        Data set and number of pictures.
    """
    last = list(tables.values())[-1]
    order = list(last.sort_values("accuracy")["model"])
    order = [m for t in tables.values() for m in t["model"][::-1] if m not in order] + order
    place = {model: i for i, model in enumerate(order)}
    handles: dict[str, Any] = {}
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(3 + 3.7 * len(tables), 2.4 + 0.3 * len(order)), layout="constrained"
        )
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
            stated = published[published.index.isin(place)] if name == "slides" else published[:0]
            if len(stated):
                axes.plot(stated, stated.index.map(place), "kx", label="published")
            axes.set_title(f"{name}, selected on {table['selected_on'].iloc[0]}")
            axes.set_xlabel("accuracy, 95 % interval")
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            axes.grid(axis="y", color="0.9")
            axes.set_axisbelow(True)
            handles |= {
                label: handle
                for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
            }
        all_axes[0].set_yticks(range(len(order)), order)
        figure.legend(
            handles.values(),
            handles,
            loc="outside lower center",
            ncols=2,
            frameon=False,
            fontsize=9,
        )
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


class Side(NamedTuple):
    """One picture of a pair: ``(height, width, 1 or 3)`` of uint8, its file name and its label."""

    picture: np.ndarray
    name: str
    label: str


class Pair(NamedTuple):
    """Two pictures to compare, and what is known of them together."""

    title: str
    left: Side
    right: Side


def pairs(shown: Sequence[Pair], title: str) -> Figure:
    """Draw pairs of pictures side by side, four pairs a row."""
    n_rows = -(-len(shown) // PAIRS_A_ROW)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(16, 0.5 + 2.75 * n_rows), layout="constrained")
        # A figure a pair, so that its title stands above both pictures.
        cells = figure.subfigures(n_rows, PAIRS_A_ROW, squeeze=False, wspace=0.08, hspace=0.03)
        for cell, pair in zip(cells.flat, shown, strict=False):
            cell.suptitle(pair.title, fontsize=9.5, fontweight="bold")
            for axes, side in zip(cell.subplots(1, 2), (pair.left, pair.right), strict=True):
                axes.imshow(np.broadcast_to(side.picture, (*side.picture.shape[:2], 3)))
                axes.set_axis_off()
                axes.set_title(f"{_shortened(side.name)}\n{side.label}", y=-0.24, fontsize=8.5)
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    return figure


def _shortened(name: str, most: int = 26) -> str:
    """A file name with its middle left out where it is long; its end tells files apart."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"
