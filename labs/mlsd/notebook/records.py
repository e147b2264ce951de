"""What a reader guessed and what came out, kept in ``work/guesses.json``, which git ignores."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mlsd.runtime import InputError, atomic_path, project_root

try:
    import fcntl
except ImportError:  # Windows: two notebooks at the same moment may then lose one guess.
    fcntl = None

Value = float | str | tuple[float, float]
# On these variables guesses are neither read nor kept: a notebook that is built is nobody's answer.
NO_GUESSES = {"MLSD_GUESSES": "off"}


@dataclass(frozen=True)
class GuessRecord:
    """One guess, and the result where it was compared.

    Attributes
    ----------
    guess : float, str or tuple of float
        A number, one of the choices, or a range (low, high).
    unit : str
    result : float, str or None
        None until the notebook has compared it.
    verdict : str
        Of the comparison: ``"right"``, ``"close"``, ``"off"`` or empty.
    """

    guess: Value
    unit: str = ""
    result: float | str | None = None
    verdict: str = ""


def guesses_path() -> Path:
    """Return where guesses are kept: ``work/guesses.json`` of the clone."""
    return project_root() / "work" / "guesses.json"


def read_guesses(path: Path | None = None) -> dict[str, GuessRecord]:
    """Return all guesses by name, in the order in which they were made; none where no file is.

    Raises
    ------
    InputError
        If the file is not one that `guess` wrote.

    Examples
    --------
    >>> import tempfile
    >>> read_guesses(Path(tempfile.mkdtemp()) / "guesses.json")
    {}
    """
    if path is None and guesses_are_off():
        return {}
    path = path or guesses_path()
    if not path.is_file():
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): _record(entry) for name, entry in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        raise InputError(
            f"{path}: is not a file of guesses; move it away to begin afresh"
        ) from None


@contextmanager
def changing_guesses(path: Path | None = None) -> Iterator[dict[str, GuessRecord]]:
    """Yield all guesses, and write them if the block changed any; others wait meanwhile.

    Two notebooks that run at the same time so lose no guess of each other.

    Yields
    ------
    dict of str to GuessRecord
        By name. To be changed in place.

    Raises
    ------
    InputError
        If the file is not one that `guess` wrote.
    OSError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "guesses.json"
    >>> with changing_guesses(file) as records:
    ...     records["rows_left"] = GuessRecord(900.0)
    >>> read_guesses(file)["rows_left"].guess
    900.0
    """
    if path is None and guesses_are_off():
        yield {}
        return
    path = path or guesses_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(path.parent):
        records = read_guesses(path)
        before = dict(records)
        yield records
        if records != before:
            _write(records, path)


def guesses_are_off() -> bool:
    """Return whether guesses are neither read nor kept: in a build, a test, or when grading.

    A class is graded on its teacher's machine, whose guesses are not those of the class.
    """
    told = all(os.environ.get(name) == value for name, value in NO_GUESSES.items())
    graded = os.environ.get("MLSD_GRADING") == "1" or "NBGRADER_EXECUTION" in os.environ
    return told or graded


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, which leaves no file behind."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(records: dict[str, GuessRecord], path: Path) -> None:
    with atomic_path(path) as temporary:
        entries = {name: asdict(record) for name, record in records.items()}
        temporary.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def _record(entry: dict[str, object]) -> GuessRecord:
    known = {field.name for field in fields(GuessRecord)}
    record = {name: value for name, value in entry.items() if name in known}
    if isinstance(record["guess"], list):
        low, high = record["guess"]
        record["guess"] = (float(low), float(high))
    elif not isinstance(record["guess"], str):
        record["guess"] = float(record["guess"])
    return GuessRecord(**record)
