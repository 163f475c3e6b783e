"""Every picture. Colours are safe for the colour-blind; each says what it shows without help."""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image
from sklearn.isotonic import isotonic_regression

from benchmark import trials
from benchmark.contrast import NAMES, Contrast
from benchmark.evidence import split_name
from benchmark.learning_curve import SCORES
from benchmark.trials import Search, setting

DPI = 110
TRAINING, SELECTION = sns.color_palette("colorblind")[0], sns.color_palette("colorblind")[1]
FAMILIES = {"net": (TRAINING, "-"), "classical": (sns.color_palette("colorblind")[3], "--")}
NETS_500 = (SELECTION, "s", ":")  # the smaller test set, where a board has two
PAIRS_A_ROW = 4
PARAMETERS_A_ROW = 4
LOGARITHMIC_FROM = 50.0  # times that the largest value drawn from a range is the smallest
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
    metadata = {"Software": f"matplotlib {mpl.__version__}", "Comment": mark}
    figure.savefig(image, format="png", dpi=DPI, metadata=metadata)
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
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        lines = textwrap.fill(what, int(16 * (figure.get_figwidth() - 1.8)))
        axes.set_title(
            f"{lines}\nframed: right answers; mean recall of {n_seen} classes "
            f"{100 * recalls[totals[:, 0] > 0].mean():.1f} %",
            fontsize=9,
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
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        upper.set_title(what, fontsize=9)
    return figure


def told_apart(panels: Sequence[tuple[str, pd.DataFrame]], title: str) -> Figure:
    """Draw for every pair of models of a board how much the one is better, and if that is sure.

    Parameters
    ----------
    panels : sequence of (str, DataFrame)
        For each set of pictures its title and its part of `comparison.compare`'s pairs.
    title : str
        Data set and protocol.
    """
    orders = [list(dict.fromkeys([*pairs["model_a"], *pairs["model_b"]])) for _, pairs in panels]
    heights = [len(order) + 2.5 for order in orders]
    widest = max(map(len, orders))
    with mpl.rc_context(STYLE):
        letters = max(len(_shortened(model)) for order in orders for model in order)
        words = 0.09 * max(letters, 20)  # inches that the longest name takes
        size = max(1.6 + words + 0.46 * widest, 6.5), 0.9 + words / 2 + 0.3 * sum(heights)
        figure = Figure(figsize=size, layout="constrained")
        columns = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (name, pairs), order in zip(columns, panels, orders, strict=True):
            place = {model: i for i, model in enumerate(order)}
            for pair in pairs.to_dict(orient="records"):
                x, y = place[pair["model_b"]], place[pair["model_a"]]
                colour = TRAINING if pair["told_apart"] else "0.9"
                axes.add_patch(mpl.patches.Rectangle((x, y), 1, 1, fc=colour, ec="white"))
                axes.text(
                    *(x + 0.5, y + 0.5, f"{100 * pair['difference']:.1f}"),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if pair["told_apart"] else "0.25",
                    fontweight="bold" if pair["told_apart"] else None,
                )
            scores = dict(zip(pairs["model_a"], pairs["accuracy_a"], strict=True))
            scores |= dict(zip(pairs["model_b"], pairs["accuracy_b"], strict=True))
            axes.set(xlim=(1, max(widest, 2)), ylim=(len(order) - 1, 0))
            axes.set_yticks(
                np.arange(len(order) - 1) + 0.5,
                [f"{_shortened(model)}  {100 * scores[model]:.1f} %" for model in order[:-1]],
            )
            names = [_shortened(model) for model in order[1:]]
            axes.set_xticks(np.arange(1, len(order)) + 0.5, names, rotation=40, ha="right")
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.set_title(name, fontsize=9)
        apart = mpl.patches.Patch(fc=TRAINING, label="told apart")
        tie = mpl.patches.Patch(fc="0.9", label="not told apart by these pictures")
        figure.legend(
            handles=[apart, tie], loc="outside lower left", ncols=2, frameon=False, fontsize=9
        )
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def curves(histories: Sequence[pd.DataFrame], title: str, what: str, selected_on: str) -> Figure:
    """Draw loss and accuracy per epoch, a line a repeat."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.8), layout="constrained")
        for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
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
            axes.grid(axis="y", color="0.9")
            axes.set_axisbelow(True)
            handles |= {
                label: handle
                for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
            }
        all_axes[0].set_yticks(range(len(order)), [_shortened(model) for model in order])
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


def contrast(table: pd.DataFrame, kind: Contrast, title: str, about: Sequence[str] = ()) -> Figure:
    """Draw the scores of every model on two test sets, and the difference, with intervals.

    Parameters
    ----------
    table : DataFrame
        One of `contrast.boards`, the best first.
    kind : Contrast
        What it is of.
    title : str
        Data set, protocol and what is shown.
    about : sequence of str
        Lines on what was done to the data.
    """
    first, place = table.iloc[0], np.arange(len(table))[::-1]
    heading = textwrap.wrap(title, 78)
    below = [line for text in about for line in textwrap.wrap(text, 110)]
    with mpl.rc_context(STYLE):
        height = 2 + 2 * (0.8 + 0.34 * len(table)) + 0.2 * len(heading + below)
        figure = Figure(figsize=(9, height), layout="constrained")
        panels = figure.subplots(2, 2, sharey=True, width_ratios=[3, 2])
        for (left, right), score in zip(panels, kind.scores, strict=True):
            drawn = ((SELECTION, "s", 0.12), (TRAINING, "o", -0.12))
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
                *(100 * table[f"{score}_difference"], place),
                xerr=100 * _ends(table, f"{score}_difference"),
                fmt="kd",
                capsize=2,
                label=f"{kind.sides[0]} less {kind.sides[1]}",
            )
            right.axvline(0, color="0.5", lw=1)
            left.set_xlabel(f"{NAMES[score]}, 95 % interval")
            right.set_xlabel("difference in points, 95 % interval")
            for axes in (left, right):
                axes.grid(axis="y", color="0.9")
                axes.set_axisbelow(True)
                axes.set_ylim(-0.6, len(table) - 0.4)
            left.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        handles, labels = (
            [each for axes in panels[0] for each in axes.get_legend_handles_labels()[i]]
            for i in (0, 1)
        )
        figure.legend(
            handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9
        )
        figure.suptitle("\n".join(heading), x=0.01, ha="left", fontsize=12, fontweight="bold")
        if below:
            panels[0, 0].set_title("\n".join(below), fontsize=9)
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
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 2.4 + 0.36 * len(table)), layout="constrained")
        for axes, score, times, unit in zip(
            figure.subplots(1, 2, sharey=True),
            ("accuracy", "macro_f1"),
            (100, 1),
            ("points of accuracy", "macro-F1"),
            strict=True,
        ):
            value, low, high, se = (
                times * table[f"{score}_worth{end}"] for end in ("", "_lo", "_hi", "_se")
            )
            axes.axvline(0, color="0.5", lw=1)
            of_pictures = axes.errorbar(
                *(value, place),
                xerr=[value - low, high - value],
                fmt="o",
                color=TRAINING,
                capsize=3,
            )
            of_repeats = axes.hlines(
                place, value - se, value + se, color=SELECTION, lw=6, alpha=0.6, zorder=0
            )
            axes.set_xlabel(f"worth in {unit}")
            axes.set_yticks(place, table["left_out"])
            axes.grid(axis="y", color="0.9")
            axes.set_axisbelow(True)
        figure.supylabel("left out", fontsize=10)
        figure.legend(
            [of_pictures, of_repeats],
            ["95 % interval, for other test pictures", "± standard error of the repeats"],
            loc="outside lower center",
            ncols=2,
            frameon=False,
            fontsize=9,
        )
        first, *others = textwrap.wrap(title.replace("\n", ": ", 1), 120)
        figure.suptitle("\n".join([first, *others]), x=0.01, ha="left", fontsize=11)
    return figure


def learning_curves(
    points: pd.DataFrame, crossovers: pd.DataFrame, title: str, what: str
) -> Figure:
    """Draw accuracy and macro-F1 of every model against the number of training pictures.

    Parameters
    ----------
    points : DataFrame
        Of one data set and split, see `learning_curve.points`.
    crossovers : DataFrame
        Those of the best net and the best classical model, see `learning_curve.crossovers`.
    title, what : str
        Data set; protocol and number of pictures.
    """
    sizes = np.unique(points["size"].to_numpy(np.int64))
    models = points.drop_duplicates("model")
    markers = dict(zip(models["model"], itertools.cycle("osD^vP*Xp<>h"), strict=False))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(14, max(5.2, 2.2 + 0.24 * len(models))), layout="constrained")
        panels = figure.subplots(1, 2, sharex=True)
        for axes, (score, name) in zip(panels, SCORES.items(), strict=True):
            ends = []
            best = points.sort_values(["size", score]).groupby("kind")["model"].last()
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
            if score == "accuracy":
                axes.axhline(points["majority_accuracy"].iloc[0], color="0.5", ls=":", lw=1)
            axes.set_xscale("log", base=2)
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=40, ha="right")
            axes.minorticks_off()
            axes.set_xlim(sizes[0] / 1.08, sizes[-1] * 1.08)
            axes.grid(color="0.92")
            axes.set_axisbelow(True)
            axes.set_xlabel("pictures learnt from, a fifth to select on (logarithmic scale)")
            axes.set_ylabel(name)
            if score == "accuracy":
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
            mpl.lines.Line2D([], [], color="0.5", ls=":", label="always the commonest class"),
        ]
        if ((crossovers["crossover"] > 0) & (crossovers["crossover"] < np.inf)).any():
            handles.append(
                mpl.lines.Line2D(
                    *([], []), color="k", marker="|", ms=9, label="crossover and its 95 % interval"
                )
            )
        figure.legend(
            handles=handles, loc="outside lower left", ncols=len(handles), frameon=False, fontsize=9
        )
        figure.suptitle(f"{title}: {what}", x=0.01, ha="left", fontsize=12, fontweight="bold")
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


def search(found: Search, title: str) -> Figure:
    """Draw the score of every trial against the value of each parameter that has several.

    Parameters
    ----------
    found : Search
    title : str
        Data set, model, protocol, number of pictures.
    """
    metric, table = found.entry["metric"], found.table
    alone = {name: [*found.table[name].unique()] for name in found.parameters}
    tried = trials.varied(found) or alone  # of one trial
    shares = trials.importance(found)
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
    with mpl.rc_context(STYLE):
        size = max(3.1 * n_columns + 0.6, 9), 1.9 + 3.1 * n_rows
        figure = Figure(figsize=size, layout="constrained")
        cells = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
        for axes in cells.flat[len(tried) :]:
            axes.set_axis_off()
        for axes, (name, values) in zip(cells.flat, tried.items(), strict=False):
            numbers = pd.to_numeric(pd.Series(values), errors="coerce").notna().all()
            listed = len(values) <= trials.FEW or not numbers
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
                axes.set_xscale("log")
            axes.set_xlabel(name)
            if name in shares:
                axes.set_title(
                    f"{100 * shares[name]:.0f} % of the spread between trials", fontsize=9
                )
            axes.grid(axis="y", color="0.92")
            axes.set_axisbelow(True)
        for axes in cells[:, 0]:
            axes.set_ylabel(f"validation {trials.METRICS[metric]}")
            if metric == "accuracy":
                axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        handles, labels = cells[0, 0].get_legend_handles_labels()
        if n_bad:
            handles.append(mpl.patches.Patch(fc="none", ec="none"))
            labels.append(f"without a score and not drawn: {n_bad}")
        figure.legend(handles, labels, loc="outside lower left", ncols=5, frameon=False, fontsize=9)
        wrapped = textwrap.fill(title, int(10 * size[0]))
        figure.suptitle(wrapped, x=0.01, ha="left", fontsize=11, fontweight="bold")
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
                axes.set_title(f"{_shortened(side.name, 26)}\n{side.label}", y=-0.24, fontsize=8.5)
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    return figure


def _shortened(name: str, most: int = 44) -> str:
    """A file name with its middle left out where it is long; its end tells files apart."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"
