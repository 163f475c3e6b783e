"""What is exported says what the model says, in ONNX Runtime alone, or is refused with a reason."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from huggingface_hub import ModelCard
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.semi_supervised import LabelPropagation

import datasets
from baselines.base import PictureClassifier
from baselines.linear import CudaLogisticRegression
from benchmark import export, run
from benchmark.core import models
from benchmark.core.store import Results
from benchmark.use import fitted, onnx_files, onnx_graphs
from benchmark.use.fitted import Fitted
from benchmark.use.onnx_files import TOLERANCE
from datasets import Dataset, InputError
from deepnets.training.layers import spare_slow_bf16
from tests.conftest import Command

REFUSED = {"hog-svm": "no operator of ONNX computes the same"}
CLASSICAL = [name for name, model in models.models().items() if not model.deep]
# Plain, with grouped convolutions, enlarged, and as it was published; the others go the same way.
NETS = ["cnn3", "mobilenet", "finetuned:tf_efficientnet_lite0", "frozen:tf_efficientnet_lite0"]


# By how much a file may differ from what a net said in its run, which was in bfloat16 where it is.
OF_STORED = 0.05 if torch.cpu._is_avx512_bf16_supported() else TOLERANCE


@pytest.fixture(autouse=True)
def _few_calls_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_files, "MOST_SECONDS", 0.01)
    monkeypatch.setattr(onnx_files, "WARM_UP", 1)


@pytest.fixture(autouse=True)
def _nets_compute_as_their_files_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)


def said(content: bytes, pictures: np.ndarray) -> np.ndarray:
    """What a file says, asked with nothing of this project."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # several wait for one another beside other work
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["probabilities"], {"pictures": pictures})[0])


def fit(name: str, shapes: Dataset, classes: int = 3) -> Any:
    """A model that has learnt for a moment."""
    few = {"max_epochs": 1, "budget": 0.01}
    settings = few if models.models()[name].is_trained_in_epochs else {}
    model = models.models()[name].make(**settings)
    model.set_params(**({"device": "cpu"} if "device" in model.get_params() else {}))
    learnt = np.flatnonzero((np.arange(len(shapes)) % 3 == 0) & (shapes.labels < classes))
    return model.fit(shapes.images[learnt], shapes.labels[learnt])


def check(model: Any, shapes: Dataset) -> None:
    """See that a model's file agrees with it, however many pictures it is asked about."""
    content = onnx_graphs.graph(model).proto.SerializeToString()
    for some in (shapes.images[1::3], shapes.images[1:2]):
        np.testing.assert_allclose(said(content, some), model.predict_proba(some), atol=TOLERANCE)


@pytest.mark.parametrize("name", [*CLASSICAL, *NETS])
def test_a_model_is_exported_as_it_is_or_refused(name: str, shapes: Dataset) -> None:
    model = fit(name, shapes)
    if name in REFUSED:
        with pytest.raises(InputError, match=REFUSED[name]):
            onnx_graphs.graph(model)
    else:
        check(model, shapes)


@pytest.mark.parametrize("name", ["logistic-regression", "patches", "random-forest"])
def test_of_two_classes_too(name: str, shapes: Dataset) -> None:
    check(fit(name, shapes, classes=2), shapes)


def test_a_net_that_looks_at_mirror_images_does_so_in_the_file(shapes: Dataset) -> None:
    model = fit("cnn3", shapes)
    model.flips_ = False
    alone = model.predict_proba(shapes.images)
    model.flips_ = True
    assert np.abs(model.predict_proba(shapes.images) - alone).max() > TOLERANCE
    check(model, shapes)


def test_convolutions_that_are_kept_out_of_bfloat16_are_exported(shapes: Dataset) -> None:
    model = fit("mobilenet", shapes)
    spare_slow_bf16(model.net_)
    check(model, shapes)


def test_what_was_fitted_on_a_card_is_exported_as_scikit_learns_own(shapes: Dataset) -> None:
    model = fit("logistic-regression", shapes)
    assert type(model.estimator_) is LogisticRegression
    model.estimator_.__class__ = CudaLogisticRegression
    assert type(onnx_graphs._on_cpu(model.estimator_)) is LogisticRegression
    check(model, shapes)


