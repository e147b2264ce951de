"""A benchmark's `--json` leaves one object on stdout, whoever else prints there."""

import json
import subprocess
import sys

import pytest

from mlsd.runtime import project_root

FOLDER = project_root() / "tests" / "benchmarks"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if "--json" in path.read_text())
NOISY = """
import os, subprocess, sys, threading, time
sys.path.insert(0, {folder!r})
from one_json import one_json_object

print("before" if "--json" not in sys.argv else "", end="")
print_object = one_json_object("--json" in sys.argv)
print("a notice")
os.write(1, b"from compiled code\\n")
subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
done = threading.Event()
late = threading.Thread(target=lambda: (done.wait(), print("from a thread, late")))
late.start()
print_object({{"ratio": 0.5}})
done.set()
late.join()
print("after")
"""
NOISE = ("a notice", "from compiled code", "from a child", "from a thread, late", "after")


@pytest.fixture
def run(tmp_path):
    script = tmp_path / "noisy.py"
    script.write_text(NOISY.format(folder=str(FOLDER)))

    def start(*arguments):
        command = [sys.executable, str(script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True)

    return start


def test_stdout_holds_the_object_alone(run):
    result = run("--json")
    assert result.stdout.count("\n") == 1
    assert json.loads(result.stdout) == {"ratio": 0.5}
    assert all(text in result.stderr for text in NOISE)


def test_without_json_everything_stays_where_it_was(run):
    result = run()
    assert all(text in result.stdout for text in ("before", *NOISE, '{"ratio": 0.5}'))
    assert result.stderr == ""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_benchmark_prints_its_object_that_way(script):
    text = script.read_text()
    assert "print_object = one_json_object(" in text
    assert "        print_object(" in text
    assert text.index("one_json_object(") < min(
        (text.index(peer) for peer in ("from deepctr_torch", "from river") if peer in text),
        default=len(text),
    )
