"""The winner answers for new pictures and films, whatever they are, and says its doubts."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import skops.io
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

import datasets
from benchmark import explain, predict, run
from benchmark.core.predictions import probability_column
from benchmark.core.store import Results
from benchmark.use import draw, faces, fitted, look
from benchmark.use.faces import Framing
from benchmark.use.fitted import Fitted
from benchmark.use.scenes import Scene
from datasets import Dataset, InputError, audit, limits
from datasets.crops import Box
from tests.conftest import FAST, Command, write_picture


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path) -> Path:
    """Results of three models on one board and of one on another."""
    out = tmp_path_factory.mktemp("predict") / "results"
    for models, n in (("knn,hog-svm,cnn3", 60), ("knn", 40)):
        asked = ["--model", models, "--data", str(shapes_folder), "--out", str(out)]
        asked += ["--train-size", str(n), "--jobs", "1", "--budget", "0.02", "--device", "cpu"]
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
            patch.setattr("sys.argv", ["run", *asked])
            run.main()
        assert end.value.code == 0
    return out


def told(run_command: Command, ran: Path, to: Path, *asked: object) -> tuple[pd.DataFrame, str]:
    status, out, err = run_command(predict.main, "--out", ran, "--to", to, *asked)
    assert status == 0, err
    return pd.read_csv(to / predict.TABLE), out


@pytest.mark.parametrize("model", ["fair-60/knn", "hog-svm", "cnn3"])
def test_of_the_test_pictures_it_says_what_is_stored(ran: Path, model: str) -> None:
    results = Results(ran)
    one = Fitted.load(results, fitted.find(results, model))
    stored = results.predictions(one.record).scored
    files = results.files(one.record.dataset.fingerprint)
    assert files is not None
    root = datasets.load(one.record.dataset.source).root
    assert root is not None
    read = [
        one.prepared(cv2.cvtColor(cv2.imread(str(root / files[row])), cv2.COLOR_BGR2RGB))
        for row in stored.rows
    ]
    said = one.raw(fitted.stacked(read, one.size))
    np.testing.assert_allclose(said, stored.probabilities, atol=1e-5)


def test_a_folder_is_answered_for_picture_by_picture(
    run_command: Command, ran: Path, shapes_folder: Path, tmp_path: Path
) -> None:
    table, out = told(run_command, ran, tmp_path / "said", shapes_folder)
    assert len(table) == 90
    true = table["file"].str.split("/").str[0]
    assert (true == table["said"]).mean() > 0.8
    assert "right on" in out.splitlines()[0]
    of_classes = [probability_column(name) for name in ("bar", "disc", "ring")]
    np.testing.assert_allclose(table[of_classes].sum(axis=1), 1)
    np.testing.assert_allclose(table[of_classes].max(axis=1), table["confidence"])
    assert all(a in b.split("; ") for a, b in zip(table["said"], table["set"], strict=True))
    drawn = [*(tmp_path / "said").glob("*.png")]
    assert len(drawn) == 90
    assert min(Image.open(drawn[0]).size) >= draw.LEAST_SIDE


def test_whatever_is_handed_in_is_answered_for_or_said_why_not(
    run_command: Command, ran: Path, shapes_folder: Path, tmp_path: Path
) -> None:
    shown = cv2.imread(str(next((shapes_folder / "disc").iterdir())))
    given = tmp_path / "given"
    given.mkdir()
    cv2.imwrite(str(given / "grey.png"), cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(given / "huge.jpg"), cv2.resize(shown, (3840, 2160)))
    clear = cv2.cvtColor(shown, cv2.COLOR_BGR2BGRA)
    cv2.imwrite(str(given / "transparent.png"), clear)
    (given / "broken.jpg").write_bytes((given / "huge.jpg").read_bytes()[:2000])
    (given / "empty.png").touch()
    turned = Image.fromarray(
        cv2.cvtColor(cv2.rotate(shown, cv2.ROTATE_90_CLOCKWISE), cv2.COLOR_BGR2RGB)
    )
    exif = turned.getexif()
    exif[274] = 8  # as a phone writes that it was held upright
    turned.save(given / "turned.jpg", exif=exif, quality=100)
    Image.fromarray(cv2.cvtColor(shown, cv2.COLOR_BGR2RGB)).save(given / "upright.jpg", quality=100)
    table, _ = told(run_command, ran, tmp_path / "said", "--model", "hog-svm", given)
    table = table.set_index("file")
    assert len(table) == 7
    assert table.loc["broken.jpg", "remark"] == "the picture is truncated"
    assert table.loc["empty.png", "remark"] == "the file is empty"
    assert pd.isna(table.loc["broken.jpg", "said"])
    assert table["said"].notna().sum() == 5
    turned_one, upright = table.loc["turned.jpg"], table.loc["upright.jpg"]
    assert turned_one["said"] == upright["said"]
    assert turned_one["confidence"] == pytest.approx(upright["confidence"], abs=0.05)


def test_large_pictures_are_not_all_held_at_once(ran: Path) -> None:
    results = Results(ran)
    looker = look.Looker(Fitted.load(results, fitted.find(results, "fair-60/knn")))
    read: list[int] = []

    def some(n: int, side: int) -> Iterator[Scene]:
        for i in range(n):
            read.append(i)
            yield Scene(f"{i}.png", np.zeros((side, side, 3), np.uint8))

    for n, side, together in ((20, 3000, 3), (100, 30, look.AT_ONCE)):
        read.clear()
        looked = looker.at(some(n, side), look.AT_ONCE)
        names = [next(looked).scene.name]
        assert len(read) == together
        assert [*names, *(one.scene.name for one in looked)] == [f"{i}.png" for i in range(n)]


@pytest.mark.filterwarnings("error")
def test_why_a_picture_is_not_answered_for_is_no_formula_and_no_code_for_a_terminal(
    run_command: Command, ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "=cmd|x!A1\x1b[31m.png"
    with Path(name).open("wb") as file:
        file.truncate(limits.PICTURE_BYTES + 1)  # a hole: no disk is taken
    table, out = told(run_command, ran, tmp_path / "said", "--model", "fair-60/knn", name)
    assert table.loc[0, "remark"].startswith(r"'=cmd|x!A1\x1b[31m.png has 268,435,457 bytes")
    assert "\x1b" not in out


def test_pictures_of_one_name_have_an_answer_each(
    run_command: Command, ran: Path, tmp_path: Path
) -> None:
    for folder in "ab":
        write_picture(tmp_path / folder / "one.png", seed=ord(folder))
    given = [tmp_path / folder / "one.png" for folder in "ab"]
    answers, _ = told(run_command, ran, tmp_path / "to", *given)
    assert answers["file"].tolist() == [str(each) for each in given]
    assert len([*(tmp_path / "to").glob("*.png")]) == 2


def test_pictures_whose_paths_are_written_alike_or_are_long_have_an_answer_each(
    run_command: Command, ran: Path, tmp_path: Path
) -> None:
    deep = "/".join("abc"[i] * 120 for i in range(3))
    for i, name in enumerate(("a/b.png", "a_b.png", f"{deep}/d.png")):
        write_picture(tmp_path / "given" / name, seed=i)
    answers, _ = told(run_command, ran, tmp_path / "to", tmp_path / "given")
    assert answers["file"].nunique() == 3
    assert len([*(tmp_path / "to").glob("*.png")]) == 3


def test_an_answer_does_not_take_the_place_of_what_a_link_leads_to(
    run_command: Command, ran: Path, tmp_path: Path
) -> None:
    write_picture(tmp_path / "one.png")
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "one.png.png").symlink_to(tmp_path / "kept")
    told(run_command, ran, tmp_path / "to", tmp_path / "one.png")
    assert (tmp_path / "kept").read_text() == "kept"


def test_other_pictures_are_said_to_be_unlike(
    run_command: Command, ran: Path, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "noise.png"), noise)
    table, _ = told(run_command, ran, tmp_path / "said", tmp_path / "noise.png")
    assert table.loc[0, "remark"] == look.UNLIKE
    assert table.loc[0, "distance"] > 1


def test_a_film_is_answered_for_scene_by_scene_and_written_again(
    run_command: Command, ran: Path, shapes_folder: Path, tmp_path: Path
) -> None:
    shown = cv2.resize(cv2.imread(str(next((shapes_folder / "ring").iterdir()))), (320, 240))
    writer = cv2.VideoWriter(
        str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240)
    )
    for _ in range(12):
        writer.write(shown)
    writer.release()
    (tmp_path / "theirs").write_text("kept")
    (tmp_path / "said").mkdir()
    (tmp_path / "said" / "film.avi.mp4").symlink_to(tmp_path / "theirs")
    asked = ("--model", "hog-svm", "--every", 2, "--seconds", 0.9, tmp_path / "film.avi")
    table, _ = told(run_command, ran, tmp_path / "said", *asked)
    assert table["seconds"].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert len({*table["said"]}) == 1
    film = cv2.VideoCapture(str(tmp_path / "said" / "film.avi.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(5)
    assert (tmp_path / "theirs").read_text() == "kept", "no film is written through a link"


def test_a_long_picture_is_not_drawn_as_a_huge_one() -> None:
    label = draw.Label(Box(0, 0, 60_000, 1), ["ring"])
    assert draw.labelled(np.zeros((1, 60_000, 3), np.uint8), [label]).shape == (1, 60_000, 3)
    assert draw.labelled(np.zeros((8, 2_000, 3), np.uint8), [label]).shape == (16, 4_096, 3)
    assert draw.labelled(np.zeros((32, 40, 3), np.uint8), [label]).shape == (320, 400, 3)


def test_a_row_is_found_by_name_board_and_key_and_the_winner_without(ran: Path) -> None:
    results = Results(ran)
    knn = fitted.find(results, "fair-40/knn")
    assert (knn.board, knn.place.model) == ("fair-40", "knn")
    assert fitted.find(results, knn.runs[0].key[:10]).place == knn.place
    assert fitted.find(results, None).board == "fair-60"
    assert fitted.find(results, "knn").board == "fair-60", "that of the winner's board"


def test_a_repeat_that_is_named_is_not_answered_for_by_another(ran: Path) -> None:
    knn = fitted.find(Results(ran), "fair-40/knn")
    other = dataclasses.replace(knn.good[0], key="f" * 64, repeat=1)
    with pytest.raises(InputError, match="is repeat 2 of knn, of which repeat 1 answers"):
        fitted._check_answers(other, knn)


def test_wrong_input_is_one_line(
    run_command: Command, ran: Path, shapes_folder: Path, tmp_path: Path
) -> None:
    def fails(*asked: object) -> str:
        status, _, err = run_command(predict.main, "--to", tmp_path / "said", *asked)
        assert status == 2
        return err.strip().splitlines()[-1]

    assert "no row in" in fails("--out", ran, "--model", "vgg99", shapes_folder)
    assert "is not there" in fails("--out", ran, tmp_path / "nowhere.jpg")
    (tmp_path / "text.txt").write_text("no film")
    assert "cannot be opened as a film" in fails("--out", ran, tmp_path / "text.txt")
    (tmp_path / os.fsdecode(b"\xff.avi")).touch()
    assert r"\xff.avi: a film's name must be UTF-8" in fails(
        "--out", ran, tmp_path / os.fsdecode(b"\xff.avi")
    )
    assert "holds no pictures" in fails("--out", ran, tmp_path)
    assert "holds no runs" in fails("--out", tmp_path / "empty", shapes_folder)
    bare = Path(shutil.copytree(ran, tmp_path / "bare"))
    for file in bare.glob("runs/*/model.s*"):
        file.unlink()
    assert "no fitted model" in fails("--out", bare, shapes_folder)


@pytest.mark.parametrize("main", [predict.main, explain.main])
def test_no_answer_lies_among_pictures_where_it_would_be_taken_for_one(
    main: Callable[[], object],
    run_command: Command,
    ran: Path,
    shapes_folder: Path,
    tmp_path: Path,
) -> None:
    write_picture(tmp_path / "given" / "one.png")
    (tmp_path / "link").symlink_to(tmp_path / "given")
    for to, what in (
        ("given", "given"),
        ("given/said", "given"),
        ("link", "given"),
        ("given", "link"),
        (shapes_folder / "disc", "given/one.png"),
    ):
        asked = ("--out", ran, "--model", "fair-60/knn", "--to", tmp_path / to, tmp_path / what)
        status, _, err = run_command(main, *asked)
        assert status == 2
        (line,) = err.splitlines()
        assert "is among the pictures in" in line
        assert line.endswith("name another --to")
    assert [each.name for each in (tmp_path / "given").iterdir()] == ["one.png"]


@pytest.mark.parametrize(
    ("foreign", "words"),
    [
        (StandardScaler().fit(np.eye(3)), "has no attribute 'classes_'"),
        (KNeighborsClassifier(1).fit(np.eye(3), [0, 1, 2]), "found array with dim 4"),
        (KNeighborsClassifier(1).fit(np.eye(3), [0, 1, 5]), "no model of the classes"),
        (KNeighborsClassifier(1).fit(np.eye(3), [0.0, 1.0, 2.0]), "no model of the classes"),
    ],
    ids=["no classifier", "of two numbers", "of other classes", "of classes that are no numbers"],
)
def test_a_model_that_is_not_the_runs_own_is_told_in_a_line(
    foreign: Any,
    words: str,
    run_command: Command,
    ran: Path,
    shapes_folder: Path,
    tmp_path: Path,
) -> None:
    out = Path(shutil.copytree(ran, tmp_path / "out"))
    results = Results(out)
    run_of = fitted.find(results, "fair-60/knn").good[0]
    results.write(f"runs/{run_of.key}/model.skops", skops.io.dumps(foreign))
    asked = ("--out", out, "--to", tmp_path / "said", "--model", "fair-60/knn", shapes_folder)
    status, _, err = run_command(predict.main, *asked)
    assert status == 2
    (line,) = err.splitlines()
    assert "model.skops is damaged (" in line
    assert words in line.lower()
    assert line.endswith(f"remove runs/{run_of.key} and run the same command again")


def test_without_its_pictures_the_model_answers_and_says_what_it_cannot(
    run_command: Command, ran: Path, shapes_folder: Path, tmp_path: Path
) -> None:
    write_picture(tmp_path / "other" / "bar" / "one.png")
    results = Results(ran)
    row = fitted.find(results, "hog-svm")
    around = look.Surroundings.of(
        dataclasses.replace(
            row,
            entry=dataclasses.replace(
                row.entry,
                dataset=dataclasses.replace(
                    row.entry.dataset, source=str(tmp_path / "nowhere" / "x")
                ),
            ),
        )
    )
    assert around.known is None
    assert around.missing
    lines = predict.told(look.Looker(Fitted.load(results, row), around))
    assert any("is not told" in line for line in lines)


def test_a_face_is_framed_as_in_the_pictures_that_were_learnt_from() -> None:
    framing = Framing(0.25, 0.5, 0.25, 0.0)
    assert framing.around(Box(100, 200, 40, 40)) == Box(90, 180, 60, 60)


@pytest.mark.real
def test_faces_are_found_in_a_larger_picture_and_a_close_one_is_taken_whole(real: Dataset) -> None:
    framing = Framing.of(real)
    assert framing is not None
    rows = range(0, 400, 10)
    alone = [faces.find(audit.original(real, row), framing) for row in rows]
    assert np.mean([len(found) == 1 and found[0][:2] == (0, 0) for found in alone]) > 0.8
    wide = np.full((600, 1400, 3), 128, np.uint8)
    close = [audit.original(real, row) for row, found in zip(rows, alone, strict=True) if found][:2]
    for i, each in enumerate(close):
        face = cv2.resize(each, (300, 300))
        wide[150:450, 200 + 700 * i : 500 + 700 * i] = face[..., None] if face.ndim == 2 else face
    found = faces.find(wide, framing)
    assert found
    assert all(abs(box.x - x) < 60 for box, x in zip(found, (200, 900), strict=False))


def test_no_set_is_told_where_nothing_was_selected_on(
    run_command: Command, shapes_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "whole"
    asked = ("--data", shapes_folder, "--protocol", "whole", "--out", out, *FAST)
    assert run_command(run.main, *asked)[0] == 0
    table, printed = told(run_command, out, tmp_path / "said", "--model", "knn", shapes_folder)
    assert "set" not in table
    assert "nothing was selected on" in printed
