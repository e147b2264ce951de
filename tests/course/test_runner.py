"""`mlsd course test` runs chapters, solutions and unsolved labs, and records their costs."""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from nbval.plugin import IPyNbCell

from mlsd.course import testing
from mlsd.course.budget import Cost, read_costs
from mlsd.course.costs import COSTS
from mlsd.course.execution import kernel_environment
from mlsd.course.notebooks import RUN_RECORD
from mlsd.course.runner import (
    NOTEBOOK_COSTS,
    longest_first,
    notebook_files,
    pytest_command,
    run_notebooks,
    without_avx512,
)
from mlsd.runtime import InputError


def run(project, paths=(), workers=2):
    """Run the notebooks as the command does, and return exit code and output."""
    code = (
        "import sys; from pathlib import Path; from mlsd.course.runner import run_notebooks;"
        "root, workers, *paths = sys.argv[1:];"
        "sys.exit(run_notebooks(Path(root), [Path(p) for p in paths], workers=int(workers)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(project.root), str(workers), *map(str, paths)],
        capture_output=True,
        text=True,
        env=kernel_environment(project.root),
    )
    return done.returncode, done.stdout + done.stderr


def test_a_full_run_passes_and_ends_with_the_closing_line(whole_project):
    code, text = run(whole_project)
    assert code == 0, text
    assert "unsolved_lab_runs" not in text
    assert text.rstrip().splitlines()[-1].strip("= ").split()[1] == "passed"
    costs = read_costs(whole_project.root / NOTEBOOK_COSTS)
    assert {Path(name) for name in costs} == set(notebook_files(whole_project.root))
    for name, cost in costs.items():
        assert f"s  {name}" in text
        # A kernel alone takes half a second to start.
        assert 0.3 < cost.cpu_seconds < 100 * cost.calibrations
    assert ("with AVX-512 switched off" in text) == bool(without_avx512())


def test_failures_of_every_kind_are_found(whole_project):
    project = whole_project
    project.edit(project.chapter.notebook, change_stored_output)
    project.edit(project.lab.lab, stop_the_lab)
    project.replace(project.lab.checks, "expected=0.25", "expected=0.3")
    project.replace(project.lab.checks, "expected=0.0, hint", "expected=0.5, hint")
    paths = [project.root / "notebooks", project.lab.lab]
    code, text = run(project, paths, workers=1)
    assert code == 1
    assert "Cell outputs differ" in text
    assert "the unsolved lab stops" in text
    assert "the wrong answer 'plain mean' is called passed" in text
    assert "3 failed" in text.rstrip().splitlines()[-1]


def test_a_solution_that_fails_its_own_checks_fails_the_run(whole_project):
    project = whole_project
    project.replace(project.lab.checks, "MARGIN = 190.0", "MARGIN = 1e9")
    project.replace(project.lab.checks, "expected=[0.38]", "expected=[0.39]")
    code, text = run(project, [project.lab.notebook], workers=1)
    assert code == 1
    assert "lab_20_measure.ipynb::Cell 2 " in text
    assert "check 'smoothed_rate' says wrong: for ([30], [60], 0.2, 40): " in text
    assert "lab_20_measure.ipynb::Cell 9 " in text
    assert "check 'choose_arm' says wrong: successes" in text
    assert "2 failed" in text.rstrip().splitlines()[-1]


def change_stored_output(content):
    cell = next(
        c for c in content["cells"] if "nbval-check-output" in c["metadata"].get("tags", [])
    )
    cell["outputs"][0]["data"]["text/plain"] = ["(20001, 2)"]


def stop_the_lab(content):
    cell = next(c for c in content["cells"] if c["cell_type"] == "code")
    cell["source"] = "1 / 0"


def test_files_are_chosen_by_notebook_source_or_folder(project):
    root = project.root
    assert len(notebook_files(root)) == 3
    assert notebook_files(root, [project.lab.lab]) == [project.lab.lab.relative_to(root)]
    assert len(notebook_files(root, [project.lab.source])) == 2
    assert len(notebook_files(root, [root / "notebooks"])) == 1
    with pytest.raises(InputError, match="no chapter or lab there"):
        notebook_files(root, [root / "nowhere"])


def test_there_may_be_no_notebooks_yet(tmp_path, capsys):
    assert run_notebooks(tmp_path) == 0
    assert capsys.readouterr().out == "no notebooks to run\n"
    with pytest.raises(InputError, match="at least one"):
        run_notebooks(tmp_path, workers=0)


def test_the_longest_notebook_starts_first_and_a_lab_counts_twice(project):
    root, lab, chapter = project.root, project.lab, project.chapter
    cost = {chapter.notebook: 30.0, lab.notebook: 20.0}
    for path, seconds in cost.items():
        project.edit(path, lambda n, s=seconds: n["metadata"][RUN_RECORD].update(cpu_seconds=s))
    found = longest_first(root, notebook_files(root))
    assert [root / file for file in found] == [lab.lab, chapter.notebook, lab.notebook]
    command = " ".join(map(str, pytest_command(root, found, workers=2)))
    assert "--numprocesses 2 --dist loadfile --no-loadscope-reorder" in command


def test_the_slowest_notebook_is_printed_first():
    said = []
    reporter = SimpleNamespace(section=said.append, line=said.append)
    config = SimpleNamespace(stash={COSTS: {"quick.ipynb": Cost(1.0), "slow.ipynb": Cost(9.0)}})
    testing.pytest_terminal_summary(reporter, config)
    assert [line.split()[-1] for line in said[1:]] == ["slow.ipynb", "quick.ipynb"]


def test_nbval_waits_for_outputs_as_long_as_a_busy_machine_needs():
    cell = IPyNbCell.__new__(IPyNbCell)
    cell.output_timeout = 5
    testing.pytest_itemcollected(cell)
    assert cell.output_timeout == testing.OUTPUT_TIMEOUT_SECONDS
    # The attribute is nbval's own; where it is renamed this has to follow.
    assert "self.output_timeout" in inspect.getsource(IPyNbCell.runtest)


def test_avx512_variables_are_accepted_by_numpy_here():
    code = "import numpy as np; np.show_config(mode='dicts'); np.exp(np.ones(9))"
    environment = {**os.environ, **without_avx512()}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
