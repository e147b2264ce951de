"""What nbgrader is told, and what counts as a number of points that a check has said."""

import os

import pytest
from nbformat.v4 import new_output
from traitlets.config import Config

from mlsd.course.classroom import _config_text
from mlsd.course.execution import CELL_TIMEOUT_SECONDS
from mlsd.course.grading import ExecuteGraded, ForgetCopies, _has_verdict


def value(text):
    return new_output("execute_result", data={"text/plain": text})


@pytest.mark.parametrize("text", ["0", "1", "1.5", "2"])
def test_from_none_to_all_points_is_a_verdict(text):
    assert _has_verdict([new_output("stream", text="7"), value(text)], 2.0)


@pytest.mark.parametrize("text", ["-1", "2.5", "1e9", "nan", "inf", "passed (2 points)", ""])
def test_anything_else_is_none(text):
    """nbgrader stops at more than all points, and gives all of them for the rest."""
    assert not _has_verdict([value(text)], 2.0)


def test_one_value_is_a_verdict_and_an_error_is_one_too():
    assert not _has_verdict([], 2.0)
    assert not _has_verdict([value("1"), value("2")], 2.0)
    assert not _has_verdict([new_output("stream", text="2")], 2.0)
    assert _has_verdict([new_output("error", ename="KeyError", evalue="", traceback=[])], 2.0)


def test_the_configuration_of_a_classroom_sets_what_grading_needs(monkeypatch):
    monkeypatch.setenv("MLSD_GRADING", "")
    settings = Config()
    exec(_config_text(), {"get_config": lambda: settings})
    assert os.environ["MLSD_GRADING"] == "1"
    assert settings.Execute.timeout == CELL_TIMEOUT_SECONDS
    assert ExecuteGraded in settings.Autograde.autograde_preprocessors
    assert ForgetCopies in settings.Autograde.sanitize_preprocessors
