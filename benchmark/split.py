"""Which pictures are for what, so that others can use the same: ``python -m benchmark.split``."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd

from benchmark import session
from benchmark.core import runs
from benchmark.core.files import write_table
from benchmark.core.protocols import Protocol
from benchmark.options import ONE_PROTOCOL, ONE_SPLIT, Options, command
from datasets import Dataset
from datasets.names import readable


def table(dataset: Dataset, protocol: Protocol) -> pd.DataFrame:
    """Return which pictures every model learns from, selects on and is scored on.

    Returns
    -------
    DataFrame
        Columns ``repeat`` (from 1), ``file``, ``class`` and ``part``: ``training``, ``selection``
        and ``test``, or ``within`` and ``across`` of a set that is tested on two. A picture that a
        repeat has no use for is not there.
    """
    names = np.array(dataset.class_names)
    files = np.array([*map(readable, dataset.ids)], object)
    parts = []
    for repeat in range(protocol.repeats):
        rows = protocol.rows(dataset, deep=False, repeat=repeat)
        by_part = {"training": rows.training, **rows.by_part()}
        for part in sorted(by_part, key=lambda part: part in rows.test):
            which = by_part[part]
            columns = {"file": files[which], "class": names[dataset.labels[which]], "part": part}
            parts.append(pd.DataFrame({"repeat": repeat + 1, **columns}))
    return pd.concat(parts, ignore_index=True)


@command(
    *("data", "drop_class", "drop_duplicates", "crop", "train_size", "repeats", "size"),
    protocol=ONE_PROTOCOL,
    split=ONE_SPLIT,
)
@click.option(
    "--out",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("split.csv"),
    show_default=True,
    help="CSV file to write.",
)
def main(options: Options, path: Path) -> None:
    """Write which pictures benchmark.run trains every model on, selects on and scores it on."""
    (source,) = options.sources
    dataset = runs.load(source, options.size)
    (protocol,) = session.protocols(options, dataset)
    found = table(dataset, protocol)
    write_table(path, found)
    sizes = found[found["repeat"] == 1].groupby("part", sort=False).size()
    told = ", ".join(f"{n:,} for {part}" for part, n in sizes.items())
    repeats = f"; {protocol.repeats} repeats" if protocol.repeats > 1 else ""
    how = f"{dataset.name}, {protocol.label}, {protocol.split} split"
    click.echo(readable(f"{path}: {how}: {told}{repeats}"))


if __name__ == "__main__":
    main()
