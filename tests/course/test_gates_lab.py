"""Each gate on labs is shown failing on a broken lab, and silent on a good one."""

import json

import pytest

from mlsd.course.build import build_unit
from mlsd.course.gates import (
    EXECUTED_LAB_GATES,
    LAB_GATES,
    check_document,
    executed,
    exercises,
    frame,
    labs,
    outputs,
    sizes,
    sync,
)
from mlsd.runtime import InputError


def source(old, new, count=-1):
    return lambda project: project.replace(project.lab.source, old, new, count)


def rebuilt(old, new, count=-1):
    """A break in the source that reaches the lab; the solution is not run again."""

    def break_it(project):
        project.replace(project.lab.source, old, new, count)
        build_unit(project.lab, run=False)

    return break_it


def checks(old, new, count=-1):
    return lambda project: project.replace(project.lab.checks, old, new, count)


def lab(change):
    return lambda project: project.edit(project.lab.lab, change)


def solution(change):
    return lambda project: project.edit(project.lab.notebook, change)


def tagged(content, tag):
    return [cell for cell in content["cells"] if tag in cell["metadata"].get("tags", [])]


def paste_solution(content):
    stub = tagged(content, "exercise")[1]
    stub["source"] = [
        "def weighted_rate(rates, tries):\n",
        "    return float(np.dot(rates, tries) / total) if total else 0.0",
    ]


def store_output(content):
    output = {"output_type": "stream", "name": "stdout", "text": "1"}
    tagged(content, "check")[0]["outputs"] = [output]


def fail_check(content):
    tagged(content, "check")[0]["outputs"][0]["data"]["text/plain"] = ["wrong: expected 1, got 2"]


def drop_exercise(content):
    del content["cells"][6]


LONG_STUB = "\n".join(f"    a_{i} = {i}" for i in range(12)) + "\n    ### BEGIN SOLUTION"
LATER = "# %%\noptimism = np.sqrt(0.5 * np.log(1 + tries.sum()) / (1 + tries))\n\n"

BROKEN = [
    (frame.title_stands, source("# # Practise", "# # On"), "starts with another line"),
    (labs.exercises_complete, source('tags=["check"] points=2', "", 1), "is not a check"),
    (
        labs.exercises_complete,
        source(
            '# %% tags=["exercise"] exercise="weighted_rate"',
            '# %%\n1\n\n# %% tags=["exercise"] exercise="weighted_rate"',
        ),
        "no prompt",
    ),
    (
        labs.checks_imported,
        source("import check_weighted_rate\n", "import play\n"),
        "import the check in its cell",
    ),
    (
        labs.checks_imported,
        source("import play\n", "import check_choose_arm, play\n", 1),
        "import a check in the cell that calls it",
    ),
    (labs.regions_inside_functions, source("    ### BEGIN", "### BEGIN", 1), "outside a function"),
    (
        labs.regions_inside_functions,
        source("    ### BEGIN SOLUTION\n", "", 1),
        "has no `### BEGIN SOLUTION` region",
    ),
    (
        labs.stubs_documented,
        rebuilt('    """Return the rate of all arms together; 0.0 without tries."""\n', ""),
        "docstring",
    ),
    (exercises.head_states_cost, source("**40 minutes,", "**50 minutes,"), "not **40 minutes, 9"),
    (exercises.head_states_cost, source("minutes, 9 points", "minutes, 8 points"), "9 points**"),
    (exercises.head_states_cost, source("**40 minutes, 9 points**", ""), "head lacks **40 minutes"),
    (
        exercises.head_states_cost,
        source('tags=["check"] points=2', 'tags=["check"] points=4'),
        "11",
    ),
    (exercises.prompts_itemised, source("# - **Goal**", "# **Goal**", 1), "'- **Goal**: ...'"),
    (exercises.prompts_itemised, source("# - **Inputs**", "# Then **Inputs**"), "- **Inputs**"),
    (exercises.prompts_itemised, source("**Output**: one", "Output: one"), "- **Output**"),
    (exercises.prose_exercise, source("**Rubric**", "**Notes**"), "has no **Rubric**"),
    (exercises.prose_exercise, source(", half marks**", ", half**"), "answer, half marks**"),
    (exercises.prose_exercise, source("**Sample answer, full", "**Sample, full"), "full marks**"),
    (
        exercises.prose_exercise,
        source('[markdown] tags=["exercise"]', "[markdown]"),
        "no exercise in",
    ),
    (labs.no_solution_left, lab(paste_solution), "solution left in the lab"),
    (labs.no_solution_left, lab(store_output), "stores an output"),
    (
        labs.no_solution_left,
        rebuilt("# %% [markdown]\n# The check plays", LATER + "# %% [markdown]\n# The check plays"),
        "solution left in the lab",
    ),
    (labs.solution_passes, solution(fail_check), "the check says 'wrong"),
    (
        labs.solution_passes,
        rebuilt('tags=["check"] points=2', 'tags=["check"] points=5'),
        "points=5",
    ),
    (labs.wrong_answers_registered, lambda p: p.lab.checks.unlink(), "checks are missing"),
    (
        labs.wrong_answers_registered,
        checks("WRONG_ANSWERS = (", "WRONG = ("),
        "lists 0; at least 3",
    ),
    (
        labs.wrong_answers_registered,
        checks("def check_weighted", "def test_weighted"),
        "no check_w",
    ),
    (
        labs.wrong_answers_registered,
        checks('("weighted_rate", "pl', '("other", "pl'),
        "has none for",
    ),
    (sync.lab_regenerates, lab(drop_exercise), "is not what the solution makes"),
    (sync.lab_regenerates, source("points=3\n", "points=4\n"), "is not what the solution makes"),
    (
        sizes.within_ranges,
        rebuilt("    ### BEGIN SOLUTION", LONG_STUB, 1),
        "stub lines, longest: 15",
    ),
    (sizes.within_ranges, source('tags=["exercise"] exercise="w', 'exercise="w'), "exercises: 3"),
    (sizes.within_ranges, source("minutes: 15", "minutes: 5"), "minutes: 20"),
    (outputs.built, lambda p: p.lab.lab.unlink(), "is not built"),
]


