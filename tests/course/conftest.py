"""A small project of one scaffolded chapter and lab, built once and copied for every test."""

import json
import shutil
from pathlib import Path

import pytest

from mlsd.course.build import build_units
from mlsd.course.document import load_course, load_document
from mlsd.course.glossary import write_glossary
from mlsd.course.layout import Unit, find_units
from mlsd.course.readme import BLOCKS, write_readme
from mlsd.course.scaffold import scaffold
from mlsd.runtime import project_root

CASE, CHAPTER, LAB = "01_ad_click_prediction", "20_measure", "lab_20_measure"


class Project:
    """A copy that a test may break."""

    def __init__(self, root):
        self.root = Path(root)
        self.chapter = Unit(self.root, "chapter", CASE, CHAPTER)
        self.lab = Unit(self.root, "lab", CASE, LAB)

    def unit(self, kind):
        return {"chapter": self.chapter, "lab": self.lab}[kind]

    def document(self, kind):
        return load_document(self.unit(kind))

    def course(self):
        course, problems = load_course(self.root)
        assert not problems
        return course

    def replace(self, path, old, new, count=-1):
        """Replace text in a file; the text has to be there, or the test would prove nothing."""
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{path.name} does not hold {old!r}"
        path.write_text(text.replace(old, new, count), encoding="utf-8")

    def edit(self, path, change):
        """Apply `change` to the JSON of a notebook."""
        notebook = json.loads(path.read_text(encoding="utf-8"))
        change(notebook)
        path.write_text(json.dumps(notebook), encoding="utf-8")


def copy_package(root):
    """Copy the package, which is where the checks of a new lab are written to."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(project_root() / "labs" / "mlsd", root / "labs" / "mlsd", ignore=ignore)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    copy_package(root)
    shutil.copy(project_root() / "pyproject.toml", root)  # ruff's settings
    markers = "\n\n".join(f"<!-- {name} -->\n<!-- /{name} -->" for name in BLOCKS)
    (root / "README.md").write_text(f"# Course\n\n{markers}\n", encoding="utf-8")
    scaffold(root, CASE, CHAPTER)
    scaffold(root, CASE, LAB)
    build_units(find_units(root))
    course = load_course(root)[0]
    write_readme(course)
    write_glossary(course)
    return root


@pytest.fixture
def project(built, tmp_path):
    """A fresh copy of the built project, its package left out but for the lab's checks."""
    root = tmp_path / "project"
    package = built / "labs" / "mlsd"

    def ignore(folder, names):
        folder = Path(folder)
        if folder == package:
            return [name for name in names if name != "checks"]
        return [name for name in names if name == "__pycache__"]

    shutil.copytree(built, root, ignore=ignore)
    return Project(root)


@pytest.fixture
def whole_project(project):
    """The same with the whole package, for tests that start kernels."""
    kept = project.lab.checks.parent
    saved = {path.name: path.read_text() for path in kept.glob("*.py")}
    shutil.rmtree(project.root / "labs" / "mlsd")
    copy_package(project.root)
    kept.mkdir(exist_ok=True)
    for name, text in saved.items():
        (kept / name).write_text(text)
    return project
