"""What chapters, labs and tests of a case cost in CPU time, held to a budget on any machine.

CPU seconds are counted in units of a fixed piece of work that is timed in the same run, so that a
slow, a busy and a fast machine come to about the same figure.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mlsd.course.runner import COSTS_FOLDER, NOTEBOOK_COSTS, notebook_files
from mlsd.runtime import CASE_NAMES, CaseName, InputError, atomic_path

TEST_COSTS = COSTS_FOLDER / "tests.json"
# CPU seconds of `calibration_seconds` on the machine that the budget is stated for.
REFERENCE_SECONDS = 0.141
_KINDS = ("notebooks", "solutions", "labs", "tests")


@dataclass(frozen=True)
class Cost:
    """What a file of tests, or a notebook, cost.

    Attributes
    ----------
    seconds, cpu_seconds : float
        On the clock, and of all processes that it started and waited for.
    calibrations : float
        The CPU seconds in units of the calibration loop.

    Examples
    --------
    >>> Cost(2.0, 1.5, 3.0) + Cost(1.0, 0.5, 1.0)
    Cost(seconds=3.0, cpu_seconds=2.0, calibrations=4.0)
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    calibrations: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            self.calibrations + other.calibrations,
        )

    @property
    def reference_minutes(self) -> float:
        """CPU minutes that it would take on the reference machine."""
        return self.calibrations * REFERENCE_SECONDS / 60


def cpu_seconds_so_far() -> float:
    """Return the CPU seconds of this process and of all children that have ended."""
    return sum(os.times()[:4])


def calibration_seconds() -> float:
    """Return the CPU seconds of a fixed piece of work: sorts, products of matrices, plain Python.

    All of it fits a processor's own cache, whose size and neighbours would count otherwise. The
    median of three is taken.

    Examples
    --------
    >>> calibration_seconds() > 0
    True
    """
    marks = [time.process_time()]
    for _ in range(3):
        generator = np.random.default_rng(0)
        for _ in range(25):
            np.sort(generator.random(50_000))
        matrix = generator.random((256, 256))
        for _ in range(100):
            matrix @ matrix
        sum(i % 7 for i in range(3_000_000))
        marks.append(time.process_time())
    return float(np.median(np.diff(marks)))


def read_costs(path: Path) -> dict[str, Cost]:
    """Return the costs by file that a run recorded; none where there is no record.

    Raises
    ------
    InputError
        If the record cannot be read.
    """
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: Cost(**values) for name, values in found.items()}
    except (ValueError, TypeError, AttributeError):
        raise InputError(f"{path}: is not a record of costs; delete it and run again") from None


def record_costs(root: Path, path: Path, costs: Mapping[str, Cost]) -> None:
    """Write what a run cost; files that it left out keep their record while they exist."""
    kept = {name: c for name, c in read_costs(path).items() if (root / name).is_file()}
    content = {name: asdict(cost) for name, cost in sorted({**kept, **costs}.items())}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def case_of(path: str) -> CaseName | None:
    """Return the case that a notebook or a file of tests belongs to; None if to none alone.

    Examples
    --------
    >>> case_of("labs/01_ad_click_prediction/lab_20_baseline.ipynb").id
    'ad_click'
    >>> case_of("tests/unit/worlds/ad_click/test_auction.py").id
    'ad_click'
    >>> case_of("tests/unit/metrics/test_ranking.py")
    """
    parts = Path(path).parts
    for name in CASE_NAMES:
        if name.folder in parts or name.id in parts or f"_{name.id}" in Path(path).stem:
            return name
    return None


def case_costs(costs: Mapping[str, Cost]) -> dict[CaseName, dict[str, Cost]]:
    """Add costs up by case and kind: notebooks, solutions, labs, and tests (doctests included).

    Files that belong to no case alone are left out.

    Examples
    --------
    >>> costs = {"notebooks/04_fraud_detection/10_frame.ipynb": Cost(calibrations=6.0)}
    >>> [(case.id, kinds["notebooks"].calibrations) for case, kinds in case_costs(costs).items()]
    [('fraud', 6.0)]
    """
    totals: dict[CaseName, dict[str, Cost]] = {}
    for path, cost in costs.items():
        case = case_of(path)
        if case is not None:
            kinds = totals.setdefault(case, dict.fromkeys(_KINDS, Cost()))
            kind = path.split("/")[0] if path.endswith(".ipynb") else "tests"
            kinds[kind] += cost
    return dict(sorted(totals.items(), key=lambda entry: entry[0].folder))


def recorded_costs(root: Path) -> dict[str, Cost]:
    """Return the costs of all notebooks and tests of a project, as their last runs recorded them.

    Raises
    ------
    InputError
        If a notebook or a case's file of tests has no record: the sum would claim too little.
    """
    costs = read_costs(root / NOTEBOOK_COSTS) | read_costs(root / TEST_COSTS)
    tests = [path.relative_to(root) for path in sorted((root / "tests").rglob("test_*.py"))]
    wanted = {
        "mlsd course test": [path.as_posix() for path in notebook_files(root)],
        "make test": [path.as_posix() for path in tests if case_of(path.as_posix())],
    }
    for command, paths in wanted.items():
        missing = [path for path in paths if path not in costs]
        if missing:
            count = f"{len(missing)} of {len(paths)} files"
            raise InputError(f"{missing[0]}: no record of {count}; run `{command}` first")
    return costs
