"""The lock: exact versions of what the project was tested with, as constraints for pip.

Run ``python -m mlsd.runtime.lock`` (``make lock``) to write it again from the installed packages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlsd.runtime.errors import InputError
from mlsd.runtime.files import atomic_path, project_root

LOCKED_EXTRAS = ("instructor", "dev")
_HEADER = """\
# What the project was tested with, for `pip install --constraint constraints.txt`.
# A constraint installs nothing: packages of other systems in this list do no harm.
# Written by `make lock` from the installed packages; do not edit by hand.
"""


def load_lock(path: Path | None = None) -> dict[str, str]:
    """Return version by canonical package name.

    Parameters
    ----------
    path : Path or None
        None for ``constraints.txt`` of the project.

    Raises
    ------
    InputError
        If the file is missing or a line is not ``name==version``.

    Examples
    --------
    >>> load_lock()["pandas"].split(".")[0]
    '2'
    """
    path = path or project_root() / "constraints.txt"
    if not path.is_file():
        raise InputError(f"{path} is missing; write it with `make lock`")
    lock = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        name, separator, version = entry.partition("==")
        if entry and not (separator and version):
            raise InputError(f"{path}:{number}: {entry!r} is not `name==version`; run `make lock`")
        if entry:
            lock[canonicalize_name(name)] = version
    return lock


def declared_requirements(
    root: Path | None = None, extras: Iterable[str] = LOCKED_EXTRAS
) -> list[Requirement]:
    """Return the project's own requirements and those of some extras, from ``pyproject.toml``.

    Examples
    --------
    >>> "torch" in {requirement.name for requirement in declared_requirements(extras=())}
    True
    """
    path = (root or project_root()) / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def installed_closure(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Return version by name of `requirements` and all that they need, as installed here.

    Local parts of versions, which tell builds of one release apart, are left out.

    Raises
    ------
    InputError
        If a package is needed here and not installed.

    Examples
    --------
    >>> sorted(installed_closure([Requirement("jinja2")]))
    ['jinja2', 'markupsafe']
    """
    versions: dict[str, str] = {}
    seen = set()
    pending = list(requirements)
    while pending:
        requirement = pending.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        found = _installed(requirement)
        versions[key[0]] = found.version.partition("+")[0]
        pending += _needed(found, requirement.extras)
    return dict(sorted(versions.items()))


def write_lock(path: Path | None = None) -> dict[str, str]:
    """Write the lock of what is installed and return it; local builds lose their suffix."""
    lock = installed_closure(declared_requirements())
    with atomic_path(path or project_root() / "constraints.txt") as temporary:
        lines = "".join(f"{name}=={version}\n" for name, version in lock.items())
        temporary.write_text(_HEADER + lines, encoding="utf-8", newline="\n")
    return lock


def _installed(requirement: Requirement) -> Distribution:
    try:
        return distribution(requirement.name)
    except PackageNotFoundError:
        message = f"{requirement.name} is not installed; run `make setup-dev` first"
        raise InputError(message) from None


def _needed(found: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for line in found.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras)):
            yield requirement


if __name__ == "__main__":
    print(f"constraints.txt: {len(write_lock())} packages")
