"""Finished runs of a ladder on disk, so that an interrupted one goes on where it stopped."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlsd.experiments.fingerprint import digest, environment_digest, object_digest, rung_digest
from mlsd.experiments.protocols.base import LadderProtocol
from mlsd.experiments.rungs import Rung, Settings
from mlsd.experiments.runs import RungRun
from mlsd.experiments.sources import Replicate
from mlsd.runtime import InputError, atomic_path, require_writable

_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class RunKey:
    """All that a run depends on.

    Attributes
    ----------
    source : str
        Name of the world or log.
    replicate : Replicate
    rung : Rung
    protocol : LadderProtocol
    chosen : mapping or None
        Settings that an earlier replicate chose for this one; None where it chooses its own.
    """

    source: str
    replicate: Replicate
    rung: Rung
    protocol: LadderProtocol
    chosen: Settings | None = None

    @property
    def file(self) -> str:
        """Name of the run's file: one for each source, seed and rung."""
        return f"{self.source}.{self.replicate.seed}.{self.rung.name}.npz"

    def identity(self, deploy_days: int) -> str:
        """Return a digest of everything that the run depends on."""
        choices = self.rung.settings(self.replicate.log.roles)
        return digest(
            [
                self.file,
                environment_digest(),
                self.replicate.digest,
                rung_digest(self.rung, choices),
                object_digest(self.protocol),
                json.dumps(None if self.chosen is None else dict(self.chosen)),
                str(deploy_days),
            ]
        )


class RunStore:
    """A folder with one file for each source, seed and rung.

    A run is used only while all that it depends on is what it was: the rows of every part, columns,
    roles and split, truth and further tables of the source, the rung, the settings that it may
    choose from or was given, the days of deployment, the package's code and the versions of the
    libraries below it. Any other run is made again, and replaces the file; so is one whose file is
    damaged, which is told.

    Parameters
    ----------
    folder : path
        Made when the first run is kept.
    deploy_days : int
        Part of a run's identity; 0 for none.
    tell : callable
        Takes the sentence on a file that cannot be read.

    Attributes
    ----------
    at_hand : int
        Runs that were found or kept so far.

    Raises
    ------
    InputError
        If `folder` is a file, or cannot be written to.

    Examples
    --------
    >>> RunStore("runs").folder.name
    'runs'
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        deploy_days: int = 0,
        tell: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.folder = Path(folder)
        self.deploy_days = deploy_days
        self.tell = tell
        self.at_hand = 0
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder}: is a file; give the name of a folder for the runs")
        # It is made when the first run is kept; a fit that cannot be would be for nothing.
        require_writable(next(f for f in (self.folder, *self.folder.parents) if f.exists()))

    def load(self, key: RunKey) -> RungRun | None:
        """Return the kept run, or None where there is none that is whole and still the same.

        Raises
        ------
        InputError
            If a folder stands in its place.
        """
        path = self.folder / key.file
        if path.is_dir():
            raise InputError(f"{path}: is a folder, not a kept run; remove it")
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as kept:
                about = json.loads(str(kept["about"]))
                if about.pop("identity") != key.identity(self.deploy_days):
                    return None
                predictions = {name: kept[f"predicted_{name}"] for name in about.pop("predicted")}
            about["settings"] = _tuples(about["settings"])
            run = RungRun(predictions, **about)
        except _DAMAGED:
            self.tell(f"{path}: is damaged, or not a kept run; it is made again")
            return None
        self.at_hand += 1
        return run

    def save(self, key: RunKey, run: RungRun) -> None:
        """Keep a run, whole or not at all, also where the power fails the moment after.

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
                file.flush()
                os.fsync(file.fileno())
            self.at_hand += 1
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from error


def _tuples(value: Any) -> Any:
    """Turn the lists that JSON makes of tuples back into tuples."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return value
