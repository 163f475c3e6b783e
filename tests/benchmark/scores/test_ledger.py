"""All that was ever scored on the same test pictures is counted, on a board or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmark.core.store import Results
from benchmark.scores import rows
from benchmark.scores.ledger import COLUMNS, ledger
from benchmark.view import page


def test_runs_that_no_board_shows_count_and_trials_do_not(results: Path) -> None:
    stored = Results(results)
    shown = rows.read(stored)
    (before,) = ledger(shown, stored).to_dict("records")
    keys = [record.key for row in shown for record in row.good]
    assert (before["runs"], before["not_shown"], before["trials"]) == (len(keys), 0, 0)
    assert before["models"] == len(keys) == 2, "the third failed and says nothing of them"
    record = stored.record(keys[0])
    assert record is not None
    said = stored.predictions(record)
    early = replace(record, key="f" * 64, finished="2020-01-02T03:04:05+00:00")
    stored.put(early, said)
    trial = replace(record.protocol, name="search", selected_on="nothing")
    stored.put(replace(record, key="e" * 64, protocol=trial), said)
    (after,) = ledger(shown, stored).to_dict("records")
    assert (after["runs"], after["not_shown"], after["trials"]) == (len(keys) + 1, 1, 1)
    assert after["models"] == before["models"]
    assert after["first"] == "2020-01-02"
    page.publish(stored)
    assert "2020-01-02" in (results / "leaderboard.md").read_text()
    assert "ever scored on them in this folder" in (results / "report.html").read_text()


def test_a_damaged_run_and_an_empty_folder_are_no_trouble(results: Path, tmp_path: Path) -> None:
    stored = Results(results)
    (results / "runs" / ("d" * 64)).mkdir()
    (results / "runs" / ("d" * 64) / "run.json").write_text("{")
    assert len(ledger(rows.read(stored), stored)) == 1
    assert list(ledger([], Results(tmp_path / "none"))) == [*COLUMNS]
