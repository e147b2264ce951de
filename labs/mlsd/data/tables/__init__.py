"""Read tables from disk as they are, or say in one line why they cannot be read.

Text columns stay text here: what a cell means depends on its role (:mod:`mlsd.data.columns`).
"""

from mlsd.data.tables.many import read_tables
from mlsd.data.tables.raw import Piece, RawTable
from mlsd.data.tables.reading import read_table

__all__ = ["Piece", "RawTable", "read_table", "read_tables"]
