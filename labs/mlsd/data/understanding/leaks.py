"""The leak alarm: columns that know the label of single rows.

A column is tried alone, in three forms: as it is; as its change since the row before of the same
user, item or counter key (a count that includes the row's own label jumps with it); and, for
numbers on the clock of the log, as its distance from the row's time (a moment that lies after the
fact). Rates are learned on earlier rows and measured on later ones, never on the test part, so
that an id with many values is not taken for an oracle.

A form alarms when its AUC is at least .95 *and* it orders neighbouring rows: of two rows that
follow each other in the same entity and differ in their label, it ranks the positive one higher in
at least nine of ten, for every entity the spec names. Knowledge of groups fails there: a rate of
the user is the same on both rows, and a counter that follows a wave of fraud is low on the first
fraud and high on the first good row after it. Where an entity settles the label, so that such
pairs are missing, a leak cannot be told from knowledge of the entity: nothing alarms, and one
warning names the columns with an AUC of .98 and more. Where the log names no entity with enough
rows, the AUC has to be .98, and knowledge of a group that the spec does not name alarms as well.

Besides, a column alarms that is filled, or empty, on one outcome only: `check_presence`.

No figure tells a leak from an honest column that all but decides the label of each row: both alarm.
So does a column that is empty for bots alone, where other rows are often positive.

How often that is wrong was measured by `tests/studies/leak_alarm.py` on logs by which no threshold
was chosen. Of 624 columns of public sets and of ten ad worlds, their counters among them, 0 alarmed
(192 are different ones, so the rate is below 1.6 % with 95 % confidence); but none of these has an
AUC above .80, so that they say little of strong columns. Of 80 honest columns that were made to
have .95 and more, because they know a user or a wave, 0 alarmed. Three columns of public sets did:
the one that is published to give its label away, and in two logs of answers to invitations the
number of guests, which is given with the answer.

Of 38 leaks of each kind it found 38 of the label, 38 of the label with 1 % wrong, 18 with 5 % and 0
with 10 %, whose AUC is below .95; 38 of a dwell time, a landing page or a moment after the fact; 38
of conversions that follow three clicks in ten; 34 of 34 counts of a user's clicks that include the
row's own, and 29 of 36 click rates of an item that do. It cannot tell a user's mean label over the
whole log from a habit: 0 of 34 were found. Nor does it see a rate of an hour or a day that includes
the row's own label, the label of the row after, or what a part of a text or two columns together
give away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlsd.data.log import LabelledLog
from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.alone import Alone, try_categories, try_numbers
from mlsd.data.understanding.features_of_log import feature_columns
from mlsd.data.understanding.findings import Fact, Findings, LogWarning
from mlsd.data.understanding.presence import check_presence
from mlsd.data.understanding.spec_lines import line_without, toml_text
from mlsd.data.understanding.trial_rows import (
    TrialRows,
    entity_keys,
    previous_rows,
    settling_keys,
    trial_rows,
)
from mlsd.runtime.times import DAY

ALARMING_AUC = 0.95
ALARMING_AUC_WITHOUT_PAIRS = 0.98
ALARMING_ORDER = 0.9
MOST_WARNINGS = 5
SAME_CLOCK = 366 * DAY
CLOCK_UNITS = (1, 1_000, 1_000_000)  # seconds, milliseconds, microseconds


@dataclass(frozen=True)
class Trial:
    """One form of one column, and what it knows.

    Attributes
    ----------
    column : str
    form : str
        ``""`` for the column as it is, else in words what was made of it.
    alone : Alone
    """

    column: str
    form: str
    alone: Alone

    @property
    def worst_order(self) -> float | None:
        """Least share of neighbouring rows in order over the entities; None without pairs."""
        return min(self.alone.order.values(), default=None)

    @property
    def alarms(self) -> bool:
        """Whether this is knowledge of single rows.

        Examples
        --------
        >>> Trial("rate", "", Alone(0.97, {"user": 0.5})).alarms
        False
        """
        if self.worst_order is None:
            return self.alone.auc >= ALARMING_AUC_WITHOUT_PAIRS
        return self.alone.auc >= ALARMING_AUC and self.worst_order >= ALARMING_ORDER


def column_trials(log: LabelledLog, rows: TrialRows) -> Iterator[Trial]:
    """Yield every form of every column that a model could read.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> from mlsd.data.understanding.trial_rows import trial_rows
    >>> frame = pd.DataFrame({"click": [0, 1] * 50, "dwell": [0.0, 3.0] * 50})
    >>> split = Split(np.arange(80), np.arange(80, 90), np.arange(90, 100))
    >>> log = LabelledLog("tiny", frame, ColumnRoles("click", numeric=("dwell",)), split)
    >>> [(trial.column, trial.alone.auc) for trial in column_trials(log, trial_rows(log))]
    [('dwell', 1.0)]
    """
    previous = {key: previous_rows(log.frame[key])[rows.rows] for key in entity_keys(log)}
    for name in feature_columns(log):
        values = log.frame[name]
        if name in log.roles.numeric or name == log.roles.amount:
            for form, numbers in _forms(values.to_numpy(np.float64), log, rows, previous):
                yield Trial(name, form, try_numbers(numbers, rows))
        else:
            yield Trial(name, "", try_categories(values.iloc[rows.rows], rows))


def _forms(
    values: np.ndarray, log: LabelledLog, rows: TrialRows, previous: dict[str, np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the forms of a number, in words and as values of shape (u,)."""
    used = values[rows.rows]
    yield "", used
    for key, before in previous.items():
        yield f"its change since the row before of the same {key}", _change(values, used, before)
    gap = _distance_from_time(used, log, rows)
    if gap is not None:
        yield f"its distance from {log.roles.time}", gap