def test_a_new_classical_model_is_exported_if_skl2onnx_knows_it(shapes: Dataset) -> None:
    class Other(PictureClassifier):
        estimator: Any = GaussianNB(var_smoothing=0.1)

        def build(self, rows: np.ndarray, y: np.ndarray) -> Any:
            return self.estimator

    check(Other().fit(shapes.images[::3], shapes.labels[::3]), shapes)
    Other.estimator = LabelPropagation()
    with pytest.raises(InputError, match="no converter for LabelPropagation"):
        onnx_graphs.graph(Other().fit(shapes.images[::3], shapes.labels[::3]))


def test_a_frozen_net_with_another_head_is_refused(shapes: Dataset) -> None:
    model = models.models()["frozen:tf_efficientnet_lite0"].make(head="knn")
    model.fit(shapes.images[::9], shapes.labels[::9])
    with pytest.raises(InputError, match="head knn"):
        onnx_graphs.graph(model)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path) -> Path:
    """Results of a few models on one board."""
    out = tmp_path_factory.mktemp("export") / "results"
    asked = ["--model", "knn,hog-svm,logistic-regression,cnn3", "--data", str(shapes_folder)]
    asked += ["--train-size", "60", "--budget", "0.02", "--jobs", "1", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr("sys.argv", ["run", *asked, "--out", str(out)])
        run.main()
    assert end.value.code == 0
    return out


def test_a_net_is_written_with_its_card_and_in_8_bits(
    run_command: Command, ran: Path, tmp_path: Path
) -> None:
    to = tmp_path / "new" / "net.onnx"
    asked = ("cnn3", "--out", ran, "--to", to, "--tolerance", OF_STORED)
    status, out, err = run_command(export.main, *asked)
    assert status == 0, err
    assert {each.name for each in to.parent.iterdir()} == {"net.onnx", "net.int8.onnx", "net.md"}
    results = Results(ran)
    row = fitted.find(results, "cnn3")
    one = Fitted.load(results, row)
    stored = results.predictions(one.record).scored
    pictures = datasets.load(one.record.dataset.source).take(stored.rows)
    content = to.read_bytes()
    np.testing.assert_allclose(said(content, pictures), stored.probabilities, atol=OF_STORED)
    about = {each.key: each.value for each in onnx.load(to).metadata_props}
    assert json.loads(about["class_names"]) == ["bar", "disc", "ring"]
    assert int(about["size"]) == pictures.shape[-1]
    assert float(about["temperature"]) == one.temperature
    assert float(about["least_probability"]) == one.least
    small = (to.parent / "net.int8.onnx").read_bytes()
    assert len(small) < len(content) / 2
    apart = np.abs(said(small, pictures) - stored.probabilities)
    assert 0 < apart.max() < 0.5, "computed otherwise, and not something else"
    read = ModelCard.load(to.with_suffix(".md"))
    scores = {each.metric_type: each.metric_value for each in read.data.eval_results or []}
    assert scores["accuracy"] == pytest.approx(row.mean("accuracy"))
    assert "largest difference of a probability" in out
    assert "in 8 bits" in read.text


def test_what_an_audit_found_is_on_the_card_if_it_is_of_these_data(
    run_command: Command, ran: Path, tmp_path: Path
) -> None:
    out, to = Path(shutil.copytree(ran, tmp_path / "results")), tmp_path / "model.onnx"
    fingerprint = Results(out).rows()[0].dataset.fingerprint
    for data, shown in ((fingerprint, True), ("0" * 64, False)):
        found = {"fingerprint": data, "name": "# \x1b[31mshapes"}
        audit = {"data": found, "summary": "Audit: nothing new.\n# No title"}
        (out / "audit.json").write_text(json.dumps(audit))
        assert run_command(export.main, "knn", "--out", out, "--to", to)[0] == 0
        card = to.with_suffix(".md").read_text()
        line = r"\# \\x1b[31mshapes: Audit: nothing new.\\n# No title"
        assert (line in card.splitlines()) == shown
        assert "\x1b" not in card
    (out / "audit.json").unlink()
    os.mkfifo(out / "audit.json")
    status, _, err = run_command(export.main, "knn", "--out", out, "--to", to)
    assert (status, "a pipe" in err) == (2, True)
    (out / "audit.json").unlink()
    (out / "audit.json").write_text("{")
    status, _, err = run_command(export.main, "knn", "--out", out, "--to", to)
    assert (status, "audit again" in err) == (2, True)


def test_a_text_that_is_no_card_is_not_replaced_by_one(
    run_command: Command, ran: Path, tmp_path: Path
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("---\ntitle: mine\n---\n")
    asked = ("knn", "--out", ran, "--to", tmp_path / "README.onnx")
    status, _, err = run_command(export.main, *asked)
    assert status == 2
    (line,) = err.splitlines()
    assert "README.md is no card of an exported model" in line
    assert [each.name for each in tmp_path.iterdir()] == ["README.md"]
    readme.unlink()
    for _ in range(2):
        assert run_command(export.main, *asked)[0] == 0, "a card of ours makes room"


def test_no_file_in_8_bits_of_another_model_is_left(
    run_command: Command, ran: Path, tmp_path: Path
) -> None:
    to = tmp_path / "model.onnx"
    small = tmp_path / "model.int8.onnx"
    assert run_command(export.main, "logistic-regression", "--out", ran, "--to", to)[0] == 0
    assert small.exists()
    status, out, _ = run_command(export.main, "knn", "--out", ran, "--to", to)
    assert status == 0
    assert not small.exists()
    assert "There is none in 8 bits" in out


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
@pytest.mark.parametrize("labelled", [False, True])
def test_a_model_that_is_not_of_this_project_is_neither_replaced_nor_removed(
    run_command: Command, ran: Path, tmp_path: Path, name: str, labelled: bool
) -> None:
    theirs = onnx.ModelProto(producer_name="somebody")
    content = theirs.SerializeToString() if labelled else b"no model at all"
    (tmp_path / name).write_bytes(content)
    asked = ("knn", "--out", ran, "--to", tmp_path / "model.onnx")
    status, _, err = run_command(export.main, *asked)
    assert status == 2
    assert f"{name} was not exported by this project" in err.splitlines()[-1]
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == content


def test_a_full_disk_leaves_an_earlier_export_as_it_is(
    run_command: Command, ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(content: bytes | str) -> bytes:
        if isinstance(content, str):  # the card, which comes last
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return content

    def found() -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    asked = ("--out", ran, "--to", tmp_path / "model.onnx")
    assert run_command(export.main, "logistic-regression", *asked)[0] == 0
    before = found()
    assert len(before) == 3
    monkeypatch.setattr(export, "as_bytes", full)
    status, _, err = run_command(export.main, "knn", *asked)
    assert (status, "No space left" in err) == (2, True)
    assert found() == before


def test_what_cannot_be_exported_leaves_no_file_and_says_why(
    run_command: Command, ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "there" / "model.onnx"

    def fails(*asked: object) -> str:
        status, _, err = run_command(export.main, "--to", to, *asked)
        assert status == 2
        assert not to.parent.exists()
        return err.strip().splitlines()[-1]

    assert REFUSED["hog-svm"] in fails("hog-svm", "--out", ran)
    assert "differs by" in fails("logistic-regression", "--out", ran, "--tolerance", 0)
    assert "no row in" in fails("vgg99", "--out", ran)
    assert "does not end in .onnx" in fails("knn", "--out", ran, "--to", tmp_path / "model.md")
    changed = Path(shutil.copytree(ran, tmp_path / "changed"))
    for file in changed.glob("**/*.json"):
        data = Results(ran).rows()[0].dataset.fingerprint
        file.write_text(file.read_text().replace(data, data[::-1]))
    assert "changed since" in fails("knn", "--out", changed)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "skl2onnx" else found(name)
    )
    assert "pip install 'classical-or-deep[export]'" in fails("knn", "--out", ran)
