"""Ids of a log of interactions that may stand for no one, or be written in two ways."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.data.columns.cells import MARKERS, MISSING
from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.findings import Findings, LogWarning

LARGEST_SHARE = 0.05
TIMES_THE_MEAN = 5
ALIKE_SHARE = 0.01
MOST_SHOWN = 3
WHOLE, NEGATIVE = r"-?\d+", r"-\d+(\.0+)?"


def check_identities(loaded: LoadedLog) -> Findings:
    """Warn of ids that read like a missing value, of a huge user, and of ids that look alike."""
    warnings = []
    for name in (loaded.log.roles.user, loaded.log.roles.item):
        counts = loaded.log.frame[name].value_counts()
        texts = pd.Series(counts.index.astype(str))
        warnings += _no_one(name, counts.to_numpy(), texts)
        warnings += _alike(name, texts)
    user = loaded.log.roles.user
    counts = loaded.log.frame[user].value_counts()
    share = counts.iloc[0] / counts.sum()
    if share >= max(LARGEST_SHARE, TIMES_THE_MEAN / counts.size):
        text = (
            f"user {str(counts.index[0])[:40]!r} of {user!r} has {share:.1%} of all interactions "
            "(a default value, a bot, a shared account?). If it stands for no one, remove its rows."
        )
        warnings.append(LogWarning("ids", (user,), text))
    return Findings(warnings=tuple(warnings))


def _no_one(name: str, counts: np.ndarray, texts: pd.Series) -> list[LogWarning]:
    """Warn of ids such as NA, unknown or blanks, and of -1 where no other id is negative."""
    plain = texts.str.strip()
    markers = plain.isin((*MISSING, "inf", "-inf")) | plain.str.fullmatch(MARKERS)
    lone = (texts == "-1") & (texts.str.fullmatch(NEGATIVE).sum() == 1)
    found = ((markers & ~plain.str.fullmatch(WHOLE)) | lone).to_numpy()
    if not found.any():
        return []
    shown = ", ".join(map(repr, texts[found][:MOST_SHOWN]))
    text = (
        f"{shown} in {name!r} {'reads' if found.sum() == 1 else 'read'} like a missing value and "
        f"counts as an id, in {counts[found].sum():,} of {counts.sum():,} interactions. Where it "
        "stands for none, remove those rows."
    )
    return [LogWarning("ids", (name,), text)]


def _alike(name: str, texts: pd.Series) -> list[LogWarning]:
    """Warn where many ids differ from another by their way of writing alone."""
    plain = texts.str.strip().str.normalize("NFKC").str.casefold()
    plain = plain.str.replace(r"^0+(?=\d)", "", regex=True).str.replace(r"\.0+$", "", regex=True)
    alike = np.asarray(plain.duplicated(keep=False))
    if not alike.any() or alike.mean() < ALIKE_SHARE:
        return []
    pair = texts[plain == plain[alike].iloc[0]].tolist()
    text = (
        f"{alike.sum():,} of {texts.size:,} ids in {name!r} differ from another by blanks, zeros "
        "in front, a '.0', capitals or how an accent is written alone, such as "
        f"{pair[0]!r} and {pair[1]!r}, and count as different. Write each id one way."
    )
    return [LogWarning("ids", (name,), text)]
