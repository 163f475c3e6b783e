"""Generated faces: parametric drawings that stand in for a data set of facial expressions.

A picture is a *person* (bone structure, skin, hair, glasses, beard) who makes an *expression* (a
set of facial action units, the vocabulary of FACS) and is seen in a *view* (pose, light, blur,
noise, something in front of the face).  `cast` draws all those parameters, `draw` turns rows of
them into pixels, `write` stores the pictures as files.

Every shape is a polygon in face units: the origin lies between the cheekbones, x points to the
picture's right and y down, and the head reaches from y = -1 (crown) to y = +1 (chin).  The
geometry is computed for many faces at once; only filling the polygons goes face by face.
"""

import csv
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = Mapping[str, Array]
Curve = tuple[Array, Array]  # x and y, which broadcast to (faces, parts, corners)
Colours = Mapping[str, Array]  # name -> (faces, 3), 0 .. 255
Palette = tuple[tuple[int, int, int], ...]

# How often each class is stored in muxspace's facial-expressions data, which we stand in for.
CLASS_COUNTS = {
    "anger": 252,
    "contempt": 9,
    "disgust": 208,
    "fear": 21,
    "happiness": 5696,
    "neutral": 6868,
    "sadness": 268,
    "surprise": 368,
}
CLASS_NAMES: tuple[str, ...] = tuple(CLASS_COUNTS)
N_FACES = sum(CLASS_COUNTS.values())
LABEL_NOISE = 0.08  # share of the rows whose face shows another expression than the label says
COLOUR_SHARE = 0.07  # share of the pictures in colour; the rest have three equal planes
SIZES = range(16, 225)  # the picture sizes that `draw` accepts

# The action units each expression consists of, and how far each goes at full intensity.  They are
# 1, 2 inner, outer brow raised; 4 brows lowered; 5 upper lid raised; 6 cheeks raised; 7 lids
# tightened; 9 nose wrinkled; 10 upper lip raised; 12 lip corners pulled up; 14 dimple; 15 lip
# corners down; 16 lower lip down; 17 chin raised; 20 lips stretched; 23 lips tightened; 25 lips
# parted; 26 jaw dropped.
ACTION_UNITS = {
    "anger": {"AU4": 1.0, "AU5": 0.5, "AU7": 0.7, "AU23": 1.0},
    "contempt": {"AU12": 0.5, "AU14": 1.0},
    "disgust": {"AU4": 0.4, "AU7": 0.5, "AU9": 1.0, "AU10": 0.8, "AU15": 0.5, "AU16": 0.6},
    "fear": {"AU1": 1.0, "AU2": 0.6, "AU4": 0.5, "AU5": 1.0, "AU20": 1.0, "AU25": 0.7, "AU26": 0.4},
    "happiness": {"AU6": 0.9, "AU12": 1.0, "AU25": 0.9},
    "neutral": {},
    "sadness": {"AU1": 1.0, "AU4": 0.5, "AU7": 0.2, "AU15": 1.0, "AU17": 0.6},
    "surprise": {"AU1": 1.0, "AU2": 1.0, "AU5": 0.9, "AU25": 0.6, "AU26": 1.0},
}
UNITS = sorted(
    {unit for units in ACTION_UNITS.values() for unit in units}, key=lambda u: int(u[2:])
)
ONE_SIDED = "contempt"  # the expression that pulls one corner of the mouth only

# What stays with a person: uniform on (low, high), in face units unless it is a share.
PERSON = {
    "width": (0.66, 0.80),  # half the width of the head
    "jaw": (0.02, 0.24),  # how much the face narrows towards the chin
    "tone": (0.0, 1.0),  # skin, light to dark
    "hair": (0.0, 1.0),  # position on the hair palette
    "volume": (0.03, 0.20),
    "hairline": (0.55, 0.80),
    "parting": (-0.35, 0.35),
    "fringe": (0.0, 0.05),
    "length": (0.35, 1.5),
    "eye_x": (0.28, 0.35),
    "eye_y": (-0.16, -0.06),
    "eye_width": (0.125, 0.165),
    "eye_height": (0.065, 0.090),
    "iris": (0.0, 1.0),
    "brow_y": (0.15, 0.22),  # above the eye
    "brow_arch": (0.01, 0.06),
    "brow_slant": (-0.03, 0.03),
    "brow_thickness": (0.035, 0.085),
    "nose_y": (0.24, 0.33),
    "nose_width": (0.10, 0.17),
    "mouth_y": (0.53, 0.62),
    "mouth_width": (0.25, 0.32),
    "lips": (0.035, 0.075),
    "lip_colour": (0.1, 0.6),
    "mouth_rest": (-0.03, 0.03),  # lift of the mouth's corners at rest
    "age": (0.0, 1.0),
}
PERSON_CHANCES = {
    "bald": 0.06,
    "long_hair": 0.42,
    "glasses": 0.14,
    "beard": 0.16,
    "moustache": 0.10,
}

