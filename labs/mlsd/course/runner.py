"""Run all notebooks: nbval on chapters and solutions, gates on unsolved labs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mlsd.course.execution import (
    CELL_TIMEOUT_SECONDS,
    START_TIMEOUT_SECONDS,
    kernel_environment,
)
from mlsd.course.layout import select_units
from mlsd.course.notebooks import RUN_RECORD, read_notebook
from mlsd.runtime import InputError

COSTS_FOLDER = Path("build", "costs")
NOTEBOOK_COSTS = COSTS_FOLDER / "notebooks.json"
REPEATED_NOTEBOOKS = 2


def notebook_files(root: Path, paths: Iterable[Path] = ()) -> list[Path]:
    """Return the notebooks to run, relative to `root`: chapters, solutions and labs.

    Parameters
    ----------
    root : Path
    paths : iterable of Path
        Notebooks, sources or folders; empty for all. A notebook stands for itself alone, a source
        for all that is made from it.

    Raises
    ------
    InputError
        If a path belongs to no unit.
    """
    wanted = [Path(path).resolve() for path in paths]
    files = []
    for unit in select_units(root, wanted):
        made = [unit.notebook, *([unit.lab] if unit.kind == "lab" else [])]
        whole = not wanted or any(_holds(path, unit.source.resolve()) for path in wanted)
        chosen = [f for f in made if whole or any(_holds(p, f.resolve()) for p in wanted)]
        files += [file.relative_to(root) for file in chosen if file.is_file()]
    return files


def longest_first(root: Path, files: Iterable[Path]) -> list[Path]:
    """Return the notebooks by what they are likely to cost, so that no long one is left for last.

    A chapter and a solution cost what their last build recorded. A lab costs about twice its
    solution: its wrong answers are deployed too.
    """

    def likely_cost(file: Path) -> float:
        is_lab = file.parts[0] == "labs"
        stored = root / "solutions" / Path(*file.parts[1:]) if is_lab else root / file
        record = read_notebook(stored).metadata.get(RUN_RECORD, {}) if stored.is_file() else {}
        return record.get("cpu_seconds", 0.0) * (1 + is_lab)

    return sorted(files, key=likely_cost, reverse=True)


def pytest_command(
    root: Path, files: Sequence[Path], *, workers: int, costs: Path | None = None
) -> list[str]:
    """Return the pytest command that runs `files` in this order, and records their costs."""
    processes = min(workers, len(files))
    return [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
        *("-p", "mlsd.course.costs", "-p", "mlsd.course.testing"),
        *("--override-ini", "addopts=", "--rootdir", str(root)),
        *("--nbval-lax", "--nbval-current-env"),
        f"--nbval-cell-timeout={CELL_TIMEOUT_SECONDS}",
        f"--nbval-kernel-startup-timeout={START_TIMEOUT_SECONDS}",
        # A worker imports everything once more, which one process alone can be spared.
        *("--numprocesses", str(processes if processes > 1 else 0)),
        *("--dist", "loadfile", "--no-loadscope-reorder"),
        *([f"--mlsd-costs={costs}"] if costs else []),
        *map(str, files),
    ]


def run_notebooks(root: Path, paths: Sequence[Path] = (), *, workers: int = 2) -> int:
    """Run notebooks and return pytest's exit code; zero when there are none.

    A full run repeats one or two chapters with AVX-512 off first, so that the closing line of the
    main run is the last. Every worker has one thread. Times are printed and recorded; none fails.

    Raises
    ------
    InputError
        If a path belongs to no unit, there are fewer than one worker, or nbval is not installed.
    """
    if workers < 1:
        raise InputError(f"workers is {workers}; at least one is needed")
    missing = [name for name in ("nbval", "xdist") if find_spec(name) is None]
    if missing:
        raise InputError(f"{missing[0]} is not installed; run `pip install -e .[dev]`")
    files = notebook_files(root, paths)
    if not files:
        print("no notebooks to run")
        return 0
    repeated = 0 if paths else _repeat_without_avx512(root, files, workers)
    ordered = longest_first(root, files)
    command = pytest_command(root, ordered, workers=workers, costs=NOTEBOOK_COSTS)
    code = subprocess.call(command, cwd=root, env=kernel_environment(root))
    if repeated and not code:
        print("failed: the run with AVX-512 switched off, above")
    return code or repeated


def without_avx512() -> dict[str, str]:
    """Return the variables that switch AVX-512 off; empty where this processor has none.

    numpy refuses names that it does not dispatch on here, so only those that it reports as found
    are named.

    Examples
    --------
    >>> without_avx512().get("ATEN_CPU_CAPABILITY", "avx2")
    'avx2'
    """
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    wide = [name for name in found if name.startswith("AVX512") or name == "X86_V4"]
    if not wide:
        return {}
    return {
        "ATEN_CPU_CAPABILITY": "avx2",
        "DNNL_MAX_CPU_ISA": "AVX2",
        "NPY_DISABLE_CPU_FEATURES": " ".join(wide),
        "OPENBLAS_CORETYPE": "Haswell",
    }


def repeated_chapters(files: Sequence[Path]) -> list[Path]:
    """Return the chapters to run once more: the first that compute, of step 20 and later.

    Examples
    --------
    >>> names = ["notebooks/a/10_x.ipynb", "notebooks/a/20_y.ipynb", "labs/a/lab_20_y.ipynb"]
    >>> [path.name for path in repeated_chapters([Path(name) for name in names])]
    ['20_y.ipynb']
    """
    chapters = [file for file in files if file.parts[0] == "notebooks"]
    computing = [file for file in chapters if file.name >= "20"]
    return (computing or chapters)[:REPEATED_NOTEBOOKS]


def _repeat_without_avx512(root: Path, files: Sequence[Path], workers: int) -> int:
    variables, chapters = without_avx512(), repeated_chapters(files)
    if not variables or not chapters:
        return 0
    print(f"with AVX-512 switched off: {', '.join(map(str, chapters))}", flush=True)
    command = pytest_command(root, chapters, workers=workers)
    return subprocess.call(command, cwd=root, env={**kernel_environment(root), **variables})


def _holds(path: Path, file: Path) -> bool:
    return path == file or path in file.parents
