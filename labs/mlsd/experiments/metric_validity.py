"""How well offline metrics order models as their deployments do."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mlsd.metrics import rank_correlation


def metric_validity(
    table: pd.DataFrame,
    names: Sequence[str],
    value: str,
    *,
    model: str = "rung",
    world: str | None = None,
    rival: str | None = None,
) -> pd.DataFrame:
    """Return the rank correlation of each metric with a deployed value, with its 95 % interval.

    Parameters
    ----------
    table : DataFrame
        One row per model, or per world and model.
    names : sequence of str
        Columns of the metrics.
    value : str
        Column of the deployed value.
    model : str
        Column that names the models; where there are worlds, each has every model.
    world : str or None
        Column of the worlds, within which models are ranked; None where there is only one.
    rival : str or None
        Column of a metric to beat: what is returned is then by how much each correlates better than
        it. Whether two intervals overlap does not answer that, since both rest on the same models.

    Returns
    -------
    DataFrame
        One row per metric, columns `estimate`, `low` and `high`, as `plots.plot_changes` takes
        them. Models are resampled, and worlds where there are some (`metrics.rank_correlation`).

    Examples
    --------
    >>> ledger = pd.DataFrame({"rung": list("abc"), "ndcg": [1, 2, 3], "hours": [5, 6, 7]})
    >>> float(metric_validity(ledger, ["ndcg"], "hours").loc["ndcg", "estimate"])
    1.0
    """
    rows = table.assign(_world=0) if world is None else table.rename(columns={world: "_world"})
    wide = rows.pivot(index="_world", columns=model)
    beaten = None if rival is None else wide[rival]
    found = {name: vars(rank_correlation(wide[name], wide[value], rival=beaten)) for name in names}
    return pd.DataFrame.from_dict(found, orient="index")
