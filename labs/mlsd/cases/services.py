"""What the service of a case is made of: known without its world, its ladder or its models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlsd.serving.artifact import Artifact
from mlsd.serving.engine import Engine


class TrainService(Protocol):
    """Makes a new version of what a service is started from."""

    def __call__(
        self,
        root: Path | str,
        *,
        rung: str,
        size: str = "default",
        seed: int = 101,
        progress: Callable[[str], None] | None = None,
    ) -> Artifact:
        """Fit a rung on the history of a world and write the version under `root`.

        `progress` is told in a few words what begins. An unknown rung or size, or a rung that
        cannot be served, raises `InputError`.
        """
        ...


@dataclass(frozen=True)
class CaseService:
    """The service of a case.

    Attributes
    ----------
    route : str
        Where requests are posted: ``"/rank"``.
    default_rung : str
        The best deployed one of the committed ledger.
    train : callable
        Makes a version; it imports what it needs when it is called.
    load : callable
        From a version that was read to its engine. Files that are not what they should be raise
        `InputError`.
    home : callable or None
        Makes the case's own page for people, as HTML; its engines have `options()`, a dictionary
        of what can be chosen there.
    """

    route: str
    default_rung: str
    train: TrainService
    load: Callable[[Artifact], Engine]
    home: Callable[[], str] | None = None
