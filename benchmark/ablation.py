"""What each part of a recipe is worth: ``python -m benchmark.ablation --model seresnet18``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click
import pandas as pd

import deepnets
from benchmark import session
from benchmark.core import models
from benchmark.core.runs import Run, on_board
from benchmark.core.store import Results
from benchmark.options import ONE_SPLIT, Options, command
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import IN_CURVES, METRICS
from benchmark.scores.rows import read_row
from benchmark.scores.worth import WHOLE, worth_of_parts
from benchmark.view import console, text
from datasets import InputError

NOTHING = "all of it"
EVERY_WAY = "all changes of pictures"
SAYS_HOW_MUCH = {"balance_strength": "balance"}  # of the other, without which it means nothing
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
    parameters = model.make(**settings).get_params()
    usual = deepnets.architecture(model.name).options
    return {**usual, **(parameters.pop("options") or {}), **parameters}


def for_people(found: pd.DataFrame) -> pd.DataFrame:
    """The table as text."""
    lines = []
    for row in found.to_dict(orient="records"):
        line: dict[str, str] = {"left out": row["left_out"]}
        if row["status"] != "ok":
            lines.append({**line, "accuracy %": f"{row['status']}: {row['reason']}"})
            continue
        for score in IN_CURVES:
            metric = METRICS[score]
            repeats, again = (
                text.score(row[f"{score}{end}"], score) for end in ("_sd", "_worth_se")
            )
            line[metric.heading] = text.score(row[score], score) + (repeats and f" ±{repeats}")
            worth = text.difference(row, f"{score}_worth", score)
            line[f"worth, {metric.points} (95 %)"] = worth + (again and f" ±{again}")
        line["fit s"] = f"{row['fit_seconds']:.0f}"
        lines.append(line)
    return pd.DataFrame(lines).fillna("")


@command(
    *("data", "drop_class", "drop_duplicates", "crop", "train_size", "recipe", "size", "device"),
    *("jobs", "threads", "time_limit", "settings", "out"),
    model={"required": True, "help": "One net, or timm:NAME."},
    repeats={"default": 3},
    split=ONE_SPLIT,
)
def main(options: Options) -> int:
    """Train a net by a recipe and without each of its parts; write what each is worth."""
    model, *others = models.find(options.model)
    if others or not model.deep:
        raise click.UsageError(f"--model {options.model}: name one net, for a recipe is a net's")
    runs: dict[str, list[Run]] = {
        left_out: session.plan(replace(options, settings=settings))
        for left_out, settings in variants(model, options.recipe, options.settings).items()
    }
    session.begin(options)
    every = [run for several in runs.values() for run in several]
    ends = [*runs[WHOLE], *runs[NOTHING]]
    records = session.make(every, options, shown=ends)
    board = session.publish(options.results)
    worth = worth_of_parts(
        {
            left_out: read_row(options.results, on_board(several)[0])
            for left_out, several in runs.items()
        }
    )
    if len(worth):
        _show(worth, board, ends[0], options)
    return session.tell_failures(records)


def _show(worth: pd.DataFrame, board: Leaderboard, run: Run, options: Options) -> None:
    """Write and print what each part is worth; `run` is one of the whole recipe."""
    about, model, repeats = run.dataset.name, run.model.name, options.repeats
    (place, *_) = (row.place[:3] for row in run.board_rows)
    rows = [row for row in board.rows if row.place[:3] == place]
    title = (
        f"What each part of the recipe '{options.recipe}' is worth to {model}\n"
        f"{text.heading(rows)}, {repeats} repeat{'s' if repeats > 1 else ''}"
    )
    name = text.file_name(
        *("ablation", about, run.protocol.label, run.protocol.split, options.model, options.recipe)
    )
    _write(options.results, name, worth, title)
    console.print_table(title, for_people(worth), console.output())
    click.echo(HOW_TO_READ)
    click.echo(f"written: {options.out / name}.csv, .md and .png, report.html, leaderboard.csv")


def _write(results: Results, name: str, worth: pd.DataFrame, title: str) -> None:
    from benchmark.view import plots  # with matplotlib, which the workers need not load

    results.write_text(f"{name}.csv", text.csv(worth))
    lines = for_people(worth).to_markdown(index=False, disable_numparse=True)
    results.write_text(f"{name}.md", f"# {title}\n\n{lines}\n\n{HOW_TO_READ}\n")
    drawn = plots.worth(worth.iloc[1:].dropna(subset=["accuracy"]), title)
    results.write_bytes(f"{name}.png", plots.png(drawn))


if __name__ == "__main__":
    main()