def _distance_from_time(used: np.ndarray, log: LabelledLog, rows: TrialRows) -> np.ndarray | None:
    """Return seconds from the row's time, for a number on the clock of the log."""
    if log.roles.time is None or np.isnan(used).all():
        return None
    times = log.frame[log.roles.time].to_numpy(np.float64)[rows.rows]
    for unit in CLOCK_UNITS:
        gap = used / unit - times
        if np.nanmedian(np.abs(gap)) < SAME_CLOCK:
            return gap
    return None


def _change(values: np.ndarray, used: np.ndarray, before: np.ndarray) -> np.ndarray:
    return np.where(before >= 0, used - values[before], np.nan)


def check_leaks(loaded: LoadedLog) -> Findings:
    """Warn of columns that know single rows; name the best of those that do not."""
    rows = trial_rows(loaded.log)
    if not rows.enough:
        text = "not tried: fewer than 20 rows of one outcome to learn from or to measure on"
        return Findings((Fact("columns alone", text),), check_presence(loaded).warnings)
    best = best_forms(loaded.log, rows)
    present = check_presence(loaded, leaks=[name for name in best if best[name].alarms])
    told = {name for warning in present.warnings for name in warning.columns}
    alarms = [trial for name, trial in best.items() if trial.alarms and name not in told]
    alarms.sort(key=lambda trial: -trial.alone.auc)
    warnings = [_warning(trial, loaded) for trial in alarms[:MOST_WARNINGS]]
    warnings += _undecided(best, settling_keys(rows), loaded)
    if len(alarms) > MOST_WARNINGS:
        warnings.append(_rest([trial.column for trial in alarms[MOST_WARNINGS:]], loaded))
    fact = Fact("columns alone", _plainly_good(best, rows))
    return Findings((fact,), (*present.warnings, *warnings))


