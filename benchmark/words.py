"""The leaderboard in words: headings, tables for people, and the Markdown file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmark import contrast, evidence, leaderboard, learning_curve, trials
from benchmark.leaderboard import Leaderboard
from benchmark.protocols import Curve
from benchmark.trials import Search, setting
from datasets import crops

HOW_TO_GET_REAL = (
    "These are generated faces, drawn by this project, not photographs of people: the figures say "
    "nothing about real expressions. For the real pictures run 'make data', or set MUXSPACE_DIR to "
    "a clone of github.com/muxspace/facial_expressions."
)
HOW_TO_READ = (
    "A rank is one more than the number of models that are better and told apart; '1=' is a tie, "
    "shared by models between which these pictures cannot decide. Told apart are two models whose "
    "answers to the same pictures differ more than chance explains (McNemar's test, pictures of "
    "one person taken together, at 5 % for all pairs of a board after Holm; comparisons.csv has "
    "each pair). Intervals are 95 %, for other people and pictures drawn like these (bootstrap by "
    "person; where nobody says who is shown, by picture); those of balanced accuracy and macro-F1 "
    "are too short where a class has only a few test pictures. What training again changes is not "
    "in them: with repeats it is the '±' beside, the standard deviation from one to the next. "
    "Times leave out loading and warm-up."
)
PUBLISHED_RANKS = (
    "Published figures are ranked among those on as many pictures, all pairs by the test of two "
    "proportions after Holm: of them only the accuracies are known."
)


def heading(part: pd.DataFrame, protocol: str = "") -> str:
    """One line that says what a board is about: data, protocol, split, pictures, selection."""
    first = part.iloc[0]
    data = evidence.data_name(first["dataset"], first["generated_data"])
    if not pd.isna(first["crop_found"]):
        crop = crops.parted(first["dataset"])[1]
        data += f" ({crops.said(crop, first['crop_found'])})"
    pixels = " or ".join(f"{size}" for size in sorted(part["size"].unique()))
    counts = " or ".join(f"{n:,}" for n in sorted(part["n_test"].dropna().unique()))
    people = " or ".join(f"{n:,}" for n in sorted(part["n_people"].dropna().unique()))
    shown = f" of {people} people" if people else ""
    tested = f", scored on {counts} pictures{shown}" if counts else ""
    left_out = f", {first['n_left_out']} unreadable left out" if first["n_left_out"] else ""
    return (
        f"{data} at {pixels} px, protocol {protocol or first['protocol']}, "
        f"{evidence.split_name(first['split'])}, selection on {first['selected_on']}"
        f"{tested}{left_out}"
    )


def about(part: pd.DataFrame) -> list[str]:
    """Lines to stand above a board on what was done to its data: none or one."""
    return [*filter(None, part["about"].dropna().unique())]


SHOWN = {
    "rank": "rank",
    "model": "model",
    "accuracy": "accuracy % (95 % interval)",
    "balanced_accuracy": "balanced accuracy %",
    "macro_f1": "macro-F1",
    "top2_accuracy": "top-2 %",
    "ece": "calibration error",
    "majority_accuracy": "majority %",
    "published_accuracy": "published %",
    "n_train": "training pictures",
    "n_test": "test pictures",
    "fit_seconds": "fit s",
    "predict_ms_per_image": "ms a picture",
    "note": "status and notes",
}


def for_people(part: pd.DataFrame) -> pd.DataFrame:
    """A board as text, with the columns a reader looks at first."""
    lines = []
    shared = part.duplicated(["data", "n_test", "rank"], keep=False)
    for (_, row), tie in zip(part.iterrows(), shared, strict=True):
        accuracy = with_interval(row, "accuracy", percent)
        if not pd.isna(row["accuracy_sd_of_repeats"]):
            accuracy += f", repeats ±{100 * row['accuracy_sd_of_repeats']:.1f}"
        trouble = "" if row["status"] == "ok" else f"{row['status']}: {row['reason']}"
        note = row["note"] if isinstance(row["note"], str) else ""
        lines.append(
            {
                "rank": _rank_text(row["rank"], tie),
                "model": row["model"],
                "accuracy": accuracy,
                "balanced_accuracy": with_interval(row, "balanced_accuracy", percent),
                "macro_f1": with_interval(row, "macro_f1", lambda value: number(value, 3)),
                "top2_accuracy": percent(row["top2_accuracy"]),
                "ece": number(row["ece"], 3),
                "majority_accuracy": percent(row["majority_accuracy"]),
                "published_accuracy": percent(row["published_accuracy"]),
                "n_train": number(row["n_train"], 0),
                "n_test": number(row["n_test"], 0),
                "fit_seconds": number(row["fit_seconds"], 1),
                "predict_ms_per_image": number(row["predict_ms_per_image"], 2),
                "note": "; ".join(filter(None, [trouble, note])),
            }
        )
    return pd.DataFrame(lines).rename(columns=SHOWN)


def percent(value: float) -> str:
    """A share in percent, or nothing."""
    return "" if pd.isna(value) else f"{100 * value:.1f}"


def number(value: float, digits: int) -> str:
    """A number with so many decimals, or nothing."""
    return "" if pd.isna(value) else f"{value:,.{digits}f}"


def with_interval(row: pd.Series, name: str, text: Callable[[float], str]) -> str:
    """A score of a table with its interval, or nothing."""
    score = text(row[name])
    return score and f"{score} ({text(row[f'{name}_lo'])}-{text(row[f'{name}_hi'])})"


def _rank_text(rank: Any, tie: bool) -> str:
    return "" if pd.isna(rank) else f"{rank}=" if tie else f"{rank}"


def boards(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each data set, protocol and split with its heading; of a curve the largest size only."""
    whole = table[~learning_curve.is_step(table)]
    return [(heading(part), part) for _, part in whole.groupby(leaderboard.BOARD, sort=False)]


