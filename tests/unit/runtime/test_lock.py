from importlib.metadata import PathDistribution

import pytest
from packaging.requirements import Requirement

from mlsd.runtime import InputError
from mlsd.runtime import lock as lock_module
from mlsd.runtime.lock import declared_requirements, installed_closure, load_lock, write_lock

PACKAGES = {
    "Top-Level": ("1.0", ["needed>=1", "optional; extra == 'more'", "old; python_version < '3'"]),
    "needed": ("2.1+cpu", ["circular"]),
    "circular": ("3", ["top_level"]),
    "optional": ("4", []),
}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An environment of four packages that need one another."""
    found = {}
    for name, (version, requires) in PACKAGES.items():
        folder = tmp_path / f"{name}.dist-info"
        folder.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
        (folder / "METADATA").write_text("\n".join(lines))
        found[name.lower().replace("_", "-")] = PathDistribution(folder)

    def distribution(name):
        try:
            return found[name.lower().replace("_", "-")]
        except KeyError:
            raise lock_module.PackageNotFoundError(name) from None

    monkeypatch.setattr(lock_module, "distribution", distribution)


def test_closure_follows_what_is_needed_here(installed):
    expected = {"circular": "3", "needed": "2.1", "top-level": "1.0"}
    assert installed_closure([Requirement("top-level")]) == expected


def test_closure_follows_extras(installed):
    assert "optional" in installed_closure([Requirement("top-level[more]")])
    both = [Requirement("top-level"), Requirement("top-level[more]")]
    assert "optional" in installed_closure(both)


def test_closure_names_what_is_not_installed(installed):
    with pytest.raises(InputError, match="absent is not installed"):
        installed_closure([Requirement("absent")])


def test_what_is_written_is_read_back(tmp_path):
    written = write_lock(tmp_path / "lock.txt")
    assert load_lock(tmp_path / "lock.txt") == written
    assert "+" not in (tmp_path / "lock.txt").read_text()
    assert {"torch", "nbgrader", "pytest", "markupsafe"} <= set(written)


@pytest.mark.parametrize("line", ["numpy>=2", "numpy", "numpy==", "-e ."])
def test_a_line_that_pins_nothing_is_named(tmp_path, line):
    path = tmp_path / "lock.txt"
    path.write_text(f"# head\n\nscipy==1.17.1  # why\n{line}\n")
    with pytest.raises(InputError, match=r"lock\.txt:4: .* is not `name==version`"):
        load_lock(path)


def test_a_missing_lock_is_named(tmp_path):
    with pytest.raises(InputError, match=r"lock\.txt is missing"):
        load_lock(tmp_path / "lock.txt")


def test_requirements_come_from_the_project_and_the_extras_asked_for(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["a>=1"]\n[project.optional-dependencies]\n'
        'dev = ["b>=2"]\ninstructor = ["c"]\nbench = ["d"]\n'
    )
    assert [str(r) for r in declared_requirements(tmp_path, extras=())] == ["a>=1"]
    assert {r.name for r in declared_requirements(tmp_path)} == {"a", "b", "c"}
