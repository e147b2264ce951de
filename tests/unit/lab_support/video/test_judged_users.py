"""Lists held against what each user went on to choose, by hand."""

import numpy as np
import pandas as pd
import pytest

from mlsd.experiments.interactions import PreparedInteractions
from mlsd.lab_support.video.judged_users import judge_users
from mlsd.models import PopularityRecommender

TRAIN = pd.DataFrame({"user_id": [1, 2, 3, 3, 4], "item_id": [7, 7, 7, 8, 9]})
LATER = pd.DataFrame({"user_id": [1, 1, 5], "item_id": [8, 9, 7], "source": [0, 1, 1]})


@pytest.fixture
def feed():
    corpus = pd.Index([7, 8, 9])
    relevant = [corpus.get_indexer([8, 9]), corpus.get_indexer([7])]
    parts = {"train": TRAIN, "validation": LATER}
    users = {"validation": np.array([1, 5])}
    return PreparedInteractions(
        None, parts, users, {"validation": relevant}, {"validation": ("train",)}, corpus
    )


@pytest.fixture
def model():
    return PopularityRecommender().fit(TRAIN)


def test_every_choice_counts_unless_told_otherwise(model, feed):
    found = judge_users(model, feed, k=1)
    assert found["recall"].tolist() == [0.5, 1.0]
    assert found.index.tolist() == [1, 5]


def test_among_some_choices_others_are_not_missed(model, feed):
    found = judge_users(model, feed, k=1, among=LATER[LATER["source"] == 0])
    assert found["recall"].tolist()[0] == 1.0
    assert np.isnan(found["recall"].tolist()[1])


def test_slices_come_with_the_metrics_of_the_ladder(model, feed):
    found = judge_users(model, feed, k=2, slices=True)
    assert {"recall", "ndcg", "novelty", "ndcg cold users"} <= set(found)
    assert found.loc[5, "ndcg cold users"] == 1.0
