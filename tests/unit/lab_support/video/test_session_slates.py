"""Sessions by hand, slates that a feed refuses, and what the three kinds of feed differ in."""

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.deployed import market_seeds
from mlsd.lab_support.video import session_slates
from mlsd.lab_support.video.session_feeds import SAMENESS, SLOTS, seen_rows, session_feed
from mlsd.lab_support.video.session_slates import (
    CANDIDATES,
    deployed,
    require_places,
    session_value,
    sums_by_viewer,
    top_slates,
    value_of_slates,
)

SEED = 7


@pytest.fixture(scope="module")
def feed():
    return session_feed(SEED)


def test_look_alikes_stand_above_and_crowds_go_on_over_slates():
    rows = pd.DataFrame(
        {
            "session_id": 1,
            "step": [1, 1, 0, 0],
            "position": [1, 0, 1, 0],
            "request_id": [9, 9, 8, 8],
            "topic": [4, 4, 4, 5],
            "creator_id": [2, 2, 2, 2],
            "watch_seconds": [30.0, 0.0, 60.0, 6_000.0],
            "video_age_days": [0.5, 3.0, 1.9, 2.0],
        }
    ).assign(user_id=3, item_id=[0, 1, 2, 3], ts=0.0)
    found = seen_rows(rows)
    assert found["item_id"].tolist() == [3, 2, 1, 0]
    assert found["alike"].tolist() == [0, 0, 0, 1]
    assert found["crowded"].tolist() == [False, False, True, True]
    assert found["minutes"].tolist() == [15.0, 1.0, 0.0, 0.5]
    assert found["is_upload"].tolist() == [False, True, False, True]


def test_candidates_come_by_minutes_and_remember_the_session(feed):
    seen = []

    def listen(offered):
        seen.append(offered)
        return np.arange(SLOTS)

    deployed(SEED, lambda log: listen)
    first = [each for each in seen if not len(each.seen_creator)]
    later = [each for each in seen if len(each.seen_creator)]
    assert len(first) > 1_000 < len(later)
    assert all(
        (np.diff(each.minutes) <= 0).all() and len(each.minutes) == CANDIDATES for each in seen
    )
    assert {len(each.seen_creator) % SLOTS for each in later} == {0}
    share = np.mean([each.is_upload.mean() for each in seen])
    assert 0.005 < share < 0.2


@pytest.mark.parametrize(
    "places", [[0, 1, 2], [0, 1, 2, 3, 4, 4], [0, 1, 2, 3, 4, CANDIDATES], np.arange(SLOTS) / 2]
)
def test_what_is_no_slate_is_refused(places):
    with pytest.raises(ValueError, match="whole numbers|each once"):
        require_places(places)


def test_expected_minutes_tell_viewers_and_videos_apart(feed):
    log, videos = feed.log, feed.videos
    users, user = np.unique(log["user_id"], return_inverse=True)
    columns = (videos[name].to_numpy() for name in ("item_id", "creator_id", "topic"))
    table = feed.model.predict(users, *columns)
    expected = table[user, pd.Index(videos["item_id"]).get_indexer(log["item_id"])]
    top = log["position"] == 0
    assert expected[top].mean() == pytest.approx(log["minutes"][top].mean(), rel=0.3)
    by_tenth = log["minutes"].groupby(pd.qcut(expected, 10, labels=False)).mean()
    assert by_tenth[9] > 3 * by_tenth[0]


def test_the_baseline_is_worth_a_hundred(monkeypatch):
    monkeypatch.setattr(session_slates, "WORLDS", 1)
    value = value_of_slates(2, top_slates)
    assert (value.estimate, value.low, value.high) == (100, 100, 100)


def test_value_counts_uploads_twice_and_takes_a_fee_for_crowds():
    total = sums_by_viewer(SEED, top_slates).sum()
    each = total / total["sessions"]
    expected = each["minutes"] + each["upload_minutes"] - 0.4 * each["crowded"]
    assert session_value(total.to_numpy()) == pytest.approx(expected)
    assert each["crowded"] > 3


def test_look_alikes_lose_more_where_sameness_is_stronger():
    kept = {}
    for seed in market_seeds(2, len(SAMENESS)):
        log = session_feed(seed).log
        level = log[log["position"] > 2].groupby("alike")["minutes"].mean()
        kept[SAMENESS[seed % len(SAMENESS)]] = level[2] / level[0]
    assert kept[0.6] < kept[0.25] < kept[0.0]
