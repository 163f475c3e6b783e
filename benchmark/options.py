"""What a user may ask of a command: a flag is a field of `Options`, and wrong input is one line."""

from __future__ import annotations

import _thread
import contextlib
import errno
import functools
import json
import logging
import math
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn, get_args

import click
import yaml

import datasets
from benchmark import not_loaded
from benchmark.core.files import DamagedError
from benchmark.core.memory import Limits
from benchmark.core.models import Model
from benchmark.core.protocols import PROTOCOLS, Fair, Protocol, Search, Slides, Split, Whole
from benchmark.core.records import REPEATS
from benchmark.core.store import Results
from benchmark.scores.metrics import RANKED_BY
from datasets import InputError, Source, crops, limits
from datasets.names import readable, visible
from datasets.pictures import file_stamp
from deepnets import USUAL_BUDGET

WRONG_INPUT = 2
LONGEST = 2000  # signs of an error
DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
# Something else is where a file or a folder is to be, or there can be none of that name.
GONE = {errno.ENOENT, errno.ESTALE}
TOO_MANY = {errno.EMFILE, errno.ENFILE}
NAME_FAULTS = {errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR}


class _Path(click.Path):
    """A file or a folder that a path can lead to."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Refuse a text without signs, which would be this folder, and links that go round."""
        if str(value) == "":
            self.fail("it is empty, and must name a file or a folder", param, ctx)
        try:
            Path(value).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a configuration may hold any sign
            self.fail(f"{str(value)!r}: {error}", param, ctx)
        return super().convert(value, param, ctx)


class Real(click.FloatRange):
    """A number between others, which NaN is not."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Refuse what is neither above nor below anything."""
        number = super().convert(value, param, ctx)
        return self.fail("nan is no number", param, ctx) if math.isnan(number) else number


FOLDER = _Path(path_type=Path, file_okay=False)
FILE = _Path(path_type=Path, exists=True, dir_okay=False)
POSITIVE = click.IntRange(1, 10**6)
AMOUNT = Real(0, 1e9, min_open=True)
CORES = click.IntRange(1, 1024)
AGAIN_SECONDS = 0.05  # after which an interrupt that was lost comes again
TRIALS = 20  # points that Optuna chooses
SCORED_ON_TEST = [name for name in PROTOCOLS if name != Search.name]


