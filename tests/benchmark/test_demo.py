"""The page to try models on: it answers about pictures, to itself alone, and keeps nothing."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import waitress
from flask.testing import FlaskClient
from PIL import Image

from benchmark import demo, run
from benchmark.core.store import Results
from benchmark.scores.leaderboard import Leaderboard
from benchmark.use import look, serving
from benchmark.use.fitted import find_on
from datasets.crops import Box
from tests.conftest import Command, write_shapes

HOST = "127.0.0.1:8000"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def made_of(out: Path, data: Path, models: str) -> None:
    """Add models of a data set to a results folder."""
    asked = ["--model", models, "--data", str(data), "--out", str(out)]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr("sys.argv", ["run", *asked, "--train-size", "60", "--jobs", "1"])
        run.main()
    assert end.value.code == 0


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path) -> Path:
    out = tmp_path_factory.mktemp("demo") / "results"
    made_of(out, shapes_folder, "knn,hog-svm")
    return out


@pytest.fixture(scope="module")
def of_two(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two data sets, of which that with fewer models comes first by its name."""
    folder = tmp_path_factory.mktemp("of_two")
    out = Path(shutil.copytree(ran, folder / "results"))
    made_of(out, write_shapes(folder / "animals", 35), "knn")
    return out


@pytest.fixture(scope="module")
def client(ran: Path) -> FlaskClient:
    return serving.app(Leaderboard.compute(Results(ran)), [HOST]).test_client()


@pytest.fixture(scope="module")
def disc(shapes_folder: Path) -> bytes:
    return next((shapes_folder / "disc").iterdir()).read_bytes()


def test_two_models_answer_with_probabilities_and_what_they_learnt_from(
    client: FlaskClient, disc: bytes
) -> None:
    asked = "/answer?model=fair-60/hog-svm&model=fair-60/knn"
    response = client.post(asked, data=disc, headers={"Host": HOST})
    assert response.status_code == 200, response.text
    one, other = response.get_json()["answers"]
    assert (one["model"], other["model"]) == ("fair-60/hog-svm", "fair-60/knn")
    (part,) = one["parts"]
    assert part["said"] == "disc"
    assert sum(part[f"p_{name}"] for name in ("bar", "disc", "ring")) == pytest.approx(1)
    labels = [each["label"] for each in part["neighbours"]]
    assert len(labels) == serving.NEIGHBOURS
    assert labels.count("disc") >= 3
    assert part["map"]["picture"].startswith("data:image/png;base64,")
    assert part["map"]["told"].startswith("Occlusion")
    assert one["picture"].startswith("data:image/png;base64,")


def test_what_it_compares_with_are_the_pictures_that_the_model_learnt_from(ran: Path) -> None:
    models = serving.Models(Leaderboard.compute(Results(ran)))
    learnt = models.learnt("fair-60/knn")
    record = models.looker("fair-60/knn").model.record
    assert learnt is not None
    assert record.measured is not None
    assert len(learnt.rows) == record.measured.n_train
    said = Results(ran).predictions(record)
    assert not {*learnt.rows.tolist()} & {*said.rows.tolist()}
    own = learnt.dataset.take(learnt.rows[:1])[0]
    assert learnt.nearest(own, 1)[0].file == learnt.dataset.ids[learnt.rows[0]]


@pytest.mark.parametrize("named", ["name", "split"])
def test_of_a_protocol_that_is_none_it_answers_without_what_was_learnt_from(
    named: str, ran: Path, tmp_path: Path, disc: bytes
) -> None:
    out = Path(shutil.copytree(ran, tmp_path / "out"))
    for path in out.glob("runs/*/run.json"):
        record = json.loads(path.read_text())
        record["protocol"][named] = "fairer"
        path.write_text(json.dumps(record))
    here = serving.app(Leaderboard.compute(Results(out)), [HOST]).test_client()
    asked = "/answer?model=fair-60/knn"
    response = here.post(asked, data=disc, headers={"Host": HOST})
    assert response.status_code == 200, response.text
    (part,) = response.get_json()["answers"][0]["parts"]
    assert part["said"] == "disc"
    assert part["neighbours"] == []


def test_models_of_several_data_sets_are_told_apart_and_tell_their_data(
    of_two: Path, disc: bytes
) -> None:
    board = Leaderboard.compute(Results(of_two))
    here = serving.app(board, [HOST]).test_client()
    page = here.get("/", headers={"Host": HOST}).text
    for name in ("shapes fair-60/knn", "animals fair-60/knn"):
        assert f"<option>{name}</option>" in page
        response = here.post(
            "/answer", query_string={"model": name}, data=disc, headers={"Host": HOST}
        )
        assert response.status_code == 200, response.text
        (answer,) = response.get_json()["answers"]
        data = name.split()[0]
        assert (answer["model"], data in answer["learnt_from"]) == (name, True)
        assert {each["label"] for each in answer["parts"][0]["neighbours"]} <= {
            "bar",
            "disc",
            "ring",
        }
        assert find_on(board, name).place.dataset == data
    assert "The models learnt from different data" in page


def test_the_page_tells_the_data_of_the_models_that_are_kept(of_two: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(of_two, tmp_path / "out"))
    gone = next(row for row in Results(out).rows() if row.place.dataset == "animals")
    model = Results(out).model_file(gone.keys[0])
    assert model is not None
    model.unlink()
    here = serving.app(Leaderboard.compute(Results(out)), [HOST]).test_client()
    page = here.get("/", headers={"Host": HOST}).text
    assert "<option>fair-60/knn</option>" in page
    assert "animals" not in page


