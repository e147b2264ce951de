"""What a run of the ladder depends on, as short digests: rows, roles, split, definitions, code."""

from __future__ import annotations

import hashlib
import inspect
import json
import pickle
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.experiments.rungs import Rung

LIBRARIES = ("mlsd", "numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "torch")
# Layers that a prediction may depend on; what draws, prints and teaches stands apart.
CODE = (
    "runtime",
    "metrics",
    "notebook",
    "data",
    "worlds",
    "features",
    "models",
    "retrieval",
    "policies",
    "serving",
    "experiments",
    "cases",
)


def digest(parts: Iterable[bytes | str]) -> str:
    """Return a digest of byte strings and texts, each apart from the next.

    Examples
    --------
    >>> digest(["ab", "c"]) == digest(["a", "bc"])
    False
    """
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        whole.update(len(content).to_bytes(8, "big"))
        whole.update(content)
    return whole.hexdigest()


def values_digest(values: object) -> str:
    """Return a digest of the content of an array, a column or a table; the index does not count.

    Numbers are read as they lie in memory, texts through pandas' own hash: a million rows of twenty
    columns take well below a second.

    Examples
    --------
    >>> values_digest(np.array([1, 2])) == values_digest(np.array([1.0, 2.0]))
    False
    """
    if isinstance(values, pd.DataFrame):
        pairs = ((str(name), values_digest(values[name])) for name in values)
        return digest(part for pair in pairs for part in pair)
    if isinstance(values, (np.ndarray, pd.Series)):
        column = values if isinstance(values.dtype, np.dtype) else pd.Series(values)
        plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufmM"
        if plain:
            raw = np.ascontiguousarray(column)
        else:
            raw = pd.util.hash_pandas_object(pd.Series(column), index=False).to_numpy()
        return digest((str(values.dtype), str(values.shape), raw.view(np.uint8).data.tobytes()))
    return digest([pickle.dumps(values)])


def log_digest(log: LabelledLog) -> str:
    """Return a digest of a log: name, rows of all its columns, roles, and the rows of each part."""
    parts = (values_digest(rows) for rows in log.parts().values())
    roles = json.dumps(asdict(log.roles))
    return digest([log.name, roles, log.split.description, values_digest(log.frame), *parts])


def rung_digest(rung: Rung, choices: Iterable[object]) -> str:
    """Return a digest of the definition of a rung and of the settings that it may choose from."""
    outcomes = (rung.outcomes.table, _source_of(rung.outcomes.of)) if rung.outcomes else ()
    texts = (rung.name, rung.model, rung.features, str(rung.reads_time), *rung.tables)
    return digest([*texts, *outcomes, _source_of(rung.build), json.dumps(list(choices))])


def object_digest(thing: object) -> str:
    """Return a digest of the class of an object and of its plain attributes.

    Examples
    --------
    >>> object_digest(Path("a")) == object_digest(Path("a"))
    True
    """
    values = sorted(getattr(thing, "__dict__", {}).items())
    return digest([_source_of(type(thing)), repr(values)])


@cache
def environment_digest() -> str:
    """Return a digest of the package's own code and of the versions of what it computes with."""
    root = Path(inspect.getfile(digest)).parents[1]
    files = sorted(path for layer in CODE for path in (root / layer).rglob("*.py"))
    code = (part for path in files for part in (str(path.relative_to(root)), path.read_bytes()))
    return digest([*library_versions(), *code])


def library_versions() -> list[str]:
    """Return name and version of the libraries that a prediction may depend on.

    Examples
    --------
    >>> library_versions()[0].partition(" ")[0]
    'mlsd'
    """
    return [f"{name} {_version(name)}" for name in LIBRARIES]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def _source_of(thing: Any) -> str:
    """Return the text of a function or class, and what a function has closed over."""
    if isinstance(thing, partial):
        return "\n".join([_source_of(thing.func), repr(thing.args), repr(thing.keywords)])
    if not hasattr(thing, "__qualname__"):
        return repr(thing)
    closed = [_named(cell.cell_contents) for cell in getattr(thing, "__closure__", None) or ()]
    try:
        text = inspect.getsource(thing)
    except (OSError, TypeError):
        text = ""
    return "\n".join([thing.__module__, thing.__qualname__, text, *closed])


def _named(value: Any) -> str:
    return value.__qualname__ if callable(value) else repr(value)
