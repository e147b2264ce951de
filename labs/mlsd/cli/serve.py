"""``mlsd serve``: a case's model as a service on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mlsd.cli.interrupts import unwinding_on_sigterm
from mlsd.runtime import InputError, project_root

if TYPE_CHECKING:
    from socket import socket

    from mlsd.cases import CaseService
    from mlsd.serving import Engine, ServiceLimits
    from mlsd.serving.artifact import Artifact

_PORT = 8100


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


def _newest(case: str, root: Path, wanted: dict[str, str]) -> Artifact | None:
    """Return the newest whole version of what is wanted, if there is one."""
    from mlsd.serving.artifact import read_artifact, versions

    console = Console(stderr=True, soft_wrap=True)
    for folder in versions(root, case, wanted):
        try:
            return read_artifact(folder, case=case)
        except InputError as error:
            console.print(f"not served: {error}", markup=False, highlight=False)
    return None


def _run(
    case: str, service: CaseService, listener: socket, watched: Callable, limits: ServiceLimits
) -> None:
    from mlsd import serving
    from mlsd.serving.artifact import read_artifact

    answering = serving.Service(limits=limits)
    about: dict[str, Mapping[str, str]] = {}

    def load(folder: Path) -> Engine:
        artifact = read_artifact(folder, case=case)
        about[artifact.version] = artifact.about
        return service.load(artifact)

    watcher = serving.Watcher(answering, watched, load)
    url = "http://{}:{}/".format(*listener.getsockname())
    typer.echo(f"{url} is open, and answers once the model is loaded", err=True)

    async def watch() -> None:
        await watcher.load_first()
        version = answering.engine.version
        what = f"{case}{_made_of(about[version])}, version {version}"
        typer.echo(f"{url} answers: {what}; Ctrl-C stops it")
        await watcher.run()

    home = service.home() if service.home else None
    served = serving.Served(f"{case} service", service.route, about, home)
    serving.run_server(serving.create_app(answering, served), answering, listener, [watch])


def _made_of(about: Mapping[str, str]) -> str:
    return "".join(f", {name} {about[name]}" for name in ("rung", "size") if name in about)


def serve(
    case: Annotated[str, typer.Argument(help="Which case study's service.")],
    *,
    artifacts: Annotated[
        Path | None, typer.Option(help="Folder of versions; work/artifacts where absent.")
    ] = None,
    rung: Annotated[
        str | None,
        typer.Option(help="Rung of the ladder; absent: any is served, the best deployed trained."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="Size of its world; absent: any is served, the default one trained."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="8100 where absent; 0 takes any free port."),
    ] = None,
    timeout_ms: Annotated[
        int | None,
        typer.Option(
            min=1, max=60_000, help="Time for an answer, then the fallback; 30 if absent."
        ),
    ] = None,
    train_only: Annotated[bool, typer.Option("--train-only", help="Train, and stop.")] = False,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train in any case.")] = False,
) -> None:
    """Serve a case's model on this machine, trained first where there is none.

    Trains where the folder holds no whole version of the rung and size that are asked for. A
    service that runs swaps to a newer version by itself, where that is of them too. A version
    looks up counters and ads as they were at the end of the history that it was trained on, and
    counts nothing while it runs.

    Examples: [bold]mlsd serve ad_click[/bold];
    [bold]mlsd serve ad_click --retrain --train-only[/bold]
    """
    from mlsd import serving
    from mlsd.cases import find_service
    from mlsd.serving.artifact import versions

    service = find_service(case)
    for name, value in {"port": port, "timeout-ms": timeout_ms}.items():
        if train_only and value is not None:
            raise InputError(
                f"--{name}: with --train-only nothing is served; leave one of them out"
            )
    limits = serving.ServiceLimits()
    if timeout_ms is not None:
        limits = serving.ServiceLimits(timeout_seconds=timeout_ms / 1000)
    root = artifacts or project_root() / "work" / "artifacts"
    if root.exists() and not root.is_dir():
        raise InputError(f"--artifacts {root}: is not a folder")
    port = _PORT if port is None else port
    if not train_only:
        serving.bind(port).close()  # a port that is taken is told before the training
    asked = {"rung": rung, "size": size}
    wanted = {name: value for name, value in asked.items() if value is not None}
    artifact = None if retrain else _newest(case, root, wanted)
    if artifact is None:
        artifact = _trained(service, root, {"rung": service.default_rung, **wanted})
    if train_only:
        typer.echo(f"version {artifact.version} of rung {artifact.about.get('rung')} in {root}")
        return
    _run(case, service, serving.bind(port), lambda: versions(root, case, wanted), limits)


def _trained(service: CaseService, root: Path, made_of: dict[str, str]) -> Artifact:
    from mlsd.serving import warm_up

    with _told(Console(stderr=True)) as tell, unwinding_on_sigterm():
        artifact = service.train(root, progress=tell, **made_of)
        warm_up(service.load(artifact))  # what cannot be served is told to the one who trained it
        return artifact