# What changes from picture to picture: normal (mean, standard deviation), cut at 2.5 deviations.
VIEW = {
    "roll": (0.0, 0.08),  # radians
    "yaw": (0.0, 0.08),
    "pitch": (0.0, 0.05),
    "scale": (0.43, 0.02),  # face units to widths of the picture
    "shift_x": (0.0, 0.017),
    "shift_y": (0.01, 0.017),
    "gaze": (0.0, 0.016),
    "light_x": (0.0, 0.18),
    "light_y": (-0.06, 0.12),
    "gain": (0.95, 0.10),
    "gamma": (1.0, 0.12),
    "wall": (0.5, 0.18),
    "cloth": (0.4, 0.25),
    "edge": (0.0, 0.8),  # where the wall changes its tone
    "cover": (0.0, 1.0),  # where and how something lies in front of the face
    "asymmetry": (0.0, 0.12),
}
VIEW_CHANCES = {"talking": 0.10, "blinking": 0.03}
OCCLUDERS = {"none": 0.88, "hand": 0.03, "bar": 0.03, "scarf": 0.03, "sunglasses": 0.03}

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
OVERSAMPLING = 2  # pictures are painted this much larger, then shrunk
RELIEF = 64  # side of the canvas for soft shading; it is smooth, so this does for every size
BLOCK = 256  # faces whose geometry is in memory at a time

EXPOSURE = ("light_x", "light_y", "gain", "gamma", "blur", "noise")

# Runs along brows, lids, lips; dense at the ends, where they bend most.
LINE = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 15))
TURN = np.linspace(0, 2 * np.pi, 32, endpoint=False)
SIDES = np.array([[-1.0], [1.0]])  # left and right; the axis of paired shapes


@dataclass(frozen=True)
class Cast:
    """The parameters of n faces, one row a face.

    Attributes
    ----------
    labels : int64 array, shape (n,)
        The stored classes, indices into `CLASS_NAMES`.
    expressions : int64 array, shape (n,)
        The expressions the faces really show; `LABEL_NOISE` of them differ.
    people : int64 array, shape (n,)
        Who is on the picture, 0 .. number of people - 1.
    parameters : mapping of str to float64 array, shape (n,)
        What the drawing needs, by name.
    seed : int
        The seed they were drawn from; the pixels' noise follows from it too.
    """

    labels: Ints
    expressions: Ints
    people: Ints
    parameters: Columns
    seed: int


def cast(n: int = N_FACES, seed: int = 0) -> Cast:
    """Draw the parameters of `n` faces.

    Parameters
    ----------
    n : int
        Number of faces, at least 1.
    seed : int
        Not negative; the same n and seed give the same faces.

    Raises
    ------
    ValueError
        If `n` is less than 1 or `seed` is negative.
    """
    if n < 1 or seed < 0:
        raise ValueError(f"need at least 1 face and a seed of at least 0, not {n} and {seed}")
    streams = np.random.SeedSequence(seed).spawn(5)
    label, who, person, acting, view = (np.random.default_rng(stream) for stream in streams)
    labels = label.permutation(np.repeat(np.arange(len(CLASS_NAMES)), class_counts(n)))
    expressions = _expressions(labels, label)
    people = _people(n, who)
    traits = _person_parameters(int(people.max()) + 1, person)
    parameters = {name: values[people] for name, values in traits.items()}
    parameters |= _view_parameters(n, view)
    parameters |= _action_units(expressions, parameters, acting)
    return Cast(labels, expressions, people, parameters, seed)


def class_counts(n: int) -> Ints:
    """Share `n` labels among the classes: (8,) int64.

    Proportional to `CLASS_COUNTS` by largest remainder; then the most frequent class gives to
    those with fewer than two, where n is large enough for two of each.
    """
    quota = np.array(list(CLASS_COUNTS.values())) * n / N_FACES
    counts = np.floor(quota).astype(np.int64)
    remainder_first = np.argsort(counts - quota, kind="stable")
    counts[remainder_first[: n - counts.sum()]] += 1
    if n >= 2 * len(counts):
        while counts.min() < 2:
            counts[counts.argmin()] += 1
            counts[counts.argmax()] -= 1
    return counts


