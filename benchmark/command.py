"""What the commands share: options, configuration files, and one line for what is wrong."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import yaml

import datasets
from datasets import InputError, crops

WRONG_INPUT = 2

OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder of the results.",
)

DROP_DUPLICATES = click.option(
    "--drop-duplicates",
    is_flag=True,
    help="Keep identical pictures once, and none whose labels conflict.",
)


CROP = click.option(
    "--crop",
    type=click.Choice(crops.CROPS),
    default=crops.NONE,
    show_default=True,
    help="Part of the face that is looked at.",
)


def chosen(data: str | None, drop_duplicates: bool, crop: str = crops.NONE) -> str:
    """Return what `datasets.load` takes for ``--data``, ``--drop-duplicates`` and ``--crop``."""
    data = data or datasets.default()
    if drop_duplicates and not data.startswith(datasets.DEDUPLICATED):
        data = f"{datasets.DEDUPLICATED}{data}"
    return data if crop == crops.NONE else f"{crop}:{data}"


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


def read_config(context: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    """Let a YAML file set the flags that the command line does not (a click callback).

    Raises
    ------
    click.UsageError
        If the file is no mapping or has a key that is no flag.
    """
    if path is None:
        return
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.UsageError(f"{path} cannot be read as YAML: {error}") from error
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
        elif isinstance(value, str) and flag.multiple:
            value = [value]
        context.default_map[str(flag.name)] = value
