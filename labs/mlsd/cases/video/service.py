"""The service of the video case: what is trained for it, and what answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlsd.cases.services import CaseService
from mlsd.serving.artifact import Artifact, write_artifact
from mlsd.serving.page import load_page
from mlsd.serving.video.engine import load_feed

DEFAULT_RUNG = "content_two_tower"
ROUTE = "/feed"


def train(
    root: Path | str,
    *,
    rung: str = DEFAULT_RUNG,
    size: str = "default",
    seed: int = 101,
    progress: Callable[[str], None] | None = None,
) -> Artifact:
    """Fit the funnel on fourteen days of a world, and write it as a new version.

    Sources and the ranker answer at request time. Beside them a rung of the ladder is served by
    lists that are made for every viewer, as by a nightly batch job, with the settings that the
    committed ledger chose.

    Parameters
    ----------
    root : path
        Folder of artifacts.
    rung : str
        Of the ladder, but not the oracle.
    size : str
        Of the world.
    seed : int
        Of the world and the models.
    progress : callable or None
        Told in a few words what begins.

    Raises
    ------
    InputError
        For an unknown rung or size, or the oracle.
    """
    # Here, since a service that only loads an artifact needs neither worlds nor models.
    from mlsd.cases.video.training import fill_artifact

    def fill(folder: Path) -> dict[str, str]:
        return fill_artifact(folder, rung=rung, size=size, seed=seed, progress=progress)

    return write_artifact(root, "video", fill)


def home_page() -> str:
    """Return the home feed as a page, which asks this service."""
    return load_page("mlsd.serving.video", "home.html")


SERVICE = CaseService(ROUTE, DEFAULT_RUNG, train, load_feed, home_page)
