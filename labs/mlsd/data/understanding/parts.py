"""Rows, positives and duplicates of the parts of a log."""

from __future__ import annotations

import numpy as np

from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.findings import Fact, Findings, LogWarning

FEW_POSITIVES = 100


def check_parts(loaded: LoadedLog) -> Findings:
    """Say rows and positives of each part; warn where a test part has too few of one outcome."""
    log = loaded.log
    files = ", ".join(raw.file for raw in loaded.tables.values())
    sizes = {part: rows.size for part, rows in log.parts().items()}
    counts = {part: int(log.label[rows].sum()) for part, rows in log.parts().items()}
    by_part = ", ".join(f"{part} {size:,}" for part, size in sizes.items())
    weights = np.ones(len(log.frame)) if log.weights is None else log.weights
    shares = {
        part: np.average(log.label[rows], weights=weights[rows])
        for part, rows in log.parts().items()
    }
    positives = ", ".join(
        f"{part} {counts[part]:,} ({share:.3%})" for part, share in shares.items()
    )
    if log.weights is not None:
        positives += "; shares by weight"
    facts = (
        Fact("file", files),
        Fact("rows", f"{len(log.frame):,}; {by_part}; split {log.split.description}"),
        Fact("positives", positives),
    )
    rarer = min(counts["test"], sizes["test"] - counts["test"])
    return Findings(facts, _few(rarer) if rarer < FEW_POSITIVES else ())


def _few(rarer: int) -> tuple[LogWarning, ...]:
    # The standard error of a rate of r rare events is about 1 / sqrt(r) of it.
    width = 1.96 / np.sqrt(rarer)
    text = (
        f"the test part has {rarer} rows of its rarer outcome; intervals will be wide (a rate is "
        f"known to about {width:.0%} of itself), and most rungs will tie. Give more rows or a "
        "larger test share."
    )
    return (LogWarning("few positives", (), text),)
