"""Where public data lies on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from mlsd.runtime import InputError, project_root


def data_root(root: Path | str | None = None) -> Path:
    """Return the folder that holds one folder a public data set.

    Parameters
    ----------
    root : path, optional
        By default the environment variable ``MLSD_DATA``, else ``data/fetched`` in the project.

    Examples
    --------
    >>> data_root("elsewhere").name
    'elsewhere'
    """
    if root is not None:
        return Path(root)
    return Path(os.environ.get("MLSD_DATA") or project_root() / "data" / "fetched")


def find_raw_file(folder: Path, *names: str) -> Path:
    """Return the first of `names` that lies in `folder`, plain or with ``.gz``.

    Raises
    ------
    InputError
        When none is there; the message says how to get the files.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "u.data.gz").write_bytes(b"")
    >>> find_raw_file(folder, "u.data").name
    'u.data.gz'
    """
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise InputError(
        f"{folder.name}: {names[0]} not found in {folder}; run 'mlsd data fetch {folder.name}', "
        f"or set MLSD_DATA to the folder that holds {folder.name}/"
    )