@dataclass(frozen=True)
class CurveSection:
    """What is shown of the learning curves of one data set and split, at one size in pixels.

    Attributes
    ----------
    title : str
    table : DataFrame
        Accuracy in percent as text, a row a model and a column a size.
    lines : list of str
        Sentences on where nets overtake classical models, and on what to mind.
    points, crossovers : DataFrame
        Those of this section, see `learning_curve`.
    picture : str or None
        Its file, if it has two sizes.
    """

    title: str
    table: pd.DataFrame
    lines: list[str]
    points: pd.DataFrame
    crossovers: pd.DataFrame
    picture: str | None


def curves(found: Leaderboard) -> list[CurveSection]:
    """Return the learning curves, a section for each data set, split and kind of pictures."""
    of_curves = found.table[found.table["protocol"].map(Curve.size).notna()]
    sets = of_curves.drop_duplicates(learning_curve.CURVE)
    several = set(sets.loc[sets.duplicated(["dataset", "split"], keep=False), "data"])
    sections = []
    for (dataset, split, data), part in of_curves.groupby(learning_curve.CURVE, sort=False):
        points, crossovers = (
            table[(table[learning_curve.CURVE] == [dataset, split, data]).all(axis=1)]
            for table in (found.points, found.crossovers)
        )
        named = part["board"].iloc[0] != part["protocol"].iloc[0]  # not the usual split
        words = [dataset, *[split] * bool(named), *[data] * (data in several)]
        picture = f"learning-curves.{picture_name(*map(str, words))}.png"
        sections.append(_curve_section(part, points, crossovers, picture))
    return sections


def _curve_section(
    part: pd.DataFrame, points: pd.DataFrame, crossovers: pd.DataFrame, picture: str
) -> CurveSection:
    def cell(row: pd.Series) -> str:
        if pd.isna(row["accuracy"]):
            return str(row["status"])
        spread = row["accuracy_sd_of_repeats"]
        repeats = "" if pd.isna(spread) else f" ±{100 * spread:.1f}"
        return f"{100 * row['accuracy']:.1f}{repeats}"

    labels = sorted(part["protocol"].unique(), key=lambda label: Curve.size(label) or 0)
    texts = part.assign(text=part.apply(cell, axis=1))
    best_first = texts.sort_values("accuracy", ascending=False)
    models = best_first.loc[best_first["protocol"] == labels[-1], "model"]
    wide = texts.pivot_table(index="model", columns="protocol", values="text", aggfunc="first")
    wide = wide.reindex([*dict.fromkeys([*models, *best_first["model"]])])[labels].fillna("")
    sizes = points.groupby("protocol")["size"].max()
    wide.columns = pd.Index(
        [f"{sizes[label]:,} pictures" if label in sizes else label for label in labels]
    )

    lines = []
    best = crossovers[crossovers["net"] == learning_curve.BEST_NET]
    for row in best.to_dict(orient="records"):
        lines.append(f"In {learning_curve.SCORES[row['score']]} {row['verdict']}.")
    if lines:
        lines.append(
            "Pictures are those learnt from, a fifth of them to select on. The best at each size "
            "are chosen on half of the people and scored on the other half; every pair of models, "
            "and how the interval is made, is in crossovers.csv."
        )
    absent: dict[str, int] = {}
    for point in points.to_dict(orient="records"):
        for name in filter(None, point["not_in_training"].split("; ")):
            absent[name] = max(absent.get(name, 0), point["size"])
    if absent:
        upto = ", ".join(f"{name} up to {size:,} pictures" for name, size in absent.items())
        lines.append(f"Not in every training set: {upto}; a model cannot name what it never saw.")
    title = heading(part, Curve.name)
    drawn = picture if len(sizes) > 1 else None
    return CurveSection(title, wide.reset_index(), lines, points, crossovers, drawn)


