"""Tables that go with the pictures."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, AnyStr

from datasets import limits
from datasets.errors import InputError
from datasets.pictures import file_stamp


def first_there(root: Path, names: Sequence[str]) -> Path | None:
    """Return the first of some files that a folder has, or None."""
    return next((root / name for name in names if (root / name).is_file()), None)


def whole_lines(file: IO[AnyStr], path: Path) -> Iterator[AnyStr]:
    """Go through the lines of an open table; raises InputError for one that is too long."""
    number = 0
    while line := file.readline(limits.LINE):
        number += 1
        if len(line) == limits.LINE:
            raise InputError(f"{path}, line {number}: it is too long, get the file again")
        yield line


def check_number(n_rows: int, path: Path) -> None:
    """Raise InputError if a table has too many rows so far."""
    if n_rows > limits.PICTURES:
        raise InputError(
            f"{path} has more than {limits.PICTURES:,} rows: leave some out, or allow more by "
            "--larger"
        )


def rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Go through the rows of a CSV file, blank lines left out.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        What its first line must name, whatever the case and surrounding blanks.

    Yields
    ------
    where : str
        File and line, for a message.
    cells : list of str
        As many as columns, without surrounding blanks.

    Raises
    ------
    InputError
        If the file is no CSV in UTF-8, or has other columns or too many rows, or a row has more or
        fewer or is too long.
    """
    file_stamp(path, limits.TABLE_BYTES)
    held = 0  # characters since the last whole row, which goes on through line ends in quotes

    def noted(lines: Iterator[str]) -> Iterator[str]:
        nonlocal held
        for line in lines:
            held += len(line)
            if held > limits.LINE:
                raise InputError(f"{path}, line {reader.line_num}: its row is too long: mend it")
            yield line

    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader, file = csv.reader(noted(whole_lines(lines, path))), str(path)
            header = [name.strip() for name in next(reader, [])]
            if [name.lower() for name in header] != [name.lower() for name in columns]:
                raise InputError(
                    f"{path} has the columns {limits.cut(','.join(header)) or '(none)'}: "
                    f"it must have {','.join(columns)}"
                )
            n_rows = held = 0
            for cells in reader:
                held = 0
                if not cells:
                    continue
                n_rows += 1
                check_number(n_rows, path)
                where = f"{file}, line {reader.line_num}"
                if len(cells) != len(columns):
                    raise InputError(f"{where}: {len(cells)} columns, must be {len(columns)}")
                yield where, [*map(str.strip, cells)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV file in UTF-8 ({error}): get it again") from error
