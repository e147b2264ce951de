"""A feed that learns from its own log: what an answer is told, and what is counted."""

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.video.own_log import (
    COLUMNS,
    DAYS,
    HISTORY_DAYS,
    ScoredVideos,
    count_of_views,
    deployed,
    found_audience,
    outcome,
    quota_then_count,
    start,
)

SEED = 5


def newest(log, videos, day):
    return videos.set_index("item_id")["uploaded"]


@pytest.fixture(scope="module")
def told():
    """What an answer is called with on every night, and the log that was left."""
    calls = []

    def listen(log, videos, day):
        calls.append((log.drop(columns="position"), videos, day))
        return newest(log, videos, day)

    return calls, deployed(SEED, listen)


def test_every_night_the_log_ends_at_midnight_and_the_catalogue_is_complete(told):
    calls, _ = told
    assert [day for *_, day in calls] == list(range(HISTORY_DAYS, HISTORY_DAYS + DAYS))
    sizes = []
    for log, videos, day in calls:
        assert log["day"].max() < day
        assert day - 1 < videos["uploaded"].max() <= day
        assert not videos["item_id"].duplicated().any()
        sizes.append(len(log))
    assert (np.diff(sizes) > 1_000).all()


def test_one_slot_in_twenty_is_explored_and_has_its_propensity(told):
    calls, (log, _) = told
    assert list(log) == list(COLUMNS)
    assert log["day"].min() >= HISTORY_DAYS
    assert log["explored"].mean() == pytest.approx(0.05, abs=0.005)
    assert log.loc[~log["explored"], "propensity"].min() > 0.9
    assert log.loc[log["explored"], "propensity"].median() < 0.001
    # In the first days it was one in ten, and sessions of the last one outlast midnight.
    (last, *_), (first, *_) = calls[-1], calls[0]
    assert first["explored"].mean() == pytest.approx(0.1, abs=0.02)
    night = last[last["day"].between(HISTORY_DAYS - 0.02, HISTORY_DAYS + 0.02)]
    assert night.loc[night["explored"], "propensity"].max() < 0.9


def test_uploads_are_shown_in_the_order_of_the_scores(told):
    _, (log, videos) = told
    assert found_audience(log, videos) == 100
    own = log[~log["explored"]]
    uploaded = videos.set_index("item_id")["uploaded"]
    age = np.floor(own["day"].to_numpy()) - uploaded.loc[own["item_id"]].to_numpy()
    # A video that came today is not in a list that was made at midnight.
    assert age.min() >= 0
    assert np.median(age) < 7


def test_the_count_starves_uploads_and_the_quota_does_not():
    count, quota = (outcome(SEED, rule) for rule in (count_of_views, quota_then_count))
    assert quota == {"views": 100, "audience": 100, "points": 150}
    assert count["audience"] < 20
    assert count["points"] == count["views"] + 0.5 * count["audience"]


def test_what_is_left_out_of_the_scores_comes_last():
    catalogue = {"item_id": [1, 2, 3], "creator_id": 0, "topic": 0, "duration": 60.0, "ts": 0.0}
    videos = pd.DataFrame(catalogue)
    impressions = start(SEED).history.head(3)
    shelf = ScoredVideos(lambda *_: pd.Series({2: 1.0}), videos).fit(impressions)
    items, _ = shelf.recommend(np.arange(2), 3, candidates=np.array([1, 2, 3]))
    assert items.tolist() == [[2, 3, 1]] * 2


@pytest.mark.parametrize("scores", [np.ones(3), pd.Series([1.0, 2.0], [4, 4])])
def test_scores_that_are_not_by_video_are_refused(scores):
    begin = start(SEED)
    with pytest.raises(ValueError, match="each video once"):
        ScoredVideos(lambda *_: scores, begin.logs.videos).fit(begin.history.head(3))
