"""What a trial of a sequence model needs: shuffled histories, a fair choice, pooled changes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.experiments.interactions import PreparedInteractions
from mlsd.models.base import Recommender

NORMAL_WIDTH = 3.92  # of a 95 % interval, in standard errors


def shuffled_in_time(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return interactions whose times are handed out anew among the rows of each user.

    Parameters
    ----------
    rows : DataFrame
        With `user_id` and `ts`.
    random : Generator

    Examples
    --------
    >>> rows = pd.DataFrame({"user_id": [1, 2, 1], "item_id": [7, 8, 9], "ts": [10, 20, 30]})
    >>> mixed = shuffled_in_time(rows, np.random.default_rng(0))
    >>> sorted(zip(mixed["user_id"].tolist(), mixed["ts"].tolist()))
    [(1, 10), (1, 30), (2, 20)]
    """
    mixed = rows.iloc[random.permutation(len(rows))].sort_values("user_id", kind="stable")
    in_order = rows.sort_values(["user_id", "ts"], kind="stable")
    return mixed.assign(ts=in_order["ts"].to_numpy())


def ndcg_by_user(
    model: Recommender,
    feed: PreparedInteractions,
    part: str = "test",
    *,
    k: int = 20,
    histories: np.ndarray | None = None,
) -> np.ndarray:
    """Return NDCG of each user of a part, lists drawn from all that the model knows.

    Parameters
    ----------
    model : Recommender
    feed : PreparedInteractions
    part : str
    k : int
        Length of a list.
    histories : array of item ids, shape (users, length), optional
        What the model is told; what users had in its training where absent.

    Examples
    --------
    >>> from mlsd.cases import find_case
    >>> video = find_case("video")
        >>> from mlsd.models import PopularityRecommender
    >>> feed = video.ladder.protocol.prepare(video.source(size="small", history_days=2).simulate(0))
    >>> model = PopularityRecommender().fit(feed.interactions["train"])
    >>> bool(0.02 < ndcg_by_user(model, feed).mean() < 0.5)
    True
    """
    told = {} if histories is None else {"histories": histories}
    items, _ = model.recommend(feed.users[part], k, **told)
    places = feed.corpus.get_indexer(items.ravel()).reshape(items.shape)
    return metrics.ranking_by_user(places, feed.relevant[part], k)["ndcg"]


def best_of(
    models: Sequence[Recommender],
    feed: PreparedInteractions,
    rows: pd.DataFrame,
    held: pd.DataFrame | None = None,
) -> Recommender:
    """Return a fitted copy of the model whose lists suit the validation part best, by NDCG@20.

    Parameters
    ----------
    models : sequence of Recommender
        The same model at several settings; none is changed.
    feed : PreparedInteractions
    rows : DataFrame
        Interactions to learn from.
    held : DataFrame, optional
        Interactions that stop a training; those of the validation part where absent.
    """
    held = feed.interactions["validation"] if held is None else held
    fitted = [deepcopy(model).fit(rows, valid=held) for model in models]
    scores = [ndcg_by_user(model, feed, "validation").mean() for model in fitted]
    return fitted[int(np.argmax(scores))]


def pooled_changes(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the mean change over independent worlds with its 95 % interval.

    The standard error of the mean is the root of the sum of the worlds' variances, over their
    number; a world's is taken from the width of its interval. It tells how well these worlds are
    measured, not how far another world may be from them.

    Parameters
    ----------
    changes : DataFrame
        One row per world: `control`, `treatment`, `measure`, `estimate`, `low`, `high`.

    Returns
    -------
    DataFrame
        Columns `estimate`, `low`, `high`; the index is control, treatment and measure.

    Examples
    --------
    >>> ends = pd.DataFrame({"estimate": [1.0, 3.0], "low": [-1.0, 1.0], "high": [3.0, 5.0]})
    >>> changes = ends.assign(control="a", treatment="b", measure="clicks")
    >>> pooled_changes(changes).round(2).to_numpy().tolist()
    [[2.0, 0.59, 3.41]]
    """
    variance = ((changes["high"] - changes["low"]) / NORMAL_WIDTH) ** 2
    groups = changes.assign(variance=variance).groupby(
        ["control", "treatment", "measure"], sort=False
    )
    mean = groups["estimate"].mean()
    half = NORMAL_WIDTH / 2 * np.sqrt(groups["variance"].sum()) / groups.size()
    return pd.DataFrame({"estimate": mean, "low": mean - half, "high": mean + half})