BEST_TRIALS = 10  # of a search, in words; all are in its table


@dataclass(frozen=True)
class SearchSection:
    """What is shown of a search.

    Attributes
    ----------
    title : str
    table : DataFrame
        The best trials as text.
    lines : list of str
        Sentences on the best, the ties, the failures, what matters, and what it took.
    search : Search
    file : str
        Of its table and its picture, without the ending.
    """

    title: str
    table: pd.DataFrame
    lines: list[str]
    search: Search
    file: str


def searches(found: Leaderboard) -> list[SearchSection]:
    """Return what is to be shown of every search."""
    return [_search_section(search, found) for search in found.searches]


def _search_section(search: Search, found: Leaderboard) -> SearchSection:
    entry = search.entry
    about, protocol = entry["dataset"], entry["protocol"]
    data = evidence.data_name(about["name"], about["generated"])
    scored = (
        f", scored on {search.n_validation:,} validation pictures" if search.n_validation else ""
    )
    title = (
        f"{data} at {about['size']} px: {len(search.table):,} trials of {entry['model']['label']} "
        f"({entry['space']}, {entry['sampler']}), protocol {protocol['label']}, "
        f"{protocol['split']} split{scored}, best in {trials.METRICS[entry['metric']]}"
    )
    words = (about["name"], search.board, entry["model"]["label"])
    name = picture_name(*words, entry["space"], entry["sampler"], entry["metric"])
    table = _best_trials(search)
    return SearchSection(title, table, _on_search(search, found), search, f"trials/{name}")


def _best_trials(search: Search) -> pd.DataFrame:
    best_first = search.table.loc[search.order()].head(BEST_TRIALS)
    lines = [
        {
            "trial": f"{row['trial']}",
            **{name: setting(row[name]) for name in search.parameters},
            "accuracy % (95 % interval)": with_interval(row, "accuracy", percent),
            "macro-F1": with_interval(row, "macro_f1", lambda value: number(value, 3)),
            "log loss": number(row["log_loss"], 3),
            "epochs": number(row["epochs"], 0),
            "seconds": number(row["seconds"], 1),
            "told apart from the best": {True: "yes", False: "no"}.get(
                row["told_apart_from_best"], ""
            ),
        }
        for _, row in best_first.iterrows()
    ]
    return pd.DataFrame(lines)


def _on_search(search: Search, found: Leaderboard) -> list[str]:
    lines = []
    n, pictures = len(search.table), f"{search.n_validation:,} validation pictures"
    waiting = int((search.table["status"] == trials.NOT_RUN).sum())
    if waiting:
        lines.append(f"{waiting:,} of {n:,} trials were not run yet: the same command goes on.")
    if search.best is not None:
        best = search.table[search.table["best"]].iloc[0]
        lines.append(
            f"Best: {search.best['label']}, {with_interval(best, 'accuracy', percent)} % of the "
            f"{pictures} right, which flatters, since it was chosen on them."
        )
        rows = {evidence.place(row.entry) for row in found.rows if search.won_by(row)}
        places = found.table[[*leaderboard.BOARD, "model"]].apply(tuple, axis=1)
        for _, row in found.table[places.isin(rows)].dropna(subset=["accuracy"]).iterrows():
            lines.append(
                f"Under {row['board']} that is {with_interval(row, 'accuracy', percent)} % of "
                f"{row['n_test']:,} test pictures, which counted in no choice."
            )
        others = int(search.table["accuracy"].notna().sum()) - 1
        if others:
            lines.append(
                f"Of {others:,} others with a score, {search.n_tied:,} cannot be told from it by "
                "these pictures (McNemar's test on the accuracy, pictures of one person taken "
                "together, at 5 % for all of them after Holm)."
            )
    matters = trials.importance(search)
    if matters:
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in matters.items())
        metric = trials.METRICS[search.entry["metric"]]
        lines.append(
            f"Of the trials' spread in {metric}, this much lies between the values of a parameter: "
            f"{shares} (correlation ratio); the rest is noise and what parameters do together."
        )
    bad = search.table[~search.table["status"].isin(["ok", trials.NOT_RUN])]
    if len(bad):
        first = bad.iloc[0]
        lines.append(
            f"{len(bad):,} trials have no score; the first is trial {first['trial']}: "
            f"{first['status']}: {first['reason']}."
        )
    lines.append(f"All trials took {search.seconds:,.1f} s, one after the other.")
    return lines


