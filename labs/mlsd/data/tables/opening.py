"""Open a file for reading, packed or not."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import pyarrow as pa

from mlsd.runtime import InputError

PACKED = (".gz", ".zst")
UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError, zlib.error, MemoryError)


def open_file(path: Path) -> io.BufferedIOBase:
    """Open a file for reading its unpacked bytes; the suffix says how it is packed."""
    packed = path.suffix.lower()
    if packed == ".gz":
        return gzip.open(path)
    if packed == ".zst":
        return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


def table_suffix(path: Path) -> str:
    """Return the suffix that names the kind of table, in lower case.

    Examples
    --------
    >>> table_suffix(Path("log.CSV.gz")), table_suffix(Path("log.parquet"))
    ('.csv', '.parquet')
    """
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED else suffix


def require_file(path: Path) -> None:
    """Raise InputError where `path` is not a file."""
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{path!s}: is not a usable path ({error})") from None
    if is_folder:
        raise InputError(f"{path}: is a folder; give the path of a file")
    if not exists:
        raise InputError(f"{path}: no such file; correct the path")
