"""Which model for a small set of pictures, is the difference real, and what does it cost?

In Python ``benchmark.bench("my-pictures")`` makes runs and ``benchmark.board("results")`` opens
those of a folder, see `benchmark.api`; each command is a module, see ``python -m benchmark``.
"""

import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Any


def _leave(*_: object) -> None:
    os.write(2, b"interrupted: nothing was begun\n")
    os._exit(130)


# While Python locates the module of a command, the first argument is "-m" and nothing else. What a
# command imports takes seconds, in which somebody at a terminal is to see that it is on its way,
# and may think better of it.
if sys.argv[:1] == ["-m"]:
    signal.signal(signal.SIGINT, _leave)
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
