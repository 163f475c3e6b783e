"""A fitted model as an ONNX file: checked against what is stored of it, measured, and written.

In comes a row of the leaderboard with its model; out go the file, the same in 8 bits where that
applies, and what both take and score, all of it by ONNX Runtime alone.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.core import machine, runs
from benchmark.core.predictions import Predictions
from benchmark.core.records import Record
from benchmark.core.store import Results
from benchmark.scores.pairs import Difference, Pairs
from benchmark.scores.scores import Scores
from benchmark.use.fitted import Fitted
from datasets import Dataset, InputError, Source

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

    from benchmark.use.onnx_graphs import Graph  # which imports torch

NEEDED = ("onnx", "onnxruntime", "onnxscript", "skl2onnx")
OF_OURS = ("least_probability", "run")  # what no other file says of itself
TOLERANCE = 1e-4  # by which a probability may differ from the stored one
AT_ONCE = 64  # pictures, to check and to score
BATCHES = (1, 32)  # pictures at once, of which the time is taken
WARM_UP, TIMED, MOST_SECONDS = (
    3,
    100,
    10.0,
)  # calls, and how long the timed ones of a batch may take
CALIBRATED_ON = 200  # pictures that say which values occur inside a net


@dataclass(frozen=True)
class Latency:
    """Milliseconds that a call takes on one thread of this machine.

    Attributes
    ----------
    batch : int
        Pictures at once.
    median, late : float
        Of all timed calls; the second is their 95th percentile.
    """

    batch: int
    median: float
    late: float


@dataclass(frozen=True, eq=False)
class Measured:
    """A file and what was measured of it.

    Attributes
    ----------
    precision : {"float32", "int8"}
    content : bytes
        What is in the file.
    latencies : tuple of Latency
        One for each of `BATCHES`.
    accuracy : float
        Of this one fitted model on the test pictures.
    interval : tuple of float
        Its 95 % interval.
    """

    precision: str
    content: bytes
    latencies: tuple[Latency, ...]
    accuracy: float
    interval: tuple[float, float]

    @property
    def megabytes(self) -> float:
        """Size of the file in units of 10**6 bytes."""
        return len(self.content) / 1e6


@dataclass(frozen=True, eq=False)
class Exported:
    """A model as files, checked and measured.

    Attributes
    ----------
    model : Fitted
    n_checked : int
        Pictures whose stored probabilities the file was compared with.
    difference : float
        The largest of a probability.
    whole : Measured
        In float32.
    small : Measured or None
        In 8 bits, if that applies.
    why_not_small : str
        Why it does not, or nothing.
    change : Difference or None
        Of the accuracy, in 8 bits less in float32.
    n_calibrated : int
        Pictures that decided the ranges in 8 bits; 0 where each call decides its own.
    processor : str
        What the times were taken on.
    """

    model: Fitted
    n_checked: int
    difference: float
    whole: Measured
    small: Measured | None = None
    why_not_small: str = ""
    change: Difference | None = None
    n_calibrated: int = 0
    processor: str = field(default_factory=machine.processor)


def check_installed() -> None:
    """Raise InputError where what writes and runs ONNX is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"export needs {', '.join(missing)}: pip install 'classical-or-deep[export]'"
        )


def export(
    results: Results,
    model: Fitted,
    tolerance: float = TOLERANCE,
    tell: Callable[[str], None] = lambda what: None,
) -> Exported:
    """Make the files of a model, and check and measure them.

    Parameters
    ----------
    results : Results
        Where its predictions are stored.
    model : Fitted
    tolerance : float
        By which a probability may differ from the stored one.
    tell : callable
        Told what is done next.

    Raises
    ------
    InputError
        If the packages or the pictures are not here, if ONNX cannot say what the model computes, or
        if the file says something else than what is stored.
    """
    check_installed()
    name, record = model.row.place.model, model.record
    stored = results.predictions(record)
    if not len(stored.scored.rows):
        raise InputError(f"{name} has no stored predictions of test pictures to be checked against")
    dataset = _pictures(record)
    tell("writing the graph")
    graph = _graph(model)
    content = _labelled(graph.proto, model)
    tell("checking it against the stored predictions")
    said = probabilities(content, dataset, stored.scored.rows, model)
    difference = float(np.abs(said - stored.scored.probabilities).max())
    if not difference <= tolerance:
        raise InputError(
            f"{name} is not written: in ONNX Runtime a probability of a test picture differs by "
            f"{difference:.1e} from the stored one, and may by {tolerance:g} (--tolerance). It was "
            f"computed on {_device(record)}: in bfloat16, where that has it, a net differs more"
        )
    tell("taking its time")
    some = dataset.take(stored.scored.rows[: max(BATCHES)])
    of_float = replace(stored.scored, probabilities=said).of(record.protocol.part)
    scores = [Scores.of([of_float])]
    whole = _measured("float32", content, some, scores, 0)
    exported = Exported(model, len(stored.scored.rows), difference, whole)
    if graph.in_8_bits == "no":
        return replace(exported, why_not_small=graph.why_not)
    calibration = _calibration(dataset, stored) if graph.in_8_bits == "static" else None
    if calibration is not None and not len(calibration):
        return replace(exported, why_not_small="every picture of the data set is a test picture")
    tell("computing in 8 bits")
    in_8_bits = _labelled(_in_8_bits(graph.proto, calibration), model)
    said = probabilities(in_8_bits, dataset, stored.scored.rows, model)
    of_int = replace(stored.scored, probabilities=said).of(record.protocol.part)
    scores.append(Scores.of([of_int]))
    return replace(
        exported,
        small=_measured("int8", in_8_bits, some, scores, 1),
        change=Pairs(scores).difference(1, 0),
        n_calibrated=0 if calibration is None else len(calibration),
    )


