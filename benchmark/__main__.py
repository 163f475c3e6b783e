"""List the commands: ``python -m benchmark``."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click

HERE = Path(__file__).parent
TO_START = re.compile(r":? ``.*")  # behind what a command does, how it is called


def commands() -> Iterator[tuple[str, str]]:
    """Every module here that can be called, and what it does: the first line of its docstring.

    Read from the files, since importing them takes seconds.
    """
    for found in pkgutil.iter_modules([str(HERE)]):
        file = HERE / (f"{found.name}/__main__.py" if found.ispkg else f"{found.name}.py")
        if file == Path(__file__) or not file.is_file():
            continue
        tree = ast.parse(file.read_text())
        if any(isinstance(each, ast.FunctionDef) and each.name == "main" for each in tree.body):
            first, *_ = (ast.get_docstring(tree) or "").splitlines()
            yield f"python -m benchmark.{found.name}", TO_START.sub("", first).rstrip(".")


def main() -> None:
    """Print the commands, a line each."""
    known = [*commands()]
    width = max(len(name) for name, _ in known)
    for name, what in known:
        click.echo(f"{name:{width}}  {what}")
    click.echo("\n--help behind one of them tells its flags; 'make help' lists what make does.")


if __name__ == "__main__":
    main()
