"""Every kind of model has a map of where it looks, and the map is of what it looks at."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import baselines
import deepnets
from benchmark import explain, run
from benchmark.core import models
from benchmark.core.store import Results
from benchmark.use import draw, fitted, maps
from benchmark.use import typical as of_classes
from benchmark.use.fitted import Fitted
from benchmark.view import plots
from datasets import Dataset, InputError
from deepnets.training.classifier import NetClassifier
from deepnets.training.frozen import FrozenClassifier
from deepnets.training.layers import Standardised
from tests.conftest import Command

SIZE, CORNER = 32, 12  # pixels


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path) -> Path:
    """Results of three models on one board."""
    out = tmp_path_factory.mktemp("explain") / "results"
    asked = ["--model", "knn,logistic-regression,cnn3", "--data", str(shapes_folder)]
    asked += ["--out", str(out), "--train-size", "60", "--jobs", "1", "--budget", "0.02"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr("sys.argv", ["run", *asked, "--device", "cpu"])
        run.main()
    assert end.value.code == 0
    return out


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "SHOWN", 150)


@pytest.fixture
def one_of_each(shapes_folder: Path, tmp_path: Path) -> Path:
    """A folder with a picture of each class."""
    folder = tmp_path / "given"
    folder.mkdir()
    for name in ("bar", "disc", "ring"):
        shutil.copy(shapes_folder / name / f"{name}_000.png", folder)
    return folder


def bright_corner(value: int = 220) -> np.ndarray:
    """A picture of noise that is bright in its upper left corner."""
    picture = np.random.default_rng(0).integers(40, 120, (3, SIZE, SIZE), np.uint8)
    picture[:, :CORNER, :CORNER] = value
    return picture


@dataclass
class OfCorner:
    """Sure of the second class by how bright the corner is, whatever else there is."""

    classes_ = np.array([0, 1])
    picture_shape_ = (3, SIZE, SIZE)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        share = X[..., :CORNER, :CORNER].mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - share, share], axis=1)


class CornerNet(nn.Module):
    """A net that sees nothing but the corner."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 1, 3, padding=1, bias=False)
        nn.init.constant_(self.convolution.weight, 1 / 27)
        self.head = nn.Linear(1, 2)
        nn.init.zeros_(self.head.bias)
        nn.init.constant_(self.head.weight[:1], -0.01)  # so that it is never quite sure
        nn.init.constant_(self.head.weight[1:], 0.01)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        corner = torch.zeros_like(pictures)
        corner[..., :CORNER, :CORNER] = 1
        return self.head(self.convolution(pictures * corner).mean(dim=(2, 3)))


def net_of_corner() -> NetClassifier:
    return as_classifier(CornerNet(), 2)


def as_classifier(net: nn.Module, n_classes: int, architecture: str = "cnn3") -> NetClassifier:
    made = NetClassifier(architecture, device="cpu")
    made.net_ = Standardised(net, torch.zeros(3), torch.ones(3)).eval()
    made.classes_, made.picture_shape_ = np.arange(n_classes), (3, SIZE, SIZE)
    made.flips_ = False
    return made


