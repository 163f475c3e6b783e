"""The card of an exported model: its row of the leaderboard, as the Hugging Face Hub reads it.

In comes what was exported; out goes Markdown, with the scores in the header's ``model-index``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from benchmark.scores.metrics import METRICS
from benchmark.scores.rows import Row
from benchmark.use.doubt import COVERED
from benchmark.use.fitted import Fitted
from benchmark.use.onnx_files import Exported, Measured, metadata
from benchmark.view import text
from benchmark.view.markdown import plain

OURS = "by this project's run"  # what no other text says
TASK = "image-classification"
OF_DATA = "majority_"  # how the metrics begin that are of the test pictures and of no model
LICENCE = (
    "The code that made this file is Apache-2.0. The pictures it learnt from, and the weights a "
    "pre-trained net started from, have terms of their own, which may bind the file too."
)
OF_FACES = (
    "It names what a face looks like to the people who labelled the pictures, not what anybody "
    "feels: do not use it to judge people, at work, at school or elsewhere."
)
OF_ANYTHING = "Do not let it decide about people, or about anything, without somebody who checks."


def card(exported: Exported, file: str, audit: str = "") -> str:
    """Write the card of a model.

    Parameters
    ----------
    exported : Exported
    file : str
        Name of the ONNX file beside it.
    audit : str
        What an audit of the data found, if one was made.

    Returns
    -------
    str
        Markdown.
    """
    model = exported.model
    parts = [
        f"# {plain(model.row.place.model)}, of {plain(model.row.place.dataset)} "
        f"{plain(model.row.board)}",
        " ".join(_what(model, file)),
        "## How good it is",
        " ".join(map(plain, _procedure(model))),
        _table(_scores(model.row)),
        " ".join(map(plain, _remarks(model.row))),
        "## When to distrust it",
        " ".join(map(plain, _doubts(model))),
        "## The files",
        _table(files(exported, file)),
        " ".join(checks(exported)),
        f"## The audit of the data\n\n{plain(audit)}" if audit else "",
        "## Use and licence",
        f"{OF_FACES if model.record.dataset.faces else OF_ANYTHING} {LICENCE}",
    ]
    header = _header(model).to_yaml()
    return str(ModelCard(f"---\n{header}\n---\n\n" + "\n\n".join(filter(None, parts)) + "\n"))


def is_card(text: str) -> bool:
    """Whether a text is such a card, of whatever model."""
    return text.startswith("---\n") and OURS in text


def _header(model: Fitted) -> ModelCardData:
    row, about = model.row, model.record.dataset
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=about.name,
            dataset_name=f"{about.name} {row.board}",
            dataset_config=row.board,
            dataset_split=row.entry.protocol.part,
            dataset_args={"fingerprint": about.fingerprint, "size": about.size, "crop": about.crop},
            metric_type=name,
            metric_name=_named(row, name),
            metric_value=row.mean(name),
        )
        for name in METRICS
        if not (name.startswith(OF_DATA) or math.isnan(row.mean(name)))
    ]
    return ModelCardData(
        license="apache-2.0",
        library_name="onnx",
        pipeline_tag=TASK,
        tags=[TASK, "onnx", about.name],
        model_name=f"{row.place.model} of {about.name} {row.board}",
        metrics=[each.metric_type for each in results],
        eval_results=results,
    )


def _named(row: Row, name: str) -> str:
    ends = _interval(row, name)
    return f"{METRICS[name].label}{f' (95 % interval {ends})' if ends else ''}"


def _interval(row: Row, name: str) -> str:
    if name not in row.intervals:
        return ""
    low, high = row.intervals[name]
    return f"{text.score(low, name)} to {text.score(high, name)}"


def _what(model: Fitted, file: str) -> Iterable[str]:
    """What the model is, what goes in and what comes out."""
    row, about, says = model.row, model.record.dataset, metadata(model)
    yield f"{plain(file)} is a model of the kind {row.entry.model.kind}, fitted to"
    yield f"{plain(about.name)} ({plain(about.described)}) {OURS} `{model.record.key[:12]}`."
    if pretrained_on := row.entry.model.pretrained_on:
        yield f"Before, its net learnt from {plain(pretrained_on)}."
    elif row.is_deep:
        yield "Its net started from random weights and saw no other pictures."
    else:
        yield "It saw no other pictures."
    size = f"{about.size}, {about.size}"
    cropped = "" if about.crop == "none" else f" cropped to the {about.crop} and"
    yield (
        f"`pictures`, uint8 (n, 3, {size}), go in: RGB planes,{cropped} stretched to the size, and "
        "not scaled, which the file does itself. `probabilities`, float32 "
        f"(n, {len(model.model.classes_)}), come out, in this order: {plain(says['class_names'])}."
    )


def _procedure(model: Fitted) -> Iterable[str]:
    """What it learnt from, was selected on and is scored on."""
    row, measured, protocol = model.row, model.record.measured, model.row.entry.protocol
    assert measured is not None
    yield f"Protocol {protocol.label}, split by {protocol.split}:"
    yield f"{measured.n_train:,} pictures learnt from,"
    if measured.n_validation:
        yield f"{measured.n_validation:,} selected on ({protocol.selected_on}),"
    else:
        yield f"selected on {protocol.selected_on},"
    people = f" of {row.n_people:,} people" if row.n_people else ""
    yield f"scored on {row.n_test:,} test pictures{people}."
    if len(row.good) > 1:
        yield (
            f"The scores are the mean of {len(row.good)} repeats; the file is repeat "
            f"{model.record.repeat + 1}."
        )
    if row.rank is not None:
        last = f" to {row.last_rank}" if row.last_rank not in (None, row.rank) else ""
        yield f"Its rank among the models of its leaderboard is {row.rank}{last}."


def _scores(row: Row) -> pd.DataFrame:
    lines = [
        {
            "score": metric.label + (" %" if metric.is_share else ""),
            "value": text.score(row.mean(name), name),
            "95 % interval": _interval(row, name),
        }
        for name, metric in METRICS.items()
        if not math.isnan(row.mean(name))
    ]
    return pd.DataFrame(lines)


def _remarks(row: Row) -> Iterable[str]:
    """What a reader of the row must know, and where the classes differ."""
    if row.notes:
        yield f"Notes: {'; '.join(row.notes)}."
    assert row.scores is not None
    of_class = row.scores.confusion.sum(axis=1)
    right = row.scores.confusion.diagonal()
    told = [
        f"{name} {text.percent(right[i] / of_class[i])}"
        for i, name in enumerate(row.class_names)
        if of_class[i]
    ]
    yield f"Of each class's test pictures it names rightly: {', '.join(told)}."


def _doubts(model: Fitted) -> Iterable[str]:
    row = model.row
    known = {model.class_names[i] for i in model.model.classes_}
    unknown = [name for name in model.class_names if name not in known]
    if unknown:
        yield f"It can never say {', '.join(unknown)}, of which it was shown no picture."
    if row.never_said:
        yield f"It never said {', '.join(row.never_said)} of any test picture."
    if model.least is None:
        yield "Its confidence is as it comes: nothing was selected on by which to bring it right."
    else:
        yield (
            f"Its confidence is right at temperature {model.temperature:.2f}: raise probabilities "
            f"to the power of 1 / {model.temperature:.2f} and divide by their sum. That was found "
            "on the pictures selected on."
        )
        if model.least == 0:
            yield "Those pictures do not tell when to abstain: every set is of all classes."
        else:
            yield (
                f"Abstain where more than one class has a probability, as it comes, of at least "
                f"{model.least:.3f}: the classes that have hold the true one for "
                f"{text.percent(COVERED)} of people like the {model.n_people:,} it was selected on."
            )
    yield "It knows nothing of pictures unlike those it learnt from, and may be sure of them."


def files(exported: Exported, file: str) -> pd.DataFrame:
    """What each file takes and scores, a row each, as people are shown it."""
    several = [each for each in (exported.whole, exported.small) if each is not None]
    return pd.DataFrame([_of_file(each, name_of(file, each)) for each in several])


def name_of(file: str, of: Measured) -> str:
    """Name of the file of a precision beside that in float32."""
    return file if of.precision == "float32" else f"{file.removesuffix('.onnx')}.int8.onnx"


def _of_file(of: Measured, file: str) -> dict[str, str]:
    low, high = (text.score(end) for end in of.interval)
    times = {
        f"{each.batch} at once, ms (95th percentile)": f"{each.median:.3g} ({each.late:.3g})"
        for each in of.latencies
    }
    accuracy = f"{text.score(of.accuracy)} ({low}-{high})"
    size = f"{of.megabytes:.3g}"
    return {"file": file, "numbers": of.precision, "MB": size, **times, "accuracy %": accuracy}


def checks(exported: Exported) -> list[str]:
    """Say what was checked and measured, and how far 8 bits go."""
    lines = [
        f"In ONNX Runtime alone the float32 file says of all {exported.n_checked:,} test pictures "
        f"what is stored of them: the largest difference of a probability is "
        f"{exported.difference:.1e}.",
        f"Times are of one thread of {exported.processor}, median and 95th percentile; accuracies "
        "are of this one fitted model.",
    ]
    if exported.small is None or exported.change is None:
        return [*lines, f"There is none in 8 bits: {exported.why_not_small}."]
    how = "by the range of each call"
    if exported.n_calibrated:
        how = f"by ranges on {exported.n_calibrated} pictures that are not test pictures"
    value, low, high = (text.score(each, sign="+") for each in exported.change)
    return [
        *lines,
        f"The int8 file computes its products in 8 bits, {how}: the accuracy changes by {value} "
        f"points (95 % interval {low} to {high}).",
    ]


def _table(table: pd.DataFrame) -> str:
    safe = table.map(plain)
    return str(safe.to_markdown(index=False, disable_numparse=True))
