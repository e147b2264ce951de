"""What can be wrong with a machine or an environment, and what to do about it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import psutil
from packaging.utils import canonicalize_name

from mlsd.runtime.files import project_root
from mlsd.runtime.lock import declared_requirements, load_lock
from mlsd.runtime.threads import physical_cores

Status = Literal["ok", "warning", "broken"]
MINIMUM_PYTHON = (3, 11)
COMFORTABLE_MEMORY_GB = 3.0
OPENMP_USERS = ("torch", "lightgbm", "faiss", "sklearn")
CONDA_ROAD = (
    "take the conda road: conda env create -f environment.yml, conda activate mlsd, "
    "pip install --no-deps -e ."
)
# Loading two OpenMP runtimes can end a process, so it is tried in one of its own.
_OPENMP_PROBE = """
import importlib, json, sys, threadpoolctl
for name in sys.argv[1:]:
    importlib.import_module(name)
pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "openmp"]
print(json.dumps([pool["filepath"] for pool in pools]))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was examined.

    Attributes
    ----------
    name : str
    status : str
        ``"ok"``, ``"warning"`` (it works, with a drawback) or ``"broken"``.
    detail : str
        What was found.
    advice : str
        What to do; empty where nothing is to be done.
    """

    name: str
    status: Status
    detail: str
    advice: str = ""


def examine() -> list[Finding]:
    """Examine the machine and the environment; takes a few seconds, as it loads every library.

    Examples
    --------
    >>> finding = check_python((3, 9, 1))
    >>> finding.status, finding.advice
    ('broken', 'install Python 3.11 or newer and run `make setup`')
    """
    checks: tuple[Callable[[], Finding], ...] = (
        check_python,
        check_packages,
        check_lock,
        check_openmp,
        check_wait_policy,
        check_cores,
        check_memory,
        check_kernel,
        check_data_folder,
        check_work_folder,
    )
    return [check() for check in checks]


def check_python(found: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    """Examine the version of Python."""
    text = ".".join(map(str, found))
    if found[:2] >= MINIMUM_PYTHON:
        return Finding("Python", "ok", f"{text} at {sys.prefix}")
    return Finding("Python", "broken", text, "install Python 3.11 or newer and run `make setup`")


def check_packages() -> Finding:
    """Examine whether every package that the course imports is there and new enough."""
    faults = []
    for requirement in declared_requirements(extras=()):
        found = _installed_version(requirement.name)
        if found is None:
            faults.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(found, prereleases=True):
            faults.append(f"{requirement.name} is {found}, needed {requirement.specifier}")
    if faults:
        return Finding("packages", "broken", _some(faults), "run `make setup`")
    return Finding("packages", "ok", "all that the course imports are there")


def check_lock() -> Finding:
    """Compare what is installed with ``constraints.txt``, which the course was tested with."""
    lock = load_lock()
    differing = []
    for name in {canonicalize_name(r.name) for r in declared_requirements(extras=())} & set(lock):
        found = _installed_version(name)
        if found is not None and found.partition("+")[0] != lock[name]:
            differing.append(f"{name} {found} (tested: {lock[name]})")
    if differing:
        advice = "fine on the conda road; else `make setup` installs the tested versions"
        return Finding("tested versions", "warning", _some(sorted(differing)), advice)
    return Finding("tested versions", "ok", "as in constraints.txt")


def check_openmp(
    system: str = platform.system(), modules: tuple[str, ...] = OPENMP_USERS
) -> Finding:
    """Load the libraries that use OpenMP in one process and count the runtimes they bring."""
    probe = subprocess.run(
        [sys.executable, "-c", _OPENMP_PROBE, *modules], capture_output=True, text=True, check=False
    )
    together = ", ".join(modules)
    if probe.returncode:
        reason = (probe.stderr.strip().splitlines() or [f"exit code {probe.returncode}"])[-1]
        return Finding("OpenMP", "broken", f"{together}: {reason}", _loading_advice(reason))
    runtimes = json.loads(probe.stdout.strip().splitlines()[-1])
    detail = f"{len(runtimes)} runtime(s) of {together} in one process"
    if len(runtimes) > 1 and system == "Darwin":
        return Finding("OpenMP", "broken", f"{detail}, which crash on macOS", CONDA_ROAD)
    return Finding("OpenMP", "ok", detail)


def check_wait_policy() -> Finding:
    """Examine whether idle OpenMP threads sleep, as those of several runtimes have to."""
    policy = os.environ.get("OMP_WAIT_POLICY", "")
    if policy.upper() == "PASSIVE":
        return Finding("OMP_WAIT_POLICY", "ok", policy)
    advice = "idle threads spin; set OMP_WAIT_POLICY=PASSIVE before Python starts, as `make` does"
    return Finding("OMP_WAIT_POLICY", "warning", policy or "not set", advice)


def check_cores() -> Finding:
    """Count the cores."""
    cores = physical_cores()
    if cores > 1:
        return Finding("cores", "ok", f"{cores} physical")
    return Finding("cores", "warning", "1 physical", "expect twice the minutes that README names")


def check_memory(available: float | None = None) -> Finding:
    """Examine the free memory; `available` in gigabytes, None to ask the machine."""
    free = psutil.virtual_memory().available / 1e9 if available is None else available
    if free >= COMFORTABLE_MEMORY_GB:
        return Finding("memory", "ok", f"{free:.1f} GB free")
    advice = f"close other programs: the default sizes need {COMFORTABLE_MEMORY_GB:g} GB"
    return Finding("memory", "warning", f"{free:.1f} GB free", advice)


def check_kernel() -> Finding:
    """Examine whether notebooks run in this Python."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    advice = "run `python -m ipykernel install --sys-prefix` in the environment of the course"
    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Finding("Jupyter kernel", "broken", "python3 is missing", advice)
    # Jupyter replaces a bare "python" by the Python that starts the kernel.
    if program.startswith("python") or Path(program).parent == Path(sys.executable).parent:
        return Finding("Jupyter kernel", "ok", "python3 is this Python")
    return Finding("Jupyter kernel", "broken", f"python3 starts {program}", advice)


def check_data_folder() -> Finding:
    """Examine ``MLSD_DATA``, where public data sets are looked for."""
    folder = os.environ.get("MLSD_DATA")
    if not folder:
        return Finding("MLSD_DATA", "ok", "not set; only public data sets need it")
    if Path(folder).is_dir():
        return Finding("MLSD_DATA", "ok", folder)
    advice = "create the folder, or unset the variable"
    return Finding("MLSD_DATA", "broken", f"{folder} is not a folder", advice)


def check_work_folder(folder: Path | None = None) -> Finding:
    """Examine whether the reader's copies can be written to `folder` (None: ``work/``)."""
    folder = folder or project_root() / "work"
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            return Finding("work folder", "ok", f"{folder} is writable")
    except OSError as error:
        advice = "clone the course into a folder of your own"
        return Finding("work folder", "broken", f"{place}: {error.strerror}", advice)


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _loading_advice(reason: str) -> str:
    if "libgomp" in reason:
        return "install the system's OpenMP library (Debian, Ubuntu: apt install libgomp1)"
    if "No module named" in reason:
        return "run `make setup`"
    return CONDA_ROAD


def _some(entries: list[str], limit: int = 4) -> str:
    shown = "; ".join(entries[:limit])
    return shown if len(entries) <= limit else f"{shown}; and {len(entries) - limit} more"