def _expressions(labels: Ints, rng: np.random.Generator) -> Ints:
    """Draw what the faces show: on round(LABEL_NOISE * n) rows not what the label says.

    Those rows are picked uniformly, and what they show is drawn among the other classes in
    proportion to how frequent these are.
    """
    expressions = labels.copy()
    share = np.array(list(CLASS_COUNTS.values())) / N_FACES
    for row in rng.permutation(len(labels))[: round(LABEL_NOISE * len(labels))]:
        others = np.where(np.arange(len(share)) == labels[row], 0, share)
        expressions[row] = rng.choice(len(share), p=others / others.sum())
    return expressions


def _people(n: int, rng: np.random.Generator) -> Ints:
    """Draw who is on each picture; pictures per person follow Zipf's law, cut at 60."""
    pictures = np.minimum(rng.zipf(2.23, n), 60)
    return rng.permutation(np.repeat(np.arange(n), pictures)[:n])


def _person_parameters(people: int, rng: np.random.Generator) -> dict[str, Array]:
    traits = {name: rng.uniform(*span, people) for name, span in PERSON.items()}
    traits |= {name: _chance(chance, people, rng) for name, chance in PERSON_CHANCES.items()}
    traits["beard"] *= 1 - traits["long_hair"]
    traits["moustache"] = np.maximum(
        traits["beard"], traits["moustache"] * (1 - traits["long_hair"])
    )
    return traits


def _chance(share: float, n: int, rng: np.random.Generator) -> Array:
    """Draw n times 1.0 with probability `share`, else 0.0."""
    return (rng.random(n) < share).astype(float)


def _view_parameters(n: int, rng: np.random.Generator) -> dict[str, Array]:
    view = {
        name: mean + spread * rng.standard_normal(n).clip(-2.5, 2.5)
        for name, (mean, spread) in VIEW.items()
    }
    view |= {name: _chance(chance, n, rng) for name, chance in VIEW_CHANCES.items()}
    occluder = rng.choice(list(OCCLUDERS), n, p=list(OCCLUDERS.values()))
    view |= {name: (occluder == name).astype(float) for name in OCCLUDERS if name != "none"}
    view["blur"] = rng.gamma(1.2, 0.005, n).clip(0, 0.025)  # as a share of the picture's width
    view["noise"] = rng.gamma(2.0, 1.6, n).clip(0, 16)  # in grey levels
    view["colour"] = _chance(COLOUR_SHARE, n, rng)
    return view


def _action_units(expressions: Ints, view: Columns, rng: np.random.Generator) -> dict[str, Array]:
    """Draw how far each action unit goes, and how one-sided, for the rows' expressions."""
    weights = np.array([[ACTION_UNITS[c].get(u, 0) for u in UNITS] for c in CLASS_NAMES])
    intensity = 0.35 + 0.75 * rng.beta(2.0, 1.4, (len(expressions), 1))
    jitter = rng.uniform(0.6, 1.2, (len(expressions), len(UNITS)))
    at_rest = np.abs(rng.normal(0, 0.07, jitter.shape))  # no face is ever quite still
    units = weights[expressions] * intensity * jitter + at_rest
    acted = dict(zip(UNITS, units.T, strict=True))
    closed = (expressions == CLASS_NAMES.index("happiness")) & (rng.random(len(units)) < 0.3)
    acted["AU25"] = np.where(closed, 0.0, acted["AU25"]) + 0.5 * view["talking"]
    acted["AU26"] = acted["AU26"] + view["talking"] * rng.uniform(0.1, 0.5, len(units))
    side = rng.choice([-1.0, 1.0], len(units))
    one_sided = expressions == CLASS_NAMES.index(ONE_SIDED)
    acted["asymmetry"] = np.where(one_sided, side, view["asymmetry"])
    return acted


def draw(cast: Cast, rows: slice | NDArray[np.integer], size: int = 32) -> NDArray[np.uint8]:
    """Draw the faces of some rows.

    Parameters
    ----------
    cast : Cast
        The parameters of the faces.
    rows : slice or integer array
        Which to draw: a slice or an array of row numbers.  A face does not depend on the others
        that are drawn with it.
    size : int
        Side of the pictures in pixels, 16 .. 224.

    Returns
    -------
    uint8 array, shape (len(rows), 3, size, size)
        C-contiguous; the planes are red, green, blue.

    Raises
    ------
    ValueError
        If `size` is outside 16 .. 224.
    IndexError
        If a row number is out of range.
    """
    if size not in SIZES:
        raise ValueError(f"size must lie in {SIZES.start} .. {SIZES.stop - 1}, not {size}")
    numbers = np.arange(len(cast.labels))[rows]
    pictures = np.empty((len(numbers), 3, size, size), np.uint8)
    for start in range(0, len(numbers), BLOCK):
        block = slice(start, start + BLOCK)
        _draw_block(cast, numbers[block], pictures[block])
    return pictures


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


def _colours(p: Columns) -> Colours:
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


