"""Wrong flags, pictures and configuration files: one line, status 2, and nothing half-written."""

from __future__ import annotations

import errno
import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import advise, audit, export, predict, report, run, search
from benchmark.core.files import DamagedError
from benchmark.options import command, read_yaml
from datasets import InputError, limits
from tests.conftest import FAST, Command, write_shapes


def wrong(status_and_output: tuple[int, str, str], *words: str) -> None:
    status, _, err = status_and_output
    assert status == 2
    assert err.startswith("error: "), err
    assert err.strip().count("\n") == 0, err
    for word in words:
        assert word in err, err


def test_wrong_flags_and_names_are_one_line_and_status_2(
    run_command: Command, tmp_path: Path, shapes_folder: Path
) -> None:
    here = ("--data", shapes_folder, "--out", tmp_path / "out")
    wrong(run_command(run.main, "--modle", "knn"), "--modle")
    wrong(run_command(run.main, "--model", "knnn", *here), "knnn", "did you mean 'knn'")
    wrong(run_command(run.main, "--protocol", "unfair", *here), "unfair", "slides", "fair")
    wrong(run_command(run.main, "--split", "random,person", *here), "person", "identity")
    wrong(run_command(run.main, "--split", "", *here), "'' is not one of random, identity")
    wrong(run_command(run.main, "--train-size", "many", *here), "many", "all")
    wrong(run_command(run.main, "--train-size", "61", *here), "61", "60 pictures")
    wrong(run_command(run.main, "--repeats", "0", *here), "0")
    wrong(run_command(run.main, "--set", "k", *here), "NAME=VALUE")
    wrong(run_command(run.main, "--split", "identity", *here), "does not say who is shown")
    slides = ("--protocol", "slides", *here)
    wrong(run_command(run.main, "--split", "identity", *slides), "a split and a size of its own")
    wrong(run_command(run.main, "--train-size", "50", *slides), "a split and a size of its own")
    by_slides = (*here, "--model", "knn", "--protocol", "slides")
    wrong(run_command(run.main, "--budget", 2, *by_slides), "--budget", "slides train for epochs")
    wrong(run_command(run.main, "--tune", 2, *by_slides), "--tune", "validation")
    wrong(run_command(run.main, "--data", "generated", "--size", "300"), "300", "--size")
    (tmp_path / "file").write_text("")
    nowhere = tmp_path / "file" / "below"
    wrong(run_command(run.main, *here[:2], "--out", nowhere), "cannot be written to", "--out")
    wrong(run_command(run.main, "--data", tmp_path / "none", *here[2:]), "none", "is not there")
    wrong(run_command(run.main, "--data", "", *here[2:]), "--data", "must name a data set")
    assert not (tmp_path / "out").exists(), "nothing half-written"


