"""Popularity within segments: shares by hand, and who belongs to none."""

import numpy as np
import pandas as pd
import pytest

from mlsd.models import SegmentPopularityRecommender
from mlsd.runtime import InputError

LOG = pd.DataFrame({"user_id": [1, 1, 2, 3], "item_id": [10, 20, 20, 30]})
PEOPLE = pd.DataFrame(
    {"user_id": [1, 2, 3, 4], "country": ["NL", "NL", "DE", "DE"], "age": [30, np.nan, 30, 30]}
)


def test_shares_by_hand():
    model = SegmentPopularityRecommender(by=["country"], strength=2.0).fit(LOG, users=PEOPLE)
    dutch = (np.array([1, 2, 0]) + 2 * np.array([0.25, 0.5, 0.25])) / (3 + 2)
    german = (np.array([0, 0, 1]) + 2 * np.array([0.25, 0.5, 0.25])) / (1 + 2)
    np.testing.assert_allclose(model.score_table([1, 2, 3, 4]), [dutch, dutch, german, german])


def test_a_new_user_of_a_known_segment_gets_its_list_and_others_that_of_everybody():
    model = SegmentPopularityRecommender(by=["country"], strength=0.1).fit(LOG, users=PEOPLE)
    assert model.recommend([4, 99], 1)[0].tolist() == [[30], [20]]
    np.testing.assert_allclose(model.score([99, 99], [20, 77]), [0.5, 0.0])


def test_a_missing_attribute_is_a_value_of_its_own():
    model = SegmentPopularityRecommender().fit(LOG, users=PEOPLE)
    assert len(model.shares_) == 3
    assert not np.allclose(model.score_table([1]), model.score_table([2]))


def test_without_attributes_everybody_gets_the_same_list():
    table = SegmentPopularityRecommender().fit(LOG).score_table([1, 2, 99])
    np.testing.assert_allclose(table, np.tile([0.25, 0.5, 0.25], (3, 1)))


@pytest.mark.parametrize(
    ("users", "message"),
    [
        (PEOPLE.drop(columns="country"), "'country' is missing"),
        (pd.concat([PEOPLE, PEOPLE]), "two rows"),
    ],
)
def test_bad_attributes_are_named(users, message):
    with pytest.raises(InputError, match=message):
        SegmentPopularityRecommender(by=["country"]).fit(LOG, users=users)
    with pytest.raises(InputError, match="nothing to segment by"):
        SegmentPopularityRecommender().fit(LOG, users=PEOPLE[["user_id"]])
