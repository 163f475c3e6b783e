"""What each part of a recipe is worth: ``python -m benchmark.ablation --model seresnet18``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import click
import pandas as pd

import deepnets
from benchmark import session
from benchmark.core import models
from benchmark.core.runs import Run, on_board
from benchmark.options import ONE_SPLIT, Options, command
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import METRICS, SHOWN
from benchmark.scores.rows import read_row
from benchmark.scores.worth import WHOLE, worth_of_parts
from benchmark.view import console, text
from datasets import InputError
from datasets.names import readable

WITHOUT_ALL = "all of it"
ALL_AUGMENTATIONS = "all changes of pictures"
NO_PARTS = ("budget", "mirror_check", "changed_from")  # of the protocol, and of augment
STRENGTH_OF = {"balance_strength": "balance"}  # without which it means nothing
HOW_TO_READ = (
    "Worth is the score of the whole recipe less that without the part: above 0 the part helps. "
    "Its interval is 95 %, for other people and pictures drawn like the test set's (bootstrap by "
    "person) and, with repeats, for other training runs; ± is the standard deviation of repeats."
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
        By what is left out, in words: `WHOLE` first, `WITHOUT_ALL` last.

    Raises
    ------
    InputError
        If the model has no recipe, or this one changes nothing of it.
    """
    usual, whole = _parameters(model, settings), {**settings, "recipe": recipe}
    changed = {name: v for name, v in _parameters(model, whole).items() if v != usual[name]}
    given = {name: v for name, v in changed.items() if name not in NO_PARTS}
    result = {WHOLE: whole}
    for name, value in given.items():
        if STRENGTH_OF.get(name) in given:
            continue
        together = [name, *(each for each in given if STRENGTH_OF.get(each) == name)]
        ways = value.split("+") if name == "augment" else []
        for way in ways:
            result[way] = {**whole, name: "+".join(each for each in ways if each != way)}
        if len(ways) != 1:
            words = ", ".join(_in_words(each, given[each], usual[each]) for each in together)
            left_out = ALL_AUGMENTATIONS if ways else words
            result[left_out] = whole | {each: usual[each] for each in together}
    if len(result) == 1:
        raise InputError(f"the recipe '{recipe}' changes nothing of {model.name}: name another")
    stays = {name: changed[name] for name in NO_PARTS if name in changed}
    return {**result, WITHOUT_ALL: {**settings, **stays, "recipe": "published"}}


def _in_words(name: str, value: Any, before: Any) -> str:
    if before in (0, None, False, "none"):
        return f"{name}={value}"
    return f"{name}={value} (instead {before})"


def _parameters(model: models.Model, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a net's classifier and, beside them, of its architecture."""
    parameters = model.make(**settings).get_params()
    usual = deepnets.architecture(model.name).options
    return {**usual, **(parameters.pop("options") or {}), **parameters}


def for_people(worth: pd.DataFrame) -> pd.DataFrame:
    """The table as text."""
    lines = []
    for row in worth.to_dict(orient="records"):
        line: dict[str, str] = {"left out": row["left_out"]}
        if row["status"] != "ok":
            lines.append({**line, "accuracy %": f"{row['status']}: {row['reason']}"})
            continue
        for score in SHOWN:
            metric = METRICS[score]
            repeats = text.score(row[f"{score}_sd"], score)
            line[metric.heading] = text.score(row[score], score) + (repeats and f" ±{repeats}")
            line[f"worth, {metric.points} (95 %)"] = text.difference(row, f"{score}_worth", score)
        line["fit s"] = f"{row['fit_seconds']:.0f}"
        lines.append(line)
    return pd.DataFrame(lines).fillna("")


@command(
    *("data", "drop_class", "drop_duplicates", "crop", "train_size", "recipe", "size", "device"),
    *("jobs", "threads", "time_limit", "memory_limit", "retry", "settings", "out"),
    *("backend", "scheduler"),
    model={"required": True, "help": "One net, or timm:NAME."},
    repeats={"default": 3},
    split=ONE_SPLIT,
)
def main(options: Options) -> int:
    """Train a net by a recipe and without each of its parts; write what each is worth."""
    model, *others = models.find(options.model)
    if others or not model.is_trained_in_epochs:
        raise click.UsageError(f"--model {options.model}: name one net, for a recipe is a net's")
    runs: dict[str, list[Run]] = {
        left_out: session.plan(replace(options, settings=settings))
        for left_out, settings in variants(model, options.recipe, options.settings).items()
    }
    every = [run for several in runs.values() for run in several]
    session.begin(options, ((run.source, run.protocol) for run in every))
    ends = [*runs[WHOLE], *runs[WITHOUT_ALL]]
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
    from benchmark.view import markdown, page, plots  # with matplotlib, not for the workers
    from benchmark.view.sections import Picture, Section

    model, repeats, place = run.model.name, options.repeats, run.board_rows[0].place
    rows = [row for row in board.rows if row.place[:3] == place[:3]]
    title = (
        f"What each part of the recipe '{options.recipe}' is worth to {model}\n"
        f"{text.heading(rows)}, {repeats} repeat{'s' if repeats > 1 else ''}"
    )
    name = text.file_name(*("ablation", *place[:3], options.model, options.recipe))
    scored = worth.iloc[1:].dropna(subset=["accuracy"])
    picture = Picture(f"{name}.png", "What each part is worth", partial(plots.worth, scored, title))
    section = Section(
        title,
        table=for_people(worth),
        after=[HOW_TO_READ],
        pictures=[picture],
        data={f"{name}.csv": text.csv(worth)},
    )
    page.write(options.results, [section])
    options.results.write(f"{name}.md", markdown.section(section, level=1) + "\n")
    console.show([section])
    others = "csv, .md and .png, report.html, leaderboard.csv"
    click.echo(readable(f"written: {options.out / name}.{others}"))


if __name__ == "__main__":
    main()