def test_pretrained_nets_without_their_weights_are_refused_before_anything_is_fitted(
    run_command: Command, shapes_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "text").write_text("no weights")
    usual = ("--data", shapes_folder, "--train-size", 40, "--out", tmp_path / "out")
    for arguments, words in (
        (("--model", "knn,poster-vgg-finetuned"), "give a file with --weights FILE"),
        (("--model", "timm:test_resnet", "--pretrained"), "cannot be had from the hub"),
        (("--model", "vgg11", "--pretrained"), "the hub has no weights of vgg11"),
        (("--model", "knn", "--pretrained"), "knn has no parameter 'pretrained'"),
        (("--model", "vgg11", "--weights", tmp_path / "none"), "does not exist"),
        (("--model", "vgg11", "--weights", tmp_path / "text"), "cannot be read as safetensors"),
    ):
        status, _, err = run_command(run.main, *arguments, *usual)
        assert status == 2
        assert words in err
        assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_wrong_pictures_are_one_line_and_status_2(
    run_command: Command, tmp_path: Path, picture: Callable[..., None]
) -> None:
    for name in ("a", "b"):
        for i in range(4):
            picture(tmp_path / "data" / name / f"{i}.png", seed=i)
    (tmp_path / "data" / "b" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    out = tmp_path / "out"
    wrong(run_command(run.main, *FAST, "--data", tmp_path / "data", "--out", out), "b/2.png")
    assert not out.exists()


@pytest.mark.parametrize("where", [".", "bar", "results", "../results/../shapes/results"])
@pytest.mark.parametrize("main", [run.main, advise.main, audit.main])
def test_results_are_not_written_among_the_pictures(
    main: Callable[[], None], where: str, run_command: Command, tmp_path: Path
) -> None:
    shapes = write_shapes(tmp_path / "shapes", per_class=10)
    (tmp_path / "results").mkdir()
    before = sorted(shapes.rglob("*"))
    wrong(run_command(main, "--data", shapes, "--out", shapes / where), "--out", "pictures")
    joined = f"generated+folder:{shapes}"
    wrong(run_command(main, "--data", joined, "--out", shapes / where), "--out", "pictures")
    assert sorted(shapes.rglob("*")) == before


def test_where_results_go_is_a_folder_that_can_be(
    run_command: Command, tmp_path: Path, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--data", shapes_folder, *FAST, "--out")
    wrong(run_command(run.main, *asked, ""), "--out", "empty")
    wrong(run_command(run.main, *asked, "a\udcff\ud800"), "--out")
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    wrong(run_command(run.main, *asked, tmp_path / "one"), "--out", "one")
    wrong(run_command(run.main, *asked, tmp_path / ("a" * 300)), "too long")
    wrong(run_command(run.main, "--data", "~nobody-is-called-so/x", *FAST), "~nobody")
    wrong(run_command(run.main, "--data", "folder:", *FAST), "colon")
    wrong(run_command(run.main, "--repeats", "9" * 5000, *FAST), "--repeats", "...")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    wrong(run_command(run.main, *asked, tmp_path / "out"), "is gone")


@pytest.fixture
def config(tmp_path: Path) -> Callable[[Any], Path]:
    def write(content: Any) -> Path:
        path = tmp_path / "bench.yaml"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_a_configuration_file_sets_flags_and_a_flag_beats_it(
    config: Callable[[Any], Path], tmp_path: Path, shapes_folder: Path, run_command: Command
) -> None:
    path = config(
        {"model": "knn", "data": str(shapes_folder), "train-size": 40, "jobs": 1, "repeats": 3}
    )
    out = tmp_path / "out"
    status, _, _ = run_command(run.main, "--config", path, "--out", out, "--repeats", 1)
    assert status == 0
    (row,) = pd.read_csv(out / "leaderboard.csv").to_dict(orient="records")
    assert (row["model"], row["protocol"], row["repeats"]) == ("knn", "fair-40", 1)


def test_a_configuration_file_may_hold_lists(
    config: Callable[[Any], Path], tmp_path: Path, shapes_folder: Path, run_command: Command
) -> None:
    trees = {"model": ["decision-tree", "random-forest"], "set": "random_state=1"}
    wrong(run_command(run.main, "--config", config(trees), "--data", shapes_folder), "random_state")
    lists = {"model": ["knn"], "set": ["n_neighbors=2"], "data": str(shapes_folder), "jobs": 1}
    by_person = config({**lists, "split": ["random", "identity"]})
    wrong(run_command(run.main, "--config", by_person), "does not say who is shown")
    assert run_command(run.main, "--config", config(lists), "--out", tmp_path / "out")[0] == 0
    table = pd.read_csv(tmp_path / "out" / "leaderboard.csv")
    assert table["model"].tolist() == ["knn[n_neighbors=2]"]


def test_a_wrong_configuration_file_is_one_line(
    config: Callable[[Any], Path], run_command: Command
) -> None:
    wrong(run_command(run.main, "--config", config({"modle": "knn"})), "'modle'", "model")
    wrong(run_command(run.main, "--config", config("- a\n- b\n")), "flag: value")
    wrong(run_command(run.main, "--config", config({"repeats": {"a": 1}})), "'repeats'", "value")
    wrong(run_command(run.main, "--config", config({"set": [None]})), "'set'", "value")
    wrong(run_command(run.main, "--config", config("a: [")), "YAML")
    wrong(run_command(run.main, "--config", "missing.yaml"), "missing.yaml")
    wrong(run_command(run.main, "--config", config('weights: "a\\0b"')), "weights", "null")
    wrong(run_command(run.main, "--config", config("model: &a [knn]\nset: *a\n")), "YAML", "*")
    wrong(run_command(run.main, "--config", config("repeats: 3\nrepeats: 1\n")), "YAML", "twice")
    for tagged in ("!!bool maybe", '!!int ""', f"!!float '{'1:' * 200}1'", "!x 1", "! 1"):
        wrong(run_command(run.main, "--config", config(f"time-limit: {tagged}")), "leave out")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", "1:30"),
        ("1:30.5", "1:30.5"),
        ("0x1f", 31),
        ("-3", -3),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("1e-3", 0.001),
        ("yes", True),
        ("2020-01-01", "2020-01-01"),
    ],
)
def test_yaml_is_read_as_it_is_meant(text: str, value: object, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"a: {text}")
    assert read_yaml(tmp_path / "a.yaml") == {"a": value}


