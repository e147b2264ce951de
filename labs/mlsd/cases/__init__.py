"""The case studies: one file each names its world, rungs, protocol and ledger columns."""

from mlsd.cases.ad_click.rungs import AD_CLICK_RUNGS
from mlsd.cases.base import Case, OnlineMeasure
from mlsd.cases.registry import built_cases, find_case, require_case

__all__ = [
    "AD_CLICK_RUNGS",
    "Case",
    "OnlineMeasure",
    "built_cases",
    "find_case",
    "require_case",
]
