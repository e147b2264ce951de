"""One environment in three files: pyproject.toml, environment.yml, constraints.txt."""

import ast
import re
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlsd.runtime import project_root
from mlsd.runtime.lock import declared_requirements, load_lock

ROOT = project_root()
CONDA_NAMES = {
    "duckdb": "python-duckdb",
    "jupyter-client": "jupyter_client",
    "matplotlib": "matplotlib-base",
    "prometheus-client": "prometheus_client",
    "torch": "pytorch",
}
# Modules that are named differently from the package that brings them.
MODULE_PACKAGES = {
    "faiss": "faiss-cpu",
    "grimp": "import-linter",
    "sklearn": "scikit-learn",
    "websocket": "websocket-client",
    "yaml": "pyyaml",
}


def conda_mismatches(environment, requirements, python):
    """Return what differs between an environment file and the requirements of the package."""
    entries = [Requirement(line) for line in environment["dependencies"]]
    found = {entry.name: entry.specifier for entry in entries if entry.name != "pip"}
    wanted = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in requirements}
    wanted["python"] = Requirement(f"python{python}").specifier
    differing = [name for name in found.keys() & wanted.keys() if found[name] != wanted[name]]
    return sorted([*(found.keys() ^ wanted.keys()), *differing])


def lock_faults(lock, requirements):
    """Return the requirements that a lock does not pin, or pins outside of their bounds."""
    pinned = {r: lock.get(canonicalize_name(r.name)) for r in requirements}
    return sorted(r.name for r, v in pinned.items() if v is None or not r.specifier.contains(v))


@pytest.fixture
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


@pytest.fixture
def python_bound():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["requires-python"]


def test_conda_environment_names_and_bounds_equal_those_of_the_package(environment, python_bound):
    wanted = declared_requirements(extras=("dev",))
    assert conda_mismatches(environment, wanted, python_bound) == []


def test_conda_environment_has_one_channel(environment):
    assert environment["channels"] == ["conda-forge", "nodefaults"]


def test_conda_environment_gives_a_reason_per_package():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if re.match(r"  - (?!conda-forge|nodefaults)", line)]
    assert [line for line in packages if "  # " not in line] == ["  - python>=3.11"]


@pytest.mark.parametrize(
    ("dependencies", "mismatch"),
    [
        (["python>=3.11", "pip", "pytorch>=2.8"], []),
        (["python>=3.11", "pip", "pytorch>=2.7"], ["pytorch"]),
        (["python>=3.10", "pip", "pytorch>=2.8"], ["python"]),
        (["python>=3.11", "pip", "pytorch>=2.8", "numpy"], ["numpy"]),
        (["python>=3.11", "pip"], ["pytorch"]),
        (["python>=3.11", "torch>=2.8"], ["pytorch", "torch"]),
    ],
)
def test_a_difference_is_found(dependencies, mismatch):
    wanted = [Requirement("torch>=2.8")]
    assert conda_mismatches({"dependencies": dependencies}, wanted, ">=3.11") == mismatch


def test_lock_covers_the_package_and_its_extras_within_their_bounds():
    assert lock_faults(load_lock(), declared_requirements()) == []


def test_lock_leaves_out_the_peers_of_the_benchmarks():
    peers = {canonicalize_name(r.name) for r in declared_requirements(extras=("bench",))}
    peers -= {canonicalize_name(r.name) for r in declared_requirements()}
    assert len(peers) == 4
    assert peers & set(load_lock()) == set()


def test_lock_holds_names_and_versions_alone_and_keeps_pandas_2():
    lock = load_lock()
    odd = {n: v for n, v in lock.items() if not re.fullmatch(r"[0-9]+(\.(post)?[0-9]+)*", v)}
    assert odd == {}
    assert lock["pandas"].startswith("2.")


@pytest.mark.parametrize("lock", [{}, {"torch": "2.7"}, {"torch": "3.0"}])
def test_a_lock_out_of_bounds_is_found(lock):
    assert lock_faults(lock, [Requirement("torch>=2.8,<3")]) == ["torch"]
    assert lock_faults({"torch": "2.8"}, [Requirement("torch>=2.8,<3")]) == []


def third_party_imports(text):
    """Return the packages of a source's absolute imports beyond the standard library and mlsd."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module)
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"mlsd"}
    return {canonicalize_name(MODULE_PACKAGES.get(top, top)) for top in tops}


def undeclared(paths, requirements, local=frozenset()):
    declared = {canonicalize_name(r.name) for r in requirements} | local
    found = {p: third_party_imports(p.read_text(encoding="utf-8")) - declared for p in paths}
    return {path.relative_to(ROOT).as_posix(): names for path, names in found.items() if names}


def test_the_package_imports_what_it_declares():
    paths = (ROOT / "labs" / "mlsd").rglob("*.py")
    # Labs are made with nbgrader and notebooks tested with pytest, which learners do not need.
    assert undeclared(paths, declared_requirements(extras=("instructor", "dev"))) == {}


def test_the_tests_import_what_the_package_and_its_extras_declare():
    declared = declared_requirements(extras=("dev", "bench"))
    paths = list((ROOT / "tests").rglob("*.py"))
    local = frozenset(canonicalize_name(path.stem) for path in paths) | {"tests"}
    assert undeclared(paths, declared, local) == {}


def test_an_undeclared_import_is_seen():
    text = "import os, torch.nn\nfrom sklearn.metrics import auc\nfrom . import log\nimport mlsd\n"
    assert third_party_imports(text) == {"torch", "scikit-learn"}
