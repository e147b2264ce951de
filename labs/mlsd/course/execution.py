"""Run a notebook from top to bottom in a kernel of its own, and record what it cost."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from mlsd.course.notebooks import RUN_RECORD, code_fingerprint, set_cell_ids, strip_machine_noise
from mlsd.notebook.records import NO_GUESSES
from mlsd.runtime import InputError
from mlsd.runtime.threads import THREAD_VARIABLES

# Some ten times what the longest cell and the start of a kernel take on a quiet machine.
CELL_TIMEOUT_SECONDS = 600
START_TIMEOUT_SECONDS = 300
# A solution's checks have to pass: on these variables `mlsd.checks.check` raises unless they do.
STRICT_CHECKS = {"MLSD_CHECKS": "strict"}


def kernel_environment(root: Path, threads: int = 1) -> dict[str, str]:
    """Return the environment of a kernel: `threads` threads, idle ones asleep, package of `root`.

    Checks do not raise in it, whatever is set around it.

    Examples
    --------
    >>> kernel_environment(Path("."))["OMP_WAIT_POLICY"]
    'PASSIVE'
    """
    paths = [str((root / "labs").resolve()), os.environ.get("PYTHONPATH", "")]
    # A kernel chooses the inline backend only where nobody chose another.
    left_out = {"MPLBACKEND", *STRICT_CHECKS}
    inherited = {name: value for name, value in os.environ.items() if name not in left_out}
    return {
        **inherited,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        # A debugger that is not asked for writes warnings to stderr at the start of a kernel.
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@dataclass
class _Meter:
    """Wall and CPU seconds of each cell, the kernel's children included."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    client: Any = None
    cell: int = 0

    def start(self, cell_index: int, **_: Any) -> None:
        self.cell = cell_index + 1
        self.wall.append(-time.perf_counter())
        self.cpu.append(-self._cpu_now())

    def stop(self, **_: Any) -> None:
        self.wall[-1] += time.perf_counter()
        self.cpu[-1] += self._cpu_now()

    def _cpu_now(self) -> float:
        try:
            times = psutil.Process(self.client.km.provisioner.pid).cpu_times()
        except (AttributeError, psutil.Error):
            return 0.0
        return sum(times[:4]) if len(times) >= 4 else sum(times[:2])

    def record(self) -> dict[str, float]:
        return {
            "cpu_seconds": round(sum(self.cpu), 1),
            "longest_cell_cpu_seconds": round(max(self.cpu, default=0.0), 1),
            "seconds": round(sum(self.wall), 1),
        }


def execute_notebook(
    notebook: NotebookNode, *, folder: Path, root: Path, where: str, strict: bool = False
) -> None:
    """Run `notebook` in place and store its outputs, a hash of its code and what it cost.

    Parameters
    ----------
    notebook : NotebookNode
    folder : Path
        Working directory of the kernel.
    root : Path
        The project whose package the kernel imports.
    where : str
        The source, for messages.
    strict : bool
        Whether a check that does not pass stops the run, as it has to in a solution.

    Raises
    ------
    InputError
        If a cell raises or takes longer than `CELL_TIMEOUT_SECONDS`; names cell and error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    meter = _Meter()
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT_SECONDS,
        startup_timeout=START_TIMEOUT_SECONDS,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        on_cell_execute=meter.start,
        on_cell_executed=meter.stop,
    )
    meter.client = client
    environment = kernel_environment(root) | NO_GUESSES | (STRICT_CHECKS if strict else {})
    try:
        # What the kernel itself has to say concerns its sockets, not the notebook.
        client.execute(env=environment, stderr=subprocess.DEVNULL)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise InputError(_failure(meter.cell, error, where)) from None
    _finish(notebook, meter)


def _finish(notebook: NotebookNode, meter: _Meter) -> None:
    strip_machine_noise(notebook)
    set_cell_ids(notebook)
    record = {"code_sha256": code_fingerprint(notebook), **meter.record()}
    notebook.metadata[RUN_RECORD] = nbformat.from_dict(record)


def _failure(cell: int, error: Exception, where: str) -> str:
    if isinstance(error, CellExecutionError):
        return f"{where}: cell {cell} raised {error.ename}: {error.evalue}"
    if isinstance(error, CellTimeoutError):
        return f"{where}: cell {cell} took over {CELL_TIMEOUT_SECONDS} s; make it smaller"
    return f"{where}: the kernel died in cell {cell}; see `mlsd doctor`"