def test_a_warning_holds_no_code_for_a_terminal(
    run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])

    @command()
    def warns() -> None:
        logging.getLogger("a").warning("\x1b[31mred\nand blue")

    assert run_command(warns)[2] == "\\x1b[31mred\nand blue\n"


def test_a_command_without_results_to_report_says_so(run_command: Command, tmp_path: Path) -> None:
    wrong(run_command(report.main, "--out", tmp_path), "holds no runs")


def test_a_configuration_that_is_no_file_or_never_ends_is_refused_unread(
    run_command: Command, tmp_path: Path, shapes_folder: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("# \n" * (1 << 19))
    for path, told in (
        ("/dev/zero", "a device"),
        (tmp_path / "pipe", "a pipe"),
        (tmp_path / "large", "may have 1,048,576"),
    ):
        wrong(run_command(run.main, "--data", shapes_folder, "--config", path), str(path), told)


def test_predictions_that_could_not_be_read_again_are_refused_before_anything_is_fitted(
    run_command: Command, tmp_path: Path, shapes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TABLE_BYTES", 2000)
    out = tmp_path / "out"
    refused = run_command(run.main, *FAST, "--data", shapes_folder, "--out", out)
    wrong(refused, "predictions of", "3 classes", "--larger")
    assert not out.exists()


WITHOUT_END = "9" * 20


@pytest.mark.parametrize(
    ("main", "flag"),
    [
        *((run.main, f"--{name}") for name in ("jobs", "threads", "repeats", "larger", "tune")),
        *((run.main, f"--{name}") for name in ("time-limit", "memory-limit", "budget", "size")),
        *((predict.main, "--every"), (predict.main, "--seconds"), (search.main, "--trials")),
    ],
)
def test_numbers_that_no_machine_can_count_to_are_refused(
    run_command: Command, main: Callable[[], object], flag: str
) -> None:
    wrong(run_command(main, flag, WITHOUT_END), flag, "is not in the range")


@pytest.mark.parametrize(
    ("main", "flag"),
    [
        *((run.main, "--time-limit"), (run.main, "--memory-limit"), (run.main, "--budget")),
        *((predict.main, "--seconds"), (export.main, "--tolerance")),
    ],
)
def test_what_is_no_number_is_no_limit(
    run_command: Command, main: Callable[[], object], flag: str
) -> None:
    wrong(run_command(main, flag, "nan"), flag, "nan is no number")


def raising(error: BaseException) -> Callable[[], None]:
    @command()
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_no_more_is_one_line(run_command: Command, number: int) -> None:
    error = OSError(number, os.strerror(number), "results/leaderboard.csv")
    wrong(run_command(raising(error)), "leaderboard.csv", os.strerror(number), "finished runs")


def test_a_library_that_cannot_be_loaded_is_one_line(run_command: Command) -> None:
    error = ImportError("libtorch.so: failed to map segment\nfrom shared object")
    wrong(run_command(raising(error)), "failed to map segment", "benchmark.doctor")


def test_an_error_that_begins_with_a_flag_is_no_formula(run_command: Command) -> None:
    _, _, err = run_command(raising(InputError("--data names nothing")))
    assert err == "error: --data names nothing\n"


@pytest.mark.parametrize("error", [ImportError("libtorch.so: failed to map"), MemoryError()])
def test_a_library_that_a_command_cannot_import_is_one_line(error: Exception) -> None:
    code = f"import sys; sys.argv[0] = '-m'; import benchmark; raise {error!r}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: a library cannot be loaded (")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such limit")
def test_a_command_that_may_have_too_few_addresses_is_refused_before_it_loads_anything() -> None:
    command = f"ulimit -v 400000; exec {sys.executable} -m benchmark.run --list"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "error: a process may have 0.4 GB of addresses here (ulimit -v), and libraries take 5: "
        "allow more\n"
    )


