"""What a reader guessed and what came out, kept in ``work/guesses.json``, which git ignores."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mlsd.runtime import InputError, atomic_path, project_root

Value = float | str | tuple[float, float]


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
    path = path or guesses_path()
    if not path.is_file():
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): _record(entry) for name, entry in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise InputError(
            f"{path}: is not a file of guesses; move it away to begin afresh"
        ) from None


def write_guesses(records: dict[str, GuessRecord], path: Path | None = None) -> None:
    """Write all guesses, to a temporary name first."""
    with atomic_path(path or guesses_path()) as temporary:
        entries = {name: asdict(record) for name, record in records.items()}
        temporary.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def _record(entry: dict[str, object]) -> GuessRecord:
    known = {field.name for field in fields(GuessRecord)}
    record = {name: value for name, value in entry.items() if name in known}
    if isinstance(record["guess"], list):
        low, high = record["guess"]
        record["guess"] = (float(low), float(high))
    return GuessRecord(**record)