def session(content: bytes) -> InferenceSession:
    """Open what an ONNX file holds, on one thread of the CPU.

    Beside other work several would wait for one another, for many times what one takes.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors: warnings are about how it rewrites the graph
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def probabilities(content: bytes, dataset: Dataset, rows: np.ndarray, model: Fitted) -> np.ndarray:
    """Ask a file about rows of a data set.

    Returns
    -------
    ndarray of float32, shape (n, n_classes)
        A column for every class of the data set, 0 for those never trained on.
    """
    opened = session(content)
    said = np.zeros((len(rows), len(model.class_names)), np.float32)
    for start in range(0, len(rows), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        said[part, model.model.classes_] = _asked(opened, dataset.take(rows[part]))
    return said


def _asked(opened: InferenceSession, pictures: np.ndarray) -> np.ndarray:
    (given,) = opened.get_inputs()
    return np.asarray(opened.run(None, {given.name: np.ascontiguousarray(pictures)})[0])


def _pictures(record: Record) -> Dataset:
    """The pictures that a run was made on."""
    about = record.dataset
    try:
        dataset = runs.load(Source.parse(about.source), about.size)
    except InputError as error:
        raise InputError(
            f"without the pictures of {about.name} the file cannot be checked: {error}"
        ) from error
    if dataset.fingerprint != about.fingerprint:
        raise InputError(
            f"the pictures of {about.name} were changed since, so that the file cannot be checked: "
            "run the model again"
        )
    return dataset


def _graph(model: Fitted) -> Graph:
    from benchmark.use.onnx_graphs import graph  # with torch

    try:
        return graph(model.model)
    except InputError as error:
        raise InputError(f"{model.row.place.model} cannot be exported: {error}") from error


def _device(record: Record) -> str:
    return record.measured.device if record.measured else record.device


def _labelled(proto: ModelProto, model: Fitted) -> bytes:
    """What is in the file: the graph, and what its pictures must be and its answers mean."""
    import onnx

    onnx.helper.set_model_props(proto, metadata(model))
    return proto.SerializeToString()


def metadata(model: Fitted) -> dict[str, str]:
    """Return what the file says of itself, in ``metadata_props``.

    ``least_probability`` is empty where nothing was selected on, see `Fitted`.
    """
    return {
        "class_names": json.dumps([model.class_names[i] for i in model.model.classes_]),
        "size": str(model.size),
        "crop": model.record.dataset.crop,
        "temperature": repr(model.temperature),
        "least_probability": "" if model.least is None else repr(model.least),
        "model": model.row.place.model,
        "run": model.record.key,
    }


def is_ours(content: bytes) -> bool:
    """Whether a file's content is a model that says of itself what `metadata` says."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError:
        return False
    return {*OF_OURS} <= {each.key for each in proto.metadata_props}


def _measured(
    precision: str, content: bytes, pictures: np.ndarray, scores: list[Scores], which: int
) -> Measured:
    opened = session(content)
    latencies = tuple(_latency(opened, pictures, batch) for batch in BATCHES)
    accuracy = scores[which].mean("accuracy")
    return Measured(precision, content, latencies, accuracy, Pairs(scores).interval(which))


def _latency(opened: InferenceSession, pictures: np.ndarray, batch: int) -> Latency:
    """Time calls with so many pictures, the first ones over again where there are fewer."""
    given = np.resize(pictures, (batch, *pictures.shape[1:]))
    for _ in range(WARM_UP):
        _asked(opened, given)
    took: list[float] = []
    while len(took) < TIMED and sum(took) < MOST_SECONDS:
        start = time.perf_counter()
        _asked(opened, given)
        took.append(time.perf_counter() - start)
    median, late = 1000 * np.percentile(took, [50, 95])
    return Latency(batch, float(median), float(late))


def _calibration(dataset: Dataset, stored: Predictions) -> np.ndarray:
    """Pictures of the data set that are not test pictures, drawn at random."""
    others = np.setdiff1d(np.arange(len(dataset)), stored.scored.rows)
    drawn = np.random.default_rng(0).permutation(others)[:CALIBRATED_ON]
    return dataset.take(np.sort(drawn))


def _in_8_bits(proto: ModelProto, calibration: np.ndarray | None) -> ModelProto:
    """Compute a graph's products in 8 bits, by ONNX Runtime's own quantization.

    Ranges are those of calibration pictures, or those of each call without any. Weights have 7
    bits, since processors without VNNI add two products of 8 bits in 16, which is too few.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        given, ready, made = (Path(folder) / f"{name}.onnx" for name in ("given", "ready", "made"))
        onnx.save(proto, given)
        quant_pre_process(str(given), str(ready), skip_symbolic_shape=True)
        how: dict[str, Any] = {"per_channel": True, "reduce_range": True}
        how["op_types_to_quantize"] = ["Conv", "Gemm", "MatMul"]
        if calibration is None:
            how["op_types_to_quantize"].remove("Conv")  # in 8 bits it has no fast dynamic kind
            quantization.quantize_dynamic(ready, made, **how)
        else:
            reader = _reader(proto.graph.input[0].name, calibration)
            quantization.quantize_static(
                ready, made, reader, quant_format=quantization.QuantFormat.QDQ, **how
            )
        return onnx.load(made)


def _reader(name: str, pictures: np.ndarray) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        """Gives the pictures to the calibration, some at once."""

        def __init__(self) -> None:
            self.parts: Iterator[np.ndarray] = iter(
                np.split(pictures, range(AT_ONCE, len(pictures), AT_ONCE))
            )

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self.parts, None)
            return None if part is None else {name: np.ascontiguousarray(part)}

    return Reader()
