"""The pytest plugin of ``mlsd course test``: runs labs unsolved, and solutions strictly.

nbval runs chapters and solutions. A lab has no stored outputs for nbval to compare, so it is run
here by the gates that know what its checks have to say. ``mlsd course test`` loads the plugin with
``-p mlsd.course.testing``.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from mlsd.course.costs import COSTS
from mlsd.course.document import load_document
from mlsd.course.execution import STRICT_CHECKS
from mlsd.course.gates import EXECUTED_LAB_GATES, Gate
from mlsd.course.layout import Unit
from mlsd.notebook.records import NO_GUESSES
from mlsd.runtime import InputError

OUTPUT_TIMEOUT_SECONDS = 60


class LabProblems(Exception):
    """What a gate found in a lab, one problem a line."""


class LabFile(pytest.File):
    """An unsolved lab."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield one test for each gate that runs something."""
        for gate in EXECUTED_LAB_GATES:
            yield LabItem.from_parent(self, name=gate.__name__, gate=gate)


class LabItem(pytest.Item):
    """One gate on one lab."""

    def __init__(self, *, gate: Gate, **keywords: object) -> None:
        super().__init__(**keywords)
        self.gate = gate

    def runtest(self) -> None:
        """Run the gate.

        Raises
        ------
        LabProblems
            If it finds any.
        """
        problems = self.gate(load_document(lab_unit(self.path)))
        if problems:
            raise LabProblems("\n".join(map(str, problems)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: str = "") -> object:
        """Return the problems alone: a traceback through the gate says nothing about the lab."""
        if isinstance(excinfo.value, (LabProblems, InputError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the test stands."""
        return self.path, 0, self.name


def lab_unit(path: Path) -> Unit | None:
    """Return the unit of an unsolved lab; None if `path` is none.

    Examples
    --------
    >>> lab_unit(Path("project/labs/00_framework/lab_10_size.ipynb")).name
    'lab_10_size'
    """
    if path.suffix != ".ipynb" or path.parts[-3:-2] != ("labs",) or path.stem[:4] != "lab_":
        return None
    return Unit(path.parents[2], "lab", path.parent.name, path.stem)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Collect unsolved labs here, and leave all other files to whom they belong."""
    collectors = yield
    if lab_unit(file_path) is None:
        return collectors
    return [LabFile.from_parent(parent, path=file_path)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Make the checks of solutions raise, and keep the guesses of whoever runs the tests apart.

    nbval starts a kernel with this process's variables.
    """
    os.environ.update(NO_GUESSES)
    for name, value in STRICT_CHECKS.items():
        os.environ.pop(name, None)
        if item.path.parts[-3:-2] == ("solutions",):
            os.environ[name] = value


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let nbval wait for the outputs of a cell as long as a busy machine may need."""
    if hasattr(item, "output_timeout"):
        item.output_timeout = OUTPUT_TIMEOUT_SECONDS


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the seconds of every notebook, slowest first."""
    ranked = sorted(config.stash[COSTS].items(), key=lambda entry: -entry[1].seconds)
    if ranked:
        terminalreporter.section("seconds of each notebook, and CPU seconds")
    for path, cost in ranked:
        terminalreporter.line(f"{cost.seconds:8.1f} s {cost.cpu_seconds:8.1f} s  {path}")
