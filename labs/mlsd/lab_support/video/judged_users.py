"""A recommender's lists held against what each user went on to choose."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.experiments.interactions import PreparedInteractions
from mlsd.models.base import Recommender


def judge_users(
    model: Recommender,
    prepared: PreparedInteractions,
    part: str = "validation",
    *,
    k: int = 20,
    among: pd.DataFrame | None = None,
    slices: bool = False,
) -> pd.DataFrame:
    """Return the metrics of each user's list, one row per user of a part.

    Lists are drawn from all items that the recommender knows, without what the user had in
    training.

    Parameters
    ----------
    model : Recommender
        Fitted on the training part.
    prepared : PreparedInteractions
    part : str
        ``"validation"`` or ``"test"``.
    k : int
        Length of a list.
    among : DataFrame, optional
        The interactions of the part that a list should find; all of them where absent.
    slices : bool
        Also give the other metrics and the slices of the ladder (`ListTruth`); not with `among`.

    Returns
    -------
    DataFrame
        By user: ``recall`` and ``ndcg``, NaN where a user has nothing to be found.

    Examples
    --------
    >>> from mlsd.cases.video.ladder import LADDER
    >>> from mlsd.cases.video.worlds import WORLDS
    >>> from mlsd.models import PopularityRecommender
    >>> feed = LADDER.protocol.prepare(WORLDS.source(size="small", history_days=2).simulate(0))
    >>> model = PopularityRecommender().fit(feed.interactions["train"])
    >>> bool(0.02 < judge_users(model, feed)["ndcg"].mean() < 0.5)
    True
    """
    users, relevant = prepared.users[part], prepared.relevant[part]
    items = model.recommend(users, k)[0]
    places = prepared.corpus.get_indexer(items.ravel()).reshape(items.shape)
    if slices:
        return pd.DataFrame(prepared.truth(part).by_user(places, k), index=users)
    if among is not None:
        wanted = dict(iter(among.groupby("user_id")["item_id"]))
        places_of = [prepared.corpus.get_indexer(wanted.get(user, [])) for user in users]
        relevant = [np.intersect1d(*both) for both in zip(relevant, places_of, strict=True)]
    found = metrics.ranking_by_user(places, relevant, k)
    return pd.DataFrame({name: found[name] for name in ("recall", "ndcg")}, index=users)
