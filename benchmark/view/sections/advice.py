"""The advice on a user's pictures: five lines that follow from stored runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from benchmark.core.files import DamagedError
from benchmark.core.records import SELECTION, Asked
from benchmark.core.store import Results
from benchmark.scores import curves, intervals, picks
from benchmark.scores.leaderboard import Leaderboard
from benchmark.scores.metrics import Metric
from benchmark.scores.pairs import Pairs
from benchmark.scores.rows import Row, read_row
from benchmark.scores.scores import Scores
from benchmark.view.sections.section import Section
from benchmark.view.text import score

WIDE_INTERVAL = 0.2  # of an accuracy, which then says little
TOO_MANY = 20  # times the test pictures that would show a gain: it is next to none


def advices(board: Leaderboard) -> list[Section]:
    """The five lines, if they were asked for."""
    asked = board.results.asked()
    if asked is None:
        return []
    lines = advice(board, asked)
    document = "# Which model for these pictures?\n\n" + "\n\n".join(lines) + "\n"
    title = "Which model for these pictures?"
    return [
        Section(title, before=lines, data={"advice.md": document}, where="document", leads=True),
    ]


def advice(board: Leaderboard, asked: Asked) -> list[str]:
    """Answer the user's question in five lines.

    Returns
    -------
    list of str
        Which model; what accuracy to expect; what it costs; deep or classical; whether more
        pictures would help, and larger ones if these were tried. One line if no model has a result.
    """
    found = picks.advice(board, asked)
    if found is None:
        return ["Which model: not known, as no run on all pictures was finished."]
    metric, pick, best_first = board.metric, found.pick, found.best_first
    by_size = {(row.place.protocol, row.place.model): row for row in picks.of_advice(board, asked)}

    def curve(row: Row) -> list[Row]:
        sizes = (by_size.get((label, row.place.model)) for label in asked.protocols)
        return [each for each in sizes if each is not None]

    with_curve = [row for row in [pick, *best_first] if len(curve(row)) > 1]
    more = _more_pictures(curve((with_curve or [pick])[0]), pick, metric)
    larger = larger_pictures(board, asked)
    return [
        _which(found, metric),
        _expect(pick, best_first, metric),
        _costs(pick, board.results),
        _deep_or_classical(best_first, board.pairs_of(pick), metric),
        f"{more} {larger}" if larger else more,
    ]


def larger_pictures(board: Leaderboard, asked: Asked) -> str:
    """Whether a model gets better by larger pictures, on the validation pictures; or nothing.

    It was chosen on these at the smaller size, which flatters that size, so that a gain is not of
    the choosing.
    """
    if asked.larger is None:
        return ""
    name, metric, size = asked.larger.model.label, board.metric, asked.larger.dataset.size
    there = read_row(board.results, asked.larger)
    here = next((row for row in picks.considered(board, asked) if row.place.model == name), None)
    if here is None or there.scores is None:
        return ""
    try:
        scores = Scores.of([board.results.predictions(here.good[0]).of(SELECTION)])
    except DamagedError:
        return ""
    if there.scores.pictures != scores.pictures:
        return ""  # what counts as a copy, and so the division, may depend on the size
    pairs = Pairs([there.scores, scores])
    gain = metric.goodness(pairs.difference(0, 1, metric.name).value)
    sure = pairs.p(0, 1, metric.name) < 1 - intervals.LEVEL
    verdict = "no sign that larger pictures help"
    if gain > 0:
        verdict = f"try --size {size}" if sure else "no more than chance may explain"
    unit = f" % {metric.label}" if metric.is_share else f" {metric.label}"
    on, less = (score(each.mean(metric.name), metric.name) for each in (there.scores, scores))
    return (
        f"Larger ones: at {size} pixels {name} has {on}{unit} on the {scores.n_test:,} "
        f"validation pictures, and {less} at {here.entry.dataset.size}: {verdict}."
    )


def _interval(low: float, high: float, name: str = "accuracy") -> str:
    return f"95 % interval {score(low, name)} to {score(high, name)}"


def _scored(row: Row, metric: Metric) -> str:
    """A row's score, an accuracy in percent and any other by its name."""
    value = score(row.mean(metric.name), metric.name)
    return f"{value} %" if metric.name == "accuracy" else f"{metric.heading} {value}"


def _which(found: picks.Advice, metric: Metric) -> str:
    pick, rows, tied = found.pick, found.best_first, found.as_good
    name, n_test = pick.place.model, f"{pick.n_test:,} test pictures"
    if found.is_useless:
        return (
            f"Which model: none yet. On these {n_test} no model is surely better than always "
            f"saying the commonest class; {name} has the best {metric.label}."
        )
    if len(tied) == 1:
        worse = sum(row.rank > 1 for row in rows if row.rank is not None)
        if worse == len(rows) - 1:
            return (
                f"Which model: {name}, surely better than each of the {worse} others tried, "
                f"on {n_test}."
            )
        return (
            f"Which model: {name} ({_scored(pick, metric)}), the best of {len(rows)} tried, "
            f"on {n_test}; surely better than {worse} of them."
        )
    others = [f"{row.place.model} {_scored(row, metric)}" for row in tied if row is not pick]
    return (
        f"Which model: {name} ({_scored(pick, metric)}). These {n_test} cannot tell it "
        f"from {', '.join(others)}, which cost more or are no better."
    )


