"""A module imports only from rows above its own; inside one package there are no circles."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from mlsd.runtime import project_root

PACKAGE = project_root() / "labs" / "mlsd"
ROWS = (
    "runtime",
    "metrics",
    "data",
    "worlds",
    "features",
    "models",
    "retrieval",
    "policies",
    "serving",
    "experiments",
    "monitoring",
    "plots",
    "cases",
    "lab_support",
    "checks",
    "course",
    "cli",
)


def read_modules(package: Path) -> dict[str, ast.Module]:
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = ast.parse(path.read_text(encoding="utf-8"))
    return modules


def imported_names(module: str, tree: ast.Module, is_package: bool):
    """Yield the dotted names of all imports, those inside functions and relative ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: len(module.split(".")) - node.level + is_package]
            prefix = ".".join((base if node.level else []) + ([node.module] if node.module else []))
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def read_imports(package: Path) -> dict[str, set[str]]:
    """Return which modules of the package each module imports."""
    modules = read_modules(package)
    imports = {}
    for name, tree in modules.items():
        is_package = any(other.startswith(f"{name}.") for other in modules)
        targets = set()
        for target in imported_names(name, tree, is_package):
            while target and target not in modules:
                target = target.rpartition(".")[0]
            targets.add(target)
        imports[name] = targets - {"", name}
    return imports


def layer_of(module: str) -> str | None:
    return module.split(".")[1] if "." in module else None


def find_violations(imports: dict[str, set[str]]) -> list[str]:
    violations = []
    for module, targets in imports.items():
        for target in sorted(targets):
            mine, theirs = layer_of(module), layer_of(target)
            if mine in (None, theirs) or theirs is None:
                continue
            if ROWS.index(theirs) > ROWS.index(mine):
                violations.append(f"{module} imports {target}")
    return violations


def find_circle(imports: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_every_package_has_its_row():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= set(ROWS)


def test_modules_import_from_rows_above_only():
    assert find_violations(read_imports(PACKAGE)) == []


def test_the_package_itself_imports_no_layer():
    assert read_imports(PACKAGE)["mlsd"] == set()


def test_there_are_no_circles():
    assert find_circle(read_imports(PACKAGE)) == []


@pytest.fixture
def write_package(tmp_path):
    def write(**sources):
        for name, text in {"mlsd/__init__.py": "", **sources}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return read_imports(tmp_path / "mlsd")

    return write


@pytest.mark.parametrize(
    "line",
    [
        "from mlsd.models import base",
        "from mlsd.models.base import Scorer",
        "from mlsd import models",
        "import mlsd.models.base",
        "from ..models import base",
        "from ..models.base import Scorer",
        "from .. import models",
        "def fit():\n    from mlsd.models.base import Scorer",
        "if TYPE_CHECKING:\n    import mlsd.models as m",
    ],
)
def test_an_import_from_below_is_found(line, write_package):
    imports = write_package(
        **{
            "mlsd/models/__init__.py": "",
            "mlsd/models/base.py": "class Scorer: ...",
            "mlsd/metrics/__init__.py": "",
            "mlsd/metrics/calibration.py": line,
        }
    )
    assert [v.split(" imports ")[0] for v in find_violations(imports)] == [
        "mlsd.metrics.calibration"
    ]


def test_an_import_from_above_is_allowed(write_package):
    imports = write_package(
        **{
            "mlsd/models/__init__.py": "from .base import Scorer",
            "mlsd/models/base.py": "from mlsd.metrics import auc\nimport numpy",
            "mlsd/metrics/__init__.py": "",
        }
    )
    assert imports["mlsd.models"] == {"mlsd.models.base"}
    assert imports["mlsd.models.base"] == {"mlsd.metrics"}
    assert find_violations(imports) == []


@pytest.mark.parametrize("layer", ["features", "models", "policies"])
def test_worlds_know_neither_features_nor_models_nor_policies(layer, write_package):
    sources = {f"mlsd/{layer}/__init__.py": "", "mlsd/worlds/__init__.py": f"import mlsd.{layer}"}
    assert find_violations(write_package(**sources)) == [f"mlsd.worlds imports mlsd.{layer}"]


@pytest.mark.parametrize("line", ["from mlsd.data.log import x", "def f():\n    from . import log"])
def test_a_circle_is_found(line, write_package):
    imports = write_package(
        **{
            "mlsd/data/__init__.py": "",
            "mlsd/data/log.py": "from mlsd.data import split",
            "mlsd/data/split.py": line,
        }
    )
    assert set(find_circle(imports)) == {"mlsd.data.log", "mlsd.data.split"}
