"""Where a history goes: into memory, or into a folder of Parquet files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pandas as pd

from mlsd.runtime import InputError, atomic_path
from mlsd.worlds.kit.records import Columns, joined, known_rows, long_rows
from mlsd.worlds.logs import LazyMapping, Tables

MANIFEST = "logs.json"


class Sink(Protocol):
    """Takes in what happened, stretch by stretch, and gives it back as tables."""

    def add(self, tables: Mapping[str, Columns]) -> None:
        """Keep the rows known by the end of the log."""
        ...

    def tables(self) -> Tables:
        """Return the event tables."""
        ...


class MemorySink:
    """Keeps tables as compact column arrays; a data frame is made when it is read.

    Parameters
    ----------
    until : float
        End of the log, seconds since the origin.
    names : sequence of str
        The event tables. One with (n, k) columns, such as the candidates of requests, is made long
        (one row per candidate) when it is read.

    Examples
    --------
    >>> import numpy as np
    >>> sink = MemorySink(5.0, ["clicks"])
    >>> sink.add({"clicks": {"ts": np.array([1.0, 9.0])}})
    >>> sink.tables()["clicks"]["ts"].tolist()
    [1.0]
    """

    def __init__(self, until: float, names: Sequence[str]) -> None:
        self.until = until
        self._parts: dict[str, list[Columns]] = {name: [] for name in names}

    def add(self, tables: Mapping[str, Columns]) -> None:
        """Keep the rows known by the end of the log."""
        for name, columns in tables.items():
            self._parts[name].append(known_rows(columns, self.until))

    def tables(self) -> Tables:
        """Return the event tables."""
        return LazyMapping({name: lambda name=name: self._frame(name) for name in self._parts})

    def _frame(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(long_rows(joined(self._parts[name])), copy=False)


class ParquetSink:
    """Writes each stretch as one Parquet file per table: memory does not grow with the days.

    Parameters
    ----------
    folder : path
        New or empty.
    until : float
        End of the log, seconds since the origin.
    names : sequence of str
        The event tables, as for `MemorySink`.

    Raises
    ------
    InputError
        Where the folder already holds something.
    """

    def __init__(self, folder: Path | str, until: float, names: Sequence[str]) -> None:
        self.folder = Path(folder)
        self.until = until
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise InputError(f"{self.folder}: not an empty folder; name a new one for the history")
        self._parts = dict.fromkeys(names, 0)

    def add(self, tables: Mapping[str, Columns]) -> None:
        """Write the rows known by the end of the log."""
        for name, columns in tables.items():
            known = long_rows(known_rows(columns, self.until))
            with atomic_path(self.folder / name / f"{self._parts[name]:05d}.parquet") as path:
                pd.DataFrame(known, copy=False).to_parquet(path, index=False)
            self._parts[name] += 1

    def tables(self) -> Tables:
        """Return the event tables, each read when it is asked for."""
        with atomic_path(self.folder / MANIFEST) as path:
            path.write_text(json.dumps({"until": self.until, "parts": self._parts}, indent=2))
        return LazyMapping({name: lambda name=name: self._read(name) for name in self._parts})

    def _read(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / name)
