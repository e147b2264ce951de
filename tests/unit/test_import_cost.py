"""Importing a layer stays cheap: the heavy libraries come with the module that needs them."""

import importlib
import json
import subprocess
import sys

import pytest

from mlsd.runtime import project_root

HEAVY = ("torch", "lightgbm", "matplotlib", "faiss", "onnxruntime", "duckdb")
# Drawing is what plots are for.
NEEDED = {"mlsd.plots": {"matplotlib"}}
PROBE = """
import importlib, json, sys
names, heavy = json.loads(sys.argv[1])
brought = {}
for name in names:
    before = {module for module in heavy if module in sys.modules}
    importlib.import_module(name)
    brought[name] = sorted({module for module in heavy if module in sys.modules} - before)
print(json.dumps(brought))
"""


def probe(names, heavy=HEAVY, **options):
    """Import the names in turn in a new process; return what each brought along."""
    arguments = [sys.executable, "-c", PROBE, json.dumps([names, heavy])]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True, **options)
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def layers():
    folder = project_root() / "labs" / "mlsd"
    names = ["mlsd", *sorted(f"mlsd.{init.parent.name}" for init in folder.glob("*/__init__.py"))]
    # What a layer needs is loaded by then, and would hide behind it: such layers come last.
    return sorted(names, key=lambda name: name in NEEDED)


def test_no_layer_brings_a_heavy_library(layers):
    brought = {name: set(found) - NEEDED.get(name, set()) for name, found in probe(layers).items()}
    assert {name: found for name, found in brought.items() if found} == {}


def test_the_package_alone_brings_nothing_but_the_standard_library():
    assert probe(["mlsd"], ["numpy", "pandas", "scipy", "sklearn"])["mlsd"] == []


def test_a_heavy_import_is_found(tmp_path):
    (tmp_path / "dear.py").write_text("import matplotlib\n")
    assert probe(["dear"], cwd=tmp_path) == {"dear": ["matplotlib"]}


@pytest.mark.parametrize("name", ["mlsd.cases", "mlsd.features", "mlsd.models", "mlsd.serving"])
def test_every_name_of_a_lazy_package_is_where_its_stub_says(name):
    package = importlib.import_module(name)
    homes = {each: getattr(package, each).__module__ for each in package.__all__}
    assert homes
    assert all(home.startswith(f"{name}.") for home in homes.values())
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018