@pytest.mark.parametrize(("gate", "break_it", "message"), BROKEN)
def test_gate_fails_on_a_broken_lab(project, gate, break_it, message):
    assert gate(project.document("lab")) == []
    try:
        break_it(project)
        problems = [str(problem) for problem in gate(project.document("lab"))]
    except InputError as error:
        problems = [str(error)]
    assert any(message in problem for problem in problems), problems


def test_every_lab_gate_is_shown_failing():
    assert {gate for gate, _, _ in BROKEN} >= set(LAB_GATES)
    assert set(EXECUTED_LAB_GATES) == {
        executed.unsolved_lab_runs,
        executed.wrong_answers_fail,
        executed.points_agree,
    }


def test_scaffolded_lab_passes_every_gate(project):
    assert check_document(project.document("lab")) == []


def test_wrong_answers_of_the_scaffold_are_rejected(project):
    assert executed.wrong_answers_fail(project.document("lab")) == []


def test_a_check_that_passes_a_wrong_answer_is_found(project):
    checks("expected=0.25", "expected=0.3")(project)
    checks(", expected=0.0, hint", ", expected=0.5, hint")(project)
    problems = executed.wrong_answers_fail(project.document("lab"))
    assert ["the wrong answer 'plain mean' is called passed" in str(p) for p in problems] == [True]


def test_points_that_were_changed_in_the_check_alone_are_found(project):
    assert executed.points_agree(project.document("lab")) == []
    checks("points=2", "points=5")(project)
    (problem,) = executed.points_agree(project.document("lab"))
    assert "the check gives 5 points, its cell states 2" in str(problem)


def test_the_unsolved_lab_runs_and_a_lab_that_stops_is_found(whole_project):
    project = whole_project
    assert executed.unsolved_lab_runs(project.document("lab")) == []
    rebuilt("print((0 + strength", "print(smoothed_rate([0], [0], 0.1, 8)[0], (0 + strength")(
        project
    )
    (problem,) = executed.unsolved_lab_runs(project.document("lab"))
    assert "the unsolved lab stops: cell 8 raised TypeError" in str(problem)


def test_a_check_that_does_not_notice_the_stub_is_found(whole_project):
    project = whole_project
    project.edit(
        project.lab.lab, lambda content: tagged(content, "check")[1].update(source="1 + 1")
    )
    (problem,) = executed.unsolved_lab_runs(project.document("lab"))
    assert "unsolved, the check says '2'" in str(problem)


def test_lab_holds_stubs_and_no_nbgrader_is_needed_to_read_it(project):
    content = json.loads(project.lab.lab.read_text(encoding="utf-8"))
    stubs = ["".join(cell["source"]) for cell in tagged(content, "exercise")]
    assert [stub.splitlines()[-1].strip() for stub in stubs] == ["return ..."] * 3 + [
        "*Write your answer here.*"
    ]
    grades = [cell["metadata"]["nbgrader"] for cell in tagged(content, "check")]
    assert [grade["points"] for grade in grades] == [2, 1, 3]
    assert all(grade["schema_version"] == 3 and grade["locked"] for grade in grades)


@pytest.mark.parametrize("head", ["**40 minutes, 9 points.** It", "**40 minutes, 9 points** (it)"])
def test_the_head_may_go_on_in_its_line(project, head):
    project.replace(project.lab.source, "**40 minutes, 9 points**", head)
    assert exercises.head_states_cost(project.document("lab")) == []
