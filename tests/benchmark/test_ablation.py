"""An ablation leaves out each part of a recipe once, and says what each is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark import ablation
from benchmark.core import models
from benchmark.core.execute import execute
from benchmark.core.models import InputError
from benchmark.core.protocols import Fair
from benchmark.core.runs import Run, describe, on_board
from benchmark.core.store import Results
from benchmark.scores.metrics import SHOWN
from benchmark.scores.rows import Row, read_row
from benchmark.scores.worth import worth_of_parts
from datasets import Dataset, Source
from deepnets.training.recipes import RECIPES

(NET,) = models.find("poster-baseline")


def parameters(settings: dict[str, Any]) -> dict[str, Any]:
    return NET.make(**settings).get_params()


def test_each_part_is_left_out_once_and_nothing_else_changes() -> None:
    asked = ablation.variants(NET, "strong", {})
    whole, usual = parameters(asked.pop(ablation.WHOLE)), parameters({})
    assert parameters(asked.pop(ablation.WITHOUT_ALL)) == usual
    ways = RECIPES["strong"]["augment"].split("+")
    others = [name for name in RECIPES["strong"] if name not in ("augment", "balance_strength")]
    assert len(asked) == len(ways) + 1 + len(others)
    for left_out, settings in asked.items():
        found = parameters(settings)
        changed = {k for k, v in found.items() if v != whole[k]}
        if left_out in (*ways, ablation.ALL_AUGMENTATIONS):
            assert changed == {"augment"}
            left = set(ways) - {left_out} if left_out in ways else {""}
            assert set(found["augment"].split("+")) == left
        else:
            assert {left_out.split("=")[0]} == changed - {"balance_strength"}
            assert all(found[name] == usual[name] for name in changed)


def test_the_strength_of_a_part_goes_with_it() -> None:
    balanced = [name for name in ablation.variants(NET, "strong", {}) if "balance" in name]
    assert balanced == ["balance=logits, balance_strength=0.25 (instead 1.0)"]


def test_what_the_user_sets_is_set_in_all_and_is_no_part() -> None:
    asked = ablation.variants(NET, "strong", {"max_epochs": 3, "hidden": 16})
    assert not any(left_out.startswith("max_epochs") for left_out in asked)
    for settings in asked.values():
        assert parameters(settings)["max_epochs"] == 3
        assert parameters(settings)["options"] == {"hidden": 16}


def test_a_recipe_that_changes_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="the recipe 'published' changes nothing of poster-base"):
        ablation.variants(NET, "published", {})


@pytest.fixture(scope="module")
def rows(
    tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path, shapes: Dataset
) -> dict[str, Row]:
    """A whole recipe, a part that is worth much, one that is worth nothing, and one that fails."""
    out = tmp_path_factory.mktemp("ablation")
    settings = {
        ablation.WHOLE: {"max_epochs": 8},
        "training": {"max_epochs": 1, "learning_rate": 1e-9},
        "chance": {"max_epochs": 8, "patience": 9},
        "sense": {"learning_rate": 1e30},
    }
    found = {}
    for name, each in settings.items():
        protocol = Fair(train_size=60, repeats=2)
        runs = [
            Run(Source.parse(str(shapes_folder)), describe(shapes), 32, protocol, NET, each, repeat)
            for repeat in range(2)
        ]
        for run in runs:
            execute(run, Results(out))
        found[name] = read_row(Results(out), on_board(runs)[0])
    return found


def test_worth_is_the_whole_less_what_is_left_without_the_part(rows: dict[str, Row]) -> None:
    found = worth_of_parts(rows).set_index("left_out")
    assert list(found.index) == ["nothing", "training", "chance", "sense"]
    whole, untrained = found.loc["nothing"], found.loc["training"]
    for score in SHOWN:
        scored = {name: row.scores for name, row in rows.items()}
        means = {name: one.mean(score) for name, one in scored.items() if one}
        assert whole[score] == pytest.approx(means[ablation.WHOLE])
        lost = means[ablation.WHOLE] - means["training"]
        assert untrained[f"{score}_worth"] == pytest.approx(lost)
        assert untrained[f"{score}_worth_lo"] < lost < untrained[f"{score}_worth_hi"]
        assert np.isnan(whole[f"{score}_worth"])
    assert untrained["accuracy_worth"] > 0.2, "training is worth something"


def test_what_failed_is_a_row_with_a_reason(rows: dict[str, Row]) -> None:
    found = worth_of_parts(rows)
    failed = found[found["status"] != "ok"]
    assert failed["left_out"].tolist() == ["sense"]
    assert "lower the learning rate" in failed["reason"].iloc[0]
    text = ablation.for_people(found)
    assert text["accuracy %"].iloc[-1].startswith("failed: FloatingPointError")
    assert not text.isna().any(axis=None)


def test_without_the_whole_there_is_nothing_to_say(rows: dict[str, Row]) -> None:
    assert worth_of_parts({**rows, ablation.WHOLE: rows["sense"]}).empty


def test_the_command_writes_table_and_picture(
    shapes_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        *("ablation", "--model", "poster-baseline", "--data", str(shapes_folder)),
        *("--train-size", "40", "--repeats", "1", "--set", "max_epochs=1", "--jobs", "1"),
        *("--device", "cpu", "--out", str(tmp_path)),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as ended:
            ablation.main()
    assert ended.value.code == 0
    (table,) = tmp_path.glob("ablation.*.csv")
    found = pd.read_csv(table)
    assert len(found) == len(ablation.variants(NET, "strong", {"max_epochs": 1}))
    assert table.with_suffix(".png").stat().st_size > 10_000
    assert "above 0 the part helps" in table.with_suffix(".md").read_text()
    assert "What each part of the recipe 'strong' is worth" in capsys.readouterr().out
    board = pd.read_csv(tmp_path / "leaderboard.csv")
    assert sorted(board["model"]) == [
        "poster-baseline[max_epochs=1,recipe=published]",
        "poster-baseline[max_epochs=1,recipe=strong]",
    ]
