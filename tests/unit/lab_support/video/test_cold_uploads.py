import copy

import numpy as np
import pytest

from mlsd.lab_support.video.cold_uploads import (
    AgedBlend,
    aged_feed,
    content_alone,
    deployed,
)
from mlsd.lab_support.video.upload_tables import found_by_both, lettered_scores
from mlsd.runtime.times import DAY

SEED = 3


def uploads_first(content, collaborative, age, model_age):
    return content + 100.0 * (age < model_age)


@pytest.fixture(scope="module")
def feed():
    return aged_feed(SEED)


def uploads_of(feed, count=2):
    ids = feed.videos["item_id"].max() + 1 + np.arange(count)
    new = feed.videos.iloc[:count].assign(item_id=ids, ts=feed.trained_at + 0.5 * DAY)
    return new, ids


def test_a_rule_sees_standardised_scores_and_both_ages(feed):
    seen = []

    def listen(content, collaborative, age, model_age):
        seen.append((content, collaborative, age, model_age))
        return content

    blend = AgedBlend(feed, listen)
    blend.content = copy.deepcopy(feed.content)
    new, ids = uploads_of(feed)
    blend.add_items(new)
    blend.now = feed.trained_at + 2 * DAY
    pool = np.concatenate([feed.videos["item_id"].to_numpy(), ids])
    lists, _ = blend.recommend(np.arange(5), 10, candidates=pool)
    (content, collaborative, age, model_age) = seen[0]
    assert lists.shape == (5, 10)
    np.testing.assert_allclose(content.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(content.std(axis=1), 1, rtol=1e-6)
    # EASE has the same score for both uploads, whatever they are.
    np.testing.assert_allclose(collaborative[:, -1], collaborative[:, -2])
    assert age[-1] == pytest.approx(1.5)
    assert model_age == 2.0
    assert (np.delete(age, [-1, -2]) > model_age).all()


def test_scores_of_another_shape_are_refused(feed):
    with pytest.raises(ValueError, match="scores of shape"):
        AgedBlend(feed, lambda content, *_: content[:, :2]).recommend(np.arange(2), 3)
    with pytest.raises(ValueError, match="NaN"):
        AgedBlend(feed, lambda content, *_: content * np.nan).recommend(np.arange(2), 3)


def test_uploads_above_all_others_take_hours_from_the_rest(feed):
    content, first = deployed(SEED, content_alone), deployed(SEED, uploads_first)
    assert first["upload_share"] > 3 * content["upload_share"] > 0
    assert first["hours"] < 0.9 * content["hours"]
    # What a deployment learns stays with its copy.
    assert feed.content.item_ids_.max() == feed.videos["item_id"].max()


def test_three_of_the_four_tables_differ_over_uploads():
    tables, is_upload = lettered_scores(SEED)
    assert 3 < is_upload.sum() < 30
    spread = {name: np.ptp(table[:, is_upload], axis=1).max() for name, table in tables.items()}
    assert spread["A"] == 0
    assert spread["B"] < 1e-9 < min(spread["C"], spread["D"])
    assert tables["B"][:, is_upload].std() > 0


def test_only_content_finds_the_unwatched():
    found = found_by_both(SEED)
    unwatched = found[found["watches"] == 0]
    assert len(unwatched) > 10
    assert not unwatched["collaborative"].any()
    assert found["content"].mean() > 0.05
