"""Finished runs of a ladder on disk, so that an interrupted one goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlsd.experiments.rungs import Rung
from mlsd.experiments.runs import RungRun
from mlsd.experiments.sources import Replicate
from mlsd.runtime import InputError, atomic_path


@dataclass(frozen=True)
class RunKey:
    """What a run is known by: its source, replicate and rung."""

    source: str
    replicate: Replicate
    rung: Rung

    @property
    def file(self) -> str:
        """Name of the run's file: one for each source, seed and rung."""
        return f"{self.source}.{self.replicate.seed}.{self.rung.name}.npz"

    def identity(self, deploy_days: int) -> str:
        """Return a digest of the test rows' outcomes, the settings and the days of deployment."""
        log = self.replicate.log
        label = np.ascontiguousarray(log.label[log.split.test]).tobytes()
        choices = json.dumps(self.rung.settings(log.roles))
        parts = (label, choices.encode(), str(deploy_days).encode())
        return hashlib.sha256(b"|".join(parts)).hexdigest()


class RunStore:
    """A folder with one file for each source, seed and rung.

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

    def load(self, key: RunKey) -> RungRun | None:
        """Return the kept run, or None where there is none that is still the same.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        path = self.folder / key.file
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as kept:
                about = json.loads(str(kept["about"]))
                if about.pop("identity") != key.identity(self.deploy_days):
                    return None
                predictions = {name: kept[f"predicted_{name}"] for name in about.pop("predicted")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: is not a kept run; delete it ({error})") from error
        about["settings"] = _tuples(about["settings"])
        return RungRun(predictions, **about)

    def save(self, key: RunKey, run: RungRun) -> None:
        """Keep a run, whole or not at all.

        Raises
        ------
        InputError
            If the folder cannot be written to.
        """
        about = {
            "identity": key.identity(self.deploy_days),
            "predicted": list(run.predictions),
            "settings": dict(run.settings),
            "costs": run.costs,
            "online": run.online,
            "validation": run.validation,
        }
        arrays = {f"predicted_{name}": values for name, values in run.predictions.items()}
        path = self.folder / key.file
        try:
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.savez(file, about=np.array(json.dumps(about)), **arrays)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from error


def _tuples(value: Any) -> Any:
    """Turn the lists that JSON makes of tuples back into tuples."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return value
