"""The pytest plugin that records what each file costs: ``-p mlsd.course.costs``.

``--mlsd-costs FILE`` says where; `mlsd course budget` reads it. Nothing fails for its cost here.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

from mlsd.course.budget import Cost, calibration_seconds, cpu_seconds_so_far, record_costs

COSTS = pytest.StashKey[dict[str, Cost]]()
# How busy the machine is changes during a run, and so does what a piece of work costs.
CALIBRATE_EVERY_SECONDS = 30.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the record."""
    parser.getgroup("mlsd").addoption("--mlsd-costs", type=Path, help="Record costs here.")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the meter."""
    config.stash[COSTS] = defaultdict(Cost)
    config.pluginmanager.register(_Meter(config.stash[COSTS]), "mlsd-meter")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what all files cost together, and write the record."""
    costs, path = config.stash[COSTS], config.option.mlsd_costs
    if not costs:
        return
    total = sum(costs.values(), Cost())
    minutes = f"{total.reference_minutes:.1f} min on the reference machine"
    terminalreporter.line(f"CPU: {total.cpu_seconds:.0f} s, {minutes}")
    if path is not None:
        record_costs(config.rootpath, config.rootpath / path, costs)


class _Meter:
    """Measures the phases of each test where they run, and adds them up where reports arrive."""

    def __init__(self, costs: dict[str, Cost]) -> None:
        self.costs = costs
        self.calibrated_at = -float("inf")
        self.calibration = self.since = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        if time.monotonic() > self.calibrated_at + CALIBRATE_EVERY_SECONDS:
            self.calibration, self.calibrated_at = calibration_seconds(), time.monotonic()
        self.since = cpu_seconds_so_far()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report, now = (yield), cpu_seconds_so_far()
        # Further attributes of a report travel from the workers with it.
        report.mlsd_cost = now - self.since, (now - self.since) / self.calibration
        self.since = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        path = report.nodeid.split("::")[0]
        # A test that took its worker down has a report that nobody measured.
        self.costs[path] += Cost(report.duration, *getattr(report, "mlsd_cost", ()))
