"""A page on this machine that answers about pictures: nothing that is sent to it is kept."""

from __future__ import annotations

import base64
import functools
import io
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import flask
import numpy as np
from PIL import Image

from benchmark.scores import picks
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.rows import Row
from benchmark.use import draw, maps
from benchmark.use.fitted import Fitted
from benchmark.use.look import Looked, Looker, Surroundings
from benchmark.use.nearest import Learnt, Neighbour
from benchmark.use.scenes import Scene
from datasets import InputError, images
from datasets.names import readable

MOST_BYTES = 20 << 20  # of a picture that is sent
SHOWN_SIDE = 640  # pixels of the longer side of what is sent back
NEIGHBOURS = 5
MOST_EXPLAINED = 10  # faces of a picture, whose maps take their time
MAP_SIDE = 224  # pixels of a map that is sent back
WEB = Path(__file__).parent.parent / "view" / "web"
# Nothing from elsewhere, no script but the page's own, no other page around it.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src blob:; "
    "style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Models:
    """The fitted models of a board, each loaded when it is first asked; one answers at a time."""

    def __init__(self, board: Leaderboard) -> None:
        self.board = board
        self.lock = threading.Lock()

    @functools.cached_property
    def rows(self) -> dict[str, Row]:
        """Rows whose fitted model is here, the winner first, by the name each is asked by.

        Where they are of several data sets, their names begin with these.
        """
        results = self.board.results
        kept = [row for row in self.board.rows if row.good and results.model_file(row.good[0].key)]
        winner = picks.winner(self.board)
        kept.sort(key=lambda row: winner is None or row.place != winner.place)
        several = len({row.fingerprint for row in kept}) > 1
        named: dict[str, Row] = {}
        for row in kept:
            data = f"{row.place.dataset} " if several else ""
            named.setdefault(f"{data}{row.board}/{row.place.model}", row)
        return named

    @functools.cache  # noqa: B019 (as many as there are models, for as long as the page)
    def looker(self, name: str) -> Looker:
        """Return the model of this name, ready to look."""
        row = self.rows[name]
        return Looker(Fitted.load(self.board.results, row), self._around(row.fingerprint))

    @functools.cache  # noqa: B019
    def _around(self, fingerprint: str) -> Surroundings:
        """What the pictures of a data set tell, the same for all its models."""
        same = (row for row in self.board.rows if row.fingerprint == fingerprint)
        return Surroundings.of(next(same))

    @functools.cache  # noqa: B019
    def learnt(self, name: str) -> Learnt | None:
        """What a model learnt from, or None where the pictures are not here."""
        try:
            return Learnt.of(self.looker(name).model)
        except InputError:
            return None

    def answer(self, scene: Scene, name: str) -> dict[str, Any]:
        """What a model says of a scene, as JSON."""
        with self.lock:
            looker = self.looker(name)
            (looked,) = looker.at([scene])
            learnt = self.learnt(name)
            return {
                "model": name,
                "learnt_from": self.rows[name].entry.dataset.described,
                "picture": _url(_smaller(looked.drawn(looker.model))),
                "remark": _left_out(looked),
                "parts": [
                    {
                        **line,
                        "neighbours": _neighbours(learnt, looked, i, looker.model),
                        "map": _map(looked, i, looker.model),
                    }
                    for i, line in enumerate(looked.lines(looker.model))
                ],
            }


def _left_out(looked: Looked) -> str:
    """What is said where not every face is explained, or nothing."""
    faces = len(looked.parts)
    if faces <= MOST_EXPLAINED:
        return ""
    return f"where it looks and what is alike: of the first {MOST_EXPLAINED} of {faces} faces"


def _is_explained(looked: Looked, part: int) -> bool:
    return part < min(len(looked.parts), MOST_EXPLAINED)


def _map(looked: Looked, part: int, model: Fitted) -> dict[str, str] | None:
    """Where a model looks in a part, by a way that takes no seconds."""
    if not _is_explained(looked, part):
        return None
    way = next(each for each in maps.chosen(model.model, None) if each != "lime")
    seen = looked.parts[part].of(looked.scene.picture)
    found = maps.WAYS[way].of(model.model, model.prepared(seen), looked.answers.said[part])
    shown = draw.overlaid(_enlarged(model.seen(seen)), found.share)
    return {"picture": _url(shown), "told": f"{maps.WAYS[way].title}: {found.told}"}


def _enlarged(picture: np.ndarray) -> np.ndarray:
    larger = cv2.resize(picture, (MAP_SIDE, MAP_SIDE), interpolation=cv2.INTER_AREA)
    return larger.reshape(MAP_SIDE, MAP_SIDE, -1)


def _neighbours(
    learnt: Learnt | None, looked: Looked, part: int, model: Fitted
) -> list[dict[str, str]]:
    if learnt is None or not _is_explained(looked, part):
        return []
    seen = model.prepared(looked.parts[part].of(looked.scene.picture))
    return [_shown(each) for each in learnt.nearest(seen, NEIGHBOURS)]


def _shown(each: Neighbour) -> dict[str, str]:
    picture = each.picture.transpose(1, 2, 0)
    return {"file": each.file, "label": each.label, "picture": _url(picture)}


def _smaller(picture: np.ndarray) -> np.ndarray:
    scale = SHOWN_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = [max(round(side * scale), 1) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _url(picture: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def app(board: Leaderboard, hosts: Sequence[str]) -> flask.Flask:
    """Make the page.

    Parameters
    ----------
    board : Leaderboard
    hosts : sequence of str
        Names that it is opened by, with the port if a browser tells that; whoever comes by another,
        or from another page, is refused.
    """
    known = Models(board)
    if not known.rows:
        raise InputError(f"{board.results.path} holds no fitted model: run some first")
    made = flask.Flask(__name__, template_folder=str(WEB), static_folder=None)
    made.config["MAX_CONTENT_LENGTH"] = MOST_BYTES

    @made.before_request
    def _only_from_here() -> flask.typing.ResponseReturnValue | None:
        origin = flask.request.headers.get("Origin")
        site = flask.request.headers.get("Sec-Fetch-Site", "none")
        own = origin is None or origin in {f"http://{host}" for host in hosts}
        if flask.request.host not in hosts or not own or site not in ("none", "same-origin"):
            return "this page answers only to itself", 403
        return None

    @made.after_request
    def _with_headers(response: flask.Response) -> flask.Response:
        response.headers.extend(HEADERS)
        return response

    @made.errorhandler(413)
    def _too_large(_: Exception) -> flask.typing.ResponseReturnValue:
        return {"error": f"a picture may have {MOST_BYTES >> 20} MB at most"}, 413

    @made.get("/")
    def _page() -> str:
        data = dict.fromkeys(row.entry.dataset.described for row in known.rows.values())
        return flask.render_template("demo.html", names=[*known.rows], data=[*data])

    @made.get("/demo.js")
    def _script() -> flask.Response:
        return flask.send_file(WEB / "demo.js", mimetype="text/javascript")

    @made.post("/answer")
    def _answer() -> flask.typing.ResponseReturnValue:
        asked = flask.request.args.getlist("model")
        if not 1 <= len(asked) <= 2 or not {*asked} <= {*known.rows}:
            return {"error": "name one or two models of the list"}, 400
        try:
            picture = images.read(flask.request.get_data())
        except ValueError as error:
            return {"error": str(error)}, 400
        scene = Scene("picture", picture)
        try:
            answers: list[Mapping[str, Any]] = [known.answer(scene, name) for name in asked]
        except InputError as error:  # a model that is damaged
            return {"error": readable(str(error))}, 500
        return {"answers": answers}

    return made
