"""Which model for a small set of pictures, is the difference real, and what does it cost?

In Python ``benchmark.bench("my-pictures")`` makes runs and ``benchmark.board("results")`` opens
those of a folder, see `benchmark.api`; each command is a module, see ``python -m benchmark``.
"""

import importlib.util
import io
import os
import re
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

OWN_PACKAGES = ("baselines", "benchmark", "datasets", "deepnets")
SCRIPT = "classical-or-deep"  # the installed command, see setup.cfg
COUNTS = {  # variables of the environment
    "LOKY_MAX_CPU_COUNT": "a number of cores",
    "LARGER_INPUTS": "how many times larger inputs may be",
}
MOST_DIGITS = 40  # of one of them
SIZES = ("COLUMNS", "LINES")  # of a terminal, as the environment has them
# Bounds of OpenCV's own, by which sound pictures would be left out.
OPENCV = ("OPENCV_IO_MAX_IMAGE_PIXELS", "OPENCV_IO_MAX_IMAGE_WIDTH", "OPENCV_IO_MAX_IMAGE_HEIGHT")
ADDRESSES = 5e9  # bytes that torch takes, and OpenBLAS waits for without end where they are not


def _leave(*_: object) -> None:
    os.write(2, b"interrupted: nothing was begun\n")
    os._exit(130)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if told := not_loaded(error):
        _refuse(told)
    sys.__excepthook__(kind, error, trace)


def not_loaded(error: BaseException) -> str:
    """Say in a line which library cannot be loaded and why; nothing if that is not the error.

    It may be there and mind what the environment tells it.
    """
    ours = tuple(f"{Path(__file__).parents[1] / name}{os.sep}" for name in OWN_PACKAGES)
    trace, loaded = error.__traceback__, []
    while trace is not None:
        code, name = trace.tb_frame.f_code, trace.tb_frame.f_globals.get("__name__")
        foreign = name != "__main__" and not code.co_filename.startswith(("<", *ours))
        if code.co_name == "<module>" and foreign:
            loaded.append(f"{name}: {type(error).__name__}: ")
        trace = trace.tb_next
    if not loaded and not isinstance(error, (ImportError, MemoryError)):
        return ""
    nothing = "there is not enough memory" if isinstance(error, MemoryError) else "it does not say"
    why = " ".join(str(error).split()) or nothing
    which = loaded[-1] if loaded and not isinstance(error, ImportError) else ""
    return f"a library cannot be loaded ({which}{why}): 'python -m benchmark.doctor' says more"


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"error: {why}\n")
    sys.stderr.flush()
    os._exit(2)


def _check_addresses() -> None:
    if sys.platform != "win32":
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        if most != resource.RLIM_INFINITY and most < ADDRESSES:
            _refuse(
                f"a process may have {most / 1e9:.1f} GB of addresses here (ulimit -v), and "
                f"libraries take {ADDRESSES / 1e9:.0f}: allow more"
            )


def _check_numbers() -> None:
    """Refuse numbers that are none: joblib, which counts cores, ends at one or takes one core."""
    for name, what in COUNTS.items():
        given = os.environ.get(name, "1").strip()
        if not given.isdecimal() or len(given) > MOST_DIGITS or int(given) < 1:
            shown = given if len(given) <= MOST_DIGITS else f"{given[:MOST_DIGITS]}..."
            _refuse(f"{name} is {shown!r}: set it to {what}, or unset it")


def _open_closed() -> None:
    """Put nothing in the place of standard streams that are closed.

    What is opened next would come there, and hear what libraries write; Python has none for them.
    """
    for stream in (0, 1, 2):
        try:
            os.fstat(stream)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")


def _is_command() -> bool:
    """Whether this is imported by a command.

    While Python locates the module of one, the first argument is "-m" and nothing else.
    """
    return bool(sys.argv) and (sys.argv[0] == "-m" or Path(sys.argv[0]).stem == SCRIPT)


# What a command imports takes seconds, in which somebody at a terminal is to see that it is on its
# way, and may think better of it. Pictures are drawn into files, whatever a screen would need, with
# no date in them and not as another file says that the environment names. What standard output
# cannot encode is spelled out.
if _is_command():
    signal.signal(signal.SIGINT, _leave)
    sys.excepthook = _tell
    _open_closed()
    _check_addresses()
    _check_numbers()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does
    os.environ["MPLBACKEND"] = "agg"
    if (_drawing := importlib.util.find_spec("matplotlib")) and _drawing.origin:
        _as_it_comes = Path(_drawing.origin).parent / "mpl-data" / "matplotlibrc"
        os.environ["MATPLOTLIBRC"] = str(_as_it_comes)
    for _name in ("SOURCE_DATE_EPOCH", *OPENCV):
        os.environ.pop(_name, None)
    for _name in SIZES:  # rich ends in an error at what is none
        if not re.fullmatch("[1-9][0-9]{0,3}", os.environ.get(_name, "1")):
            del os.environ[_name]
    if sys.stderr.isatty():
        print("starting ...", file=sys.stderr, flush=True)

# Hugging Face has a package of this name too.
_found = importlib.util.find_spec("datasets")
if _found is None or not Path(__file__).parents[1].samefile(Path(str(_found.origin)).parents[1]):
    raise ImportError(
        f"the package 'datasets' that Python finds ({_found and _found.origin}) is not the one of "
        "classical-or-deep: install this in an environment of its own"
    )

__all__ = ["bench", "board"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # with pandas and scikit-learn, which `import benchmark` leaves out
        from benchmark import api

        return getattr(api, name)
    raise AttributeError(f"module 'benchmark' has no attribute '{name}'")
