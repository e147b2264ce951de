"""Where the parts of a chapter and of a lab lie, found by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path

from mlsd.runtime import InputError, package_of

# Names become those of files and modules, which limits their length.
_CASE = re.compile(r"\d\d_[a-z][a-z0-9_]{,60}")
_NAMES = {
    "chapter": re.compile(r"(\d\d)_[a-z][a-z0-9_]{,60}"),
    "lab": re.compile(r"lab_(\d\d)_[a-z][a-z0-9_]{,60}"),
}
_FOLDERS = {"chapter": "notebooks", "lab": "solutions"}


@dataclass(frozen=True)
class Unit:
    """One chapter, or one lab with its solution.

    Attributes
    ----------
    root : Path
        The project.
    kind : str
        ``"chapter"`` or ``"lab"``.
    case, name : str
        Folder and file name without suffix, as in ``01_ad_click_prediction`` and ``20_baseline``.

    Raises
    ------
    InputError
        If a name does not follow the pattern.

    Examples
    --------
    >>> unit = Unit(Path("."), "lab", "01_ad_click_prediction", "lab_20_counters")
    >>> unit.step, unit.source.as_posix()
    (20, 'source/solutions/01_ad_click_prediction/lab_20_counters.py')
    """

    root: Path
    kind: str
    case: str
    name: str

    def __post_init__(self) -> None:
        if not _CASE.fullmatch(self.case) or iskeyword(package_of(self.case)):
            raise InputError(f"case {self.case!r}: name it like 01_ad_click_prediction")
        if not _NAMES[self.kind].fullmatch(self.name):
            example = {"chapter": "20_baseline", "lab": "lab_20_baseline"}[self.kind]
            raise InputError(f"{self.kind} {self.name!r}: name it like {example}")

    @property
    def step(self) -> int:
        """The two digits of the name; their tens say which step of the framework it is."""
        return int(_NAMES[self.kind].fullmatch(self.name).group(1))

    @property
    def order(self) -> tuple[str, int, bool, str]:
        """Key of the reading order: a lab follows the chapter with its number."""
        return self.case, self.step, self.kind == "lab", self.name

    @property
    def label(self) -> str:
        """Case and name, as people write them."""
        return f"{self.case}/{self.name}"

    @property
    def source(self) -> Path:
        """The maintainers' text."""
        return self.root / "source" / _FOLDERS[self.kind] / self.case / f"{self.name}.py"

    @property
    def notebook(self) -> Path:
        """The executed notebook: the chapter, or the lab's solution."""
        return self.root / _FOLDERS[self.kind] / self.case / f"{self.name}.ipynb"

    @property
    def lab(self) -> Path:
        """The unsolved lab; only for labs."""
        return self.root / "labs" / self.case / f"{self.name}.ipynb"

    @property
    def checks_module(self) -> str:
        """Name of the module with the lab's checks, in the case's package."""
        return f"mlsd.checks.{package_of(self.case)}.{self.name}"

    @property
    def checks(self) -> Path:
        """The file of `checks_module`."""
        return self.root / "labs" / Path(*self.checks_module.split(".")).with_suffix(".py")


def make_unit(root: Path, case: str, name: str) -> Unit:
    """Return the unit of this name; names that start with ``lab_`` are labs.

    Examples
    --------
    >>> make_unit(Path("."), "00_framework", "10_frame").kind
    'chapter'
    """
    return Unit(root, "lab" if name.startswith("lab_") else "chapter", case, name)


def find_units(root: Path) -> list[Unit]:
    """Return all units that have a source or a notebook, in reading order."""
    found = set()
    for kind, folder in _FOLDERS.items():
        sources = (root / "source" / folder).glob("*/*.py")
        notebooks = set((root / folder).glob("*/*.ipynb")) - {glossary_path(root)}
        found |= {Unit(root, kind, path.parent.name, path.stem) for path in sources}
        found |= {Unit(root, kind, path.parent.name, path.stem) for path in notebooks}
    labs = (root / "labs").glob("*/lab_*.ipynb")
    found |= {Unit(root, "lab", path.parent.name, path.stem) for path in labs}
    return sorted(found, key=lambda unit: unit.order)


def glossary_path(root: Path) -> Path:
    """Return where the glossary stands: a page beside the first chapters, and none of them.

    Examples
    --------
    >>> glossary_path(Path(".")).as_posix()
    'notebooks/00_framework/glossary.ipynb'
    """
    return root / _FOLDERS["chapter"] / "00_framework" / "glossary.ipynb"


def select_units(root: Path, paths: Iterable[Path]) -> list[Unit]:
    """Return the units that `paths` name: sources, notebooks, labs, or folders of them.

    Parameters
    ----------
    root : Path
        The project.
    paths : iterable of Path
        Empty for all units.

    Raises
    ------
    InputError
        If a path belongs to no unit.
    """
    units = find_units(root)
    wanted = [Path(path).resolve() for path in paths]
    chosen = []
    for path in wanted:
        matching = [unit for unit in units if _owns(unit, path)]
        if not matching:
            raise InputError(f"{path}: no chapter or lab there; give a source or a notebook")
        chosen += matching
    return sorted(set(chosen), key=lambda unit: unit.order) if wanted else units


def _owns(unit: Unit, path: Path) -> bool:
    files = [unit.source, unit.notebook, *([unit.lab] if unit.kind == "lab" else [])]
    return any(path == file.resolve() or path in file.resolve().parents for file in files)