def linear_of_corner() -> Any:
    """A logistic regression of pictures that differ in their corner alone."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = np.zeros((40, 3, SIZE, SIZE), np.uint8)
    X[:, :, :CORNER, :CORNER] = rng.integers(0, 100, (40, 3, CORNER, CORNER))
    X[y == 1, :, :CORNER, :CORNER] += 100
    return baselines.make("logistic-regression", C=1.0).fit(X, y)


@pytest.mark.parametrize(
    ("way", "made"),
    [
        ("lime", OfCorner),
        ("lime", net_of_corner),
        ("occlusion", OfCorner),
        ("occlusion", net_of_corner),
        ("gradcam", net_of_corner),
        ("weights", linear_of_corner),
    ],
)
def test_the_map_is_of_the_corner_and_of_nothing_else(way: str, made: Any) -> None:
    values = maps.WAYS[way].of(made(), bright_corner(), 1).values
    assert values.shape == (SIZE, SIZE)
    inside, outside = values[: CORNER - 3, : CORNER - 3], values.copy()
    # A piece or a square that is hidden, or a convolution, may reach beyond the corner.
    reach = CORNER + round(maps.HIDDEN * SIZE)
    outside[:reach, :reach] = 0
    assert inside.mean() > 0
    assert np.abs(outside).max() < 0.1 * inside.mean()


def test_what_speaks_for_one_class_speaks_against_the_other() -> None:
    for way in ("lime", "occlusion"):
        one, other = (maps.WAYS[way].of(OfCorner(), bright_corner(), k).values for k in (0, 1))
        np.testing.assert_allclose(one, -other, atol=1e-6)


@pytest.mark.parametrize("name", [*baselines.BASELINES])
def test_every_classical_model_has_maps(name: str, shapes: Dataset) -> None:
    rows = np.arange(0, 90, 3)
    model = models.models()[name].make().fit(shapes.take(rows), shapes.labels[rows])
    ways = maps.chosen(model, None)
    assert ways == ("lime", "occlusion")
    if maps.class_weights(model) is not None:
        ways = (*ways, "weights")
    for way in ways:
        found = maps.WAYS[way].of(model, shapes.images[0], 0)
        assert found.values.shape == (SIZE, SIZE)
        assert np.isfinite(found.values).all()
        # What one square or piece adds to a probability; a tree may not mind any one of them.
        assert np.abs(found.values).max() <= 1 or way == "weights"
        assert np.ptp(found.values) > 0 or name in ("majority", "knn", "decision-tree")


# One of each way to build nets: those of a family differ in their depth.
NETS = {net.builder: name for name, net in reversed(deepnets.ARCHITECTURES.items())}


@pytest.mark.parametrize("name", [*NETS.values(), "finetuned:tf_efficientnet_lite0"])
def test_every_kind_of_net_has_a_gradcam(name: str, shapes: Dataset) -> None:
    model = as_classifier(nn.Linear(1, 1), 3, name)
    model.net_ = maps.untrained(model, seed=9)
    assert maps.chosen(model, None) == ("lime", "gradcam")
    values, places = maps._gradcam(model.net_, model, shapes.images[:2], [0, 1])
    assert places >= maps.LEAST_PLACES
    assert values.shape == (2, SIZE, SIZE)
    assert np.isfinite(values).all()
    assert (np.ptp(values, axis=(1, 2)) > 0).all()


@pytest.fixture(scope="module")
def frozen(shapes: Dataset) -> FrozenClassifier:
    rows = np.arange(0, 90, 5)
    made = FrozenClassifier(C=1.0, net_size=64, device="cpu")
    return made.fit(shapes.take(rows), shapes.labels[rows])


def test_a_frozen_net_is_one_net_with_its_linear_classifier(
    frozen: FrozenClassifier, shapes: Dataset
) -> None:
    net = maps.differentiable(frozen)
    assert net is not None
    with torch.no_grad():
        said = net(torch.from_numpy(shapes.take(np.arange(4)))).softmax(1).numpy()
    # The classifier itself may compute in bfloat16.
    np.testing.assert_allclose(said, frozen.predict_proba(shapes.images[:4]), atol=0.05)
    assert maps.chosen(frozen, None) == ("lime", "gradcam")
    found = maps.likeness(frozen, shapes.take(np.arange(2)), [0, 1])
    assert found.correlations.shape == (maps.UNTRAINED, 2)
    frozen_svm = FrozenClassifier(head="svm")
    frozen_svm.net_ = frozen.net_
    assert maps.differentiable(frozen_svm) is None


def test_random_weights_give_another_map(ran: Path, shapes: Dataset) -> None:
    results = Results(ran)
    net = Fitted.load(results, fitted.find(results, "cnn3")).model
    pictures, numbers = shapes.take(np.arange(0, 90, 10)), [*net.predict(shapes.images[::10])]
    found = maps.likeness(net, pictures, numbers)
    assert not found.hardly_learnt
    assert "depends on what was learnt" in found.lines()[-1]
    assert np.array_equal(found.correlations, maps.likeness(net, pictures, numbers).correlations)


def test_a_map_that_owes_nothing_to_training_is_told(shapes: Dataset) -> None:
    """Of a net that is as untrained as those it is compared with."""
    net = as_classifier(nn.Linear(1, 1), 3)
    net.net_ = maps.untrained(net, seed=0)
    found = maps.likeness(net, shapes.take(np.arange(3)), [0, 1, 2])
    np.testing.assert_allclose(found.correlations[0], 1)
    alike = maps.Likeness(np.full((5, 3), maps.MOST_ALIKE + 0.01))
    assert "hardly depends on what was learnt" in alike.lines()[-1]


def test_a_reversed_map_is_of_the_same_places(
    shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = as_classifier(nn.Linear(1, 1), 3)
    net.net_ = maps.untrained(net, seed=0)
    signs = iter([1, 1, -1, 1, -1, 1])  # of the net itself and of five random ones

    def turned(*_: Any) -> tuple[np.ndarray, int]:
        return next(signs) * np.arange(SIZE * SIZE, dtype=float).reshape(1, SIZE, SIZE), 4

    monkeypatch.setattr(maps, "_gradcam", turned)
    found = maps.likeness(net, shapes.take(np.arange(1)), [0])
    assert found.mean == pytest.approx(1)
    assert found.hardly_learnt


def test_where_a_mirror_image_is_asked_about_too_the_map_is_of_both(shapes: Dataset) -> None:
    net = as_classifier(nn.Linear(1, 1), 3)
    net.net_ = maps.untrained(net, seed=0)
    net.flips_ = True
    picture = shapes.images[0]
    both = maps.gradcam(net, picture, 0).values
    mirrored = maps.gradcam(net, np.ascontiguousarray(picture[..., ::-1]), 0).values
    np.testing.assert_allclose(both, mirrored[:, ::-1], atol=1e-6)


def explained(run_command: Command, ran: Path, to: Path, *asked: object) -> str:
    status, out, err = run_command(explain.main, "--out", ran, "--to", to, *asked)
    assert status == 0, err
    return out


def test_pictures_are_explained_each_in_a_file_and_again_the_same(
    run_command: Command, ran: Path, one_of_each: Path, tmp_path: Path
) -> None:
    (one_of_each / "empty.png").touch()
    asked = ("--model", "cnn3", one_of_each)
    for name in ("one", "two"):
        out = explained(run_command, ran, tmp_path / name, *asked)
        assert "sanity check of Grad-CAM" in out
        assert "over 3 pictures" in out
        assert "empty.png: the file is empty" in out
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [f"{name}_000.png.png" for name in ("bar", "disc", "ring")]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.filterwarnings("error")
def test_a_name_that_cannot_be_seen_is_written_out(
    run_command: Command, ran: Path, one_of_each: Path, tmp_path: Path
) -> None:
    (one_of_each / "bar_000.png").rename(one_of_each / os.fsdecode(b"b\xff\x1b[31m.png"))
    (one_of_each / "\x1bempty.png").touch()
    asked = ("--model", "logistic-regression", "--how", "weights", one_of_each)
    for name in (one_of_each / "disc_000.png", one_of_each / "ring_000.png"):
        name.unlink()
    out = explained(run_command, ran, tmp_path / "said", *asked)
    assert r"\x1bempty.png: the file is empty" in out
    assert r"b\xff\x1b[31m.png.png" in out.splitlines()[-1]
    assert "\x1b" not in out


def test_weights_and_classes_are_pictures_of_their_own(
    run_command: Command, ran: Path, one_of_each: Path, tmp_path: Path
) -> None:
    asked = ("--model", "logistic-regression", "--how", "weights", "--classes", one_of_each)
    out = explained(run_command, ran, tmp_path / "said", *asked)
    assert "sanity check" not in out
    files = {path.name for path in (tmp_path / "said").iterdir()}
    assert {"weights.png", "classes.png", "bar_000.png.png"} <= files


def test_the_typical_pictures_are_those_surest_right_and_surest_wrong(ran: Path) -> None:
    results = Results(ran)
    model = Fitted.load(results, fitted.find(results, "knn"))
    stored = results.predictions(model.record).scored
    found = of_classes.of(results, model)
    assert [each.name for each in found] == model.class_names
    for number, each in enumerate(found):
        right = (stored.labels == number) & (stored.probabilities.argmax(axis=1) == number)
        wrong = (stored.labels == number) & ~right
        assert len(each.right) == min(right.sum(), of_classes.MOST)
        assert len(each.wrong) == min(wrong.sum(), of_classes.MOST)
        assert all(one.said == each.name for one in each.right)
        assert all(one.said != each.name for one in each.wrong)
        sure = [one.confidence for one in each.right]
        assert sure == sorted(sure, reverse=True)


def test_a_film_is_explained_scene_by_scene(
    run_command: Command, ran: Path, shapes_folder: Path, tmp_path: Path
) -> None:
    shown = cv2.resize(cv2.imread(str(next((shapes_folder / "ring").iterdir()))), (320, 240))
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(tmp_path / "film.avi"), code, 10, (320, 240))
    for _ in range(6):
        writer.write(shown)
    writer.release()
    asked = ("--model", "knn", "--every", 2, "--seconds", 0.5, tmp_path / "film.avi")
    explained(run_command, ran, tmp_path / "said", *asked)
    film = cv2.VideoCapture(str(tmp_path / "said" / "film.avi.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    there, scene = film.read()
    assert there
    assert np.ptp(scene.astype(int), axis=2).max() > 60, "a picture of greys was given colours"


def test_colours_are_over_what_speaks_and_say_whether_for_or_against() -> None:
    picture = np.full((64, 64, 1), 100, np.uint8)
    share = np.zeros((32, 32))
    share[:8, :8], share[-8:, -8:] = 1, -1
    drawn = draw.overlaid(picture, share).astype(int)
    np.testing.assert_allclose(drawn[2, 2], 0.8 * np.array(draw.FOR) + 20, atol=1)
    np.testing.assert_allclose(drawn[-2, -2], 0.8 * np.array(draw.AGAINST) + 20, atol=1)
    assert (drawn[32, 32] == 100).all()


def test_the_picture_names_what_it_is_of(shapes: Dataset) -> None:
    seen = shapes.images[0]
    found = maps.occlusion(OfCorner(), seen, 1)
    drawn = plots.svg(plots.explained(seen.transpose(1, 2, 0), seen, [found], "joy", "one.jpg"))
    for told in ("one.jpg", "Occlusion", "most for", "most against", "joy", "32 x 32 pixels"):
        assert told in drawn


def test_a_high_picture_keeps_its_shape(ran: Path, run_command: Command, tmp_path: Path) -> None:
    high = np.random.default_rng(0).integers(0, 255, (90, 30, 3), np.uint8)
    Image.fromarray(high).save(tmp_path / "high.png")
    explained(run_command, ran, tmp_path / "said", "--model", "knn", tmp_path / "high.png")
    assert (tmp_path / "said" / "high.png.png").is_file()


def test_wrong_input_is_one_line(
    run_command: Command,
    ran: Path,
    one_of_each: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*asked: object) -> str:
        status, out, err = run_command(explain.main, "--to", tmp_path / "said", *asked)
        assert status == 2
        assert out == ""
        *twice, line = err.strip().splitlines()
        assert all("is given 2 times" in each for each in twice)
        return line

    assert "no row in" in fails("--out", ran, "--model", "vgg99", one_of_each)
    assert "is not there" in fails("--out", ran, tmp_path / "nowhere.jpg")
    assert "name pictures" in fails("--out", ran)
    assert "'shap' is not one of lime" in fails("--out", ran, "--how", "shap", one_of_each)
    knn = ("--out", ran, "--model", "knn")
    assert "no Grad-CAM: it is no net" in fails(*knn, "--how", "gradcam", one_of_each)
    assert "not linear in the pixels" in fails(*knn, "--how", "weights", one_of_each)
    (tmp_path / "file").touch()
    assert "cannot be made" in fails(*knn, "--to", tmp_path / "file" / "x", one_of_each)

    def without(name: str, *how: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "captum":
            raise ImportError(name)
        return imported(name, *how, **named)

    imported = maps.importlib.import_module
    monkeypatch.setattr(maps.importlib, "import_module", without)
    assert "pip install 'classical-or-deep[explain]'" in fails(*knn, one_of_each)


def test_a_net_without_convolutions_has_no_gradcam() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 2))
    net = as_classifier(flat, 2)
    assert maps.chosen(net, None) == ("lime", "occlusion")
    with pytest.raises(InputError, match="4 x 4 places"):
        maps.chosen(net, ["gradcam"])
