"""The table of what was measured says by how much, and keeps what is not measured again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark.core.store import Results
from benchmark.perf.table import Measure, write_section

TITLES = {"engine": "Training nets", "card": "On a GPU"}


def test_the_ratio_is_of_each_rounds_pair_and_above_1_to_our_favour() -> None:
    slower = Measure("x", "s", [1.0, 2.0, 4.0], "peer", [2.0, 6.0, 4.0]).row()
    assert (slower["ratio"], slower["ratio_lo"], slower["ratio_hi"]) == (2.0, 1.0, 3.0)
    assert (slower["ours"], slower["theirs"], slower["rounds"]) == (2.0, 4.0, 3)
    faster = Measure("x", "images/s", [200.0], "peer", [100.0], True).row()
    assert faster["ratio"] == 2.0


def measured(ours: list[float]) -> dict[str, object]:
    row = Measure("knn", "s", ours, "a loop", [2 * each for each in ours]).row()
    return {**row, "pictures": "shapes, 90", "machine": "a machine"}


def test_a_section_measured_again_takes_the_place_of_its_earlier_rows(tmp_path: Path) -> None:
    for section, ours in (("card", [5.0]), ("engine", [1.0, 3.0]), ("card", [7.0])):
        write_section(Results(tmp_path), section, [measured(ours)], TITLES)
    table = pd.read_csv(tmp_path / "perf.csv")
    assert table[["section", "ours"]].to_numpy().tolist() == [["engine", 2.0], ["card", 7.0]]
    page = (tmp_path / "perf.md").read_text()
    assert page.index("## Training nets") < page.index("## On a GPU")
    assert "2 (1 to 3)" in page
    assert "a machine; pictures: shapes, 90" in page
    assert Results(tmp_path).sums().keys() == {"perf.csv", "perf.md"}


def test_rows_of_a_section_that_is_gone_go(tmp_path: Path) -> None:
    write_section(Results(tmp_path), "old", [measured([5.0])], {"old": "Of before", **TITLES})
    write_section(Results(tmp_path), "card", [measured([7.0])], TITLES)
    assert pd.read_csv(tmp_path / "perf.csv")["section"].tolist() == ["card"]


def test_a_measure_is_told_in_a_line() -> None:
    assert str(Measure("knn", "s", [3.0], "a loop", [6.0])) == ("knn: 3 s; a loop 6; ratio 2.00")
