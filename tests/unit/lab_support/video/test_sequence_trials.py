"""What the chapter on sequences shuffles, chooses and pools."""

import numpy as np
import pandas as pd
import pytest

from mlsd.cases import find_case
from mlsd.lab_support.video.sequence_trials import (
    best_of,
    ndcg_by_user,
    pooled_changes,
    shuffled_in_time,
)
from mlsd.models import EASERecommender, SASRecRecommender


@pytest.fixture(scope="module")
def feed():
    video = find_case("video")
    return video.ladder.protocol.prepare(video.source(size="small", history_days=3).simulate(1))


def test_a_shuffle_keeps_each_users_items_and_times_and_breaks_their_order(feed):
    rows = feed.interactions["train"]
    mixed = shuffled_in_time(rows, np.random.default_rng(0))
    for column in ("item_id", "ts"):
        before, after = (
            each.groupby("user_id")[column].agg(sorted).to_dict() for each in (rows, mixed)
        )
        assert before == after
    paired = rows.merge(mixed, on=["user_id", "item_id", "ts"])
    assert len(paired) < 0.7 * len(rows)


def test_the_best_on_validation_is_returned_and_the_given_models_stay_unfitted(feed):
    models = [EASERecommender(l2=l2) for l2 in (1.0, 300.0, 1e7)]
    best = best_of(models, feed, feed.interactions["train"])
    scores = [
        ndcg_by_user(EASERecommender(l2=m.l2).fit(feed.interactions["train"]), feed, "validation")
        for m in models
    ]
    assert best.l2 == models[int(np.argmax([each.mean() for each in scores]))].l2
    assert not any(hasattr(model, "item_ids_") for model in models)


def test_a_model_is_asked_with_the_histories_it_is_given(feed):
    quick = {"embedding_dim": 8, "history_length": 5, "epochs": 4, "learning_rate": 0.01}
    model = SASRecRecommender(**quick).fit(feed.interactions["train"])
    nothing = np.full((len(feed.users["test"]), 5), -1)
    told, untold = ndcg_by_user(model, feed, histories=nothing), ndcg_by_user(model, feed)
    assert told.shape == untold.shape == (len(feed.users["test"]),)
    assert (told != untold).any()


def test_pooling_narrows_with_the_number_of_worlds():
    names = {"control": "a", "treatment": "b", "measure": "clicks"}
    row = names | {"estimate": 1.0, "low": 0.0, "high": 2.0}
    one, four = (pooled_changes(pd.DataFrame([row] * count)).iloc[0] for count in (1, 4))
    assert one.tolist() == pytest.approx([1.0, 0.0, 2.0])
    assert four.tolist() == pytest.approx([1.0, 0.5, 1.5])
