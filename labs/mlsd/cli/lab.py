"""``mlsd lab``: the reader's copies, and JupyterLab on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mlsd.runtime import project_root

if TYPE_CHECKING:
    from pathlib import Path

    from mlsd.course.workspace import Workspace


def lab(
    browser: Annotated[bool, typer.Option(help="Open a browser, where there is one.")] = True,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8888,
) -> None:
    """Copy chapters and labs into work/ and open JupyterLab there.

    What is already in work/ is never overwritten.

    Example: [bold]mlsd lab --no-browser --port 9000[/bold]
    """
    from mlsd.course.workspace import copy_workspace, run_lab

    root = project_root()
    _report(copy_workspace(root), root, Console(soft_wrap=True, highlight=False))
    raise typer.Exit(run_lab(root, browser=browser, port=port))


def _report(workspace: Workspace, root: Path, console: Console) -> None:
    for path in workspace.added:
        console.print(f"added {path.relative_to(root).as_posix()}")
    for path in workspace.outdated:
        name = path.relative_to(root).as_posix()
        console.print(
            f"{name}: there is a newer version; rename yours and run this again to get it"
        )
    if not workspace.added:
        console.print(f"work/ is complete: {len(workspace.kept)} notebooks, all left as they are")
