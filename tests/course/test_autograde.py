"""nbgrader grades an empty, a wrong and a solved copy of a lab as it should."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from mlsd.course.classroom import make_classroom
from mlsd.course.document import load_checks
from mlsd.course.execution import kernel_environment
from mlsd.course.layout import find_units
from mlsd.course.notebooks import read_notebook, write_notebook
from mlsd.runtime import InputError, project_root


def first_labs():
    """The first lab of every case: each is run three times, so that all would take too long."""
    labs = [unit for unit in find_units(project_root()) if unit.kind == "lab"]
    return {unit.case: unit for unit in reversed(labs) if unit.lab.is_file()}


def nbgrader(folder, root, *arguments):
    environment = {**kernel_environment(root), "MLSD_GRADING": "1"}
    # nbgrader writes its settings under the home folder; a test leaves nothing there.
    environment |= {"HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder / "config")}
    # nbgrader looks for the programs that it needs beside no Python, but on the path.
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment |= {
        "PATH": programs,
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def hand_in_wrong(unit, path):
    """Put the first wrong answer of each exercise in code in the place of its stub."""
    wrong = {}
    for place, answer in enumerate(load_checks(unit).WRONG_ANSWERS):
        wrong.setdefault(answer.exercise, place)
    notebook = read_notebook(path)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in wrong:
            cell.source = (
                f"from {unit.checks_module} import WRONG_ANSWERS\n"
                f"{name} = WRONG_ANSWERS[{wrong[name]}].answer"
            )
    write_notebook(notebook, path)


def grade(unit, folder):
    """Return the automatic points of each hand-in, and the most that can be had."""
    make_classroom(folder, [unit])
    nbgrader(folder, unit.root, "generate_assignment", unit.name)
    released = folder / "release" / unit.name / f"{unit.name}.ipynb"
    copies = {"empty": released, "wrong": released, "solved": unit.notebook}
    for student, origin in copies.items():
        target = folder / "submitted" / student / unit.name / f"{unit.name}.ipynb"
        target.parent.mkdir(parents=True)
        shutil.copy(origin, target)
        if student == "wrong":
            hand_in_wrong(unit, target)
    nbgrader(folder, unit.root, "autograde", unit.name, "--create")
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", course_id="mlsd") as book:
        hand_ins = {s: book.find_submission(unit.name, s).notebooks[0] for s in copies}
        points = {
            student: {g.name: g.auto_score for g in hand_in.grades if g.cell.cell_type == "code"}
            for student, hand_in in hand_ins.items()
        }
        most = {
            g.name: g.max_score for g in hand_ins["solved"].grades if g.cell.cell_type == "code"
        }
    return points, most


def assert_graded(unit, folder):
    points, most = grade(unit, folder)
    assert points["solved"] == most
    assert points["empty"] == dict.fromkeys(most, 0)
    assert points["wrong"] == dict.fromkeys(most, 0)


def test_scaffolded_lab_is_released_and_graded(whole_project, tmp_path):
    unit, folder = whole_project.lab, tmp_path / "class"
    assert_graded(unit, folder)
    released = read_notebook(folder / "release" / unit.name / f"{unit.name}.ipynb")
    assert [c.source for c in released.cells] == [c.source for c in read_notebook(unit.lab).cells]


def test_first_lab_of_each_case_is_graded(tmp_path):
    for case, unit in first_labs().items():
        assert_graded(unit, tmp_path / case)


def test_a_classroom_is_made_in_a_new_folder_alone(project, tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        make_classroom(folder, [project.lab])
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
