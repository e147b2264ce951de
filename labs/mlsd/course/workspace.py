"""The reader's own copies of chapters and labs, in ``work/``, which git ignores."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from mlsd.course.execution import kernel_environment
from mlsd.course.layout import find_units, glossary_path
from mlsd.course.notebooks import clear_outputs, read_notebook, write_notebook
from mlsd.runtime import InputError
from mlsd.runtime.threads import physical_cores

COPY_RECORD = "mlsd_copy"
START = Path("00_framework", "01_start_here.ipynb")
PORTS_TRIED = 50
# Switches off what JupyterLab would show a reader: news, and the buttons of a grader.
_JUPYTER_CONFIG = Path(__file__).with_name("jupyter")
# Chapters and labs lie in two trees, and their copies side by side; solutions are not copied.
_LINK_TO_A_TREE = re.compile(r"(?<=[(\"'])\.\./\.\./(?:labs|notebooks)/(?=\d\d_)")


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


@dataclass(frozen=True)
class Server:
    """Where a JupyterLab is to listen, and where it is opened.

    Attributes
    ----------
    root : Path
        The project, which it serves.
    port : int
        A free one.
    token : str
        What the address needs to be let in.
    host : str
        The address to listen on; ``0.0.0.0`` lets other machines in.
    opens_browser : bool
    """

    root: Path
    port: int
    token: str
    host: str = "127.0.0.1"
    opens_browser: bool = True

    @property
    def page(self) -> str:
        """Path of the page that is opened: the first chapter, or the folder while it is not there.

        Examples
        --------
        >>> Server(Path("nowhere"), 8888, "secret").page
        '/lab/tree/work'
        """
        start = Path("work") / START
        return f"/lab/tree/{start.as_posix() if (self.root / start).is_file() else 'work'}"

    @property
    def address(self) -> str:
        """The address to open in a browser on this machine."""
        return f"http://127.0.0.1:{self.port}{self.page}?token={self.token}"


def copy_workspace(root: Path) -> Workspace:
    """Copy chapters without their outputs, labs and the glossary into ``work/<case>/``.

    A file that is there is never overwritten. Links between copies lead to copies.

    Raises
    ------
    InputError
        If ``work`` is a file or cannot be written.
    """
    folder = root / "work"
    added, kept, outdated = [], [], []
    for origin in _originals(root):
        target = folder / origin.parent.name / origin.name
        if not target.exists():
            _copy(root, origin, target)
            added.append(target)
            continue
        kept.append(target)
        if _is_outdated(origin, target):
            outdated.append(target)
    return Workspace(folder, tuple(added), tuple(kept), tuple(outdated))


def plan_server(
    root: Path, *, browser: bool = True, port: int = 8888, host: str = "127.0.0.1"
) -> Server:
    """Choose a free port from `port` on (0: any), and a token.

    Raises
    ------
    InputError
        If `host` is no address of this machine, or no port is free.
    """
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    opens = browser and _has_browser()
    return Server(root, _free_port(host, port), token, host, opens)


def lab_command(server: Server) -> list[str]:
    """Return the command that starts JupyterLab on the repository, at the first chapter.

    Its token is in the environment, where other users of the machine do not see it.
    """
    (server.root / "work").mkdir(exist_ok=True)
    options = [
        f"--ServerApp.root_dir={server.root}",
        f"--LabApp.default_url={server.page}",
        f"--ServerApp.ip={server.host}",
        f"--ServerApp.port={server.port}",
        # The address that was printed has to be the right one.
        "--ServerApp.port_retries=0",
        # JupyterLab would ask the network for news and updates at every start.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--Application.log_level=WARN",
        # One Ctrl-C ends it, in order and without a question.
        "--ServerApp.answer_yes=True",
    ]
    if not server.opens_browser:
        options.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    return [sys.executable, "-m", "jupyterlab", *options]


def run_lab(
    server: Server,
    *,
    ready: Callable[[], None] = lambda: None,
    call: Callable[..., int] | None = None,
) -> int:
    """Run JupyterLab until it is stopped, and return its exit code.

    Its kernels have as many threads as there are physical cores, and idle threads sleep. `ready` is
    called once, when it answers.
    """
    environment = kernel_environment(server.root, threads=physical_cores())
    paths = [str(_JUPYTER_CONFIG), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    environment["JUPYTER_TOKEN"] = server.token
    ended = threading.Event()
    threading.Thread(target=_wait_for, args=(server.port, ready, ended), daemon=True).start()
    try:
        return (call or _run)(lab_command(server), cwd=server.root, env=environment)
    finally:
        ended.set()


def _run(command: list[str], **options: Any) -> int:
    """Run a program that has Ctrl-C from the terminal too, and ends itself."""
    with subprocess.Popen(command, **options) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _wait_for(port: int, ready: Callable[[], None], ended: threading.Event) -> None:
    while not ended.wait(0.2):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        ready()
        return


def _originals(root: Path) -> Iterator[Path]:
    """Yield chapters and unsolved labs in reading order, then the glossary."""
    for unit in find_units(root):
        origin = unit.lab if unit.kind == "lab" else unit.notebook
        if origin.is_file():
            yield origin
    if glossary_path(root).is_file():
        yield glossary_path(root)


def _copy(root: Path, origin: Path, target: Path) -> None:
    notebook = read_notebook(origin)
    clear_outputs(notebook)
    # Answers for the teacher, which the front matter holds, are not for the reader's copy.
    notebook.metadata.pop("mlsd", None)
    notebook.metadata[COPY_RECORD] = {
        "origin": origin.relative_to(root).as_posix(),
        "sha256": _content_hash(notebook),
    }
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _LINK_TO_A_TREE.sub("../", cell.source)
    try:
        write_notebook(notebook, target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror})") from None


def _free_port(host: str, first: int) -> int:
    """Return the first port from `first` on that nobody listens to."""
    last = min(first + PORTS_TRIED, 65_535) if first else 0
    for port in range(first, last + 1):
        with socket.socket() as tried:
            # A port of a server that has just ended is free to those who say so.
            if os.name == "posix":
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((host, port))
            except PermissionError:
                continue
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    reason = error.strerror or error
                    raise InputError(f"{host}: JupyterLab cannot listen there ({reason})") from None
                continue
            return tried.getsockname()[1]
    raise InputError(f"ports {first} to {last} are taken; choose another with --port")


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
