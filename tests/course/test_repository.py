"""The gates on this repository, one test each, over whatever chapters and labs there are."""

import pytest

from mlsd.course.document import load_course
from mlsd.course.gates import CHAPTER_GATES, COURSE_GATES, LAB_GATES, NOTEBOOK_GATES
from mlsd.course.gates.executed import wrong_answers_fail
from mlsd.runtime import project_root


@pytest.fixture(scope="module")
def course():
    loaded, problems = load_course(project_root())
    assert not problems, "\n".join(map(str, problems))
    return loaded


def report(problems):
    return "\n".join(map(str, problems))


@pytest.mark.parametrize("gate", NOTEBOOK_GATES, ids=lambda gate: gate.__name__)
def test_chapters_and_solutions(course, gate):
    problems = [problem for document in course.documents for problem in gate(document)]
    assert not problems, report(problems)


@pytest.mark.parametrize("gate", CHAPTER_GATES, ids=lambda gate: gate.__name__)
def test_chapters(course, gate):
    problems = [problem for document in course.of_kind("chapter") for problem in gate(document)]
    assert not problems, report(problems)


@pytest.mark.parametrize("gate", LAB_GATES, ids=lambda gate: gate.__name__)
def test_labs(course, gate):
    problems = [problem for document in course.of_kind("lab") for problem in gate(document)]
    assert not problems, report(problems)


@pytest.mark.parametrize("gate", COURSE_GATES, ids=lambda gate: gate.__name__)
def test_course(course, gate):
    problems = gate(course)
    assert not problems, report(problems)


def test_listed_wrong_answers_are_rejected(course):
    problems = [p for document in course.of_kind("lab") for p in wrong_answers_fail(document)]
    assert not problems, report(problems)
