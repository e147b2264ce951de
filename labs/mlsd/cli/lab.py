"""``mlsd lab``: the reader's copies, and JupyterLab on them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mlsd.runtime import project_root

if TYPE_CHECKING:
    from pathlib import Path

    from mlsd.course.workspace import Server, Workspace


def lab(
    browser: Annotated[bool, typer.Option(help="Open a browser, where there is one.")] = True,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The next free one is taken; 0: any.")
    ] = 8888,
    host: Annotated[
        str, typer.Option(help="Where to listen; 0.0.0.0 in a container, to be seen from outside.")
    ] = "127.0.0.1",
) -> None:
    """Copy chapters and labs into work/ and open JupyterLab at the first chapter.

    What is already in work/ is never overwritten.

    Example: [bold]mlsd lab --no-browser --port 9000[/bold]
    """
    from mlsd.course.workspace import copy_workspace, plan_server, run_lab

    root, console = project_root(), Console(soft_wrap=True, highlight=False, markup=False)
    _report(copy_workspace(root), root, console)
    server = plan_server(root, browser=browser, port=port, host=host)
    console.print("JupyterLab starts ...")
    raise typer.Exit(run_lab(server, ready=partial(_say_where, server, port, console)))


def _report(workspace: Workspace, root: Path, console: Console) -> None:
    for folder in dict.fromkeys(path.parent for path in workspace.added):
        count = sum(path.parent == folder for path in workspace.added)
        notebooks = "1 notebook" if count == 1 else f"{count} notebooks"
        console.print(f"added {notebooks} to {folder.relative_to(root).as_posix()}")
    for path in workspace.outdated:
        name = path.relative_to(root).as_posix()
        console.print(
            f"{name}: there is a newer version; rename yours and run this again to get it"
        )
    if not workspace.added:
        console.print(f"work/ is complete: {len(workspace.kept)} notebooks, all left as they are")


def _say_where(server: Server, wanted: int, console: Console) -> None:
    taken = "" if wanted in (0, server.port) else f" (port {wanted} is taken)"
    console.print(f"It runs until Ctrl-C, at{taken}\n\n    {server.address}\n")
    if not server.opens_browser:
        forward = f"ssh -N -L {server.port}:127.0.0.1:{server.port} USER@HOST"
        console.print(
            "Open this address in a browser. If that is on another machine, first run there\n"
            f"`{forward}`. In a container, publish the port\n"
            f"(`docker run -p {server.port}:{server.port}`) and use `mlsd lab --host 0.0.0.0`."
        )