def best_forms(log: LabelledLog, rows: TrialRows) -> dict[str, Trial]:
    """Return by column the form that alarms, or else the one with the highest AUC.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> frame = pd.DataFrame({"click": [0, 1] * 50, "dwell": [0.0, 3.0] * 50})
    >>> split = Split(np.arange(80), np.arange(80, 90), np.arange(90, 100))
    >>> log = LabelledLog("tiny", frame, ColumnRoles("click", numeric=("dwell",)), split)
    >>> best_forms(log, trial_rows(log))["dwell"].alarms
    True
    """
    best: dict[str, Trial] = {}
    for trial in column_trials(log, rows):
        known = best.get(trial.column, trial)
        best[trial.column] = max(known, trial, key=lambda form: (form.alarms, form.alone.auc))
    return best


def _plainly_good(best: dict[str, Trial], rows: TrialRows) -> str:
    """Return the best columns that do not alarm, with their AUC."""
    fair = [trial for trial in best.values() if not trial.alarms]
    fair = sorted(fair, key=lambda trial: -trial.alone.auc)[:3]
    ranked = ", ".join(f"{trial.column} {trial.alone.auc:.2f}" for trial in fair)
    sampled = (
        f"AUC of one column, learned on {rows.learning:,} rows, measured on {rows.measuring:,}"
    )
    return f"{sampled}; the best without an alarm: {ranked or 'none'}"


def _warning(trial: Trial, loaded: LoadedLog) -> LogWarning:
    form = f" ({trial.form})" if trial.form else ""
    text = (
        f"{trial.column!r}{form} alone has AUC {trial.alone.auc:.3f}{_order_in_words(trial)}. "
        "A column that knows single rows was probably filled after the label was known, or holds "
        "it."
    )
    if role := _way_of_drawing(loaded.log, trial.column):
        given = f"{role} = {toml_text(trial.column)}"
        text += (
            f" Or it says how negatives were thinned out: then write {given} instead, or every "
            "rate is that of the thinned log."
        )
    spec_line = line_without(loaded, [trial.column])
    return LogWarning("leak", (trial.column,), text, spec_line, leaves_out=True)


def _way_of_drawing(log: LabelledLog, name: str) -> str:
    """Return the role of a column with one value for each outcome, as thinning out makes it."""
    if name not in log.roles.numeric:
        return ""
    by_label = log.frame.groupby(log.roles.label)[name].agg(["min", "max"])
    if log.frame[name].isna().any() or (by_label["min"] != by_label["max"]).any():
        return ""
    negative, positive = by_label["min"]
    if 0 < negative < positive <= 1:
        return "sampling_rate"
    return "weight" if 1 <= positive < negative else ""


def _undecided(
    best: dict[str, Trial], keys: tuple[str, ...], loaded: LoadedLog
) -> tuple[LogWarning, ...]:
    """Warn of columns that may be leaks, where an entity settles the label and nothing can tell."""
    doubtful = [
        trial
        for name, trial in best.items()
        if trial.alone.auc >= ALARMING_AUC_WITHOUT_PAIRS
        and not trial.alarms
        and name not in entity_keys(loaded.log)
    ]
    if not keys or not doubtful:
        return ()
    doubtful.sort(key=lambda trial: -trial.alone.auc)
    names = [trial.column for trial in doubtful]
    shown = ", ".join(f"{t.column!r} {t.alone.auc:.3f}" for t in doubtful[:MOST_WARNINGS])
    text = (
        f"all rows of one {keys[0]!r} have the same label, so that a leak looks like a column that "
        f"knows its {keys[0]}; AUC alone: {shown}. Leave out what was filled after the label was "
        "known."
    )
    return (LogWarning("leak", tuple(names), text, line_without(loaded, names), leaves_out=True),)


def _order_in_words(trial: Trial) -> str:
    if trial.worst_order is None:
        return ", without an entity to compare rows within"
    key = min(trial.alone.order, key=trial.alone.order.get)
    return f" and puts {trial.worst_order:.0%} of neighbouring rows of one {key} in the right order"


def _rest(names: list[str], loaded: LoadedLog) -> LogWarning:
    shown = ", ".join(map(repr, names[:MOST_WARNINGS]))
    text = f"{len(names)} further columns know single rows as well, among them {shown}."
    return LogWarning("leak", tuple(names), text, line_without(loaded, names), leaves_out=True)
