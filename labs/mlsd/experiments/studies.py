"""Tables behind the sentences that speak of other worlds: a script makes each, a chapter shows it.

A study is a script ``tests/studies/<name>.py`` with its table ``<name>.csv`` beside it. It is run
by hand, since it repeats a chapter's measurement over worlds that the chapter does not simulate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.runtime import InputError, atomic_path, project_root


def study_path(name: str) -> Path:
    """Return where the table of a study lies.

    Examples
    --------
    >>> study_path("ad_click/32_rates").name
    '32_rates.csv'
    """
    return project_root() / "tests" / "studies" / f"{name}.csv"


def load_study(name: str) -> pd.DataFrame:
    """Return the table of a study, one row per measurement.

    Parameters
    ----------
    name : str
        Case and study, as in ``"ad_click/32_rates"``.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    path = study_path(name)
    if not path.is_file():
        raise InputError(f"{path}: no such study; run {path.with_suffix('.py').name} to make it")
    return pd.read_csv(path)


def run_study(
    measure: Callable[[int], Mapping[str, Any] | Iterable[Mapping[str, Any]]],
    seeds: Iterable[int],
    name: str,
) -> pd.DataFrame:
    """Measure once per seed and write the table, printing each seed's rows as they come.

    Parameters
    ----------
    measure : callable
        From a seed to one row or several.
    seeds : iterable of int
    name : str
        As for `load_study`.
    """
    rows = []
    for seed in seeds:
        found = measure(seed)
        for row in [found] if isinstance(found, Mapping) else found:
            rows.append({"seed": seed, **row})
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    with atomic_path(study_path(name)) as path:
        table.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    return table
