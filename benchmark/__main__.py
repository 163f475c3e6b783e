"""List the commands, or call one: ``python -m benchmark``, ``classical-or-deep run``."""

from __future__ import annotations

import ast
import errno
import os
import pkgutil
import re
import runpy
import sys
from collections.abc import Collection, Iterator
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
        tree = ast.parse(file.read_bytes())
        if any(isinstance(each, ast.FunctionDef) and each.name == "main" for each in tree.body):
            first, *_ = (ast.get_docstring(tree) or "").splitlines()
            yield f"python -m benchmark.{found.name}", TO_START.sub("", first).rstrip(".")


def main() -> None:
    """Call the command that the first argument names; print all, a line each, without one."""
    known = {name.rpartition(".")[2]: (name, what) for name, what in commands()}
    if len(sys.argv) > 1:
        name = sys.argv.pop(1)
        if name not in known:
            sys.exit(f"error: no command is called '{name}': use one of {', '.join(known)}")
        runpy.run_module(f"benchmark.{name}", run_name="__main__", alter_sys=True)
        return
    _list(known.values())


def _list(known: Collection[tuple[str, str]]) -> None:
    """Print every command, or a line where standard output takes no more."""
    width = max(len(name) for name, _ in known)
    lines = [f"{name:{width}}  {what}" for name, what in known]
    lines += ["", "--help behind one of them tells its flags; 'make help' lists what make does."]
    try:
        click.echo("\n".join(lines))
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left is lost
        sys.exit(1 if error.errno == errno.EPIPE else f"error: standard output: {error.strerror}")


if __name__ == "__main__":
    main()
