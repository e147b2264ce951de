"""Where the project lies, and how a file is written so that it is never half there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlsd.runtime.errors import InputError


def project_root() -> Path:
    """Return the folder of the clone: chapters, labs, ledgers and the catalogue lie there.

    That is the clone that this package is installed from. A package that was copied into Python's
    own folders, without ``pip install --editable``, looks upwards from the current folder.

    Raises
    ------
    InputError
        If there is no clone.

    Examples
    --------
    >>> (project_root() / "pyproject.toml").is_file()
    True
    """
    here = Path.cwd()
    for folder in (Path(__file__).resolve().parents[3], here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "labs" / "mlsd").is_dir():
            return folder
    raise InputError(
        "mlsd was installed without its course; run it inside a clone, or install it with "
        "`pip install -e .` there"
    )


@contextmanager
def atomic_path(target: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `target`, renamed to it when the block ends without error.

    Parameters
    ----------
    target : path
        The file to write. Missing parent folders are made.

    Yields
    ------
    Path
        A temporary name with the same suffix, in the same folder (so that the rename is atomic).
        It is removed when the block raises; an older `target` is then left as it was.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "a.txt") as path:
    ...     _ = path.write_text("whole")
    >>> sorted(p.name for p in folder.iterdir())
    ['a.txt']
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(folder: Path | str) -> None:
    """Stop where no file can be made in a folder.

    Raises
    ------
    InputError
        One line that says why, before the work begins whose result is written there.

    Examples
    --------
    >>> import tempfile
    >>> require_writable(tempfile.mkdtemp())
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written to ({error.strerror}); choose another folder"
        ) from None
