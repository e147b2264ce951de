"""What an artifact says of itself: what it was made of, and the hash of each of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlsd.runtime import InputError
from mlsd.runtime.faults import first_fault

FORMAT = 1
MANIFEST = "manifest.json"
_LIBRARIES = ("numpy", "onnxruntime", "lightgbm", "torch")


class FileEntry(BaseModel):
    """Size and hash of one file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Manifest(BaseModel):
    """What stands in the manifest; `sha256` is the hash of all the rest of it."""

    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal[1]
    case: str
    version: str
    created_at: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    about: dict[str, str]
    libraries: dict[str, str]
    files: dict[str, FileEntry]
    sha256: str


def write_manifest(
    folder: Path, *, case: str, version: str, created_at: float, about: Mapping[str, str]
) -> None:
    """Write what a folder holds beside its files, with their sizes and hashes.

    Parameters
    ----------
    folder : Path
        With all its files.
    case, version : str
    created_at : float
        Unix seconds.
    about : mapping of str to str
        What the version was made of.

    Raises
    ------
    InputError
        If there is something else than plain files.
    """
    fields = {"format": FORMAT, "case": case, "version": version, "created_at": created_at}
    fields |= {"about": dict(about), "libraries": _libraries(), "files": _described(folder)}
    fields["sha256"] = _hash_of_the_rest(fields)
    (folder / MANIFEST).write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a version.

    Raises
    ------
    InputError
        If it is missing, is not one, has another format, or has changed.
    """
    path = folder / MANIFEST
    _require_plain(path)
    try:
        text = path.read_text(encoding="utf-8")
        fields = json.loads(text)
        written_in = fields.get("format")
        if isinstance(written_in, int) and written_in != FORMAT:
            raise InputError(
                f"{path}: format {written_in} is unknown, this version of mlsd reads {FORMAT}; "
                "train again"
            )
        manifest = Manifest.model_validate_json(text)
        if manifest.sha256 == _hash_of_the_rest(fields):
            return manifest
        raise InputError(
            f"{path}: has changed since it was written; remove the folder and train again"
        )
    except ValidationError as error:
        fault = first_fault(error, list(Manifest.model_fields))
        raise InputError(f"{path}: {fault}; remove the folder and train again") from None
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror or error}; remove the folder and train again"
        ) from None
    except (AttributeError, RecursionError, UnicodeDecodeError, json.JSONDecodeError):
        raise InputError(f"{path}: is not a manifest; remove the folder and train again") from None


def _require_plain(path: Path) -> None:
    # Whoever opens a pipe waits for its writer, perhaps for ever.
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is not a plain file; remove the folder and train again")


def check_file(path: Path, expected: FileEntry) -> None:
    """Compare a file with what the manifest says of it.

    Raises
    ------
    InputError
        If it is not a plain file, cannot be read, or its size or hash differs.
    """
    _require_plain(path)
    try:
        size = path.stat().st_size
    except OSError as error:  # a link to what is gone, or to itself
        raise InputError(f"{path}: {error.strerror}; remove the folder and train again") from None
    if size != expected.bytes:
        problem = f"has {size:,} bytes instead of {expected.bytes:,}"
    elif _sha256(path) != expected.sha256:
        problem = "has changed since it was written"
    else:
        return
    raise InputError(f"{path}: {problem}; remove the folder and train again")


def _described(folder: Path) -> dict[str, dict[str, str | int]]:
    return {
        name: {"sha256": _sha256(folder / name), "bytes": (folder / name).stat().st_size}
        for name in sorted(file_names(folder))
    }


def _hash_of_the_rest(manifest: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def file_names(folder: Path) -> set[str]:
    """Return the names of all that a version holds beside its manifest."""
    return {path.name for path in folder.iterdir()} - {MANIFEST}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; an artifact holds plain files") from None


def _libraries() -> dict[str, str]:
    found = {}
    for name in ("mlsd", *_LIBRARIES):
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            continue
    return found
