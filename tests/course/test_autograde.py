"""nbgrader, run as README says it, gives each copy of a lab the points that it has earned."""

import os
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from mlsd.course.classroom import make_classroom
from mlsd.course.document import load_checks
from mlsd.course.execution import kernel_environment
from mlsd.course.layout import make_unit
from mlsd.course.notebooks import read_notebook, write_notebook
from mlsd.runtime import InputError, project_root

# The lab that takes the least time, of those with an exercise that deploys.
REAL_LAB = ("01_ad_click_prediction", "lab_31_tracker")
# CPU seconds; several times what its longest check takes.
LIMIT = "15"


def run_nbgrader(folder, root, *arguments, **variables):
    """Run nbgrader in `folder`, without any variable of grading but those given."""
    environment = kernel_environment(root)
    environment = {k: v for k, v in environment.items() if not k.startswith("MLSD_GRADING")}
    # nbgrader writes its settings under the home folder; a test leaves nothing there.
    environment |= {"HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder / "config")}
    # nbgrader looks for the programs that it needs beside no Python, but on the path.
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment |= {
        "PATH": programs,
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONWARNINGS": "ignore",
    }
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
    )


def nbgrader(folder, root, *arguments, **variables):
    done = run_nbgrader(folder, root, *arguments, **variables)
    assert done.returncode == 0, done.stderr


def exercises(notebook):
    """Return the cells to answer in code, by the names of their exercises."""
    named = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
    return {
        name: cell
        for name, cell in named.items()
        if f"check_{name}" in named and cell.cell_type == "code"
    }


def first_wrong_answers(unit):
    """Return for each exercise in code a cell that hands in its first listed wrong answer."""
    wrong = {}
    for place, answer in enumerate(load_checks(unit).WRONG_ANSWERS):
        text = (
            f"from {unit.checks_module} import WRONG_ANSWERS\n"
            f"{answer.exercise} = WRONG_ANSWERS[{place}].answer"
        )
        wrong.setdefault(answer.exercise, text)
    return wrong


def hand_in(folder, unit, student, origin, answers, *, copied=""):
    """Hand in a copy of `origin` for a student, with `answers` in the cells of their exercises.

    The cell of the exercise `copied` stands in it twice.
    """
    notebook = read_notebook(origin)
    cells = exercises(notebook)
    assert set(answers) <= set(cells)
    for name, text in answers.items():
        cells[name].source = text
    if copied:
        again = deepcopy(cells[copied])
        again.id = "copied"
        notebook.cells.insert(notebook.cells.index(cells[copied]), again)
    write_notebook(notebook, folder / "submitted" / student / unit.name / f"{unit.name}.ipynb")


def points_in(folder, unit):
    """Return the automatic points of each hand-in by exercise, and the most that can be had."""
    points = {}
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", course_id="mlsd") as book:
        for submission in book.assignment_submissions(unit.name):
            grades = [g for g in submission.notebooks[0].grades if g.cell.cell_type == "code"]
            points[submission.student.id] = {g.name[6:]: g.auto_score for g in grades}
            most = {g.name[6:]: g.max_score for g in grades}
    return points, most


def test_scaffolded_lab_is_released_and_graded(whole_project, tmp_path):
    unit, folder = whole_project.lab, tmp_path / "class"
    make_classroom(folder, [unit])
    nbgrader(folder, unit.root, "generate_assignment", unit.name)
    released = folder / "release" / unit.name / f"{unit.name}.ipynb"
    cells = [cell.source for cell in read_notebook(released).cells]
    assert cells == [cell.source for cell in read_notebook(unit.lab).cells]
    hand_in(folder, unit, "empty", released, {})
    hand_in(folder, unit, "wrong", released, first_wrong_answers(unit))
    hand_in(folder, unit, "solved", unit.notebook, {})
    nbgrader(folder, unit.root, "autograde", unit.name)
    points, most = points_in(folder, unit)
    assert points == {"empty": dict.fromkeys(most, 0), "wrong": dict.fromkeys(most, 0)} | {
        "solved": most
    }


# Each answer defines its exercise, so that the check has something to be called with.
CHEATS = {
    "track_rate": "def check_track_rate(answer):\n    return 3\n\ntrack_rate = 1",
    "choose_discount": """\
import mlsd.checks.ad_click.lab_31_tracker as checks
checks.check_choose_discount = lambda answer: 2
choose_discount = 1""",
    "find_column": """\
import mlsd.checks.result
mlsd.checks.result._first_failure = lambda answer, tests: ("passed", "")
find_column = 1""",
    "alarm_limit": "class alarm_limit:\n    pass\n\nprint(2)",
    # nbgrader gives all points to a test cell that says nothing.
    "make_policy": """\
get_ipython().display_formatter.format = lambda *given, **named: ({}, {})
make_policy = 1""",
}
# nbgrader gives all points for a number below zero.
BELOW_ZERO = 'get_ipython().display_formatter.format = lambda *a, **k: ({"text/plain": "-1"}, {})'
# A right answer that logs, in a copy of the lab with a cell that was copied too.
LOGGING = """\
import logging
import os
os.environ["MLSD_GRADING_SEED"] = "none of yours"
logging.basicConfig()
plain = find_column

def find_column(*given, **named):
    logging.warning("searching")
    return plain(*given, **named)"""
