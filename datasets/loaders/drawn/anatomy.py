"""The shapes of a face, in paints and soft shading, as the parameters of a sample make them.

Every shape is a polygon in face units: the origin lies between the cheekbones, x points to the
picture's right and y down, and the head reaches from y = -1 (crown) to y = +1 (chin).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.loaders.drawn.sampling import Array, Columns

Curve = tuple[Array, Array]  # x and y, which broadcast to (faces, parts, corners)
Colours = Mapping[str, Array]  # name -> (faces, 3), 0 .. 255
Palette = tuple[tuple[int, int, int], ...]

SKIN = ((240, 208, 188), (228, 188, 160), (206, 158, 124), (160, 112, 84), (112, 76, 58))
HAIR = ((28, 24, 24), (58, 40, 30), (98, 66, 42), (136, 78, 44), (196, 156, 96), (176, 174, 172))
CLOTH = ((40, 48, 66), (120, 50, 54), (70, 110, 120), (226, 222, 212))
IRIS = ((46, 30, 22), (84, 56, 34), (86, 104, 70), (92, 124, 156))
ROUGE, WALL = (165, 50, 62), (214, 220, 226)
FIXED_COLOURS = {
    "black": (20, 16, 18),
    "mouth": (62, 20, 24),
    "tongue": (176, 84, 88),
    "teeth": (240, 236, 226),
    "white": (238, 236, 232),
}
LUMA = np.array((0.299, 0.587, 0.114))  # what a grey picture keeps of red, green, blue

SHIFT = 4  # fractional bits of the coordinates handed to OpenCV

# Runs along brows, lids, lips; dense at the ends, where they bend most.
LINE = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 15))
TURN = np.linspace(0, 2 * np.pi, 32, endpoint=False)
SIDES = np.array([[-1.0], [1.0]])  # left and right; the axis of paired shapes


@dataclass
class Layer:
    """One shape on m faces: polygons (m, parts, corners, 2), colours (m, planes), shown (m,)."""

    polygons: NDArray[Any]
    colours: Array
    shown: NDArray[np.bool_]


def _layer(curve: Curve, colours: Array, shown: NDArray[Any] | None = None) -> Layer:
    polygons = np.stack(np.broadcast_arrays(*curve), axis=-1)
    seen = np.ones(len(colours), bool) if shown is None else shown.reshape(-1) > 0
    return Layer(polygons, colours, seen)


def _between(x: Array, top: Array | float, bottom: Array | float) -> Curve:
    """Enclose the area between two curves over the same x."""
    return _closed(x, top, x, bottom)


def _closed(x: Array, y: Array | float, back_x: Array, back_y: Array | float) -> Curve:
    """Enclose the area between two curves that run the same way."""
    x, y, back_x, back_y = np.broadcast_arrays(x, y, back_x, back_y)
    around_x = np.concatenate([x, back_x[..., ::-1]], axis=-1)
    return around_x, np.concatenate([y, back_y[..., ::-1]], axis=-1)


def _ellipse(x: Array | float, y: Array, width: Array | float, height: Array | float) -> Curve:
    return x + width * np.cos(TURN), y + height * np.sin(TURN)


def _stroke(x: Array | float, y: Array, thickness: Array | float) -> Curve:
    """Enclose what lies within half the thickness of a curve."""
    x, y = np.broadcast_arrays(x, y)
    dx, dy = np.gradient(x, axis=-1), np.gradient(y, axis=-1)
    scale = thickness / 2 / np.sqrt(dx * dx + dy * dy + 1e-12)
    return _closed(x - dy * scale, y + dx * scale, x + dy * scale, y - dx * scale)


def _palette(colours: Palette, position: Array) -> Array:
    """Look up the colours (m, 3) at positions 0 .. 1 along a palette."""
    stops = np.array(colours, float)
    at = position.reshape(-1, 1).clip(0, 1) * (len(stops) - 1)
    low = np.minimum(at.astype(np.int64), len(stops) - 2)[:, 0]
    return _mix(stops[low], stops[low + 1], at - low[:, None])


def _mix(first: Array, second: Array, share: Array | float) -> Array:
    """Take `share` of the second colour, the rest of the first."""
    return first + (second - first) * share


def colours(p: Columns) -> Colours:
    """Mix the paints of m faces; all are greys for the pictures that are not in colour."""
    skin, hair = _palette(SKIN, p["tone"]), _palette(HAIR, p["hair"])
    wall = p["wall"].reshape(-1, 1).clip(0.05, 1)
    lips = _mix(skin, np.array(ROUGE, float), p["lip_colour"].reshape(-1, 1))
    colours = {
        "skin": skin,
        "shadow": skin * 0.72,
        "line": skin * 0.42,
        "hair": hair,
        "brow": _mix(hair, skin * 0.4, 0.35),
        "stubble": _mix(hair, skin, 0.25),
        "lips": lips,
        "iris": _palette(IRIS, p["iris"]),
        "wall": wall * np.array(WALL, float),
        "far_wall": 0.74 * wall * np.array(WALL, float),
        "cloth": _palette(CLOTH, p["cloth"]),
    }
    for name, rgb in FIXED_COLOURS.items():
        colours[name] = np.tile(np.array(rgb, float), (len(skin), 1))
    grey = p["colour"].reshape(-1, 1) == 0
    return {
        name: np.where(grey, (rgb * LUMA).sum(axis=1, keepdims=True), rgb)
        for name, rgb in colours.items()
    }


def _behind(p: Columns, c: Colours) -> list[Layer]:
    """Draw the wall, the hair at the back, the neck and the shoulders."""
    sine, cosine = np.sin(TURN), np.cos(TURN)
    reach = np.where(p["long_hair"] > 0, p["length"], 0.1)
    hair_y = np.where(sine > 0, reach * np.sqrt(np.abs(sine)), (1 + p["volume"]) * sine)
    hair_x = (p["width"] + p["volume"]) * cosine
    wall_x = 2 + 1.2 * p["edge"] + 0.4 * p["cover"] * LINE
    shoulders = 1.5 - 0.35 * np.cos(1.5 * LINE)
    return [
        _layer(_stroke(wall_x, 4 * LINE, 4.0), c["far_wall"]),
        _layer((hair_x, hair_y), c["hair"], 1 - p["bald"]),
        _layer(_between(0.52 * p["width"] * LINE, 0.3, 1.7), c["shadow"]),
        _layer(_between((0.8 + p["width"]) * LINE, shoulders, 3.0), c["cloth"]),
    ]


def _outline(p: Columns) -> Curve:
    """Outline the head; the jaw narrows downwards and drops with the chin."""
    down = np.sin(TURN).clip(0)
    cosine = np.sign(np.cos(TURN)) * np.abs(np.cos(TURN)) ** (1 - 0.25 * down)
    x = p["width"] * cosine * (1 - p["jaw"] * down * down)
    return x, np.sin(TURN) + 0.12 * p["AU26"] * down


def _head(p: Columns, c: Colours) -> list[Layer]:
    ear_x, (x, y) = SIDES * p["width"], _outline(p)
    lower = slice(1, len(TURN) // 2)  # the part of the outline from ear to ear below the chin
    jaw_x, jaw_y = x[..., lower], y[..., lower]
    chin = p["mouth_y"] + 1.6 * p["lips"] + 0.26 * p["AU26"]
    edge_x, edge_y = 0.74 * jaw_x, jaw_y * chin
    beard = _closed(jaw_x, jaw_y, edge_x, edge_y)
    return [
        _layer(_ellipse(ear_x, p["eye_y"] + 0.14, 0.09, 0.17), c["shadow"]),
        _layer((x, y), c["skin"]),
        _layer(beard, c["stubble"], p["beard"]),
    ]


def _lids(p: Columns, t: Array) -> tuple[Array, Array]:
    """Give the y of both lids, upper first, at t from -1 (inner corner) to 1 (outer)."""
    bow, awake = (1 - t * t).clip(0), 1 - 0.95 * p["blinking"]
    upper = 1 + 0.8 * p["AU5"] - 0.4 * p["AU7"] - 0.2 * p["AU6"] - 0.3 * p["AU9"]
    lower = 0.6 + 0.2 * p["AU5"] - 0.8 * p["AU6"] - 0.35 * p["AU7"] - 0.4 * p["AU9"]
    slant = 0.022 * p["AU1"] * t - 0.02 * p["AU4"] * t
    middle = p["eye_y"] + slant
    top = middle - p["eye_height"] * (awake * upper).clip(0.05) * bow
    bottom = np.maximum(middle + p["eye_height"] * awake * lower * bow, top + 0.012 * bow)
    return top, bottom


def _eyes(p: Columns, c: Colours) -> list[Layer]:
    x = SIDES * (p["eye_x"] + p["eye_width"] * LINE)
    top, bottom = _lids(p, LINE)

    def disc(radius: Array) -> Curve:
        """Draw a round part of the eyeball, cut off by the lids."""
        disc_x, disc_y = _ellipse(SIDES * p["eye_x"] + p["gaze"], p["eye_y"] - 0.01, radius, radius)
        upper, lower = _lids(p, (SIDES * disc_x - p["eye_x"]) / p["eye_width"])
        return disc_x, np.clip(disc_y, upper, lower)

    iris = 0.022 + 0.62 * p["eye_height"]
    glint = _ellipse(SIDES * p["eye_x"] + p["gaze"] + 0.02, p["eye_y"] - 0.03, 0.014, 0.014)
    awake = 1 - p["blinking"]
    return [
        _layer(_between(x, top, bottom), c["white"]),
        _layer(disc(iris), c["iris"]),
        _layer(disc(0.5 * iris), c["black"]),
        _layer(glint, c["white"], awake),
        _layer(_stroke(x, top, 0.026 * (1.4 - LINE * LINE)), c["black"]),
        _layer(_stroke(x, bottom, 0.010), c["line"]),
        _layer(_stroke(x, top - 0.035, 0.010), c["shadow"]),
    ]


def _brows(p: Columns, c: Colours) -> list[Layer]:
    outward = (LINE + 1) / 2
    inner = 0.12 * p["AU1"] - 0.11 * p["AU4"] - 0.05 * p["AU9"]
    outer = 0.13 * p["AU2"] - 0.02 * p["AU4"] - 0.02 * p["AU6"]
    raised = inner * (1 - outward) + (outer + p["brow_slant"]) * outward
    arch = p["brow_arch"] * (1 - LINE * LINE)
    x = p["eye_x"] + 1.25 * p["eye_width"] * LINE - 0.05 * p["AU4"] * (1 - outward)
    y = p["eye_y"] - p["brow_y"] - raised - arch
    return [_layer(_stroke(SIDES * x, y, p["brow_thickness"] * (1.1 - 0.8 * outward)), c["brow"])]


def _nose(p: Columns, c: Colours) -> list[Layer]:
    width = p["nose_width"] * (1 + 0.12 * p["AU9"] + 0.10 * p["AU12"])
    y = p["nose_y"] - 0.04 * p["AU9"]
    wing_x = SIDES * (width - 0.03 * LINE * LINE)
    return [
        _layer(_stroke(wing_x, y - 0.03 + 0.05 * LINE, 0.016), c["shadow"]),
        _layer(_stroke(0.6 * width * LINE, y + 0.03 - 0.02 * LINE * LINE, 0.014), c["shadow"]),
        _layer(_ellipse(SIDES * 0.52 * width, y + 0.015, 0.034, 0.018), c["line"]),
    ]


def _mouth(p: Columns, c: Colours) -> list[Layer]:
    t, bow = LINE, 1 - LINE * LINE
    wider = 0.34 * p["AU12"] + 0.28 * p["AU20"] - 0.20 * p["AU23"] - 0.28 * p["AU26"]
    x = p["mouth_width"] * (1 + wider) * t
    lift = p["mouth_rest"] + 0.17 * p["AU12"] + 0.04 * p["AU14"] - 0.15 * p["AU15"]
    # Lifting turns the corners about a point between them and the middle, each side by its share.
    tilt = lift * (t * t - 0.35) * (1 + p["asymmetry"] * t).clip(0, 2)
    line = p["mouth_y"] + 0.04 * p["AU26"] - 0.03 * p["AU9"] - 0.03 * p["AU17"] * bow - tilt
    drop = 0.24 * p["AU26"]
    open_up = 0.02 * p["AU25"] + 0.06 * p["AU26"] + 0.05 * p["AU10"]
    open_down = 0.09 * p["AU25"] + 0.05 * p["AU16"]
    top, bottom = line - open_up * bow, line + open_down * bow + drop * np.sqrt(bow)
    lips = p["lips"] * (1 - 0.65 * p["AU23"] - 0.15 * p["AU12"]).clip(0.2)
    cupid = bow * (1 - 0.3 * np.exp(-25 * t * t))
    teeth = np.minimum(bottom, top + 0.075 * bow)
    tongue = np.maximum(top, bottom - 0.4 * drop * bow)
    moustache = p["mouth_y"] - open_up - lips - 0.05 + 0.05 * t * t
    return [
        _layer(_between(x, top - lips * cupid, bottom + 1.2 * lips * bow), c["lips"]),
        _layer(_between(x, top, bottom), c["mouth"]),
        _layer(_between(0.8 * x, tongue, bottom), c["tongue"], p["AU26"] > 0.3),
        _layer(_between(0.92 * x, top, teeth), c["teeth"], open_up + open_down + drop > 0.05),
        _layer(_stroke(x, top, 0.014), c["mouth"]),
        _layer(_stroke(0.8 * x, moustache, 0.08 * (1.1 - t * t)), c["hair"], p["moustache"]),
    ]


def _hair(p: Columns, c: Colours) -> list[Layer]:
    """Draw the hair over the forehead, from ear to ear."""
    over = TURN[: len(TURN) // 2 + 1]  # half a turn, over the crown
    cosine, sine = np.cos(over), np.sin(over).clip(0)
    crown_x, crown_y = (p["width"] + 0.6 * p["volume"]) * cosine, -(1 + p["volume"]) * sine
    hairline = 0.15 + (p["hairline"] - 0.15) * np.sqrt(sine) + p["parting"] * cosine * sine
    brim_x, brim_y = 0.96 * p["width"] * cosine, -hairline - p["fringe"] * np.cos(9 * over)
    return [_layer(_closed(crown_x, crown_y, brim_x, brim_y), c["hair"], 1 - p["bald"])]


def _glasses(p: Columns, c: Colours) -> list[Layer]:
    # Where polygons of one layer overlap OpenCV leaves a hole, which makes two ellipses a rim.
    sides, rims = np.repeat(SIDES, 2, axis=0), np.array([[1.0], [0.9]] * 2)
    frame = _ellipse(sides * p["eye_x"], p["eye_y"] + 0.02, rims * 0.22, rims * 0.18)
    bridge = _stroke(0.09 * LINE, p["eye_y"] - 0.02 * (1 - LINE * LINE), 0.03)
    temple_x = SIDES * (0.5 * (p["eye_x"] + 0.21 + p["width"]) + 0.08 * LINE)
    lenses = _ellipse(SIDES * p["eye_x"], p["eye_y"] + 0.02, 0.24, 0.19)
    worn = np.maximum(p["glasses"], p["sunglasses"])
    return [
        _layer(frame, c["line"], p["glasses"]),
        _layer(bridge, c["line"], worn),
        _layer(_stroke(temple_x, p["eye_y"], 0.03), c["line"], worn),
        _layer(lenses, c["black"], p["sunglasses"]),
    ]


def _occluders(p: Columns, c: Colours) -> list[Layer]:
    """Draw what may lie in front of the face: a bar, a hand, a scarf."""
    hand_x, hand_y = 0.4 * p["cover"], 0.95 + 0.1 * p["edge"]
    finger = np.arange(-1.5, 2)[:, None]
    tip = 0.75 - 0.05 * finger * finger
    finger_x = hand_x + 0.19 * finger + 0.04 * finger * LINE
    finger_y = hand_y - 0.35 - tip / 2 * (1 + LINE)
    round_tip = 0.15 * np.sqrt(1.04 - LINE.clip(0) ** 4)
    bar_x = 0.45 * p["cover"] + 2.5 * LINE * np.sign(p["edge"])
    scarf = 0.46 + 0.06 * p["cover"] + 0.10 * LINE * LINE
    return [
        _layer(_stroke(finger_x, finger_y - 0.02, round_tip + 0.035), c["shadow"], p["hand"]),
        _layer(_ellipse(hand_x, hand_y, 0.38, 0.45), c["skin"], p["hand"]),
        _layer(_stroke(finger_x, finger_y, round_tip), c["skin"], p["hand"]),
        _layer(_stroke(bar_x, 2.5 * LINE * p["edge"], 0.3), c["cloth"], p["bar"]),
        _layer(_between(1.05 * p["width"] * LINE, scarf, 1.6), c["cloth"], p["scarf"]),
    ]


def painting(p: Columns, c: Colours) -> list[Layer]:
    """Draw all that has a colour, from the back to the front."""
    parts = (_behind, _head, _eyes, _brows, _nose, _mouth, _hair, _glasses, _occluders)
    return [layer for part in parts for layer in part(p, c)]


def relief(p: Columns) -> list[Layer]:
    """Draw the soft shading: hollows and folds, many deepened by action units."""
    x, y = _outline(p)
    cheek_y = 0.24 - 0.06 * p["AU6"]
    ridge_y = 0.17 * LINE + 0.5 * (p["eye_y"] + p["nose_y"])
    shaded_side = -0.07 * np.sign(p["light_x"])
    mouth = p["mouth_width"] * (1 + 0.3 * p["AU12"])
    fold_x = SIDES * (p["nose_width"] + 0.06 + (mouth - p["nose_width"]) * (LINE + 1) / 2)
    fold_y = 0.5 * (p["nose_y"] + p["mouth_y"]) + 0.15 * LINE - 0.02
    brow = p["eye_y"] - p["brow_y"]
    rows = np.array([[0.0], [0.13]])
    corner_x = np.sign(p["asymmetry"]) * (mouth + 0.07) + 0.02 * LINE * LINE
    foot = SIDES * (p["eye_x"] + p["eye_width"] + 0.07 + 0.05 * LINE)
    chin_y = p["mouth_y"] + 0.17 + 0.22 * p["AU26"]
    folds = 4 + 16 * p["age"] + 30 * p["AU12"] + 30 * p["AU9"] + 15 * p["AU10"] + 10 * p["AU20"]
    raised = (0.6 + 0.8 * p["age"]) * (20 * p["AU1"] + 24 * p["AU2"])
    over = slice(len(TURN) // 2 + 4, len(TURN) - 3)  # the part of the outline over the crown
    shine_x, shine_y = 0.8 * x[..., over], 0.92 * y[..., over]
    return [
        _shade((x, y), 22),
        _shade((0.84 * x, 0.86 * y), -4),
        _shade(_stroke(shine_x, shine_y, 0.1), -30 * (1 - p["bald"])),
        _shade(_ellipse(SIDES * p["eye_x"], p["eye_y"] - 0.03, 0.2, 0.14), 10 + 8 * p["age"]),
        _shade(_ellipse(SIDES * 0.4, cheek_y, 0.15, 0.12), -10 - 16 * p["AU6"]),
        _shade(_stroke(shaded_side, ridge_y, 0.08), 24),
        _shade(_stroke(0.0, ridge_y, 0.06), -16),
        _shade(_ellipse(0.0, p["nose_y"] + 0.07, 0.1, 0.03), 26),
        _shade(_ellipse(0.0, chin_y, 0.15, 0.03), 20 + 50 * p["AU17"]),
        _shade(_stroke(fold_x, fold_y, 0.05), folds),
        _shade(_stroke(SIDES * 0.06, brow + 0.06 * LINE, 0.03), 50 * p["AU4"]),
        _shade(_stroke(0.34 * LINE, brow - 0.2 - rows + 0.03 * LINE * LINE, 0.035), raised),
        _shade(_stroke(0.1 * LINE, p["eye_y"] + 0.02 + 0.6 * rows, 0.03), 45 * p["AU9"]),
        _shade(_stroke(corner_x, p["mouth_y"] - 0.06 + 0.07 * LINE, 0.035), 50 * p["AU14"]),
        _shade(_stroke(foot, p["eye_y"] + 0.02 + 0.05 * rows, 0.03), 40 * p["AU6"] * p["age"]),
    ]


def _shade(curve: Curve, depth: Array | float) -> Layer:
    """Darken a shape by `depth` levels of 128; left out where that is next to nothing."""
    faces = np.broadcast_shapes(curve[0].shape, curve[1].shape)[0]
    depths = np.broadcast_to(np.reshape(depth, (-1, 1)), (faces, 1))
    return _layer(curve, (128 - depths).clip(40, 180), np.abs(depths) > 3)


def place(layers: list[Layer], p: Columns, side: int) -> list[Layer]:
    """Map layers to OpenCV's fixed-point pixels, on a canvas `side` pixels wide.

    A head that turns moves its nearest points most: a point's depth is that of a dome over the
    face, 0 outside.
    """
    cosine, sine = p["scale"] * np.cos(p["roll"]), p["scale"] * np.sin(p["roll"])
    placed = []
    for layer in layers:
        x, y = layer.polygons[..., 0], layer.polygons[..., 1]
        dome = (1 - (x / p["width"]) ** 2 - y * y).clip(0)
        x, y = x + p["yaw"] * dome, y + p["pitch"] * dome
        across = 0.5 + p["shift_x"] + cosine * x - sine * y
        down = 0.5 + p["shift_y"] + sine * x + cosine * y
        pixels = np.stack([across, down], axis=-1) * side - 0.5
        fixed = np.rint(pixels * (1 << SHIFT)).astype(np.int32)
        placed.append(Layer(fixed, layer.colours, layer.shown))
    return placed