class Words(click.ParamType):
    """Known words with commas between, each once, as a tuple."""

    name = "text"

    def __init__(self, known: Sequence[str], several: bool = True) -> None:
        self.known = known
        self.several = several

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Return the words."""
        if isinstance(value, tuple):
            return value
        words = tuple(dict.fromkeys(word.strip() for word in str(value).split(",")))
        for word in words:
            if word not in self.known:
                self.fail(f"'{word}' is not one of {', '.join(self.known)}", param, ctx)
        if len(words) > 1 and not self.several:
            self.fail(f"'{value}' is more than one", param, ctx)
        return words


class TrainSize(click.ParamType):
    """A number of pictures to learn from, or ``all``, which is None."""

    name = "number|all"

    def __init__(self, least: int = 2) -> None:
        self.least = least

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        """Return the number, or None for all."""
        if value == "all":
            return None
        with contextlib.suppress(ValueError):
            if (number := int(str(value))) >= self.least:
                return number
        told = f"neither a number of pictures, {self.least} or more, nor 'all'"
        return self.fail(f"'{value}' is {told}", param, ctx)


NO_BASE_60 = {
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(0b[0-1_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    "tag:yaml.org,2002:float": re.compile(
        r"[-+]?(\d[\d_]*\.[\d_]*([eE][-+]\d+)?|\.[\d_]+([eE][-+]\d+)?|\.(inf|Inf|INF))$|\.(nan|NaN|NAN)$"
    ),
}


class _Loader(yaml.SafeLoader):
    """YAML as it is meant: 1e-3 is a number, a date or 1:30 is a word. Nothing is said by name.

    What refers to what was said before may refer to that again, and so stand for terabytes.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a value, or refuse what stands for another, or says what kind it is of."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(problem="write it out for *", problem_mark=mark)
        if tag := getattr(event := self.peek_event(), "tag", None):  # of another kind than it looks
            why = f"leave out {limits.cut(tag)}"
            raise yaml.composer.ComposerError(problem=why, problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping, or refuse one that says a thing twice."""
        names = Counter(each.value for each, _ in node.value if isinstance(each, yaml.ScalarNode))
        if twice := [name for name, times in names.items() if times > 1]:
            why = f"'{limits.cut(twice[0])}' is there twice"
            raise yaml.constructor.ConstructorError(problem=why, problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


# Numbers of base 60 take the square of their length, and nobody means them.
_Loader.yaml_implicit_resolvers = {
    sign: [(tag, NO_BASE_60.get(tag, form)) for tag, form in forms]
    for sign, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?e[-+]?\d+", re.IGNORECASE)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, [*"-+0123456789"])
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: node.value)
# What `_parse` raises.
NO_YAML = (yaml.YAMLError, *(TypeError, ValueError, LookupError, ArithmeticError, RecursionError))


def _parse(text: str) -> Any:
    """Value of a YAML text, if it is one that JSON has too."""
    value = yaml.load(text, _Loader)
    json.dumps(value)
    return value


def read_yaml(path: Path) -> Any:
    """Read a YAML file, or raise click.UsageError."""
    try:
        file_stamp(path, limits.TEXT_BYTES)
        return _parse(path.read_text(encoding="utf-8"))
    except InputError as error:
        raise click.UsageError(str(error)) from error
    except (OSError, *NO_YAML) as error:
        raise click.UsageError(f"{path} cannot be read as YAML: {error}") from error


def _settings(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"'{value}' is not of the form NAME=VALUE")
        settings[name] = text
        with contextlib.suppress(*NO_YAML):
            settings[name] = _parse(text)
    return settings


def _read_config(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Let a YAML file set the flags that the command line does not (a click callback)."""
    values = (read_yaml(path) or {}) if path else {}
    if not isinstance(values, dict):
        raise click.UsageError(f"{path} must be lines of 'flag: value'")
    flags = {each.opts[0].lstrip("-"): each for each in ctx.command.params}
    for name in ("config", "list"):
        flags.pop(name, None)
    ctx.default_map = {}
    for key, value in values.items():
        if key not in flags:
            known = ", ".join(sorted(flags))
            raise click.UsageError(f"{path}: no flag is called '{key}': use {known}")
        several = value if isinstance(value, list) else [value]
        nothing = isinstance(value, list) and None in value
        if nothing or any(isinstance(each, list | dict) for each in several):
            raise click.UsageError(f"{path}: '{key}' must be a value or a list of values")
        if value is not None:
            together = several if flags[key].multiple else ",".join(map(str, several))
            ctx.default_map[str(flags[key].name)] = together
    return path


def flag(usual: Any = None, *names: str, **how: Any) -> Any:
    """A field of `Options`, and `how` its `click.Option` is made.

    The flag is called as the field is, unless by `names`; a class is called for the usual value.
    """
    metadata = {"names": names, "how": how}
    if isinstance(usual, type):
        return field(default_factory=usual, metadata=metadata)
    return field(default=usual, metadata=metadata)


@dataclass(frozen=True)
class Options:
    """What a user asks for; a command takes the flags that it names, the others are as usual."""

    model: str = flag("all", help="Names, 'vgg*', timm:NAME; commas.")
    recipe: str = flag("strong", help="What the net is trained by.")
    grid: str = flag("", required=True, help="YAML file, or a name: raf-db-report.")
    sampler: str = flag(
        "grid", type=click.Choice(["grid", "optuna"]), help="Every point, or those Optuna chooses."
    )
    trials: int | None = flag(type=POSITIVE, help=f"Points for Optuna.  [default: {TRIALS}]")
    metric: str | None = flag(
        type=click.Choice(RANKED_BY),
        help="What models are ranked by.  [default: accuracy, or what OUT was ranked by]",
    )
    data: str | None = flag(help="A name, NAME:PATH or a folder.  [default: real pictures if here]")
    test_data: tuple[str, ...] = flag(
        (), multiple=True, help="Test on this too, on the classes both have; several: on each."
    )
    drop_class: tuple[str, ...] = flag(
        (), multiple=True, help="Leave out a class; may be repeated."
    )
    drop_duplicates: bool = flag(
        False, help="Keep identical pictures once, and none whose labels conflict."
    )
    crop: str = flag("none", type=click.Choice(crops.CROPS), help="Part of the face looked at.")
    protocol: tuple[str, ...] = flag(
        ("fair",), type=Words(SCORED_ON_TEST), help=f"{', '.join(SCORED_ON_TEST)}: commas."
    )
    train_size: int | None = flag(
        default="all",
        type=TrainSize(),
        help="Pictures fair lets a model learn from, curve at most.",
    )
    repeats: int = flag(1, type=click.IntRange(1, REPEATS), help="Runs of each model.")
    size: int = flag(32, type=click.IntRange(8, limits.SIDE), help="Pixels.")
    split: tuple[Split, ...] = flag(
        (),
        type=Words(get_args(Split)),
        help="random, identity, official, slides: commas.  [default for fair: official where the "
        "data come in parts, else identity where they say who is shown, else random; with "
        "--test-data there is no choice]",
    )
    device: str = flag("auto", type=click.Choice(["auto", "cpu", "cuda", "mps"]))
    jobs: int | None = flag(
        type=CORES, help="Runs at once.  [default: the cores; on a card no more than fit]"
    )
    threads: int = flag(1, type=CORES, help="Of one run.")
    backend: str = flag(
        "local", type=click.Choice(["local", "dask"]), help="What makes runs: here, or a cluster."
    )
    scheduler: str | None = flag(help="Address of the Dask scheduler, for --backend dask.")
    time_limit: float | None = flag(type=AMOUNT, help="Seconds a run may take.")
    memory_limit: float | None = flag(
        type=AMOUNT,
        help="Gigabytes of memory a run may hold.  [default: what the machine can bear]",
    )
    larger: int = flag(1, type=POSITIVE, help="Times that pictures and tables may be larger.")
    retry: str = flag(
        "failed",
        type=click.Choice(["failed", "never"]),
        help="Whether runs that have failed are made again, or their rows kept as they are.",
    )
    budget: float | None = flag(
        type=AMOUNT,
        help="Arithmetic of each net's training under fair, 10**12 operations.  "
        f"[default: {USUAL_BUDGET:g}]",
    )
    tune: int = flag(
        1,
        type=POSITIVE,
        help="Settings of each model to try; the best on validation is its row.",
    )
    settings: dict[str, Any] = flag(
        dict, "--set", multiple=True, callback=_settings, help="A parameter: NAME=VALUE."
    )
    pretrained: bool = flag(False, help="Start nets from the weights timm publishes for them.")
    weights: Path | None = flag(type=FILE, help="Safetensors file to start from in their place.")
    out: Path = flag(Path("results"), type=FOLDER, help="Folder of the results.")
    config: Path | None = flag(
        type=FILE,
        is_eager=True,
        callback=_read_config,
        help="YAML file; keys are the flags' names.",
    )
    no_predictions: bool = flag(
        False, help="Leave OUT/predictions out: what each model said of every test picture."
    )
    svg: bool = flag(False, help="Write every picture as SVG too, into OUT/svg.")
    tensorboard: bool = flag(False, help="Write the nets' epochs for TensorBoard too.")
    estimate: bool = flag(False, help="Say what the runs would cost here; make none.")
    list: bool = flag(False, help="Show the models, or those of --model, and the data sets.")

    @property
    def results(self) -> Results:
        """The results folder."""
        return Results(self.out)

    @property
    def limits(self) -> Limits:
        """What a run may take."""
        return Limits(self.time_limit, self.memory_limit)

    @property
    def retries_failed(self) -> bool:
        """Whether runs that have failed are made again."""
        return self.retry == "failed"

    @property
    def cluster(self) -> str | None:
        """The address of the scheduler whose workers make the runs; None if they are made here."""
        if (self.backend == "dask") != (self.scheduler is not None):
            raise click.UsageError(
                "--backend dask and --scheduler ADDRESS go together: 'dask scheduler' starts one"
            )
        if self.scheduler is not None and self.jobs is not None:
            raise click.UsageError(
                "--jobs is for runs made here: as many as a cluster has workers go at once"
            )
        return self.scheduler

    @property
    def best_in(self) -> str:
        """What the best trial of a search is best in."""
        return self.metric or RANKED_BY[0]

    @property
    def sources(self) -> Sequence[Source]:
        """The data: one source, or one for each that is tested on besides."""
        if "" in (self.data, *self.test_data):
            raise click.UsageError("--data and --test-data must name a data set or a folder")
        return [
            Source.parse(
                self.data or datasets.default(),
                crop=self.crop,
                without=tuple(sorted(set(self.drop_class))),
                deduplicated=self.drop_duplicates,
                tested_on=tested,
            )
            for tested in dict.fromkeys(self.test_data) or [None]
        ]

    def parameters(self, model: Model, protocol: Protocol) -> Sequence[Mapping[str, Any]]:
        """Parameters of a model: those that are set, what nets start from, and their budget.

        A net that is not trained, but frozen, always starts from weights and has no budget, and
        the slides train for epochs. There are several where validation is to choose, each once.
        """
        more: dict[str, Any] = {}
        if self.weights is not None:
            more["weights"] = str(self.weights.resolve())
        elif self.pretrained and not model.is_frozen:
            more["pretrained"] = True
        n = self.tune if protocol.selected_on == "validation" else 1
        portfolio = model.portfolio(n, starts_from_weights=bool(more))
        has_budget = model.is_trained_in_epochs and protocol.name != Slides.name
        if has_budget and self.budget is not None:
            more["budget"] = self.budget
        several = [{**each, **self.settings, **more} for each in portfolio]
        return [each for i, each in enumerate(several) if each not in several[:i]]


# Changes of a flag where a command is about one split, or about pictures that are every model's.
ONE_PROTOCOL = {
    "type": Words((Fair.name, Whole.name), several=False),
    "help": f"{Fair.name} or {Whole.name}, which give every model the same pictures.",
}
ONE_SPLIT = {
    "type": Words(get_args(Split), several=False),
    "help": f"{', '.join(get_args(Split))}.  [default: as fair has it]",
}


def of_pictures(to: str, required: bool = True) -> Callable[[Any], Any]:
    """Give a command what it is handed, WHAT, and the flags of a fitted model that looks at it.

    The function takes `what`, `named`, `to`, `every` and `seconds` by name.
    """
    flags = [
        click.argument("what", nargs=-1, required=required),
        click.option(
            "--model",
            "named",
            help="A model on the leaderboard (BOARD/MODEL if on several), or a run's key.  "
            "[default: the winner]",
        ),
        click.option(
            "--to", type=FOLDER, default=to, show_default=True, help="Folder of the answers."
        ),
        click.option(
            "--every", type=POSITIVE, default=1, help="Of a film look at one picture in so many."
        ),
        click.option(
            "--seconds",
            type=AMOUNT,
            help="Of a film or a camera, at most.",
        ),
    ]
    return lambda function: functools.reduce(lambda made, add: add(made), reversed(flags), function)


class _Command(click.Command):
    """A command that says which flags are given twice, since the last of them is taken."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Go through what is given before it is taken."""
        given = Counter(word.partition("=")[0] for word in args if word.startswith("--"))
        flags = (each for each in self.params if isinstance(each, click.Option))
        for each in flags:
            times = sum(given[name] for name in each.opts)
            if times > 1 and not each.multiple and not each.is_flag:
                click.echo(f"{each.opts[0]} is given {times} times: the last is taken", err=True)
        return super().parse_args(ctx, args)


def command(*names: str, **changed: Mapping[str, Any]) -> Callable[..., Callable[[], NoReturn]]:
    """Make a function a command: wrong input is one line on standard error and status 2.

    The `names` are fields of `Options` that are its flags, and the function takes an `Options`
    first if there are any; `changed` are arguments of a field's `click.Option` that differ here.
    """
    asked = {*names, *changed, *(("larger",) if "data" in names else ())}
    taken = [each for each in fields(Options) if each.name in asked]

    def decorate(function: Callable[..., Any]) -> Callable[[], NoReturn]:
        @click.command(cls=_Command)
        @functools.wraps(function)
        def made(**values: Any) -> Any:
            chosen = {each.name: values.pop(each.name) for each in taken}
            if chosen.get("larger", 1) > 1:
                limits.allow(chosen["larger"])
            return function(*([Options(**chosen)] if taken else []), **values)

        made.params[:0] = [_option(each, changed.get(each.name, {})) for each in taken]

        def main() -> NoReturn:
            status = _status(made)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done, or told
            sys.exit(status)

        main.__doc__ = function.__doc__
        return main

    return decorate


def _option(of: Field[Any], changed: Mapping[str, Any]) -> click.Option:
    names = of.metadata["names"] or (f"--{of.name.replace('_', '-')}",)
    usual = {"show_default": True, "is_flag": of.default is False}
    how = {**usual, **of.metadata["how"], **changed}
    if of.default not in (MISSING, None) and not how.get("required"):
        how.setdefault("default", of.default)
    return click.Option([of.name, *names], **how)


def _drop_output() -> None:
    """Let go of what standard output, which may be the full disk, could not take."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # `sys.stdout` is None where it is closed


def stop_at_interrupt(*_: object) -> NoReturn:
    """Stop at the first interrupt; those that follow do not break what is being put in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _interrupt_again(tell: Callable[[Any], object], unraised: Any) -> None:
    """Interrupt once more where the first came in a place that Python lets no error out of.

    Such are callbacks of weak references and what objects do at their end.
    """
    if not isinstance(unraised.exc_value, KeyboardInterrupt):
        tell(unraised)
        return
    signal.signal(signal.SIGINT, stop_at_interrupt)
    threading.Timer(AGAIN_SECONDS, _thread.interrupt_main).start()


def _told(error: object) -> int:
    """Print an error as one line of what can be seen; return the exit status."""
    told = " ".join(str(error).split())
    half = LONGEST // 2  # the end has the remedy
    line = told if len(told) <= LONGEST else f"{told[:half]} ... {told[-half:]}"
    click.echo(readable(f"error: {line}"), err=True)
    return WRONG_INPUT


class _Visible(logging.Formatter):
    """Spells out what a warning, which may name a stranger's file, has for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _status(made: click.Command) -> int:
    shown = logging.StreamHandler()
    shown.setFormatter(_Visible("%(message)s"))
    logging.basicConfig(handlers=[shown], level=logging.WARNING)
    signal.signal(signal.SIGINT, stop_at_interrupt)
    usual = sys.unraisablehook
    sys.unraisablehook = functools.partial(_interrupt_again, usual)
    try:
        Path.cwd()
    except FileNotFoundError:
        return _told("the folder that this was started in is gone: start it in another")
    try:
        status = made.main(standalone_mode=False)
    except (click.ClickException, InputError, DamagedError) as error:
        return _told(error.format_message() if isinstance(error, click.ClickException) else error)
    except OSError as error:
        if error.errno == errno.ENOENT and error.filename is None:  # of `tempfile`
            return _told("no folder for temporary files can be written to: set TMPDIR to one")
        if error.errno not in DISK_FAULTS | NAME_FAULTS | GONE | TOO_MANY:
            raise
        where = f"{error.filename}: " if error.filename else ""
        remedy = "make room or see to permissions; finished runs are kept, the same command goes on"
        if error.errno in NAME_FAULTS:
            remedy = "move it, or name another place"
        if error.errno in GONE:
            remedy = "it, or a folder that it is in, was removed meanwhile; start again"
        if error.errno in TOO_MANY:
            remedy = "allow more (ulimit -n), or use fewer --jobs"
        _told(f"{where}{error.strerror}: {remedy}")
        _drop_output()
        return WRONG_INPUT
    except MemoryError as error:
        why = f" ({error})" if str(error) else ""
        return _told(f"there is not enough memory{why}: fewer --jobs or pictures take less")
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: finished runs are kept, the same command goes on", err=True)
        return 130
    except Exception as error:
        if told := not_loaded(error):
            return _told(told)
        if "can't start new thread" not in str(error):
            raise
        return _told("no more threads can be started here (ulimit -u): fewer --jobs take less")
    finally:
        sys.unraisablehook = usual
    return status if isinstance(status, int) else 0
