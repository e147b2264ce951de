import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mlsd.course.reaching import reaches

LOCKED = {"nbgrader": {"grade_id": "check_a", "grade": True, "locked": True, "points": 1}}
CHECK = new_code_cell("from mlsd.checks.ad_click.lab import check_a\n\ncheck_a(a)", metadata=LOCKED)


def found_in(answer):
    return reaches(new_notebook(cells=[new_code_cell("import numpy as np"), CHECK, answer]))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def a(x):\n    import sys\n    return sys._getframe(2)", "import sys"),
        ("import mlsd.checks.tests as t", "import mlsd.checks.tests"),
        ("from mlsd import checks", "import mlsd.checks"),
        ("np.isclose = lambda *a, **k: True", "np.isclose = ..."),
        ("np.ma.core.x: int = 1", "np.ma.core.x = ..."),
        ("get_ipython().events", "get_ipython"),
        ("check_a.points = 9", "check_a.points = ..."),
        ("eval('1')\neval('2')", "eval"),
        ("np.mean.__globals__['_mean'] = max", "__globals__"),
        ("getattr(np.mean, '__globals__').update(x=1)", "__globals__"),
        ("frame = error.tb_frame", "tb_frame"),
        ("kind = type(one._recommender).__name__", "_recommender"),
        ("getattr(world, '_population')", "_population"),
        ("from mlsd.lab_support.a import _letters", "import mlsd.lab_support.a._letters"),
    ],
)
def test_what_reaches_for_the_grader_is_named_with_its_cell(source, found):
    assert f"cell 3: {found}" in found_in(new_code_cell(source))


def test_a_plain_answer_and_a_locked_check_are_not_named():
    made = "class A:\n    def __init__(self):\n        super().__init__()\n"
    acts = "    def act(self, _):\n        self._x = np.exp(_)\n        return self._x"
    source = f"from dataclasses import replace\n{made}\n{acts}"
    assert found_in(new_code_cell(source)) == []
