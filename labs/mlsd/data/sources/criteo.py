"""Criteo display advertising, the 8,000-row head of the 2014 Kaggle log."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from mlsd.data.locations import find_raw_file
from mlsd.data.tables import RawTable, read_table

COLUMNS = (
    "label",
    *(f"I{number}" for number in range(1, 14)),
    *(f"C{number}" for number in range(1, 27)),
)


def read_criteo(folder: Path) -> dict[str, RawTable]:
    """Pool the published files in the order train, dev, test.

    Parameters
    ----------
    folder : path
        With ``train.csv``, ``dev.csv``, ``test.csv`` as published (tab separated, no header), or
        the same as ``.tsv`` with a header line, each also gzipped.

    Returns
    -------
    dict
        ``all``: label, 13 counts (may be empty) and 26 hashed categories, all as text.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("train", "dev", "test"):
    ...     _ = (folder / f"{name}.csv").write_text("\\t".join("1" * 40) + "\\n")
    >>> read_criteo(folder)["all"].table.shape
    (3, 40)
    """
    tables = [_read_part(folder, part) for part in ("train", "dev", "test")]
    return {"all": RawTable(folder.name, pa.concat_tables(tables))}


def _read_part(folder: Path, part: str) -> pa.Table:
    path = find_raw_file(folder, f"{part}.csv", f"{part}.tsv")
    has_header = ".tsv" in path.suffixes
    raw = read_table(path, delimiter="\t", names=None if has_header else COLUMNS)
    return raw.table.select(list(COLUMNS)) if has_header else raw.table
