"""A package that was installed without ``--editable`` works inside a clone, or says what to do."""

import os
import shutil
import subprocess
import sys
import tomllib

import pytest

from mlsd.runtime import project_root

RUN = "import sys; from mlsd.cli import main; sys.argv[0] = 'mlsd'; main()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder of packages that holds a copy of this one."""
    folder = tmp_path_factory.mktemp("prefix") / "lib" / "python" / "site-packages"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project_root() / "labs" / "mlsd", folder / "mlsd", ignore=ignore)
    return folder


def run(installed, folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "200"}
    environment.pop("MLSD_DATA", None)
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("command", ["lab --no-browser", "doctor", "course check", "data list"])
def test_outside_a_clone_one_line_says_what_to_do(installed, tmp_path, command):
    done = run(installed, tmp_path, *command.split())
    assert done.returncode == 2
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("mlsd: ")]
    assert lines == done.stderr.strip().splitlines()[-1:]
    assert "installed without its course; run it inside a clone" in lines[0]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_clone(installed, tmp_path):
    done = run(installed, tmp_path, "ladder", "--help")
    assert done.returncode == 0
    assert "mlsd ladder" in done.stdout


def test_inside_a_clone_it_finds_the_course(installed):
    done = run(installed, project_root() / "data" / "cards", "data", "list")
    assert done.returncode == 0, done.stderr
    assert "criteo-kaggle-8k" in done.stdout


def test_files_that_are_not_python_are_packaged():
    root = project_root()
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    package = root / "labs" / "mlsd"
    patterns = settings["tool"]["setuptools"]["package-data"]["mlsd"]
    packaged = {path for pattern in patterns for path in package.glob(pattern)}
    others = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".py"}
    assert {path for path in others if "__pycache__" not in path.parts} == packaged