def _relief(p: Columns) -> list[Layer]:
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


def _place(layers: list[Layer], p: Columns, side: int) -> list[Layer]:
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


def _draw_block(cast: Cast, rows: Ints, pictures: NDArray[np.uint8]) -> None:
    """Draw the faces of some rows into `pictures` (len(rows), 3, size, size)."""
    size = pictures.shape[-1]
    p = {name: values[rows].reshape(-1, 1, 1) for name, values in cast.parameters.items()}
    c = _colours(p)
    parts = (_behind, _head, _eyes, _brows, _nose, _mouth, _hair, _glasses, _occluders)
    painting = _place([layer for part in parts for layer in part(p, c)], p, OVERSAMPLING * size)
    relief = _place(_relief(p), p, RELIEF)
    for i, row in enumerate(rows.tolist()):
        planes = 3 if p["colour"][i] else 1  # grey pictures are painted on one plane: faster
        canvas = np.full((OVERSAMPLING * size,) * 2 + (planes,), c["wall"][i, :planes], np.uint8)
        shading = np.full((RELIEF, RELIEF), 128, np.uint8)
        _paint(canvas, painting, i)
        _paint(shading, relief, i)
        view = {name: float(p[name][i, 0, 0]) for name in EXPOSURE}
        noise = np.random.default_rng((cast.seed, row))
        pictures[i] = _expose(canvas, shading, size, view, noise)


def _paint(canvas: NDArray[np.uint8], layers: list[Layer], face: int) -> None:
    for layer in layers:
        if layer.shown[face]:
            colour = layer.colours[face].tolist()
            cv2.fillPoly(canvas, list(layer.polygons[face]), colour, cv2.LINE_AA, SHIFT)


def _expose(
    canvas: NDArray[np.uint8],
    shading: NDArray[np.uint8],
    size: int,
    view: Mapping[str, float],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Turn a painted canvas into a picture (planes, size, size): light, blur, noise."""
    picture = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    shade = cv2.resize(cv2.blur(shading, (5, 5)), (size, size))
    gamma = 255 * (np.arange(256) / 255) ** view["gamma"]
    bright = gamma.astype(np.float32)[picture].reshape(size, size, -1)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    light = view["gain"] * (1 + view["light_x"] * ramp + view["light_y"] * ramp[:, None])
    bright *= (shade * light / 128)[..., None]
    if view["blur"] * size > 0.3:
        bright = cv2.GaussianBlur(bright, (0, 0), view["blur"] * size).reshape(size, size, -1)
    bright += view["noise"] * rng.standard_normal(bright.shape, np.float32)
    levels: NDArray[np.uint8] = np.rint(bright.clip(0, 255)).astype(np.uint8)
    return levels.transpose(2, 0, 1)


def ids(cast: Cast) -> list[str]:
    """Name the files in row order, `<person>_<number>.jpg`; each person counts from 1."""
    taken: dict[int, int] = {}
    names = []
    for person in cast.people.tolist():
        taken[person] = taken.get(person, 0) + 1
        names.append(f"generated-person-{person:04d}_{taken[person]:04d}.jpg")
    return names


def write(folder: Path, n: int = N_FACES, seed: int = 0, size: int = 128) -> None:
    """Store a data set the way muxspace's is: `images/` and `data/legend.csv`.

    The legend has the columns user.id (who labelled it: always 0 here), image, emotion.  All is
    written to a temporary folder beside `folder`, which takes its place at the end.

    Parameters
    ----------
    folder : Path
        Where to: not there yet, or empty.
    n, seed : int
        As for `cast`.
    size : int
        As for `draw`.

    Raises
    ------
    ValueError
        If `folder` holds something already, or an argument is out of range.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is there already and not an empty folder")
    faces = cast(n, seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        whole = Path(beside) / "whole"
        whole.mkdir()
        _write_files(whole, faces, size)
        whole.replace(folder)


def _write_files(folder: Path, faces: Cast, size: int) -> None:
    names = ids(faces)
    (folder / "images").mkdir()
    (folder / "data").mkdir()
    for start in range(0, len(names), BLOCK):
        block = slice(start, start + BLOCK)
        for name, picture in zip(names[block], draw(faces, block, size), strict=True):
            blue_first = np.ascontiguousarray(picture[::-1].transpose(1, 2, 0))
            if not cv2.imwrite(str(folder / "images" / name), blue_first):
                raise OSError(f"could not write {name}")
    with (folder / "data" / "legend.csv").open("w", newline="", encoding="utf-8") as file:
        legend = csv.writer(file)
        legend.writerow(["user.id", "image", "emotion"])
        legend.writerows(
            (0, name, CLASS_NAMES[label]) for name, label in zip(names, faces.labels, strict=True)
        )