def test_what_the_environment_says_of_drawing_is_not_followed() -> None:
    code = "import sys; sys.argv[0] = '-m'; import benchmark, matplotlib, numpy.f2py"
    nonsense = {**os.environ, "MPLBACKEND": "nonsense", "SOURCE_DATE_EPOCH": "nonsense"}
    subprocess.run([sys.executable, "-c", code], env=nonsense, check=True)


def in_environment(code: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Import the package as a command does, under another environment, and run code."""
    begin = f"import sys; sys.argv[0] = '-m'; import benchmark; {code}"
    command = [sys.executable, "-c", begin]
    return subprocess.run(
        command, env={**os.environ, **given}, capture_output=True, text=True, check=False
    )


def test_a_matplotlibrc_that_the_environment_names_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "liked").write_text("figure.dpi: 7\n")
    code = "import matplotlib; print(matplotlib.rcParams['figure.dpi'])"
    for liked in (str(tmp_path / "liked"), os.devnull):
        assert in_environment(code, MATPLOTLIBRC=liked).stdout == "100.0\n"


def test_what_a_screen_cannot_show_is_spelled_out() -> None:
    done = in_environment("print('caf\u00e9')", PYTHONIOENCODING="ascii")
    assert (done.stdout, done.stderr) == ("caf\\xe9\n", "")


@pytest.mark.parametrize("given", ["abc", "0", "-1", "1e3", ""])
def test_a_number_of_cores_that_is_none_is_refused(given: str) -> None:
    done = in_environment("print('on')", LOKY_MAX_CPU_COUNT=given)
    assert (done.returncode, done.stdout) == (2, "")
    expected = f"error: LOKY_MAX_CPU_COUNT is {given!r}: set it to a number of cores, or unset it\n"
    assert done.stderr == expected


@pytest.mark.parametrize("given", ["much", "0", "9" * 5000])
def test_a_number_of_times_that_is_none_is_refused(given: str) -> None:
    done = in_environment("print('on')", LARGER_INPUTS=given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: LARGER_INPUTS is '{given[:40]}")
    assert done.stderr.endswith(": set it to how many times larger inputs may be, or unset it\n")
    assert len(done.stderr) < 200


def test_a_number_of_cores_without_end_is_refused_and_cut() -> None:
    done = in_environment("print('on')", LOKY_MAX_CPU_COUNT="9" * 5000)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: LOKY_MAX_CPU_COUNT is '9999")
    assert len(done.stderr) < 200


def test_a_library_that_the_environment_is_wrong_for_is_told_in_a_line() -> None:
    done = in_environment("import sklearn", SKLEARN_WORKING_MEMORY="much")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "error: a library cannot be loaded (sklearn._config: ValueError: invalid literal for"
    )


def test_a_library_that_cannot_be_loaded_in_a_command_is_told_in_a_line(
    run_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_library.py").write_text("int('much')")
    monkeypatch.syspath_prepend(tmp_path)

    @command()
    def broken() -> None:
        importlib.import_module("broken_library")

    wrong(
        run_command(broken),
        "a library cannot be loaded (broken_library: ValueError: invalid",
        "benchmark.doctor",
    )


def test_texts_are_utf_8_whatever_the_locale(shapes_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("model: majority  # caf\u00e9\n", encoding="utf-8")
    given = ["--data", str(shapes_folder), "--config", str(tmp_path / "c.yaml")]
    other = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmark.run", *given, "--out", str(tmp_path / "out")],
        env={**os.environ, **other},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"error" not in done.stderr.lower()


class Interrupted:
    """Is interrupted as it ends, which is a place that Python lets no error out of."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_is_not_lost_wherever_it_comes(run_command: Command) -> None:
    @command()
    def main() -> None:
        Interrupted()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            time.sleep(0.01)

    usual = signal.getsignal(signal.SIGINT)
    try:
        status, _, err = run_command(main)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert (status, err.strip().count("\n")) == (130, 0)
    assert err.strip().startswith("interrupted: finished runs are kept")


def test_too_few_threads_are_one_line(run_command: Command) -> None:
    wrong(run_command(raising(RuntimeError("can't start new thread"))), "ulimit -u")


def test_an_error_of_ours_is_no_wrong_input(run_command: Command) -> None:
    with pytest.raises(KeyError):
        run_command(raising(KeyError("ours")))


def test_the_interrupts_after_the_first_break_nothing(run_command: Command) -> None:
    put_in_order = []

    @command()
    def main() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            put_in_order.append(True)

    usual = signal.getsignal(signal.SIGINT)
    status, _, err = run_command(main)
    signal.signal(signal.SIGINT, usual)
    assert status == 130
    assert err.strip().startswith("interrupted: finished runs are kept")
    assert put_in_order


@pytest.mark.parametrize("given", ["\u00b2", "9" * 5000, "0", "", "-3", "12345"])
def test_a_width_of_a_terminal_that_is_none_is_not_followed(given: str) -> None:
    done = in_environment(
        "from rich.console import Console; print(Console().width)", COLUMNS=given, LINES=given
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert 10 < int(done.stdout) < 1000


def test_bounds_of_opencvs_own_are_not_followed() -> None:
    code = (
        "import cv2, numpy; from datasets import images; seen = numpy.zeros((20, 20, 3), 'u1'); "
        "print(images.read(cv2.imencode('.png', seen)[1].tobytes()).shape)"
    )
    of_opencv = {f"OPENCV_IO_MAX_IMAGE_{what}": "10" for what in ("PIXELS", "WIDTH", "HEIGHT")}
    assert in_environment(code, **of_opencv).stdout == "(20, 20, 3)\n"


@pytest.mark.parametrize(("given", "times"), [(" 4 ", 4), ("0" * 30 + "4", 4), ("1", 1)])
def test_how_many_times_larger_inputs_may_be_is_read_as_it_is_checked(
    given: str, times: int
) -> None:
    code = "from datasets import limits; print(limits.CLASSES)"
    assert in_environment(code, LARGER_INPUTS=given).stdout == f"{1000 * times}\n"


def test_of_a_long_error_the_reason_and_the_remedy_are_left(run_command: Command) -> None:
    wrong(run_command(run.main, "--data", "x" * 5000), "name too long")
    error = InputError(f"unknown label '{'x' * 100_000}': use one of ours")
    status, _, err = run_command(raising(error))
    assert (status, len(err) < 2100) == (2, True)
    assert err.endswith(": use one of ours\n")


def test_where_nothing_temporary_can_be_written_is_one_line(run_command: Command) -> None:
    error = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
    wrong(run_command(raising(error)), "set TMPDIR")


def test_an_interrupt_after_the_last_line_is_let_be(run_command: Command) -> None:
    end = "import sys, signal; from benchmark.options import command\n"
    end += "import atexit; atexit.register(signal.raise_signal, signal.SIGINT)\n"
    end += "@command()\ndef main() -> None:\n    print('done')\nmain()"
    command_line = [sys.executable, "-c", end]
    done = subprocess.run(command_line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(errno.ENOENT, "gone", "results"), ("results: gone", "start again")),
        (OSError(errno.EMFILE, "Too many open files"), ("Too many open files", "ulimit -n")),
        (DamagedError("results/runs/k/run.json is damaged"), ("run.json is damaged",)),
    ],
)
def test_what_is_removed_or_damaged_meanwhile_is_one_line(
    error: Exception, words: tuple[str, ...], run_command: Command
) -> None:
    wrong(run_command(raising(error)), *words)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such files")
@pytest.mark.parametrize("to", ["> /dev/full", "| true"])
def test_a_list_of_commands_that_nobody_takes_ends_in_a_line(to: str) -> None:
    shown = f"{sys.executable} -m benchmark {to}"
    done = subprocess.run(["sh", "-c", shown], capture_output=True, text=True, check=False)
    assert len(done.stderr.splitlines()) <= 1
    assert "Traceback" not in done.stderr


def test_an_interrupt_is_heard_while_the_pictures_are_not_even_looked_for() -> None:
    code = (
        "import sys, signal; sys.argv[0] = '-m'; import datasets; "
        "print(signal.getsignal(signal.SIGINT).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "_leave\n"
