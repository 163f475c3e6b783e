"""Finished runs on disk, one folder each, there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd

from datasets import InputError

logger = logging.getLogger(__name__)

SCHEMA = 1
# What numpy and zipfile raise of an archive in which any one byte was changed.
DAMAGE = (ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Predictions:
    """What a run said of its test pictures; everything shown is computed from these.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Row numbers in the data set.
    labels : ndarray of int64, shape (n,)
        True classes.
    probabilities : ndarray of float32, shape (n, n_classes)
        One column for every class of the data set, 0 for those never trained on.
    groups : ndarray of int64, shape (n,)
        Who is shown; the row number where the data set does not say.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, the same whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def to_text(value: Any) -> str:
    """Write a JSON value as the files of the results folder hold it."""
    return json.dumps(value, indent=2, default=str) + "\n"


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder(out: Path, key: str) -> Path:
    """Return where the run of this key is kept."""
    return out / "runs" / key


def write(
    out: Path,
    record: dict[str, Any],
    predictions: Predictions | None = None,
    history: Sequence[Any] = (),
    model: Any = None,
) -> None:
    """Keep a run, in place of an earlier one of the same key.

    Parameters
    ----------
    out : Path
        The results folder.
    record : dict
        ``run.json``; holds at least ``key`` and ``status``. Added are ``files``, the SHA-256 of
        every other file, and last ``digest``, that of all else in the record.
    predictions : Predictions, optional
        ``predictions.npz``.
    history : sequence of dataclasses
        Rows of ``history.csv``.
    model : fitted classifier, optional
        Kept as ``model.safetensors`` (nets) or ``model.skops``; nothing is pickled.
    """
    home = folder(out, record["key"])
    home.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{home.name[:12]}.", dir=home.parent))
    try:
        if predictions is not None:
            np.savez_compressed(draft / "predictions.npz", **vars(predictions))
        if history:
            pd.DataFrame([asdict(row) for row in history]).to_csv(
                draft / "history.csv", index=False
            )
        if model is not None:
            _save_model(draft, model)
        digests = {path.name: file_digest(path) for path in sorted(draft.iterdir())}
        whole = json.loads(to_text({"schema": SCHEMA, **record, "files": digests}))
        whole.pop("digest", None)  # of a record that was read before
        (draft / "run.json").write_text(to_text({**whole, "digest": digest(whole)}))
        draft.chmod(0o755)
        if home.exists():
            shutil.rmtree(home)
        draft.rename(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def read(out: Path, key: str) -> dict[str, Any] | None:
    """Return the record of a run, or None if it was never made or is damaged.

    Raises
    ------
    InputError
        If a later version of the project wrote it.
    """
    path = folder(out, key) / "run.json"
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text())
        schema = record["schema"]
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("%s is damaged (%s): the run does not count", path, error)
        return None
    if schema != SCHEMA:
        raise InputError(
            f"{path} is of schema {schema}, this version reads {SCHEMA}: "
            "use the version that wrote it, or another --out"
        )
    return record


def is_finished(out: Path, key: str) -> bool:
    """Whether a run has a result; failed and damaged ones have none and are tried again."""
    record = read(out, key)
    if record is None or record["status"] != "ok":
        return False
    return read_predictions(out, key) is not None


def read_predictions(out: Path, key: str) -> Predictions | None:
    """Read what a run said of its test pictures, or None if that is not there or is damaged."""
    path = folder(out, key) / "predictions.npz"
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            # Before there were groups every picture counted as its own.
            groups = arrays["groups" if "groups" in arrays else "rows"]
            return Predictions(arrays["rows"], arrays["labels"], arrays["probabilities"], groups)
    except (OSError, *DAMAGE) as error:
        logger.warning("%s is damaged (%s): the run does not count", path, error)
        return None


def read_history(out: Path, key: str) -> pd.DataFrame | None:
    """Read a net's epochs, a row each, or None for a model that has none."""
    path = folder(out, key) / "history.csv"
    return pd.read_csv(path) if path.is_file() else None


def _save_model(draft: Path, model: Any) -> None:
    if hasattr(model, "save"):
        model.save(draft / "model.safetensors")
    else:
        import skops.io

        skops.io.dump(model, draft / "model.skops")


def load_model(out: Path, key: str) -> Any:
    """Load the fitted classifier of a run, ready to predict.

    Raises
    ------
    ValueError
        If the file asks for code that is neither ours nor scikit-learn's or numpy's.
    """
    weights = folder(out, key) / "model.safetensors"
    if weights.is_file():
        from deepnets.training.classifier import NetClassifier

        return NetClassifier.load(weights)
    import skops.io

    path = folder(out, key) / "model.skops"
    asked = skops.io.get_untrusted_types(file=path)
    foreign = [
        name for name in asked if name.split(".")[0] not in ("baselines", "numpy", "sklearn")
    ]
    if foreign:
        raise ValueError(
            f"{path} asks for {', '.join(foreign)}: it was not written by this project"
        )
    return skops.io.load(path, trusted=asked)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(draft).chmod(0o644)
    Path(draft).replace(path)


def check_writable(out: Path) -> None:
    """Make the results folder, and see that a file can be written there.

    Raises
    ------
    InputError
        If not, before hours of work are found to have nowhere to go.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        raise InputError(
            f"the results folder {out} cannot be written to ({error.strerror}): name another --out"
        ) from error


def read_board(out: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of the leaderboard by name: what they say, and the ``keys`` of their runs.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    return _read_sealed(out / "board.json")


def put_on_board(out: Path, rows: Mapping[str, dict[str, Any]]) -> None:
    """Let rows of the leaderboard stand for these runs, leaving the other rows as they are.

    Each row is stored with the ``digest`` of all else in it.
    """
    _put_sealed(out / "board.json", rows)


def read_searches(out: Path) -> dict[str, dict[str, Any]]:
    """Return the searches by name: what they say, and the ``key`` of each of their ``trials``.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    return _read_sealed(out / "searches.json")


def put_search(out: Path, name: str, search: dict[str, Any]) -> None:
    """Keep what a search tries, in place of an earlier one of the same name, and its digest."""
    _put_sealed(out / "searches.json", {name: search})


def _read_sealed(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text())
        return {name: {k: v for k, v in found[name].items() if k != "digest"} for name in found}
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{path} is damaged ({error}): remove it and run the same command, which uses the "
            "stored runs again"
        ) from error


def _put_sealed(path: Path, entries: Mapping[str, dict[str, Any]]) -> None:
    with filelock.FileLock(path.with_name(f".{path.stem}.lock")):
        together = {**_read_sealed(path), **entries}
        sealed = {name: {**entry, "digest": digest(entry)} for name, entry in together.items()}
        write_text(path, to_text(sealed))
