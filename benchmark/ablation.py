"""What each part of a recipe is worth: ``python -m benchmark.ablation --model seresnet18``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console

import deepnets
from benchmark import session
from benchmark.core import models, pool, store
from benchmark.core.progress import Display
from benchmark.core.protocols import Fair, Split, possible_splits
from benchmark.core.runs import Run, load
from benchmark.options import (
    DATA,
    DEVICE,
    JOBS,
    OUT,
    SET,
    SIZE,
    SPLIT,
    THREADS,
    TIME_LIMIT,
    TRAIN_SIZE,
    Changes,
    changes,
    command,
)
from benchmark.scores import intervals, pairs
from benchmark.scores.rows import Evidence, read_row
from benchmark.view import numbers
from benchmark.view import text as words
from datasets import InputError

WHOLE = "the whole recipe"
NOTHING = "all of it"
EVERY_WAY = "all changes of pictures"
SAYS_HOW_MUCH = {"balance_strength": "balance"}  # of the other, without which it means nothing
SCORES = {"accuracy": ("accuracy %", "points"), "macro_f1": ("macro-F1", "macro-F1")}  # and units
HOW_TO_READ = (
    "Worth is the score of the whole recipe less that without the part: above 0 the part helps. "
    "Its interval is 95 %, for other people and pictures drawn like the test set's (bootstrap by "
    "person); ± is the standard error that training again with other seeds gives the difference, "
    "which the interval does not hold."
)


def variants(
    model: models.Model, recipe: str, settings: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Settings of the whole recipe, of it without each of its parts, and without all of them.

    A part is a parameter that the recipe gives another value than the net has by itself, together
    with those that say how much of it, and each way of changing pictures that its augmentation
    names; besides, all of these ways at once.

    Parameters
    ----------
    model : Model
    recipe : str
        Its name.
    settings : mapping
        What the user sets; it stays in all of them, and is no part.

    Returns
    -------
    dict
        By what is left out, in words: `WHOLE` first, `NOTHING` last.

    Raises
    ------
    InputError
        If the model has no recipe, or this one changes nothing of it.
    """
    usual, recipes = _parameters(model, settings), {**settings, "recipe": recipe}
    given = {name: v for name, v in _parameters(model, recipes).items() if v != usual[name]}
    found = {WHOLE: recipes}
    for name, value in given.items():
        if SAYS_HOW_MUCH.get(name) in given:
            continue
        together = [name, *(each for each in given if SAYS_HOW_MUCH.get(each) == name)]
        said = ", ".join(_in_words(each, given[each], usual[each]) for each in together)
        ways = value.split("+") if name == "augment" else []
        for way in ways:
            found[way] = {**recipes, name: "+".join(each for each in ways if each != way)}
        if len(ways) != 1:
            found[EVERY_WAY if ways else said] = recipes | {each: usual[each] for each in together}
    if len(found) == 1:
        raise InputError(f"the recipe '{recipe}' changes nothing of {model.name}: name another")
    return {**found, NOTHING: dict(settings)}


def _in_words(name: str, value: Any, before: Any) -> str:
    if before in (0, None, False, "none"):
        return f"{name}={value}"
    return f"{name}={value} (instead {before})"


