"""Gates on the course as a whole: concepts, labs and chapters, README."""

import shutil

import pytest

from mlsd.course.gates import COURSE_GATES, check_course, concepts, guesses, links
from mlsd.course.layout import Unit, glossary_path
from mlsd.course.readme import write_readme


def second_chapter(name, old, new):
    """A copy of the chapter under another name, with one change."""

    def break_it(project):
        unit = Unit(project.root, "chapter", project.chapter.case, name)
        shutil.copy(project.chapter.source, unit.source)
        project.replace(unit.source, old, new)

    return break_it


def chapter(old, new):
    return lambda project: project.replace(project.chapter.source, old, new)


def labs(names):
    return chapter("labs: [lab_20_measure]", f"labs: [{names}]")


CASE = "01_ad_click_prediction"
CONCEPT = "the error of measure in ad click prediction"

BROKEN = [
    (concepts.introduced_once, second_chapter("30_again", "A/B", "A and B"), "which 01_ad_click"),
    (
        concepts.introduced_once,
        chapter(f"{CONCEPT}: how", "propensity: how"),
        "introduces 'propensity' and never names it",
    ),
    (
        concepts.introduced_before_needed,
        chapter("needs: []", "needs: [propensity]"),
        "needs 'propensity', which no chapter before introduces",
    ),
    (
        concepts.introduced_before_needed,
        second_chapter("10_early", "needs: []", f"needs: [{CONCEPT}]"),
        "10_early.py: needs",
    ),
    (
        concepts.concepts_defined,
        chapter(
            ": how far the rate of some users is off from that of all of them, by chance", ": ''"
        ),
        "without a definition",
    ),
    (
        guesses.guess_names_unique,
        second_chapter("30_again", "A/B", "A and B"),
        "the guess 'measure_users' is asked in 01_ad_click_prediction/20_measure already",
    ),
    (
        links.links_resolve,
        chapter(f"../../labs/{CASE}/lab_20_measure.ipynb", "lab_20_measure.ipynb"),
        "leads nowhere from notebooks/01_ad_click_prediction/",
    ),
    (
        links.links_resolve,
        lambda project: project.replace(
            project.lab.source, "](../../notebooks/", "](../../labs/mlsd/../../notebooks/no/"
        ),
        "leads nowhere from labs/01_ad_click_prediction/",
    ),
    (
        links.links_complete,
        chapter("[lab_20_measure](", "(("),
        "has no link to [lab_20_measure](..",
    ),
    (
        links.links_complete,
        lambda project: project.replace(project.lab.source, "[20_measure](", "(("),
        f"lab_20_measure.py: has no link to [20_measure](../../notebooks/{CASE}/20_measure.ipynb)",
    ),
    (
        links.links_complete,
        second_chapter("30_again", "needs: []", f"needs: [{CONCEPT}]"),
        "30_again.py: has no link to [20_measure](20_measure.ipynb)",
    ),
    (concepts.labs_belong, labs("lab_20_measure, lab_20_other"), "lab_20_other' does not exist"),
    (concepts.labs_belong, labs("lab_20_measure, lab_20_measure"), "is named twice"),
    (concepts.labs_belong, labs(""), "no chapter names this lab"),
    (
        concepts.labs_belong,
        second_chapter("30_again", "A/B", "A and B"),
        "has to bear the number 30",
    ),
    (
        concepts.glossary_current,
        chapter(": how far the rate", ": by how much the rate"),
        "notebooks/00_framework/glossary.ipynb: is out of date; run `mlsd course readme`",
    ),
    (
        concepts.glossary_current,
        lambda project: glossary_path(project.root).unlink(),
        "glossary.ipynb: is out of date",
    ),
    (
        concepts.readme_current,
        chapter("builds: a comparison", "builds: a new comparison"),
        "README.md: the block 'map' is out of date",
    ),
    (
        concepts.readme_current,
        lambda project: project.replace(project.root / "README.md", "<!-- routes -->", ""),
        "README.md: the block 'routes' is out of date",
    ),
]


@pytest.mark.parametrize(("gate", "break_it", "message"), BROKEN)
def test_gate_fails_on_a_broken_course(project, gate, break_it, message):
    assert gate(project.course()) == []
    break_it(project)
    problems = [str(problem) for problem in gate(project.course())]
    assert any(message in problem for problem in problems), problems


def test_every_course_gate_is_shown_failing():
    assert {gate for gate, _, _ in BROKEN} == set(COURSE_GATES)


def test_the_scaffolded_course_passes_every_static_gate(project):
    assert check_course(project.root) == []


def test_gates_work_where_there_is_nothing(tmp_path):
    assert check_course(tmp_path) == []


def test_a_source_that_cannot_be_read_is_a_problem_not_an_error(project):
    project.replace(project.chapter.source, "#     needs: []\n", "")
    problems = [str(problem) for problem in check_course(project.root)]
    assert problems[0] == (
        "source/notebooks/01_ad_click_prediction/20_measure.py: "
        "the header lacks 'needs'; add it under 'mlsd:'"
    )


def test_a_notebook_without_a_source_is_a_problem(project):
    project.chapter.source.unlink()
    problems = [str(problem) for problem in check_course(project.root)]
    assert any("there is no such source" in problem for problem in problems)


def test_readme_is_mended_by_its_command(project):
    project.replace(project.chapter.source, "builds: a comparison", "builds: a new comparison")
    assert write_readme(project.course())
    assert concepts.readme_current(project.course()) == []
    assert "a new comparison" in (project.root / "README.md").read_text(encoding="utf-8")
