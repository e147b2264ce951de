"""A versioned folder that a service is started from: written whole, checked by hash.

One folder per version under ``<root>/<case>/``. It is filled under a temporary name; the manifest,
with size and hash of every file and its own hash, is written last, everything is forced to disk,
and one rename makes the version visible. So a reader sees a version whole or not at all.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlsd.runtime import InputError
from mlsd.serving.manifest import check_file, file_names, read_manifest, write_manifest
from mlsd.serving.version_names import version_name

_UNFINISHED = ".unfinished-"
_UNFINISHED_SECONDS = 86_400.0

Fill = Callable[[Path], Mapping[str, str]]


@dataclass(frozen=True)
class Artifact:
    """One version of what a case's service is started from.

    Attributes
    ----------
    folder : Path
    case, version : str
    created_at : float
        Unix seconds.
    about : mapping of str to str
        What it was made of, such as rung, size and seed.
    """

    folder: Path
    case: str
    version: str
    created_at: float
    about: Mapping[str, str]


def write_artifact(root: Path | str, case: str, fill: Fill) -> Artifact:
    """Write a new version.

    Parameters
    ----------
    root : path
        Folder of the artifacts of all cases; made where it is missing.
    case : str
        Id of the case.
    fill : callable
        Writes files into the folder it is given, and returns what they were made of. When it
        raises, nothing remains.

    Raises
    ------
    InputError
        If something cannot be written, as on a full disk.

    Examples
    --------
    >>> import tempfile
    >>> root = tempfile.mkdtemp()
    >>> def fill(folder):
    ...     _ = (folder / "rate.json").write_text("0.02")
    ...     return {"rung": "global_rate"}
    >>> written = write_artifact(root, "ad_click", fill)
    >>> read_artifact(written.folder) == written, versions(root, "ad_click") == [written.folder]
    (True, True)
    """
    home = Path(root) / case
    try:
        return _written(home, case, fill)
    except OSError as error:
        reason = error.strerror or error
        place = "" if error.filename is None else f" ({error.filename})"
        raise InputError(
            f"{home}: no version can be written: {reason}{place}; make room there, or give another "
            "folder with --artifacts"
        ) from error


def _written(home: Path, case: str, fill: Fill) -> Artifact:
    home.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(home)
    with _unfinished(home) as folder:
        about = dict(fill(folder))
        created_at = time.time()
        name = version_name(created_at, [each.name for each in versions(home.parent, case)])
        write_manifest(folder, case=case, version=name, created_at=created_at, about=about)
        for path in (*folder.iterdir(), folder):
            _force_to_disk(path)
        folder.rename(home / name)
        _force_to_disk(home)
    return Artifact(home / name, case, name, created_at, about)


def read_artifact(folder: Path | str, *, case: str | None = None) -> Artifact:
    """Return a version whose files are all there and unchanged.

    Parameters
    ----------
    folder : path
        Of one version.
    case : str or None
        Which it has to belong to; None for any.

    Raises
    ------
    InputError
        If the manifest is missing, is not one, or has another format; if the version belongs to
        another case; if a file is missing, is not listed, or has changed.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if case not in (None, manifest.case):
        raise InputError(f"{folder}: belongs to case {manifest.case!r}, not to {case!r}")
    found = file_names(folder)
    for name in sorted(manifest.files.keys() - found):
        raise InputError(f"{folder}: {name} is missing; remove the folder and train again")
    for name in sorted(found - manifest.files.keys()):
        raise InputError(f"{folder}: {name} is not in its manifest; remove it")
    for name, expected in manifest.files.items():
        check_file(folder / name, expected)
    about = manifest.about
    return Artifact(folder, manifest.case, manifest.version, manifest.created_at, about)


def versions(root: Path | str, case: str, about: Mapping[str, str] | None = None) -> list[Path]:
    """Return the folders of a case's versions, newest first; unfinished ones are not among them.

    Parameters
    ----------
    root : path
    case : str
    about : mapping of str to str, optional
        What they have to be made of, such as a rung. One whose manifest cannot be read is among
        them, so that whoever reads it next is told why.

    Examples
    --------
    >>> versions("no such folder", "ad_click")
    []
    """
    home = Path(root) / case
    if not home.is_dir():
        return []
    folders = [path for path in home.iterdir() if path.is_dir() and path.name[0] != "."]
    if about:
        folders = [path for path in folders if _may_be(path, about)]
    return sorted(folders, key=lambda path: path.name, reverse=True)


def _may_be(folder: Path, about: Mapping[str, str]) -> bool:
    try:
        return about.items() <= read_manifest(folder).about.items()
    except InputError:
        return True


@contextmanager
def _unfinished(home: Path) -> Iterator[Path]:
    folder = home / f"{_UNFINISHED}{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(home: Path) -> None:
    """Remove what a writer left behind that was killed long ago."""
    for folder in home.glob(f"{_UNFINISHED}*"):
        with suppress(FileNotFoundError):  # another writer was quicker
            if time.time() - folder.stat().st_mtime > _UNFINISHED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _force_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
