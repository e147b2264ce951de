"""The case studies: one file each names its world, rungs, protocol and ledger columns."""

from mlsd.cases.base import Case, OnlineMeasure
from mlsd.cases.registry import built_cases, find_case, require_case

__all__ = [
    "Case",
    "OnlineMeasure",
    "built_cases",
    "find_case",
    "require_case",
]
