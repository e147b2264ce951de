"""Many deployments against one control, which is run once."""

from __future__ import annotations

import pandas as pd

from mlsd.worlds.base import Report
from mlsd.worlds.kit.luck import generator
from mlsd.worlds.kit.tally import REPETITIONS, Measures, interval


def twin_changes(
    control: Report, treatment: Report, measures: Measures, *, names: tuple[str, ...], seed: int = 0
) -> pd.DataFrame:
    """Return the change from one deployment to another in percent, with paired 95 % intervals.

    It is what `World.compare(...).changes(...)` says, up to the draws of its bootstrap, of two
    deployments of one world over the same days. With many treatments the control runs once.

    Parameters
    ----------
    control, treatment : Report
        Their `by_unit` holds the sums of each user.
    measures : Measures
        The world's own, `world.measures`.
    names : tuple of str
        Of measures that are ratios of sums over users; inequality and coverage are not.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row per measure; columns `estimate`, `low` and `high`.
    """
    everybody = control.by_unit.index.union(treatment.by_unit.index)
    sums = [
        report.by_unit.reindex(everybody, fill_value=0.0)[list(measures.parts)].to_numpy()
        for report in (control, treatment)
    ]
    weights = generator(seed, "twin-changes").poisson(1.0, (REPETITIONS, len(everybody)))
    (one, other), (drawn, drawn_other) = (
        [measures.values(each) for each in values]
        for values in ([s.sum(axis=0) for s in sums], [weights @ s for s in sums])
    )
    column = [list(measures.units).index(name) for name in names]
    change = other / one - 1
    draws = drawn_other / drawn - 1
    rows = {name: vars(interval(change[c], draws[:, c])) for name, c in zip(names, column)}
    return 100 * pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high"])
