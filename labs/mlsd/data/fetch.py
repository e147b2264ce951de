"""Download the files of a catalogued data set: hash checked, whole or not at all."""

from __future__ import annotations

import fnmatch
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from mlsd.data.catalogue import Entry, RemoteFile, find_entry
from mlsd.data.locations import data_root
from mlsd.runtime import InputError, atomic_path

SUMS = "SHA256SUMS"
TIMEOUT_SECONDS = 30


def fetch_dataset(
    name: str,
    *,
    root: Path | str | None = None,
    base_url: str | None = None,
    progress: bool = False,
) -> Path:
    """Download what is missing of a public data set.

    A file whose hash is published must have it. Where none is, the first fetch is trusted: its
    SHA-256 is written to ``SHA256SUMS`` beside the files, and later fetches must equal it.

    Parameters
    ----------
    name : str
        A name from ``mlsd data list``.
    root : path, optional
        By default ``MLSD_DATA``, else ``data/fetched`` in the project.
    base_url : str, optional
        A mirror: files are taken from ``base_url/file`` instead of their official address.
    progress : bool
        Show a progress bar a file.

    Returns
    -------
    Path
        The folder with the files.

    Raises
    ------
    InputError
        The address cannot be reached, the file differs from its hash, or the archive is damaged;
        nothing of that file is left behind.

    Examples
    --------
    >>> fetch_dataset("movielens-10g")
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: unknown data set 'movielens-10g'; choose among ...
    """
    entry = find_entry(name)
    return fetch_entry(entry, root=root, base_url=base_url, progress=progress)


def fetch_entry(
    entry: Entry,
    *,
    root: Path | str | None = None,
    base_url: str | None = None,
    progress: bool = False,
) -> Path:
    """Download what is missing of an entry; see :func:`fetch_dataset`.

    Examples
    --------
    >>> import tempfile
    >>> from dataclasses import replace
    >>> entry = replace(find_entry("movielens-100k"), files=())
    >>> fetch_entry(entry, root=tempfile.mkdtemp()).name
    'movielens-100k'
    """
    folder = data_root(root) / entry.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in entry.files:
            path = _fetch_file(file, folder, base_url, progress)
            if file.members:
                _extract(path, file.members)
            _record(path)
    except OSError as error:
        raise InputError(f"{entry.name}: cannot write to {folder} ({error.strerror})") from None
    finally:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return folder


def _fetch_file(file: RemoteFile, folder: Path, base_url: str | None, progress: bool) -> Path:
    import pooch

    target = folder / file.path
    expected = file.hash or _recorded(folder).get(file.path)
    if target.is_file() and pooch.hashes.hash_matches(target, expected):
        return target
    url = f"{base_url.rstrip('/')}/{file.path}" if base_url else file.url
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
        got = _download(url, expected, Path(scratch) / file.path, progress)
        got.replace(target)
    return target


def _download(url: str, expected: str | None, target: Path, progress: bool) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT_SECONDS)
    try:
        pooch.retrieve(url, expected, target.name, target.parent, downloader=downloader)
    except requests.HTTPError as error:
        status = error.response.status_code
        raise InputError(f"{url}: the server answers {status}; try a mirror or later") from None
    except requests.RequestException as error:
        reason = type(error).__name__
        raise InputError(
            f"{url}: the download failed or broke off ({reason}); nothing was kept, try again"
        ) from None
    except ValueError:
        raise InputError(
            f"{url}: the file does not have the expected hash {expected}; it was discarded"
        ) from None
    return target


def _recorded(folder: Path) -> dict[str, str]:
    """SHA-256 by file name, as the first fetch found them."""
    path = folder / SUMS
    if not path.is_file():
        return {}
    lines = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines())
    return {fields[1]: f"sha256:{fields[0]}" for fields in lines if len(fields) == 2}


def _record(path: Path) -> None:
    """Note the hash of a file that has none noted yet; last, so that only good files are noted."""
    import pooch

    sums = _recorded(path.parent)
    if path.name in sums:
        return
    sums[path.name] = f"sha256:{pooch.file_hash(str(path))}"
    text = "".join(f"{value.removeprefix('sha256:')}  {key}\n" for key, value in sums.items())
    with atomic_path(path.parent / SUMS) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _extract(archive: Path, members: tuple[str, ...]) -> None:
    """Write the members that match a pattern beside the archive, under their base names."""
    try:
        with zipfile.ZipFile(archive) as opened:
            for pattern in members:
                names = fnmatch.filter(opened.namelist(), pattern)
                if not names:
                    raise InputError(f"{archive.name}: holds no {pattern}; the archive has changed")
                for name in names:
                    _write_member(opened, name, archive.parent)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        archive.unlink(missing_ok=True)
        raise InputError(
            f"{archive.name}: no readable zip archive ({error}); it was removed, fetch it again"
        ) from None


def _write_member(opened: zipfile.ZipFile, name: str, folder: Path) -> None:
    target = folder / PurePosixPath(name).name
    if target.is_file() and target.stat().st_size == opened.getinfo(name).file_size:
        return
    with atomic_path(target) as path:
        path.write_bytes(opened.read(name))
