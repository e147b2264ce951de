"""The service of the ad case: what is trained for it, and what answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlsd.cases.services import CaseService
from mlsd.serving.ad_click.engine import load_ads
from mlsd.serving.artifact import Artifact, write_artifact

DEFAULT_RUNG = "ensemble"
ROUTE = "/rank"


def train(
    root: Path | str,
    *,
    rung: str = DEFAULT_RUNG,
    size: str = "default",
    seed: int = 101,
    history_days: int = 14,
    progress: Callable[[str], None] | None = None,
) -> Artifact:
    """Fit a rung on a world's history, and write it as a new version with all that it looks up.

    The settings are those that the committed ledger of the ladder chose; the counters are those of
    the end of the history.

    Parameters
    ----------
    root : path
        Folder of artifacts.
    rung : str
        Of the ladder, but not the oracle.
    size : str
        Of the world.
    seed : int
        Of the world and the model.
    history_days : int
    progress : callable or None
        Told in a few words what begins.

    Raises
    ------
    InputError
        For an unknown rung or size, or a rung without a served form.
    """
    # Here, since a service that only loads an artifact needs neither worlds nor models.
    from mlsd.cases.ad_click.training import fill_artifact

    def fill(folder: Path) -> dict[str, str]:
        return fill_artifact(
            folder, rung=rung, size=size, seed=seed, history_days=history_days, progress=progress
        )

    return write_artifact(root, "ad_click", fill)


SERVICE = CaseService(ROUTE, DEFAULT_RUNG, train, load_ads)