def _expect(pick: Row, rows: Sequence[Row], metric: Metric) -> str:
    """What new pictures will show: of the best, less what it gained by being chosen on these."""
    assert pick.scores is not None  # as it has a rank
    low, high = pick.intervals["accuracy"]
    flattered = ""
    if pick is rows[0] and metric.name == "accuracy":
        pairs = Pairs([row.scores for row in rows if row.scores is not None])
        expected = min(pairs.expected_of_best(metric), pick.mean("accuracy"))
        flattered = f", and {score(expected)} % if chosen on other pictures than it is scored on"
    commonest = pick.class_names[int(pick.scores.confusions[0].sum(axis=1).argmax())]
    wide = f" So wide an interval says little: test pictures are few ({pick.n_test:,})."
    return (
        f"What to expect: {score(pick.mean('accuracy'))} % of new pictures like these right "
        f"({_interval(low, high)}){flattered}; always saying '{commonest}' is right on "
        f"{score(pick.mean('majority_accuracy'))} %.{wide if high - low > WIDE_INTERVAL else ''}"
    )


def _costs(pick: Row, results: Results) -> str:
    values, record = pick.columns, pick.good[0]
    file = results.model_file(record.key)
    size = f"a file of {file.stat().st_size / 1e6:.1f} MB, " if file else ""
    threads = record.environment.threads
    where = f"{record.environment.processor}, {threads} thread{'s' * (threads > 1)}"
    return (
        f"What it costs: {values['fit_seconds']:.1f} s to train on {values['n_train']:,} pictures, "
        f"{values['predict_ms_per_image']:.2g} ms to answer one; {size}at most "
        f"{values['peak_memory_mb']:,.0f} MB of memory in training "
        f"({where if values['device'] == 'cpu' else values['device']})."
    )


def _deep_or_classical(rows: Sequence[Row], pairs: pd.DataFrame, metric: Metric) -> str:
    best = {row.is_deep: row for row in reversed(rows)}
    if len(best) < 2:
        kind = "nets" if True in best else "classical models"
        return f"Deep or classical: only {kind} have a result; try both kinds with --model."
    kinds = {
        best[True].place.model: "the best net",
        best[False].place.model: "the best classical model",
    }
    pair = pairs[pairs["model_a"].isin(kinds) & pairs["model_b"].isin(kinds)].iloc[0]
    one, other = (f"{kinds[name]} ({name})" for name in (pair["model_a"], pair["model_b"]))
    low, high = (metric.goodness(float(pair[f"difference_{end}"])) for end in ("lo", "hi"))
    ends = min(low, high), max(low, high)
    sure = "more than chance explains" if pair["told_apart"] else "no more than chance may explain"
    return (
        f"Deep or classical: {one} is better than {other} by "
        f"{score(abs(pair['difference']), metric.name)} {_unit(metric)} "
        f"({_interval(*ends, metric.name)}): {sure}."
    )


def _unit(metric: Metric) -> str:
    return f"points of {metric.label}" if metric.is_share else f"of {metric.label}"


def _more_pictures(rows: Sequence[Row], pick: Row, metric: Metric) -> str:
    """What twice as many pictures gave, and may give again, the picked model or the best known.

    Errors are taken to fall as a power of the number of pictures to some limit, the usual form of
    learning curves (Cortes, Jackel, Solla, Vapnik and Denker, "Learning curves: asymptotic values
    and rate of convergence", NIPS 1993): each doubling then gains the same share of the one before.
    A share of 1 or more is no such curve, and nothing is foretold from it.
    """
    if len(rows) < 2:
        return "More pictures: not known, as the smaller sizes have no result."
    name = metric.name
    last, low, high = curves.gain(rows[-2], rows[-1], metric)
    half, everything = (f"{row.size:,}" for row in rows[-2:])
    who = "it" if rows[-1] is pick else rows[-1].place.model
    gained = (
        f"from {half} to {everything} {who} got better by {score(last, name, '+')} {_unit(metric)} "
        f"({_interval(low, high, name)})"
    )
    if low <= 0:
        n, half_width = rows[-1].n_test or 0, (high - low) / 2
        wanted = n * (half_width / last) ** 2 - n if last > 0 else math.inf
        if wanted < TOO_MANY * n:
            return (
                f"More pictures: cannot be told yet: {gained}; about {_round(wanted):,} more test "
                "pictures would show such a gain."
            )
        return (
            f"More pictures: no sign that they would help: {gained}; a gain below "
            f"{score(half_width, name)} {_unit(metric)} would not show on {n:,} test pictures."
        )
    before = curves.gain(rows[-3], rows[-2], metric).value if len(rows) > 2 else 0.0
    again = (
        f"twice as many may add {score(last * last / before, name)} {_unit(metric)} more"
        if last < before
        else "how much more cannot be said, as the curve does not flatten yet"
    )
    return f"More pictures: they would help: {gained}; {again}."


def _round(value: float) -> int:
    """A number up to two digits that count."""
    step = 10 ** max(math.floor(math.log10(max(value, 1))) - 1, 0)
    return math.ceil(value / step) * step