def comparisons(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The side-by-side tables as percentages, with a title each."""
    result = []
    drawn = set(table.loc[table["generated_data"], "dataset"])
    for dataset, wide in leaderboard.side_by_side(table).items():
        text = wide.map(lambda value: "" if pd.isna(value) else f"{100 * value:.1f}")
        ranks = published_ranks(dataset)
        if "published" in text and ranks:
            text.insert(1, "its rank", [ranks.get(name, "") for name in text.index])
        data = evidence.data_name(dataset, dataset in drawn)
        result.append((f"{data}: accuracy in percent, side by side", text.reset_index()))
    return result


def published_ranks(dataset: str) -> dict[str, str]:
    """Rank of each published figure beside others by model, as ``1= of 8 on 165 pictures``."""
    table = leaderboard.published_figures()
    table = table[table["dataset"] == dataset].dropna(subset=["rank"])
    table = table[table.duplicated("n_test", keep=False)]
    beside = table.groupby("n_test")["model"].transform("size")
    shared = table.duplicated(["n_test", "rank"], keep=False)
    return {
        row["model"]: f"{_rank_text(row['rank'], tie)} of {n} on {row['n_test']:,} pictures"
        for row, n, tie in zip(table.to_dict(orient="records"), beside, shared, strict=True)
    }


def picture_name(*words: str) -> str:
    """A file name of words that may hold any sign."""
    return re.sub(r"[^\w.=,:\[\]-]+", "-", ".".join(words))


def told_apart_name(part: pd.DataFrame) -> str | None:
    """File of the picture that shows which models of a board are told apart, if there are two."""
    first = part.iloc[0]
    ranked = part.dropna(subset=["rank"])
    if not ranked.duplicated(["data", "n_test"]).any():
        return None
    return f"told-apart/{picture_name(first['dataset'], first['board'])}.png"


def markdown(
    table: pd.DataFrame,
    audit: str = "",
    contrasts: Mapping[contrast.Contrast, pd.DataFrame] | None = None,
    sections: Sequence[CurveSection] = (),
    searched: Sequence[SearchSection] = (),
) -> str:
    """The leaderboard as Markdown, with what an audit said and contrasts, curves, searches show."""
    parts = ["# Leaderboard"]
    if table["generated_data"].any():
        parts.append(f"**{HOW_TO_GET_REAL}**")
    if audit:
        parts.append(re.sub(r"([\\`*_<|])", r"\\\1", audit))  # file names are no Markdown
    for title, text in comparisons(table):
        parts += [f"## {title}", text.to_markdown(index=False, disable_numparse=True)]
        if "its rank" in text:
            parts.append(PUBLISHED_RANKS)
    for kind, whole in (contrasts or {}).items():
        for title, part in contrast.boards(whole, kind):
            text = contrast.for_people(part, kind)
            parts += [f"## {title}", *about(part)]
            parts += [text.to_markdown(index=False, disable_numparse=True), kind.how_to_read]
    for section in sections:
        wide = section.table.to_markdown(index=False, disable_numparse=True)
        parts += [f"## {section.title}", wide, " ".join(section.lines)]
        if section.picture:
            parts.append(f"![Learning curves](<{section.picture}>)")
    for each in searched:
        best = each.table.to_markdown(index=False, disable_numparse=True)
        parts += [f"## {each.title}", best, " ".join(each.lines)]
        parts.append(f"![The trials by parameter](<{each.file}.png>)")
    for title, part in boards(table):
        text = for_people(part)
        parts += [f"## {title}", *about(part), text.to_markdown(index=False, disable_numparse=True)]
        picture = told_apart_name(part)
        if picture:
            parts.append(f"![Which of these models are told apart](<{picture}>)")
    parts.append(HOW_TO_READ)
    return "\n\n".join(parts) + "\n"