def _parameters(model: models.Model, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a net's classifier and, beside them, of its architecture."""
    parameters = model.estimator(settings).get_params()
    signature = inspect.signature(deepnets.architecture(model.name).build).parameters
    usual = {
        name: each.default for name, each in signature.items() if each.default is not each.empty
    }
    return {**usual, **(parameters.pop("options") or {}), **parameters}


def table(rows: Mapping[str, Evidence]) -> pd.DataFrame:
    """Compute what each part is worth.

    Parameters
    ----------
    rows : mapping
        Leaderboard rows by what is left out, `WHOLE` among them, all on the same test pictures.
        Those that are not ``ok`` have a reason and no score.

    Returns
    -------
    DataFrame
        A row each: ``left_out``, ``repeats``, ``fit_seconds``, ``status``, ``reason``; and for each
        of `SCORES` its mean over repeats, ``_sd`` of repeats, ``_worth`` with ``_worth_lo`` and
        ``_worth_hi``, and ``_worth_se``, the standard error from repeats; fractions. Empty if the
        whole is not ok.
    """
    scored = {name: row.scored for name, row in rows.items() if row.scored and row.bad is None}
    whole = scored.get(WHOLE)
    if whole is None:
        return pd.DataFrame()
    who, pictures, _ = pairs.who_is_shown([*scored.values()])
    effective = intervals.effective_people(pictures)
    draws = {name: pairs.answers(one, who, len(pictures)).draws for name, one in scored.items()}
    lines = []
    for name, one in scored.items():
        line: dict[str, Any] = {
            "left_out": "nothing" if name == WHOLE else name,
            "status": "ok",
            "reason": "",
            "repeats": len(one.scores),
            "fit_seconds": float(np.mean([run["fit_seconds"] for run in rows[name].good])),
        }
        for score in SCORES:
            mine, theirs = (each.scores[score] for each in (whole, one))
            worth = float(mine.mean() - theirs.mean())
            errors = np.array([mine.sem(), theirs.sem()], np.float64)
            low, high = intervals.difference_interval(
                worth, draws[WHOLE][score] - draws[name][score], effective
            )
            line |= {
                score: theirs.mean(),
                f"{score}_sd": theirs.std(),
                f"{score}_worth": worth,
                f"{score}_worth_lo": low,
                f"{score}_worth_hi": high,
                f"{score}_worth_se": float(np.hypot(*errors)),
            }
            if name == WHOLE:
                line |= {key: np.nan for key in line if key.startswith(f"{score}_worth")}
        lines.append(line)
    failed = [
        {"left_out": name, "status": row.bad["status"], "reason": row.bad["reason"]}
        for name, row in rows.items()
        if row.bad is not None
    ]
    return pd.DataFrame([*lines, *failed])


def for_people(found: pd.DataFrame) -> pd.DataFrame:
    """The table as text."""
    lines = []
    for row in found.to_dict(orient="records"):
        line: dict[str, str] = {"left out": row["left_out"]}
        if row["status"] != "ok":
            lines.append({**line, "accuracy %": f"{row['status']}: {row['reason']}"})
            continue
        for score, (shown, unit) in SCORES.items():
            repeats, again = (
                numbers.score(row[f"{score}{end}"], score) for end in ("_sd", "_worth_se")
            )
            line[shown] = numbers.score(row[score], score) + (repeats and f" ±{repeats}")
            worth = numbers.difference(row, f"{score}_worth", score)
            line[f"worth, {unit} (95 %)"] = worth + (again and f" ±{again}")
        line["fit s"] = f"{row['fit_seconds']:.0f}"
        lines.append(line)
    return pd.DataFrame(lines).fillna("")


@command
@click.option("--model", required=True, help="One net, or timm:NAME.")
@click.option("--recipe", default="strong", show_default=True)
@DATA
@changes
@TRAIN_SIZE
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@SIZE
@SPLIT
@DEVICE
@JOBS
@THREADS
@TIME_LIMIT
@SET
@OUT
def main(
    model: str,
    recipe: str,
    data: str | None,
    changes: Changes,
    train_size: int | None,
    repeats: int,
    size: int,
    split: Split | None,
    device: str,
    jobs: int | None,
    threads: int,
    time_limit: float | None,
    settings: dict[str, Any],
    out: Path,
) -> int:
    """Train a net by a recipe and without each of its parts; write what each is worth."""
    console = Console(stderr=True)
    entries = models.find(model)
    if len(entries) > 1 or not entries[0].deep:
        raise click.UsageError(f"--model {model}: name one net, for a recipe is a net's")
    asked = variants(entries[0], recipe, settings)
    data = changes.of(data)
    dataset = load(data, size)
    usual = split or Fair.usual_split(possible_splits(dataset))
    protocol = Fair(split=usual, train_size=train_size, repeats=repeats)
    where = session.usable_device(device, entries)
    runs: dict[str, list[Run]] = {
        name: session.plan(data, dataset, [protocol], entries, each, where, threads)
        for name, each in asked.items()
    }
    store.check_writable(out)
    session.say_what(dataset, console)
    jobs = jobs or pool.default_jobs(where, size)
    with Display(console) as display:
        every = [run for several in runs.values() for run in several]
        records = pool.run_all(every, out, jobs, time_limit, display)
    ends = [*runs[WHOLE], *runs[NOTHING]]
    _, board = session.make(ends, out, jobs, time_limit, console)
    found = table(
        {
            name: read_row(out, {**several[0].shown, "keys": [run.key for run in several]})
            for name, several in runs.items()
        }
    )
    if len(found):
        rows = board.table["board"] == ends[0].board
        title = (
            f"What each part of the recipe '{recipe}' is worth to {entries[0].name}\n"
            f"{words.heading(board.table[rows & (board.table['dataset'] == dataset.name)])}, "
            f"{repeats} repeat{'s' if repeats > 1 else ''}"
        )
        name = words.picture_name("ablation", dataset.name, protocol.label, usual, model, recipe)
        _write(out / name, found, title)
        session.print_table(session.output(), title, for_people(found))
        click.echo(HOW_TO_READ)
        click.echo(f"written: {out / name}.csv, .md and .png, report.html, leaderboard.csv")
    return session.tell_failures(records, console)


def _write(path: Path, found: pd.DataFrame, title: str) -> None:
    from benchmark.view import (
        page,
        plots,  # with matplotlib, which the workers need not load
    )

    page.write_table(path.with_name(f"{path.name}.csv"), found)
    text = for_people(found).to_markdown(index=False, disable_numparse=True)
    store.write_text(path.with_name(f"{path.name}.md"), f"# {title}\n\n{text}\n\n{HOW_TO_READ}\n")
    plots.save(
        plots.worth(found.iloc[1:].dropna(subset=["accuracy"]), title),
        path.with_name(f"{path.name}.png"),
    )


if __name__ == "__main__":
    main()
