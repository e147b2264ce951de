"""The ladder ledger on disk: a tidy CSV for the course, JSON for the reader's own runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from mlsd.data.log import ColumnRoles
from mlsd.experiments.rungs import Rung, Settings
from mlsd.experiments.summary import LadderSummary, RungSummary
from mlsd.runtime import InputError, atomic_path, project_root, require_writable

_DOCUMENTED = ("case", "dataset", "seeds", "rows", "split", "rungs", "skipped")
_LARGEST_LEDGER = 100_000_000  # bytes; with hundreds of rungs it is well below


def ledger_path(case: str, source: str) -> Path:
    """Return where the ledger of a case lies: the default world's has the case's own name."""
    stem = case if source == f"{case}_world" else f"{case}.{source}"
    return project_root() / "data" / "ledgers" / f"{stem}.csv"


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _flat_row(summary: RungSummary) -> dict[str, object]:
    row: dict[str, object] = {
        "rung": summary.rung.name,
        "model": summary.rung.model,
        "features": summary.rung.features,
        "is_oracle": summary.rung.is_oracle,
        "selected": summary.selected,
        "settings": json.dumps(dict(summary.settings)),
        "settings_tried": summary.settings_tried,
    }
    for name, value in summary.metrics.items():
        low, high = summary.intervals[name]
        row |= {name: value, f"{name}_low": low, f"{name}_high": high}
    row |= summary.validation
    for kind in ("vs_previous", "vs_ids", "vs_best"):
        for name, triple in getattr(summary, kind).items():
            keys = (f"{name}_{kind}", f"{name}_{kind}_low", f"{name}_{kind}_high")
            row |= dict(zip(keys, triple))
    row |= summary.costs
    row |= {f"online_{name}": value for name, value in summary.online.items()}
    return {k: _rounded(v) if isinstance(v, float) else v for k, v in row.items()}


def ledger_rows(summary: LadderSummary) -> list[dict[str, object]]:
    """Return one dictionary per rung with its figures by column of the ledger."""
    return [_flat_row(rung) for rung in summary.rungs]


def ledger_table(summary: LadderSummary) -> pd.DataFrame:
    """Return the ledger as a table: one row per rung, one column per figure."""
    table = pd.DataFrame(ledger_rows(summary))
    table.insert(0, "source", summary.source)
    table["seeds"] = " ".join(map(str, summary.seeds))
    for part, rows in summary.rows.items():
        table[f"{part}_rows"] = rows
    table["split"] = summary.split
    return table


def write_ledger(summary: LadderSummary, path: Path) -> None:
    """Write the ledger as CSV, whole or not at all."""
    with atomic_path(path) as temporary:
        ledger_table(summary).to_csv(temporary, index=False, lineterminator="\n")


def load_ledger(case: str = "ad_click", source: str | None = None) -> pd.DataFrame:
    """Read a committed ledger.

    Parameters
    ----------
    case : str
        Such as ``"ad_click"``.
    source : str or None
        Name of a data set or world variant; None for the case's default world.

    Raises
    ------
    InputError
        When no such ledger is committed.

    Examples
    --------
    >>> table = load_ledger("ad_click")
    >>> "normalized_entropy" in table
    True
    """
    path = ledger_path(case, source or f"{case}_world")
    if not path.is_file():
        raise InputError(f"{path.name}: no such ledger; run `mlsd ladder {case} --commit`")
    return pd.read_csv(path)


def ledger_settings(case: str, rung: Rung, roles: ColumnRoles) -> Settings:
    """Return the settings that the committed ledger of a case chose, else the rung's first."""
    choices = rung.settings(roles)
    try:
        ledger = load_ledger(case).set_index("rung")["settings"]
    except InputError:
        return choices[0]
    chosen = [each for each in choices if json.dumps(dict(each)) == ledger.get(rung.name)]
    return chosen[0] if chosen else choices[0]


def _json_rung(summary: RungSummary) -> dict[str, object]:
    return {
        "rung": summary.rung.name,
        "model": summary.rung.model,
        "features": summary.rung.features,
        "is_oracle": summary.rung.is_oracle,
        "selected": summary.selected,
        "settings": dict(summary.settings),
        "settings_tried": summary.settings_tried,
        "metrics": summary.metrics,
        "intervals": {name: _ends(pair) for name, pair in summary.intervals.items()},
        "vs_previous": {name: list(triple) for name, triple in summary.vs_previous.items()},
        "vs_ids": {name: list(triple) for name, triple in summary.vs_ids.items()},
        "vs_best": {name: list(triple) for name, triple in summary.vs_best.items()},
        **summary.validation,
        "online": summary.online,
        **summary.costs,
    }


def _ends(interval: tuple[float, float]) -> list[float] | None:
    """Return both ends of an interval, None where there is none."""
    return None if np.isnan(interval).all() else list(interval)


def _finite(value: object) -> object:
    """Replace what JSON cannot hold: an undefined metric becomes null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value


def ledger_json(summary: LadderSummary, case: str) -> dict[str, object]:
    """Return the ledger as one JSON object, in the form that the README documents."""
    return _finite(
        {
            "case": case,
            "dataset": summary.source,
            "seeds": list(summary.seeds),
            "rows": summary.rows,
            "split": summary.split,
            "rungs": [_json_rung(rung) for rung in summary.rungs],
            "skipped": [{"rung": r, "reason": why} for r, why in summary.skipped.items()],
            "weights": asdict(summary.weights) if summary.weights else None,
            "notes": list(summary.notes),
        }
    )


def require_replaceable(path: Path, *, read: Iterable[Path] = ()) -> None:
    """Stop where a ledger as JSON may not be written to `path`.

    It may be where nothing is yet, and where a ledger lies already. Anything else would be lost: a
    log, a spec, what a link points at, a device.

    Parameters
    ----------
    path : Path
    read : iterable of Path
        Files that the ladder reads, to be named in the message.

    Raises
    ------
    InputError
        One line that says what is there instead, or why its folder takes no file.
    """
    if path.name:
        _require_nameable(path)
    if path.is_symlink():
        raise InputError(f"{path}: is a link, and would be replaced; give the name of a plain file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file to write")
    if path.exists():
        for file in read:
            if file.exists() and path.samefile(file):
                raise InputError(f"{path}: is read by this ladder; give another name to write")
        if not path.is_file():
            raise InputError(f"{path}: is not a plain file; give another name to write")
        if not _is_ledger(path):
            raise InputError(
                f"{path}: is there already and is not a ledger; remove it or give another name"
            )
    require_writable(path.parent)


def _require_nameable(path: Path) -> None:
    """Stop where a folder takes no file of this name, nor the longer one of its draft."""
    try:
        path.with_name(f".{path.stem}-{'_' * 8}{path.suffix}").lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); give another name"
        ) from None


def _is_ledger(path: Path) -> bool:
    """Return whether a file holds a ledger as `write_json` writes it."""
    try:
        with path.open("rb") as file:
            if file.read(1) != b"{" or path.stat().st_size > _LARGEST_LEDGER:
                return False
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return set(_DOCUMENTED) <= set(document)


def write_json(summary: LadderSummary, path: Path, case: str) -> None:
    """Write the ledger as JSON, whole or not at all.

    Raises
    ------
    InputError
        When `path` may not be replaced, see `require_replaceable`, or cannot be written.
    """
    require_replaceable(path)
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(ledger_json(summary, case), indent=2) + "\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
