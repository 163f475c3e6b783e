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
from benchmark.use import serving
from tests.conftest import Command

HOST = "127.0.0.1:8000"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, shapes_folder: Path) -> Path:
    out = tmp_path_factory.mktemp("demo") / "results"
    asked = ["--model", "knn,hog-svm", "--data", str(shapes_folder), "--out", str(out)]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr("sys.argv", ["run", *asked, "--train-size", "60", "--jobs", "1"])
        run.main()
    assert end.value.code == 0
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
