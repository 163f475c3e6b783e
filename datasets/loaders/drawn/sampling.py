"""Who is drawn, which expression each shows, and how they are seen: the parameters of faces."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = Mapping[str, Array]

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


@dataclass(frozen=True)
class FaceSample:
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


def sample(n: int = N_FACES, seed: int = 0) -> FaceSample:
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
    return FaceSample(labels, expressions, people, parameters, seed)


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
