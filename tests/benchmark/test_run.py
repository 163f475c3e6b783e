"""The command: what it leaves, and what it reuses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import deepnets
from benchmark import report, run, session, verify
from benchmark.core import models
from benchmark.core.store import Results
from benchmark.options import Options
from benchmark.scores import metrics, published
from benchmark.scores.leaderboard import Leaderboard
from benchmark.view import catalogue
from datasets.loaders.drawn import faces
from tests.conftest import FAST, REAL, Command, write_shapes

FAIR_NET = "mobilenet[budget=0.02]"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path) -> Path:
    """Results of a real call in a process of its own: two protocols, three models, two repeats."""
    out = tmp_path_factory.mktemp("out") / "results"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmark.run", "--model", "majority,decision-tree,mobilenet"),
            *("--data", str(shapes_folder), "--protocol", "slides,fair", "--train-size", "40"),
            *("--repeats", "2", "--jobs", "2", "--out", str(out), "--device", "cpu"),
            *("--budget", "0.02"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path_factory.mktemp("elsewhere"),
    )
    assert done.returncode == 0, done.stderr
    assert "12 runs to make, 2 at a time" in done.stderr
    assert "[ 12/12]" in done.stderr
    assert "side by side" in done.stdout
    return out


def test_beside_another_protocol_the_slides_have_the_models_that_they_published(
    shapes_folder: Path, tmp_path: Path
) -> None:
    def models_of(protocols: tuple[str, ...], model: str = "all") -> dict[str, set[str]]:
        asked = Options(data=str(shapes_folder), protocol=protocols, model=model, out=tmp_path)
        made = defaultdict(set)
        for each in session.plan(asked):
            made[each.protocol.name].add(each.model.name)
        return made

    both = models_of(("slides", "fair"))
    assert both["slides"] == published.models("slides") < both["fair"]
    assert models_of(("slides",))["slides"] == both["fair"]
    assert models_of(("slides", "fair"), "majority,knn")["slides"] == {"majority", "knn"}


def test_a_parameter_that_some_model_lacks_is_refused_before_anything_is_fitted(
    run_command: Command, shapes_folder: Path, tmp_path: Path
) -> None:
    asked = ("--model", "majority,mobilenet", "--set", "max_epochs=2", "--data", shapes_folder)
    status, _, err = run_command(run.main, *asked, "--out", tmp_path / "results")
    assert status == 2
    assert err.strip().splitlines()[-1].startswith("error: majority has no parameter")
    assert not (tmp_path / "results").exists()


@pytest.fixture(scope="module")
def table(results: Path) -> pd.DataFrame:
    return pd.read_csv(results / "leaderboard.csv")


def test_the_leaderboard_has_a_row_for_each_model_and_protocol(table: pd.DataFrame) -> None:
    assert list(table.columns[:25]) == [
        *("dataset", "protocol", "split", "model", "family", "status", "reason"),
        *("n_train", "n_test", "repeats", "accuracy", "accuracy_lo", "accuracy_hi"),
        *("balanced_accuracy", "macro_f1", "log_loss", "ece", "majority_accuracy"),
        *("published_accuracy", "fit_seconds", "predict_ms_per_image", "peak_memory_mb"),
        *("parameters", "device", "rank"),
    ]
    assert set(table["protocol"]) == {"slides", "fair-40"}
    assert len(table) == 6
    assert (table["status"] == "ok").all()
    assert (table["repeats"] == 2).all()
    assert (table["accuracy_lo"] <= table["accuracy"]).all()
    assert (table["accuracy"] <= table["accuracy_hi"]).all()
    fair = table[table["protocol"] == "fair-40"]
    assert set(fair["n_train"]) == {32}
    assert set(fair["n_test"]) == {30}
    for name in ("fit_seconds", "predict_ms_per_image"):
        assert (table[name] > 0).all()
    assert (table["peak_memory_mb"] >= 0).all(), "what a small model adds may be nothing"


def test_rows_say_what_was_selected_on_and_who_says_one_class_only(table: pd.DataFrame) -> None:
    notes = table.set_index(["protocol", "model"])["note"].fillna("")
    for model in ("majority", "decision-tree", "mobilenet"):
        assert "test set used for selection" in notes["slides", model]
    for model in ("majority", "decision-tree", FAIR_NET):
        assert "selection" not in notes["fair-40", model]
    assert "only ever says" in notes["fair-40", "majority"]


def test_every_score_is_that_of_the_stored_predictions(results: Path, table: pd.DataFrame) -> None:
    for entry in Results(results).rows():
        _, protocol, _, model = entry.place
        row = table[(table["protocol"] == protocol) & (table["model"] == model)].iloc[0]
        records = [Results(results).record(key) for key in entry.keys]
        assert len(records) == 2
        tested = [Results(results).predictions(record).of("test") for record in records]
        scores = pd.DataFrame([metrics.score(p.labels, p.probabilities) for p in tested])
        for name, value in scores.mean().items():
            assert row[name] == pytest.approx(value, rel=1e-9), (entry.place, name)


def test_every_row_has_its_pictures_and_counts(results: Path, table: pd.DataFrame) -> None:
    for row in table.itertuples():
        base = results / "confusion" / f"{row.dataset}.{row.protocol}.{row.model}"
        counts = pd.read_csv(f"{base}.csv", index_col="true")
        assert list(counts.index) == list(counts.columns) == ["bar", "disc", "ring"]
        assert counts.to_numpy().sum() == row.n_test * row.repeats
        assert np.trace(counts.to_numpy()) / counts.to_numpy().sum() == pytest.approx(row.accuracy)
        assert cv2.imread(f"{base}.png").shape[1] > 300
        assert cv2.imread(f"{results}/reliability/{base.name}.png").shape[1] > 300
        classes = pd.read_csv(f"{results}/classes/{base.name}.csv", index_col="class")
        assert classes["support"].tolist() == counts.sum(axis=1).tolist()
        assert classes["in_training"].all()
        curves = results / "curves" / f"{base.name}.png"
        assert curves.is_file() == row.model.startswith("mobilenet")


def test_every_pair_of_models_is_compared_on_the_same_pictures(results: Path) -> None:
    pairs = pd.read_csv(results / "comparisons.csv")
    of_slides = pairs[pairs["protocol"] == "slides"]
    assert len(pairs[pairs["protocol"] == "fair-40"]) == 3
    assert len(of_slides) == 3, "90 rows are fewer than 500: the net has the pictures of the others"
    for protocol in ("slides", "fair-40"):
        assert cv2.imread(f"{results}/told-apart/shapes.{protocol}.png").shape[1] > 300
        assert f"told-apart/shapes.{protocol}.png" in (results / "leaderboard.md").read_text()


def test_the_page_works_offline(results: Path) -> None:
    page = (results / "report.html").read_text()
    assert page.count("<svg") >= 3
    words = re.sub(r"base64,[\w+/=]+|(?<=id=\"answers\">)[^<]*", "", page)  # of any letters
    assert "http" not in words
    assert "mobilenet" in (results / "leaderboard.md").read_text()


def test_a_second_call_reuses_all_and_a_change_does_not(
    results: Path, shapes_folder: Path, run_command: Command
) -> None:
    same = ("--model", "majority,decision-tree", "--data", shapes_folder, "--out", results)
    arguments = (*same, "--train-size", 40, "--repeats", 2, "--jobs", 2)
    before = (results / "leaderboard.csv").read_bytes()
    status, _, err = run_command(run.main, *arguments)
    assert status == 0
    assert "4 runs are already in the results" in err
    assert "to make" not in err
    assert (results / "leaderboard.csv").read_bytes() == before

    status, _, err = run_command(
        run.main, *arguments, "--model", "decision-tree", "--set", "max_depth=1"
    )
    assert status == 0
    assert "2 runs to make" in err
    table = pd.read_csv(results / "leaderboard.csv")
    assert "decision-tree[max_depth=1]" in set(table["model"]), "a row of its own"
    assert len(table) == 7


def test_the_report_is_made_again_without_fitting(results: Path, run_command: Command) -> None:
    page = (results / "report.html").read_bytes()
    picture = results / "confusion" / "shapes.slides.majority.png"
    drawn = picture.read_bytes()
    (results / "report.html").unlink()
    picture.unlink()
    status, out, _ = run_command(report.main, "--out", results)
    assert status == 0
    assert "report.html" in out
    assert picture.read_bytes() == drawn
    assert (results / "report.html").read_bytes() == page


def test_every_picture_can_be_had_as_svg(results: Path, run_command: Command) -> None:
    status, _, err = run_command(report.main, "--out", results, "--svg")
    assert status == 0, err
    pngs = {each.relative_to(results).with_suffix("") for each in results.rglob("*.png")}
    svgs = {each.relative_to(results / "svg").with_suffix("") for each in results.rglob("*.svg")}
    assert svgs == pngs
    assert "<text" in (results / "svg" / "leaderboard.shapes.svg").read_text(), "words stay words"
    assert verify.verify(Results(results)).failures == []
    run_command(report.main, "--out", results)
    assert not (results / "svg").exists(), "not kept where nobody asks for them"


@pytest.fixture(scope="module")
def faces_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people") / "faces"
    faces.write(folder, n=150, seed=0, size=32)
    return folder


def test_generated_faces_are_never_called_anything_else(
    tmp_path: Path, faces_folder: Path, run_command: Command
) -> None:
    out = tmp_path / "out"
    status, stdout, err = run_command(
        run.main, *FAST, "--data", faces_folder, "--train-size", 80, "--out", out
    )
    assert status == 0
    for text in (stdout, err, (out / "leaderboard.md").read_text()):
        plain = " ".join(text.split())
        assert "generated faces" in plain
        assert "make data" in plain
    assert "generated faces" in (out / "report.html").read_text()
    assert pd.read_csv(out / "leaderboard.csv")["generated_data"].all()


def test_a_crop_is_a_data_set_of_its_own_and_says_so_everywhere(
    tmp_path: Path, faces_folder: Path, run_command: Command
) -> None:
    arguments = (*FAST, "--data", faces_folder, "--train-size", 80, "--out", tmp_path)
    assert run_command(run.main, *arguments)[0] == 0
    whole = (tmp_path / "confusion" / "generated.fair-80.knn.csv").read_bytes()
    status, stdout, err = run_command(run.main, *arguments, "--crop", "eyes")
    assert status == 0
    assert "2 runs to make" in err
    said = r"eye strip \(?found in \d+ % of the pictures, else by fixed geometry"
    for text in (stdout, err, (tmp_path / "leaderboard.md").read_text()):
        assert re.search(said, " ".join(text.split()))
    table = pd.read_csv(tmp_path / "leaderboard.csv")
    assert table.groupby("dataset")["n_test"].nunique().to_dict() == {
        "generated": 1,
        "generated-eyes": 1,
    }
    assert (tmp_path / "confusion" / "generated-eyes.fair-80.knn.png").is_file()
    assert (tmp_path / "confusion" / "generated.fair-80.knn.csv").read_bytes() == whole
    found = verify.verify(Results(tmp_path), str(faces_folder), require_data=True)
    assert not found.failures
    assert "generated-eyes: the pictures here have the fingerprint of the runs" in found.notes


def test_fair_splits_by_person_where_people_are_known_and_one_call_shows_both_splits(
    tmp_path: Path, faces_folder: Path, run_command: Command
) -> None:
    arguments = (*FAST, "--data", faces_folder, "--out", tmp_path, "--train-size", 80)
    status, stdout, _ = run_command(run.main, *arguments, "--protocol", "slides,fair")
    assert status == 0
    assert "recognising people" not in stdout, "there is one split of each protocol"
    table = pd.read_csv(tmp_path / "leaderboard.csv").set_index(["protocol", "model"])
    assert table["split"].to_dict() == {
        **{("slides", model): "random" for model in ("knn", "majority")},
        **{("fair-80", model): "identity" for model in ("knn", "majority")},
    }
    (data,) = set(pd.read_csv(tmp_path / "leaderboard.csv")["dataset"])
    by_person = (tmp_path / "confusion" / f"{data}.fair-80.knn.csv").read_bytes()

    status, stdout, err = run_command(run.main, *arguments, "--split", "identity,random")
    assert status == 0
    assert "2 runs are already in the results" in err
    assert "fair-80-random knn: ok" in err
    assert "how much of the accuracy was recognising people" in stdout
    splits = pd.read_csv(tmp_path / "splits.csv").set_index("model")
    table = pd.read_csv(tmp_path / "leaderboard.csv")
    assert set(splits["protocol"]) == {"fair-80"}
    for row in table[table["protocol"] == "fair-80"].itertuples():
        for name in ("accuracy", "macro_f1", "n_test", "n_people", "n_train"):
            assert splits.loc[row.model, f"{name}_{row.split}"] == getattr(row, name)
    for folder in ("confusion", "classes", "reliability"):
        names = {path.stem for path in (tmp_path / folder).iterdir()}
        assert {f"{data}.{board}.knn" for board in ("slides", "fair-80", "fair-80-random")} <= names
    assert (tmp_path / "confusion" / f"{data}.fair-80.knn.csv").read_bytes() == by_person
    assert cv2.imread(f"{tmp_path}/splits.{data}.fair-80.png").shape[1] > 300
    for page in ("leaderboard.md", "report.html"):
        assert "different pictures of partly the same people" in (tmp_path / page).read_text()
    changed = [*tmp_path.glob("splits*")]
    for path in changed:
        path.write_bytes(path.read_bytes()[:-9] + b"123456789")
    failures = verify.verify(Results(tmp_path), str(faces_folder)).failures
    assert {line.split(":")[0] for line in failures} == {path.name for path in changed}
    assert len(changed) == 2


def test_a_class_missing_from_training_keeps_its_row(
    tmp_path: Path, run_command: Command, picture: Callable[..., None]
) -> None:
    for name, n in (("common", 60), ("usual", 40), ("rare", 2)):
        for i in range(n):
            picture(tmp_path / "data" / name / f"{i}.png", seed=i)
    status, _, err = run_command(
        run.main,
        *("--model", "all", "--set", "random_state=1", "--data", tmp_path / "data"),
    )
    assert status == 2
    assert "has no parameter 'random_state'" in err
    arguments = ("--model", "knn,hog-svm,logistic-regression", "--data", tmp_path / "data")
    status, _, _ = run_command(
        run.main, *arguments, "--train-size", 10, "--jobs", 1, "--out", tmp_path / "out"
    )
    assert status == 0
    counts = pd.read_csv(tmp_path / "out/confusion/data.fair-10.knn.csv", index_col="true")
    assert list(counts.index) == ["common", "rare", "usual"]
    classes = pd.read_csv(tmp_path / "out/classes/data.fair-10.knn.csv", index_col="class")
    assert classes["in_training"].to_dict() == {"common": True, "rare": False, "usual": True}
    assert "no rare in training" in (tmp_path / "out/leaderboard.md").read_text()


def test_a_failed_run_is_a_row_with_its_reason_and_is_tried_again(
    tmp_path: Path, shapes_folder: Path, run_command: Command
) -> None:
    arguments = ("--data", shapes_folder, "--out", tmp_path, "--train-size", 40, "--jobs", 1)
    broken = ("--model", "knn,decision-tree", "--model", "knn", "--set", "n_neighbors=0")
    for _ in range(2):
        status, _, err = run_command(run.main, *arguments, *broken)
        assert status == 1
        assert "1 runs to make" in err, "a failure is not reused"
        assert "n_neighbors" in err
    assert run_command(run.main, *arguments, "--model", "majority")[0] == 0
    table = pd.read_csv(tmp_path / "leaderboard.csv").set_index("model")
    row = table.loc["knn[n_neighbors=0]"]
    assert row["status"] == "failed"
    assert "n_neighbors" in row["reason"]
    assert np.isnan(row["accuracy"])
    assert np.isnan(row["rank"])
    assert table.loc["majority", "status"] == "ok"
    assert "failed" in (tmp_path / "leaderboard.md").read_text()


def test_a_run_over_its_time_is_ended_and_the_others_go_on(
    tmp_path: Path, shapes_folder: Path, run_command: Command
) -> None:
    arguments = ("--data", shapes_folder, "--out", tmp_path, "--jobs", 1, "--device", "cpu")
    slow = ("--model", "vgg19,majority", "--time-limit", 4, "--size", 96)
    status, _, err = run_command(run.main, *arguments, *slow)
    assert status == 1
    assert "timeout" in err
    table = pd.read_csv(tmp_path / "leaderboard.csv").set_index("model")
    assert table.loc["vgg19", "status"] == "timeout"
    assert "limit of 4 s" in table.loc["vgg19", "reason"]
    assert table.loc["majority", "status"] == "ok"


def test_odd_names_and_very_few_pictures_are_no_trouble(
    tmp_path: Path, run_command: Command, picture: Callable[..., None]
) -> None:
    for name in ("$x_$", "ä ö", "日本"):
        for i in range(8):
            picture(tmp_path / "généré" / name / f"{i}.png", seed=i)
    arguments = ("--data", tmp_path / "généré", "--out", tmp_path / "out", "--jobs", 1)
    net = ("--model", "mobilenet", "--set", "learning_rate=1e-3", "--set", "max_epochs=2")
    assert run_command(run.main, *arguments, *net, "--train-size", 4, "--device", "cpu")[0] == 0
    table = pd.read_csv(tmp_path / "out" / "leaderboard.csv")
    assert table["dataset"].tolist() == ["généré"]
    assert table["model"].tolist() == ["mobilenet[max_epochs=2]"], "1e-3 is the usual rate"


def test_a_folder_cannot_pass_for_a_known_set(
    tmp_path: Path, run_command: Command, picture: Callable[..., None]
) -> None:
    for name in ("a", "b"):
        for i in range(8):
            picture(tmp_path / "generated" / name / f"{i}.png", seed=i)
    out = tmp_path / "out"
    status, stdout, _ = run_command(run.main, *FAST, "--data", tmp_path / "generated", "--out", out)
    assert status == 0
    assert "generated faces" not in stdout
    assert set(pd.read_csv(out / "leaderboard.csv")["dataset"]) == {"generated-folder"}


def test_a_protocol_named_twice_is_run_once(
    tmp_path: Path, shapes_folder: Path, run_command: Command
) -> None:
    arguments = ("--data", shapes_folder, "--out", tmp_path, "--protocol", "fair, fair")
    status, _, err = run_command(run.main, *FAST, *arguments)
    assert status == 0
    assert "2 runs to make" in err


def test_the_list_names_models_and_data_sets(run_command: Command) -> None:
    status, out, _ = run_command(run.main, "--list")
    assert status == 0
    for word in ("hog-svm", "seresnet18", "timm:NAME", "muxspace", "generated"):
        assert word in out


def test_the_list_says_what_each_model_is_and_what_may_be_set_of_it() -> None:
    listed = catalogue.table(models.models().values(), counted=False).set_index("model")
    assert (listed["what it is"] != "").all()
    assert "Build" not in " ".join(listed["what it is"])
    assert listed.loc["knn", catalogue.SET] == "n_neighbors (5)"
    assert "device" not in " ".join(listed[catalogue.SET])
    assert "stem (3x3-pool)" in listed.loc["resnet18", catalogue.SET]
    assert listed.loc["vgg11", "what it is"] != listed.loc["vgg13", "what it is"]
    assert catalogue.DOWNLOADED in listed.loc["poster-vgg-finetuned", catalogue.SET]


def test_what_named_nets_cost_is_counted_on_their_shapes(run_command: Command) -> None:
    (net,) = models.find("mobilenet")
    listed = catalogue.table([net, *models.find("knn")], counted=True).set_index("model")
    shown = net.make(recipe="house").pictures_shown(catalogue.CLASSES, catalogue.SIZE)
    by_budget = deepnets.USUAL_BUDGET * 1e3 / shown
    assert float(listed.loc["mobilenet", catalogue.OPERATIONS]) == pytest.approx(
        by_budget, abs=0.01
    )
    assert float(listed.loc["mobilenet", catalogue.WEIGHTS]) > 1
    assert listed.loc["knn", [catalogue.OPERATIONS, catalogue.WEIGHTS]].tolist() == ["", ""]
    status, out, _ = run_command(run.main, "--list", "--model", "mobilenet")
    assert status == 0
    assert "learning_rate" in out
    assert "vgg11" not in out
    assert run_command(run.main, "--list", "--model", "mobilnet")[0] == 2


def test_importing_the_benchmark_pulls_in_neither_torch_nor_matplotlib() -> None:
    code = "import sys, benchmark, deepnets; print({'torch', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.real
@pytest.mark.usefixtures("real")
def test_a_net_on_the_slides_meets_a_majority_of_105_in_165(
    tmp_path: Path, run_command: Command
) -> None:
    net = ("--model", "timm:resnet10t", "--set", "max_epochs=1", "--protocol", "slides")
    arguments = ("--data", f"muxspace:{REAL}", "--out", tmp_path, "--jobs", 1)
    assert run_command(run.main, *net, *arguments)[0] == 0
    row = Leaderboard.compute(Results(tmp_path)).table.iloc[0]
    assert (row["dataset"], row["n_train"], row["n_test"]) == ("muxspace", 335, 165)
    assert row["majority_accuracy"] == 105 / 165


@pytest.mark.parametrize("name", ["+cats", "-+cats", "c++"])
def test_a_folder_may_be_called_as_a_formula_begins(
    name: str, tmp_path: Path, run_command: Command
) -> None:
    write_shapes(tmp_path / name)
    asked = ("--model", "majority", "--jobs", 1, "--out", tmp_path / "out")
    assert run_command(run.main, "--data", tmp_path / name, *asked)[0] == 0
    table = pd.read_csv(tmp_path / "out" / "leaderboard.csv")
    assert table["dataset"].tolist() == [name.lstrip("+-")]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are UTF-8")
def test_pictures_in_a_folder_that_is_not_called_in_utf_8_get_their_page(
    tmp_path: Path, run_command: Command
) -> None:
    write_shapes(tmp_path / "shapes" / "pets")
    folder = (tmp_path / "shapes").rename(tmp_path / os.fsdecode(b"p\xff")) / "pets"
    asked = ("--model", "majority,knn", "--jobs", 1, "--out", tmp_path / "out")
    status, _, err = run_command(run.main, "--data", folder, *asked)
    assert status == 0, err
    assert (tmp_path / "out" / "report.html").is_file()


def test_copies_of_what_was_learnt_from_are_told(
    tmp_path: Path, shapes_folder: Path, run_command: Command
) -> None:
    twice = Path(shutil.copytree(shapes_folder, tmp_path / "twice"))
    for path in [*twice.glob("*/*.png")]:
        path.with_name(f"again-{path.name}").write_bytes(path.read_bytes())
    asked = ("--model", "majority", "--out", tmp_path / "out", "--data")
    _, _, err = run_command(run.main, *asked, shapes_folder)
    assert "copies, byte for byte" not in err
    _, _, err = run_command(run.main, *asked, twice)
    assert re.search(r"\d+ of 60 test pictures are copies, byte for byte, of others", err)
    _, _, err = run_command(run.main, *asked, twice, "--drop-duplicates")
    assert "copies, byte for byte" not in err


def test_rows_on_other_pictures_than_others_of_their_board_say_so(
    tmp_path: Path, run_command: Command, shapes_folder: Path
) -> None:
    asked = ("--data", shapes_folder, "--out", tmp_path, "--jobs", 1)
    assert run_command(run.main, *asked, "--model", "majority", "--size", 16)[0] == 0
    assert "ranked among these alone" not in (tmp_path / "leaderboard.md").read_text()
    status, _, err = run_command(run.main, *asked, "--model", "knn", "--size", 24)
    assert (status, "they are not compared with the new ones" in err) == (0, True)
    document = (tmp_path / "leaderboard.md").read_text()
    for size in (16, 24):
        assert re.search(rf"on pictures \w+ of {size} px, ranked among these alone", document)


def test_a_flag_that_is_given_twice_is_told(
    tmp_path: Path, run_command: Command, shapes_folder: Path
) -> None:
    asked = ("--data", shapes_folder, "--out", tmp_path, "--set", "n_neighbors=2")
    twice = ("--model", "majority", "--model=knn", "--set", "n_neighbors=3")
    status, _, err = run_command(run.main, *asked, *twice)
    assert status == 0, err
    assert "--model is given 2 times: the last is taken" in err
    assert "--set is given" not in err
