"""Logs from disk: specs, public data sets, splits, and the checks between a file and a model."""

from mlsd.data.catalogue import (
    Entry,
    RemoteFile,
    card_path,
    cards_folder,
    catalogue,
    find_entry,
    load_dataset,
)
from mlsd.data.conversions import conversion_known_at, conversion_labels
from mlsd.data.delays import completeness_curve, conversions_at_risk
from mlsd.data.fetch import fetch_dataset
from mlsd.data.loading import load_log, read_log
from mlsd.data.locations import data_root
from mlsd.data.log import ColumnRoles, LabelledLog, ListRules, Split
from mlsd.data.readings import LoadedLog, Reading
from mlsd.data.spec import LogSpec, load_spec
from mlsd.data.splits import given_split, leave_last_split, shuffle_split, time_split
from mlsd.data.validation import validate_log

__all__ = [
    "ColumnRoles",
    "Entry",
    "LabelledLog",
    "ListRules",
    "LoadedLog",
    "LogSpec",
    "Reading",
    "RemoteFile",
    "Split",
    "card_path",
    "cards_folder",
    "catalogue",
    "completeness_curve",
    "conversion_known_at",
    "conversion_labels",
    "conversions_at_risk",
    "data_root",
    "fetch_dataset",
    "find_entry",
    "given_split",
    "leave_last_split",
    "load_dataset",
    "load_log",
    "load_spec",
    "read_log",
    "shuffle_split",
    "time_split",
    "validate_log",
]
