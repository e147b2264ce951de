"""The import contracts of pyproject.toml hold, and what breaks one is found."""

import os
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

from mlsd.runtime import project_root

PROJECT = project_root()


def lint_imports(source):
    """Check the package in the folder `source` in a process that imports nothing else."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source), "NO_COLOR": "1", "COLUMNS": "300"},
    )


@pytest.fixture
def plant(tmp_path):
    """Copy the package, write modules into the copy, and check it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "labs" / "mlsd", tmp_path / "mlsd", ignore=ignored)

    def write(**sources):
        for name, text in sources.items():
            path = tmp_path / "mlsd" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return lint_imports(tmp_path)

    return write


def test_the_package_keeps_its_contracts():
    run = lint_imports(PROJECT / "labs")
    assert run.returncode == 0, run.stdout


def test_no_module_imports_itself_by_a_detour():
    # The contract compares siblings; a module and the face of its own package are not siblings.
    graph = grimp.build_graph("mlsd", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert find_circle(imports) == []


def find_circle(imports):
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_a_circle_is_named():
    assert set(find_circle({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == {"b", "c"}


UPWARDS = (
    "from mlsd.models import base",
    "from mlsd.models.base import Scorer",
    "from mlsd import models",
    "import mlsd.models.base",
    "from ..models import base",
    "from ..models.base import Scorer",
    "from .. import models",
    "def fit():\n    from mlsd.models.base import Scorer",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mlsd.models as m",
)


def test_an_import_from_a_higher_layer_is_found_in_every_form(plant):
    run = plant(**{f"metrics/planted_{i}.py": line for i, line in enumerate(UPWARDS)})
    assert run.returncode == 1
    assert "mlsd.metrics is not allowed to import mlsd.models" in run.stdout
    found = [i for i in range(len(UPWARDS)) if f"mlsd.metrics.planted_{i} -> " in run.stdout]
    assert found == list(range(len(UPWARDS)))


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("worlds", "features"),
        ("worlds", "models"),
        ("worlds", "policies"),
        ("serving", "monitoring"),
        ("metrics", "plots"),
        ("lab_support", "checks"),
        ("experiments", "course"),
    ],
)
def test_layers_know_none_above_or_beside_them(lower, higher, plant):
    run = plant(**{f"{lower}/planted.py": f"import mlsd.{higher}"})
    assert run.returncode == 1
    assert f"mlsd.{lower}.planted -> mlsd.{higher}" in run.stdout


def test_a_layer_without_a_row_is_found(plant):
    run = plant(**{"helpers/__init__.py": ""})
    assert run.returncode == 1
    assert "helpers" in run.stdout


def test_a_layer_that_the_package_itself_imports_is_found(plant):
    run = plant(**{"__init__.py": "from mlsd import runtime"})
    assert run.returncode == 1
    assert "mlsd -> mlsd.runtime" in run.stdout


@pytest.mark.parametrize(
    "line", ["from mlsd.data.planted import x", "def f():\n    from . import planted"]
)
def test_a_circle_inside_a_layer_is_found(line, plant):
    planted = {"data/planted.py": "from mlsd.data import other", "data/other.py": line}
    run = plant(**planted)
    assert run.returncode == 1
    assert "Inside a layer there are no circles BROKEN" in run.stdout