LOOP = "def {name}(*given, **named):\n    while True:\n        pass"


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory):
    """A class that README's commands have graded: its folder, its lab."""
    unit, folder = make_unit(project_root(), *REAL_LAB), tmp_path_factory.mktemp("class") / "class"
    make_classroom(folder, [unit])
    nbgrader(folder, unit.root, "generate_assignment", unit.name)
    released = folder / "release" / unit.name / f"{unit.name}.ipynb"
    stub = exercises(read_notebook(released))["find_column"].source
    wrong = first_wrong_answers(unit)["choose_discount"]
    hand_in(folder, unit, "empty", released, {})
    hand_in(folder, unit, "part", unit.notebook, {"find_column": stub, "choose_discount": wrong})
    hand_in(folder, unit, "right", unit.notebook, {})
    hand_in(folder, unit, "cheat", released, CHEATS)
    hand_in(folder, unit, "below", released, {"track_rate": BELOW_ZERO})
    search = exercises(read_notebook(unit.notebook))["find_column"].source
    logged = {"find_column": f"{search}\n\n\n{LOGGING}"}
    hand_in(folder, unit, "logging", unit.notebook, logged, copied="find_column")
    hand_in(folder, unit, "loop", unit.notebook, {"alarm_limit": LOOP.format(name="alarm_limit")})
    variables = {"MLSD_GRADING_SEED": "4711", "MLSD_GRADING_SECONDS": LIMIT}
    nbgrader(folder, unit.root, "autograde", unit.name, **variables)
    nbgrader(folder, unit.root, "generate_feedback", unit.name)
    return folder, unit


def test_each_copy_gets_what_it_has_earned(graded_class):
    points, most = points_in(*graded_class)
    assert sum(most.values()) == 13
    assert points["empty"] == dict.fromkeys(most, 0)
    assert points["right"] == most
    assert points["part"] == {**most, "find_column": 0, "choose_discount": 0}
    assert points["cheat"] == dict.fromkeys(most, 0)
    assert points["below"] == dict.fromkeys(most, 0)
    assert points["logging"] == most
    assert points["loop"] == {**most, "alarm_limit": 0}


def feedback(folder, unit, student):
    path = folder / "feedback" / student / unit.name / f"{unit.name}.html"
    return path.read_text(encoding="utf-8")


def test_feedback_says_why_beside_the_points(graded_class):
    assert "0 of 2 · not attempted" in feedback(*graded_class, "empty")
    assert "0 of 2 · wrong: " in feedback(*graded_class, "part")
    right = feedback(*graded_class, "right")
    assert "3 of 3 · passed (3 points)" in right
    assert re.search(r"4 of 4 · passed \(4 points\): .* of the baseline", right)
    assert f"wrong: took over {LIMIT} CPU seconds" in feedback(*graded_class, "loop")


@pytest.mark.parametrize("name", ["MLSD_GRADING_SEED", "MLSD_GRADING_SECONDS"])
def test_a_mistyped_variable_ends_nbgrader_in_one_line(graded_class, name):
    folder, unit = graded_class
    before = points_in(folder, unit)
    done = run_nbgrader(folder, unit.root, "autograde", unit.name, "--force", **{name: "4711x"})
    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"mlsd: {name} is '4711x'")
    assert len(done.stderr.strip().splitlines()) == 1
    assert points_in(folder, unit) == before


def test_validating_an_empty_lab_finds_every_exercise(graded_class):
    folder, unit = graded_class
    alone = folder.parent / "reader"
    alone.mkdir()
    shutil.copy(folder / "release" / unit.name / f"{unit.name}.ipynb", alone)
    done = run_nbgrader(alone, unit.root, "validate", f"{unit.name}.ipynb")
    assert "VALIDATION FAILED ON 6 CELL(S)" in done.stdout


def test_a_classroom_is_made_in_a_new_folder_alone(project, tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        make_classroom(folder, [project.lab])
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_classroom_without_labs_or_with_two_of_one_name_is_one_clear_line(project, tmp_path):
    other = replace(project.lab, case="02_video_recommendation")
    (tmp_path / "file").write_text("")
    for folder, units, message in (
        ("new", [], "no lab there"),
        ("new", [project.lab, other], "is a lab of 01_ad_click_prediction and of 02_video"),
        ("file", [project.lab], "is a file; give a new folder"),
        ("file/new", [project.lab], "cannot be written"),
    ):
        with pytest.raises(InputError, match=message):
            make_classroom(tmp_path / folder, units)
    assert not (tmp_path / "new").exists()
