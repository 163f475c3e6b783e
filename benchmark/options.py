"""What the commands share: options, configuration files, and one line for what is wrong."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, get_args

import click
import yaml

import datasets
from benchmark.core.protocols import Split
from datasets import InputError, crops

WRONG_INPUT = 2

OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder of the results.",
)

DATA = click.option(
    "--data", help="A name, NAME:PATH or a folder.  [default: real pictures if here]"
)

SPLIT = click.option(
    "--split", type=click.Choice(get_args(Split)), help="[default: as fair has it]"
)

DROP_DUPLICATES = click.option(
    "--drop-duplicates",
    is_flag=True,
    help="Keep identical pictures once, and none whose labels conflict.",
)

SIZE = click.option(
    "--size", type=click.IntRange(8, 1024), default=32, show_default=True, help="Pixels."
)

DEVICE = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True
)

JOBS = click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Runs at once.  [default: the cores; on a card no more than fit]",
)

THREADS = click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Of one run."
)

TIME_LIMIT = click.option(
    "--time-limit", type=click.FloatRange(0, min_open=True), help="Seconds a run may take."
)


def _size_or_all(context: click.Context, parameter: click.Parameter, value: str) -> int | None:
    if str(value) == "all":
        return None
    if str(value).isdigit() and int(value) > 1:
        return int(value)
    raise click.BadParameter(f"'{value}' is neither a number of pictures above 1 nor 'all'")


TRAIN_SIZE = click.option(
    "--train-size",
    default="all",
    show_default=True,
    callback=_size_or_all,
    help="Pictures fair lets a model learn from, curve at most.",
)


def typed(text: str) -> Any:
    """Return the number, true, false, null or word that a user wrote."""
    for kind in (int, float):  # before YAML, to which 1e-3 is a word
        with contextlib.suppress(ValueError):
            return kind(text)
    try:
        value = yaml.safe_load(text)
        json.dumps(value)  # dates and the like are kept as they were typed
    except (yaml.YAMLError, TypeError):
        return text
    return value


def _settings(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, Any]:
    settings = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"'{value}' is not of the form NAME=VALUE")
        settings[name] = typed(text)
    return settings


SET = click.option(
    "--set", "settings", multiple=True, callback=_settings, help="A parameter: NAME=VALUE."
)


DROP_CLASS = click.option(
    "--drop-class",
    "drop_classes",
    multiple=True,
    help="Leave out a class; may be given several times.",
)


CROP = click.option(
    "--crop",
    type=click.Choice(crops.CROPS),
    default=crops.NONE,
    show_default=True,
    help="Part of the face that is looked at.",
)


@dataclass(frozen=True)
class Changes:
    """What is done to a data set before anything is learned from it."""

    drop_classes: tuple[str, ...] = ()
    drop_duplicates: bool = False
    crop: str = crops.NONE

    def of(self, data: str | None, test_data: str | None = None) -> str:
        """Return what `datasets.load` takes for a data set, or the default one, so changed."""
        data = data or datasets.default()
        if test_data is not None:
            data = datasets.on(data, test_data)
        for class_name in sorted(set(self.drop_classes)):
            data = f"{datasets.WITHOUT}{class_name}:{data}"
        if self.drop_duplicates and not data.startswith(datasets.DEDUPLICATED):
            data = f"{datasets.DEDUPLICATED}{data}"
        return data if self.crop == crops.NONE else f"{self.crop}:{data}"


def changes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags that change its data, as one parameter (a decorator)."""

    @DROP_CLASS
    @DROP_DUPLICATES
    @CROP
    @functools.wraps(function)
    def given(
        drop_classes: tuple[str, ...], drop_duplicates: bool, crop: str, **others: Any
    ) -> Any:
        return function(changes=Changes(drop_classes, drop_duplicates, crop), **others)

    return given


def command(function: Callable[..., Any]) -> Callable[..., NoReturn]:
    """Make a function a command whose wrong input is one line on standard error and status 2."""
    made = click.command(function)

    def main() -> NoReturn:
        logging.basicConfig(format="%(message)s", level=logging.WARNING)
        try:
            status = made.main(standalone_mode=False)
        except click.ClickException as error:
            message = " ".join(error.format_message().split())
            click.echo(f"error: {message}", err=True)
            sys.exit(WRONG_INPUT)
        except InputError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(WRONG_INPUT)
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted: finished runs are kept, the same command goes on", err=True)
            sys.exit(130)
        sys.exit(status if isinstance(status, int) else 0)

    main.__doc__ = function.__doc__
    return main


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    click.UsageError
        If it cannot be read.
    """
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.UsageError(f"{path} cannot be read as YAML: {error}") from error


def read_config(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    """Let a YAML file set the flags that the command line does not (a click callback).

    Raises
    ------
    click.UsageError
        If the file is no mapping or has a key that is no flag.
    """
    if path is None:
        return
    values = read_yaml(path) or {}
    if not isinstance(values, dict):
        raise click.UsageError(f"{path} must be lines of 'flag: value'")
    flags = {
        option.lstrip("-"): flag
        for flag in context.command.params
        for option in flag.opts
        if flag.name not in (parameter.name, "list_models")
    }
    for key in values:
        if key not in flags:
            raise click.UsageError(
                f"{path}: no flag is called '{key}': use {', '.join(sorted(flags))}"
            )
    context.default_map = {}
    for key, value in values.items():
        flag = flags[key]
        if isinstance(value, list) and not flag.multiple:  # names as a list, not with commas
            value = ",".join(map(str, value))
        elif flag.multiple and not isinstance(value, list):
            value = [value]
        context.default_map[str(flag.name)] = value
