"""Which entities to count in a log that names none, and over what time."""

from __future__ import annotations

import numpy as np

from mlsd.data.log import LabelledLog
from mlsd.features.counter_rates import Entity
from mlsd.features.entities import entity_codes
from mlsd.features.windows import finite_column
from mlsd.runtime.times import DAY, HOUR

_MOST_ENTITIES = 30


def default_entities(log: LabelledLog) -> tuple[Entity, ...]:
    """Return keys for a log that names none.

    Item, user and every categorical column alone; then user and item with each categorical column,
    where the pair says more than the two alone (half as many pairs again as users or items) and
    comes back (two training rows per pair on average). At most 30 keys.
    """
    roles, train = log.roles, log.split.train
    part = {name: log.frame[name].to_numpy()[train] for name in roles.identifiers}
    singles = [(name,) for name in dict.fromkeys((roles.item, *roles.identifiers)) if name]
    levels = {name: _distinct(part, (name,)) for name in part}
    pairs = [
        (owner, name)
        for owner in (roles.user, roles.item)
        if owner
        for name in roles.categorical
        if name != owner and levels[name] > 1
    ]
    useful = [p for p in pairs if 1.5 * levels[p[0]] <= _distinct(part, p) <= len(train) / 2]
    return tuple(singles + useful)[:_MOST_ENTITIES]


def default_half_lives(log: LabelledLog) -> tuple[float, ...]:
    """Return a fourteenth and a half of the time that a log spans, in seconds.

    Rounded to whole days, or to hours below half a day; one where the two are then the same. A log
    without times gets one infinite half-life.
    """
    if log.roles.time is None:
        return (np.inf,)
    times = finite_column(log.frame, log.roles.time)
    days = float(times.max() - times.min()) / DAY
    return tuple(dict.fromkeys(_whole(days / part) for part in (14, 2)))


def _distinct(part: dict[str, np.ndarray], entity: Entity) -> int:
    return len(np.unique(entity_codes(part, entity)))


def _whole(days: float) -> float:
    """Return seconds of whole days, or of whole hours where it is less than half a day."""
    return round(days) * DAY if round(days) else max(round(24 * days), 1) * HOUR
