"""Dataclasses as files: one JSON text, one archive of arrays, one file for each block of bytes.

Nothing is executed on reading: a file names classes of a list that the reader brings, arrays are
numpy's own format without objects, and all else is JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlsd.runtime import InputError

_PLAIN = (str, int, float, bool, type(None))


def save_object(saved: Any, folder: Path, name: str) -> None:
    """Write a dataclass, with the dataclasses in its fields, as ``<name>.json`` and files beside.

    Parameters
    ----------
    saved : dataclass
        Its fields hold dataclasses, arrays without objects, bytes, mappings by text, tuples, text,
        numbers, booleans and None. What stands in two places is written once.
    folder : Path
    name : str

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> import tempfile
    >>> from mlsd.serving.compiled.scorers import ConstantScore
    >>> folder = Path(tempfile.mkdtemp())
    >>> save_object(ConstantScore(-2.0), folder, "model")
    >>> load_object(folder, "model", [ConstantScore])
    ConstantScore(value=-2.0)
    """
    writer = _Writer(folder, name)
    root = writer.written(saved)
    np.savez(folder / f"{name}.npz", **writer.arrays)
    text = json.dumps({"root": root, "objects": writer.objects}, allow_nan=False)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def load_object(folder: Path, name: str, classes: Iterable[type]) -> Any:
    """Return what `save_object` wrote.

    Parameters
    ----------
    folder : Path
    name : str
    classes : iterable of type
        All that may come back; a file that names another is refused.

    Raises
    ------
    InputError
        If the files are not of this form.
    """
    try:
        return _Reader(folder, name, {each.__name__: each for each in classes}).root()
    except InputError:
        raise
    except Exception as error:
        # Damaged archives make the libraries that read them raise whatever they please.
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{folder / name}.json: cannot be read ({reason:.200})") from None


class _Writer:
    """Turns values into JSON, and keeps objects, arrays and bytes apart."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.objects: list[dict[str, Any]] = []
        self.arrays: dict[str, np.ndarray] = {}
        self._places: dict[int, dict[str, Any]] = {}
        self._blocks = 0

    def written(self, value: Any) -> Any:
        """Return a value as JSON."""
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, tuple):
            return [self.written(each) for each in value]
        if isinstance(value, Mapping):
            return {"map": {key: self.written(each) for key, each in value.items()}}
        if id(value) not in self._places:
            self._places[id(value)] = self._apart(value)
        return self._places[id(value)]

    def _apart(self, value: Any) -> dict[str, Any]:
        if isinstance(value, np.ndarray) and value.dtype != object:
            key = f"a{len(self.arrays)}"
            self.arrays[key] = value
            return {"array": key}
        if isinstance(value, bytes):
            self._blocks += 1
            block = f"{self.name}-{self._blocks}.bin"
            (self.folder / block).write_bytes(value)
            return {"bytes": block}
        if not is_dataclass(value) or isinstance(value, type):
            raise TypeError(f"{type(value).__name__} has no saved form")
        state = {each.name: self.written(getattr(value, each.name)) for each in fields(value)}
        self.objects.append({"class": type(value).__name__, "fields": state})
        return {"object": len(self.objects) - 1}


class _Reader:
    """Builds objects in the order in which they were written: parts before wholes."""

    def __init__(self, folder: Path, name: str, classes: Mapping[str, type]) -> None:
        self.folder, self.name, self.classes = folder, name, classes
        self.text = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self.built: list[Any] = []

    def root(self) -> Any:
        with np.load(self.folder / f"{self.name}.npz", allow_pickle=False) as archive:
            self.arrays = {key: archive[key] for key in archive.files}
        for entry in self.text["objects"]:
            self.built.append(self._object(entry))
        return self._value(self.text["root"])

    def _object(self, entry: dict[str, Any]) -> Any:
        if entry["class"] not in self.classes:
            raise InputError(
                f"{self.folder / self.name}.json: names {entry['class']!r:.60}, which is not among "
                "what may be loaded"
            )
        values = {key: self._value(value) for key, value in entry["fields"].items()}
        return self.classes[entry["class"]](**values)

    def _value(self, value: Any) -> Any:
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, list):
            return tuple(map(self._value, value))
        ((kind, content),) = value.items()
        if kind == "map":
            return {key: self._value(each) for key, each in content.items()}
        if kind == "array":
            return self.arrays[content]
        if kind == "object":
            return self.built[content]
        if kind == "bytes" and Path(content).name == content:
            return (self.folder / content).read_bytes()
        raise ValueError(f"{kind!r} is not a kind of value")
