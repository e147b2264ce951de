"""``mlsd serve``: a case's model as a service on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mlsd.runtime import InputError, project_root

if TYPE_CHECKING:
    import socket

    from mlsd.cases import CaseService
    from mlsd.serving import Engine
    from mlsd.serving.artifact import Artifact


@contextmanager
def _told(console: Console) -> Iterator[Callable[[str], None]]:
    """Yield what shows progress: in a terminal on one line, in a pipe line by line."""
    start = time.monotonic()

    def stamped(words: str) -> str:
        return f"{time.monotonic() - start:5.0f} s  {words}"

    if not console.is_terminal:
        yield lambda words: typer.echo(stamped(words), err=True)
        return
    with console.status("starting") as status:
        yield lambda words: status.update(stamped(words))


def _newest(
    service: CaseService, case: str, root: Path, wanted: dict[str, str]
) -> tuple[Artifact, Engine] | None:
    """Return the newest version that can be loaded; None where it is not what is wanted."""
    from mlsd.serving import warm_up
    from mlsd.serving.artifact import read_artifact, versions

    console = Console(stderr=True, soft_wrap=True)
    for folder in versions(root, case):
        try:
            artifact = read_artifact(folder, case=case)
            if any(artifact.about.get(name) != value for name, value in wanted.items()):
                return None
            return artifact, warm_up(service.load(artifact))
        except Exception as error:
            console.print(f"not served: {error}", markup=False, highlight=False)
    return None


def _run(case: str, service: CaseService, root: Path, port: int, loaded: tuple) -> None:
    from mlsd import serving
    from mlsd.serving.artifact import read_artifact, versions

    artifact, engine = loaded
    answering = serving.Service(engine)
    about = {artifact.version: artifact.about}

    def load(folder: Path) -> Engine:
        newer = read_artifact(folder, case=case)
        about[newer.version] = newer.about
        return service.load(newer)

    served = serving.Served(title=f"{case} service", route=service.route, about=about)
    newest_first = partial(versions, root, case)
    watcher = serving.Watcher(answering, newest_first, load, loaded=artifact.folder)
    listener = serving.bind(port)
    tell = partial(_announce, case, artifact, listener)
    serving.run_server(
        serving.create_app(answering, served), answering, listener, [watcher.run], started=tell
    )


def _announce(case: str, artifact: Artifact, listener: socket.socket) -> None:
    host, port = listener.getsockname()
    made_of = "".join(
        f", {name} {artifact.about[name]}" for name in ("rung", "size") if name in artifact.about
    )
    what = f"{case}{made_of}, version {artifact.version}"
    typer.echo(f"http://{host}:{port}/ answers: {what}; Ctrl-C stops it")


def serve(
    case: Annotated[str, typer.Argument(help="Which case study's service.")],
    *,
    artifacts: Annotated[
        Path | None, typer.Option(help="Folder of versions; work/artifacts where absent.")
    ] = None,
    rung: Annotated[
        str | None, typer.Option(help="Rung of the ladder; the best deployed one where absent.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Size of the world that it is trained in.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8100,
    train_only: Annotated[bool, typer.Option("--train-only", help="Train, and stop.")] = False,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train in any case.")] = False,
) -> None:
    """Serve a case's model on this machine, trained first where there is none.

    Trains where the folder holds no version that can be loaded, or where the newest is of another
    rung or size than asked for. A service that runs swaps to a newer version by itself. A version
    looks up counters and ads as they were at the end of the history that it was trained on, and
    counts nothing while it runs.

    Examples: [bold]mlsd serve ad_click[/bold];
    [bold]mlsd serve ad_click --retrain --train-only[/bold]
    """
    from mlsd import serving
    from mlsd.cases import find_service

    service = find_service(case)
    root = artifacts or project_root() / "work" / "artifacts"
    if root.exists() and not root.is_dir():
        raise InputError(f"--artifacts {root}: is not a folder")
    if not train_only:
        serving.bind(port).close()  # a port that is taken is told before the training
    asked = {"rung": rung, "size": size}
    wanted = {name: value for name, value in asked.items() if value is not None}
    loaded = None if retrain else _newest(service, case, root, wanted)
    if loaded is None:
        loaded = _trained(service, root, {"rung": service.default_rung, **wanted})
    if train_only:
        typer.echo(f"version {loaded[0].version} of rung {loaded[0].about.get('rung')} in {root}")
        return
    _run(case, service, root, port, loaded)


def _trained(service: CaseService, root: Path, made_of: dict[str, str]) -> tuple[Artifact, Engine]:
    from mlsd.serving import warm_up

    with _told(Console(stderr=True)) as tell:
        artifact = service.train(root, progress=tell, **made_of)
        return artifact, warm_up(service.load(artifact))
