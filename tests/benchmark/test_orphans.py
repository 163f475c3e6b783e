"""A process that had not begun when its command ended says nothing, but tells any other error."""

import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """
import multiprocessing

class Handed:
    def __reduce__(self):
        return {made_by}

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmark.core.orphans"])
    process = context.Process(target=print, args=(Handed(),))
    process.start()
    process.join()
    print(process.exitcode)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is forked")
@pytest.mark.parametrize(
    ("made_by", "told"),
    [("open, ('/is/gone',)", ""), ("int, ('no number',)", "ValueError")],
)
def test_a_process_that_cannot_begin(made_by: str, told: str, tmp_path: Path) -> None:
    script = tmp_path / "begin.py"
    script.write_text(BEGIN.format(made_by=made_by))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert told in done.stderr if told else not done.stderr
