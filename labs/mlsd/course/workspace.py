"""The reader's own copies of chapters and labs, in ``work/``, which git ignores."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from mlsd.course.execution import kernel_environment
from mlsd.course.layout import Unit, find_units
from mlsd.course.notebooks import clear_outputs, read_notebook, write_notebook
from mlsd.runtime import InputError
from mlsd.runtime.threads import physical_cores

COPY_RECORD = "mlsd_copy"
# Switches off what JupyterLab would ask a reader: news from the network, making an assignment.
_JUPYTER_CONFIG = Path(__file__).with_name("jupyter")


@dataclass(frozen=True)
class Workspace:
    """What `copy_workspace` did.

    Attributes
    ----------
    folder : Path
    added, kept, outdated : tuple of Path
        Copies made now, copies that were there, and those of them whose original has changed since.
    """

    folder: Path
    added: tuple[Path, ...]
    kept: tuple[Path, ...]
    outdated: tuple[Path, ...]


def copy_workspace(root: Path) -> Workspace:
    """Copy chapters without their outputs, and labs, into ``work/<case>/``, side by side.

    A file that is there is never overwritten.

    Raises
    ------
    InputError
        If ``work`` is a file or cannot be written.
    """
    folder = root / "work"
    added, kept, outdated = [], [], []
    for unit in find_units(root):
        origin = unit.lab if unit.kind == "lab" else unit.notebook
        if not origin.is_file():
            continue
        target = folder / unit.case / origin.name
        if not target.exists():
            _copy(unit, origin, target)
            added.append(target)
            continue
        kept.append(target)
        if _is_outdated(origin, target):
            outdated.append(target)
    return Workspace(folder, tuple(added), tuple(kept), tuple(outdated))


def lab_command(root: Path, *, browser: bool = True, port: int = 8888) -> list[str]:
    """Return the command that starts JupyterLab on the repository, at ``work/``.

    Without a browser on this machine the URL is printed and the server runs on.
    """
    (root / "work").mkdir(exist_ok=True)
    options = [
        f"--ServerApp.root_dir={root}",
        "--LabApp.default_url=/lab/tree/work",
        f"--ServerApp.port={port}",
        # JupyterLab would ask the network for news and updates at every start.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if not browser or not _has_browser():
        options.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    return [sys.executable, "-m", "jupyterlab", *options]


def run_lab(
    root: Path,
    *,
    browser: bool = True,
    port: int = 8888,
    call: Callable[..., int] = subprocess.call,
) -> int:
    """Run JupyterLab until it is stopped, and return its exit code.

    Its kernels have as many threads as there are physical cores, and idle threads sleep.
    """
    environment = kernel_environment(root, threads=physical_cores())
    paths = [str(_JUPYTER_CONFIG), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    return call(lab_command(root, browser=browser, port=port), cwd=root, env=environment)


def _copy(unit: Unit, origin: Path, target: Path) -> None:
    notebook = read_notebook(origin)
    clear_outputs(notebook)
    # Answers for the teacher, which the front matter holds, are not for the reader's copy.
    notebook.metadata.pop("mlsd", None)
    notebook.metadata[COPY_RECORD] = {
        "origin": origin.relative_to(unit.root).as_posix(),
        "sha256": _content_hash(notebook),
    }
    try:
        write_notebook(notebook, target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror})") from None


def _is_outdated(origin: Path, target: Path) -> bool:
    try:
        record = read_notebook(target).metadata.get(COPY_RECORD, {})
    except InputError:
        return False
    return "sha256" in record and record["sha256"] != _content_hash(read_notebook(origin))


def _content_hash(notebook: NotebookNode) -> str:
    content = [(cell.cell_type, cell.source) for cell in notebook.cells]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
