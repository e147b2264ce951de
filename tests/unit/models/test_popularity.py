import numpy as np
import pandas as pd
import pytest

from mlsd.models import PopularityRecommender
from mlsd.runtime import InputError

LOG = pd.DataFrame(
    {"user_id": [1, 2, 3, 4], "item_id": [7, 7, 8, 8], "ts": [0.0, 10.0, 20.0, 30.0]}
)


def test_counts_by_hand():
    model = PopularityRecommender().fit(pd.concat([LOG, LOG.iloc[:1]]))
    np.testing.assert_array_equal(model.score([1, 1, 1], [7, 8, 9]), [3.0, 2.0, 0.0])


def test_half_life_by_hand():
    model = PopularityRecommender(half_life=10.0).fit(LOG)
    np.testing.assert_allclose(model.score([1, 1], [7, 8]), [1 / 8 + 1 / 4, 1 / 2 + 1])


def test_a_short_half_life_prefers_what_is_recent():
    log = pd.concat([LOG.assign(item_id=1, ts=0.0), LOG.iloc[:1].assign(item_id=2, ts=100.0)])
    old, new = (PopularityRecommender(half_life=h).fit(log) for h in (None, 5.0))
    assert old.recommend([9], 1)[0].item() == 1
    assert new.recommend([9], 1)[0].item() == 2


def test_time_origin_does_not_matter():
    one, two = (
        PopularityRecommender(half_life=10.0).fit(LOG.assign(ts=LOG["ts"] + s)) for s in (0, 1e9)
    )
    np.testing.assert_allclose(one.scores_, two.scores_)


def test_ties_go_to_the_item_that_sorts_first():
    assert PopularityRecommender().fit(LOG).recommend([9], 2)[0].tolist() == [[7, 8]]


def test_an_unseen_candidate_scores_zero_and_comes_last():
    items, scores = PopularityRecommender().fit(LOG).recommend([9], 2, candidates=[99, 8])
    assert items.tolist() == [[8, 99]]
    assert scores.tolist() == [[2.0, 0.0]]


def test_half_life_needs_times_and_has_to_be_above_zero():
    with pytest.raises(InputError, match="'ts' is missing"):
        PopularityRecommender(half_life=5.0).fit(LOG.drop(columns="ts"))
    with pytest.raises(InputError, match="half_life"):
        PopularityRecommender(half_life=0.0).fit(LOG)


def test_a_weight_counts_as_so_many_interactions():
    weighted = PopularityRecommender().fit(LOG.assign(weight=2.0))
    np.testing.assert_allclose(weighted.scores_, 2 * PopularityRecommender().fit(LOG).scores_)
