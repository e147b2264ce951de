"""Finished runs of a ladder on disk, so that an interrupted one goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlsd.experiments.prepared import PreparedLog
from mlsd.experiments.rungs import Rung, Settings
from mlsd.runtime import InputError, atomic_path


@dataclass(frozen=True)
class RungRun:
    """What a rung predicted for the test part of one replicate, and what that cost.

    Attributes
    ----------
    probability : ndarray, shape (test rows,)
    f1_threshold : float
        Score with the best F1 on the validation part.
    settings : dict
        With which it was fitted.
    costs : dict of str to float
        See `Costs`; empty for the oracle.
    online : dict of str to float
        True value of each measure in the world; empty where nothing was deployed.
    validation_log_loss : float
        With these settings; NaN for the oracle.
    """

    probability: np.ndarray
    f1_threshold: float = float("nan")
    settings: Settings = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    online: dict[str, float] = field(default_factory=dict)
    validation_log_loss: float = float("nan")


class RunStore:
    """A folder with one file a run: source, seed and rung.

    A run is found again while the test rows' outcomes, the settings that the rung may choose from
    and the days of deployment are what they were. Changes of code are not noticed: start with an
    empty folder after one.

    Parameters
    ----------
    folder : path
        Made when the first run is kept.
    deploy_days : int
        Part of a run's identity; 0 for none.

    Examples
    --------
    >>> RunStore("runs").folder.name
    'runs'
    """

    def __init__(self, folder: Path | str, *, deploy_days: int = 0) -> None:
        self.folder = Path(folder)
        self.deploy_days = deploy_days
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder}: is a file; give the name of a folder for the runs")

    def load(self, source: str, rung: Rung, prepared: PreparedLog) -> RungRun | None:
        """Return the kept run of a rung on a replicate, or None where there is none.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        path = self._path(source, rung, prepared)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as kept:
                about = json.loads(str(kept["about"]))
                if about.pop("identity") != self._identity(rung, prepared):
                    return None
                about["settings"] = _tuples(about["settings"])
                return RungRun(kept["probability"], **about)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: is no run of this version; delete it ({error})") from error

    def save(self, source: str, rung: Rung, prepared: PreparedLog, run: RungRun) -> None:
        """Keep a run, whole or not at all.

        Raises
        ------
        InputError
            If the folder cannot be written to.
        """
        about = {
            "identity": self._identity(rung, prepared),
            "f1_threshold": run.f1_threshold,
            "settings": dict(run.settings),
            "costs": run.costs,
            "online": run.online,
            "validation_log_loss": run.validation_log_loss,
        }
        path = self._path(source, rung, prepared)
        try:
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.savez(file, probability=run.probability, about=np.array(json.dumps(about)))
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from error

    def _path(self, source: str, rung: Rung, prepared: PreparedLog) -> Path:
        return self.folder / f"{source}.{prepared.replicate.seed}.{rung.name}.npz"

    def _identity(self, rung: Rung, prepared: PreparedLog) -> str:
        choices = json.dumps(rung.settings(prepared.replicate.log.roles))
        label = np.ascontiguousarray(prepared.label("test")).tobytes()
        parts = (label, choices.encode(), str(self.deploy_days).encode())
        return hashlib.sha256(b"|".join(parts)).hexdigest()


def _tuples(value: Any) -> Any:
    """Turn the lists that JSON makes of tuples back into tuples."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return value
