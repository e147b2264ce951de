"""Tables behind the sentences about other worlds, and that each has the script that made it."""

import ast

import pandas as pd
import pytest

from mlsd.experiments import load_study, run_study, studies
from mlsd.runtime import InputError, project_root

FOLDER = project_root() / "tests" / "studies"
# Those of a case: a folder per case. What lies above them are the studies of the package itself.
TABLES = sorted(FOLDER.glob("*/*.csv"))


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "project_root", lambda: tmp_path)
    return tmp_path


def test_what_is_measured_comes_back(clone, capsys):
    made = run_study(lambda seed: {"rung": "trees", "loss": seed / 7}, (20, 21), "toy/10_losses")
    read = load_study("toy/10_losses")
    assert list(read.columns) == ["seed", "rung", "loss"]
    pd.testing.assert_frame_equal(read, made, rtol=1e-5)
    assert capsys.readouterr().out.count("'rung': 'trees'") == 2


def test_a_seed_may_give_several_rows(clone):
    run_study(lambda seed: [{"day": day} for day in range(3)], (20, 21), "toy/10_days")
    assert load_study("toy/10_days")["seed"].tolist() == [20] * 3 + [21] * 3


def test_a_study_that_stops_leaves_the_old_table(clone):
    run_study(lambda seed: {"loss": 1}, (20,), "toy/10_losses")
    with pytest.raises(ZeroDivisionError):
        run_study(lambda seed: {"loss": 1 / (seed - 21)}, (20, 21), "toy/10_losses")
    assert load_study("toy/10_losses")["seed"].tolist() == [20]


def test_an_unknown_study_is_one_line(clone):
    with pytest.raises(InputError, match="no such study; run 10_none.py to make it"):
        load_study("toy/10_none")


def constant(tree, name):
    """Return the value that a module gives to `name`; ranges are understood."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == [name]:
            return eval(compile(ast.Expression(node.value), "study", "eval"), {"range": range})
    return None


@pytest.mark.parametrize("table", TABLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_table_has_the_script_that_measured_its_seeds(table):
    script = table.with_suffix(".py")
    assert script.is_file(), f"{script.name}: the script that makes the table is missing"
    text = script.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "say in the docstring what is measured"
    assert f'"{table.parent.name}/{table.stem}"' in text, "run_study has to name this table"
    seeds = constant(tree, "SEEDS")
    assert seeds is not None, "state the seeds as SEEDS = (...)"
    assert sorted(set(pd.read_csv(table)["seed"])) == sorted(seeds)
