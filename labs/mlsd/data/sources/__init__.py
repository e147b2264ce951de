"""Readers of raw public files: one module a source, each from a folder to a table or three.

A reader takes the folder with the raw files and returns raw tables by part: ``{"all": table}``, or
``train``, ``validation`` and ``test`` where the source comes parted; ``items`` beside them is a
table of what is known of each item. It renames, joins and derives
columns; what a column means, and the split, is said by the spec of the data set.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlsd.data.sources.criteo import read_criteo
from mlsd.data.sources.fraud_handbook import read_fraud_handbook
from mlsd.data.sources.ipinyou import read_ipinyou
from mlsd.data.sources.movielens import read_movielens, read_movielens_ratings
from mlsd.data.sources.movielens_lcf import read_movielens_lcf
from mlsd.data.tables import RawTable
from mlsd.runtime import InputError

Reader = Callable[[Path], dict[str, RawTable]]
SOURCES: dict[str, Reader] = {
    "criteo": read_criteo,
    "fraud-handbook": read_fraud_handbook,
    "ipinyou": read_ipinyou,
    "movielens": read_movielens,
    "movielens-lcf": read_movielens_lcf,
    "movielens-ratings": read_movielens_ratings,
}


def read_source(name: str, folder: Path) -> dict[str, RawTable]:
    """Read the raw files of a public source.

    Raises
    ------
    InputError
        When there is no such source, or its files are missing or damaged.

    Examples
    --------
    >>> read_source("imagenet", Path("."))
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: unknown source 'imagenet'; choose among criteo, ...
    """
    if name not in SOURCES:
        raise InputError(f"unknown source {name!r}; choose among {', '.join(SOURCES)}")
    return SOURCES[name](folder)
