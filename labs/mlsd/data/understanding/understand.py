"""From a loaded log to all that is understood of it."""

from __future__ import annotations

from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.columns import (
    check_constant,
    check_lossy_ids,
    check_roles,
    check_unseen,
)
from mlsd.data.understanding.duplicates import check_duplicates
from mlsd.data.understanding.findings import Findings, Understanding, gather
from mlsd.data.understanding.identities import check_identities
from mlsd.data.understanding.interactions import (
    check_corpus,
    check_interactions,
    check_item_table,
    check_last_ties,
    check_people,
    check_scale,
    check_unread_labels,
)
from mlsd.data.understanding.leaks import check_leaks
from mlsd.data.understanding.parts import check_parts
from mlsd.data.understanding.sampling import check_sampling
from mlsd.data.understanding.spec_lines import line_without
from mlsd.data.understanding.times import check_label_delay, check_times
from mlsd.data.understanding.users import check_users

CHECKS = (
    check_parts,
    check_times,
    check_label_delay,
    check_users,
    check_duplicates,
    check_sampling,
    check_roles,
    check_constant,
    check_unseen,
    check_lossy_ids,
    check_leaks,
)
INTERACTION_CHECKS = (
    check_interactions,
    check_times,
    check_last_ties,
    check_people,
    check_corpus,
    check_item_table,
    check_identities,
    check_lossy_ids,
    check_scale,
    check_roles,
    check_unread_labels,
)


def understand(loaded: LoadedLog) -> Understanding:
    """Look at a log as it was read: facts, and warnings with the line of the spec for each.

    Parameters
    ----------
    loaded : LoadedLog
        What :func:`mlsd.data.read_log` returns.

    Returns
    -------
    Understanding
        Facts in the order in which they are read, the worst warning first.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from mlsd.data import read_log
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "log.csv").write_text("click,device\\n" + "0,phone\\n1,desk\\n" * 50)
    >>> _ = (folder / "log.toml").write_text('[table]\\npath="log.csv"\\n[columns]\\nlabel="click"')
    >>> understand(read_log(folder / "log.toml")).fact("rows")
    '100; train 80, validation 10, test 10; split shuffled with seed 0, 80/10/10'
    """
    checks = INTERACTION_CHECKS if loaded.spec.is_interactions else CHECKS
    found = _told_once(gather(check(loaded) for check in checks))
    return Understanding(loaded.log.name, found.facts, found.warnings, _together(loaded, found))


def _told_once(found: Findings) -> Findings:
    """Leave out a leak where the column is asked about as a role, which takes it out as well.

    A sampling rate knows the label by its nature: it was not filled after the fact.
    """
    asked = {name for each in found.warnings if each.kind == "role" for name in each.columns}
    kept = (w for w in found.warnings if w.kind != "leak" or not asked.issuperset(w.columns))
    return Findings(found.facts, tuple(kept))


def _together(loaded: LoadedLog, found: Findings) -> str:
    """Return the one line for all columns to leave out, where several warnings have one each."""
    leaving = [warning for warning in found.warnings if warning.leaves_out]
    names = dict.fromkeys(name for warning in leaving for name in warning.columns)
    return line_without(loaded, [*names]) if len(leaving) > 1 else ""
