"""Users as clusters: how many, how large, and who is none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.data.columns.cells import MARKERS
from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.features_of_log import is_missing
from mlsd.data.understanding.findings import Fact, Findings, LogWarning
from mlsd.data.understanding.spec_lines import toml_list

MISSING_SHARE = 0.05
LARGEST_SHARE = 0.05


def check_users(loaded: LoadedLog) -> Findings:
    """Say how many users there are; warn where their rows make poor clusters."""
    log, name = loaded.log, loaded.log.roles.user
    if name is None:
        return Findings((Fact("users", "none named; rows count as independent"),))
    missing = is_missing(log.frame[name])
    codes, names = pd.factorize(log.frame[name][~missing])
    sizes = np.bincount(codes) if codes.size else np.zeros(1, int)
    users, largest = int((sizes > 0).sum()), sizes.max() / len(log.frame)
    text = (
        f"{users:,} in {name!r}, {sizes.sum() / max(users, 1):.1f} rows each, the largest with "
        f"{largest:.1%} of all rows; "
        + (f"{missing.sum():,} rows have none" if missing.any() else "every row has one")
    )
    warnings = []
    if missing.mean() >= MISSING_SHARE:
        warnings.append(_warning(name, _without(name, missing)))
    if users <= 1:
        said = (
            f"{name!r} names {users} user; rows of one user are not independent, so there can be "
            "no interval. Name a column that tells users apart, or leave the role out."
        )
        warnings.append(_warning(name, said))
    elif largest >= LARGEST_SHARE:
        warnings.append(_large(loaded, str(names[sizes.argmax()]), largest))
    return Findings((Fact("users", text),), tuple(warnings))


def _warning(name: str, text: str, spec_line: str = "") -> LogWarning:
    return LogWarning("clusters", (name,), text, spec_line)


def _without(name: str, missing: np.ndarray) -> str:
    return (
        f"{missing.sum():,} rows ({missing.mean():.1%}) have no user in {name!r}. Each counts "
        "as a cluster of its own, not as one user; intervals are then too narrow where "
        "visitors return. Give a visitor or session id if there is one."
    )


def _large(loaded: LoadedLog, user: str, share: float) -> LogWarning:
    """Warn of the largest user; one that looks like a missing value is told how to declare it."""
    name = loaded.log.roles.user
    text = (
        f"user {user[:40]!r} of {name!r} holds {share:.1%} of all rows (a default value, a "
        "bot, a shared account?); how often a resample draws it all but decides the intervals."
    )
    if MARKERS.fullmatch(user.strip()):
        line = "[table] " + toml_list("missing", [*loaded.spec.table.missing, user])
        return _warning(name, f"{text} If it stands for no one, declare it.", line)
    return _warning(name, f"{text} If it stands for no one, leave it empty.")
