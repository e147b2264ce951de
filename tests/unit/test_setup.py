"""The set-up by make: repeatable, quick, and plain about what is missing."""

import os
import shutil
import subprocess

import pytest
import yaml

from mlsd.runtime import project_root

ROOT = project_root()


def run_make(folder, target="setup", *, path):
    environment = {"PATH": path, "HOME": str(folder)}
    command = [shutil.which("make"), target]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def checkout(tmp_path):
    """A folder with the files that the set-up reads, and a PATH of its own."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "cat", "cksum", "tail", "echo", "test", "rm", "mkdir", "chmod"):
        (programs / name).symlink_to(shutil.which(name))
    return tmp_path, programs


def write_program(folder, name, text):
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("old", [True, False])
def test_setup_without_a_new_enough_python_says_so_in_one_line(checkout, old):
    folder, programs = checkout
    if old:
        write_program(programs, "python3", "exit 1")
    run = run_make(folder, path=str(programs))
    assert run.returncode == 2
    assert len(run.stderr.strip().splitlines()) == 1
    assert "Python 3.11 or newer is needed" in run.stderr
    assert not (folder / ".venv").exists()


def test_setup_without_venv_says_so_in_one_line(checkout):
    folder, programs = checkout
    write_program(programs, "python3", 'case "$2" in *venv*) exit 1;; esac')
    run = run_make(folder, path=str(programs))
    assert run.returncode == 2
    assert len(run.stderr.strip().splitlines()) == 1
    assert "python3 lacks venv: install it (Debian, Ubuntu: apt install python3-venv)" in run.stderr


FAKE_PYTHON = """
echo "$@" >> calls
case "$2" in venv) mkdir -p "$3/bin" && cat programs/python3 > "$3/bin/python" &&
  printf '#!/bin/sh\\necho mlsd "$@" >> calls\\nexit ${DOCTOR:-0}\\n' > "$3/bin/mlsd" &&
  chmod +x "$3/bin/python" "$3/bin/mlsd";; esac
"""


@pytest.fixture
def set_up(checkout):
    """Run the set-up with a Python that only notes what it is asked for."""
    folder, programs = checkout
    write_program(programs, "python3", FAKE_PYTHON)

    def run(target="setup"):
        (folder / "calls").write_text("")
        assert run_make(folder, target, path=str(programs)).returncode == 0
        calls = (folder / "calls").read_text().splitlines()
        run.installed = [c.split()[-1] for c in calls if c.startswith("-m pip")]
        return [c.split()[1] for c in calls if c.startswith(("-m venv", "-m pip", "mlsd "))]

    return folder, run


def test_setup_installs_once_and_again_when_something_changed(set_up):
    folder, run = set_up
    assert run() == ["venv", "pip", "doctor"]
    assert run() == []
    (folder / "constraints.txt").touch()
    assert run() == []
    with (folder / "constraints.txt").open("a") as lock:
        lock.write("# changed\n")
    assert run() == ["pip", "doctor"]
    assert run() == []


def test_a_reader_gets_the_core_and_a_contributor_more_without_doing_it_twice(set_up):
    folder, run = set_up
    assert (run(), run.installed) == (["venv", "pip", "doctor"], ["."])
    assert (run("setup-dev"), run.installed) == (["pip", "doctor"], [".[dev]"])
    assert run() == run("setup-dev") == []
    with (folder / "constraints.txt").open("a") as lock:
        lock.write("# changed\n")
    assert (run(), run.installed) == (["pip", "doctor"], ["."])
    assert (run("setup-dev"), run.installed) == (["pip", "doctor"], [".[dev]"])


def test_a_contributor_who_starts_afresh_has_the_readers_packages_too(set_up):
    _, run = set_up
    assert run("setup-dev") == ["venv", "pip", "doctor"]
    assert run() == []


def test_setup_makes_a_moved_environment_anew(set_up):
    folder, run = set_up
    run()
    stamp = folder / ".venv" / "installed-from"
    stamp.write_text(stamp.read_text().replace(str(folder), "/elsewhere"))
    assert run() == ["venv", "pip", "doctor"]


def test_the_workflow_and_the_ci_script_run_make_test():
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    script = ROOT / ".ci" / "run"
    assert "exec make test" in script.read_text(encoding="utf-8")
    assert os.access(script, os.X_OK)