def test_of_many_faces_the_first_are_explained_and_all_are_answered(
    client: FlaskClient, disc: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = [Box(i, i, 20, 20) for i in range(serving.MOST_EXPLAINED + 2)]
    monkeypatch.setattr(look.Looker, "_parts", lambda *_: (faces, ""))
    response = client.post("/answer?model=fair-60/knn", data=disc, headers={"Host": HOST})
    (answer,) = response.get_json()["answers"]
    assert [bool(each["said"]) for each in answer["parts"]] == [True] * len(faces)
    explained = [True] * serving.MOST_EXPLAINED + [False] * 2
    assert [bool(each["map"]) for each in answer["parts"]] == explained
    assert [bool(each["neighbours"]) for each in answer["parts"]] == explained
    assert answer["remark"] == "where it looks and what is alike: of the first 10 of 12 faces"


def test_on_the_port_that_browsers_leave_out_it_is_opened_without_one() -> None:
    assert demo.hosts(8000) == [HOST, "localhost:8000"]
    assert demo.hosts(80) == ["127.0.0.1:80", "localhost:80", "127.0.0.1", "localhost"]


def test_of_a_model_that_is_damaged_it_says_so(ran: Path, tmp_path: Path, disc: bytes) -> None:
    out = Path(shutil.copytree(ran, tmp_path / "out"))
    for path in out.glob("runs/*/model.skops"):
        path.write_bytes(b"")
    here = serving.app(Leaderboard.compute(Results(out)), [HOST]).test_client()
    response = here.post("/answer?model=fair-60/knn", data=disc, headers={"Host": HOST})
    assert response.status_code == 500
    assert "is not as it was written: remove" in response.get_json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": HOST, "Origin": "http://evil.example"},
        {"Host": HOST, "Origin": "null"},
        {"Host": HOST, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_whoever_comes_from_elsewhere_is_refused(
    client: FlaskClient, disc: bytes, headers: dict[str, str]
) -> None:
    assert client.get("/", headers=headers).status_code == 403
    response = client.post("/answer?model=fair-60/knn", data=disc, headers=headers)
    assert response.status_code == 403


def test_wrong_and_oversized_bodies_are_refused_with_a_reason(
    client: FlaskClient, disc: bytes
) -> None:
    def told(body: bytes, asked: str = "model=fair-60/knn") -> tuple[int, str]:
        response = client.post(f"/answer?{asked}", data=body, headers={"Host": HOST})
        return response.status_code, response.get_json()["error"]

    bomb = io.BytesIO()
    Image.fromarray(np.zeros((1, 1), np.uint8)).resize((10_000, 10_000)).save(bomb, "png")
    assert told(b"") == (400, "the file is empty")
    assert told(b"no picture")[0] == 400
    assert told(disc[: len(disc) // 2])[0] == 400
    assert "too many" in told(bomb.getvalue())[1]
    assert told(b"\x89" * (serving.MOST_BYTES + 1)) == (413, "a picture may have 20 MB at most")
    assert told(disc, "model=../../etc/passwd")[0] == 400
    assert told(disc, "")[0] == 400


def test_it_names_what_it_needs_in_one_line(
    run_command: Command, tmp_path: Path, ran: Path
) -> None:
    status, _, err = run_command(demo.main, "--out", tmp_path / "nothing")
    assert status == 2
    assert "holds no runs" in err.strip().splitlines()[-1]
    with socket.socket() as taken:
        taken.bind((demo.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = run_command(demo.main, "--out", ran, "--port", port)
    assert status == 2
    assert "name another --port" in err.strip().splitlines()[-1]


@pytest.fixture
def address(ran: Path) -> Iterator[str]:
    """Where the page is served, in this process."""
    server = waitress.create_server(lambda *_: [], host=demo.HOST, port=0)
    place = f"{demo.HOST}:{server.effective_port}"
    server.application = serving.app(Leaderboard.compute(Results(ran)), [place])
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://{place}"
    server.close()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_in_a_browser_a_picture_is_dropped_and_two_models_answer(
    address: str, disc: bytes, tmp_path: Path, width: int, scheme: str
) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    (tmp_path / "disc.png").write_bytes(disc)
    with sync_api.sync_playwright() as playwright:
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=as_root)
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        said: list[str] = []
        away: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda each: away.append(each.url))
        page.goto(address)
        page.set_input_files("#file", tmp_path / "disc.png")
        page.wait_for_selector("article h3", timeout=60_000)
        titles = page.locator("article h3").all_inner_texts()
        assert len(titles) == 2
        assert all(re.match(r"disc, \d", each) for each in titles)
        found = axe.Axe().run(page).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "moderate")] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert said == []
        assert all(each.startswith((address, "data:", "blob:")) for each in away)
        (tmp_path / "text.png").write_text("no picture")
        page.set_input_files("#file", tmp_path / "text.png")
        page.locator("#state", has_text="no answer").wait_for()
        page.screenshot(path=str(tmp_path / "demo.png"), full_page=True)
        browser.close()


def test_nothing_that_is_sent_is_written(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    large = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    body = cv2.imencode(".png", large)[1].tobytes()
    assert len(body) > 1 << 20
    response = client.post("/answer?model=fair-60/knn", data=body, headers={"Host": HOST})
    assert response.status_code == 200
    assert not [*tmp_path.iterdir()]


def test_the_module_serves_until_it_is_interrupted(ran: Path) -> None:
    with socket.socket() as free:
        free.bind((demo.HOST, 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmark.demo", "--out", str(ran), "--port", str(port)]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        assert f"http://{demo.HOST}:{port}" in served.stdout.readline()
        with socket.create_connection((demo.HOST, port), timeout=30):
            pass
    finally:
        served.terminate()
        served.wait()
