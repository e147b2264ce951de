"""Logs of the loop lab: who made them, who is held out, and lists of any age."""

import numpy as np
import pytest

from mlsd import metrics
from mlsd.lab_support.video.feed_logs import (
    HELD_OUT,
    MAKERS,
    aged_lists,
    held_out,
    lettered_logs,
    log_with_holdout,
    logs_by_maker,
)
from mlsd.lab_support.video.made_up_lists import log_of_two_lists, two_lists

SEED = 4


@pytest.fixture(scope="module")
def logs():
    return logs_by_maker(SEED)


def share_of_uploads(log, videos):
    new = videos.loc[videos["uploaded"] >= 3, "item_id"]
    return log["item_id"].isin(new).mean()


def test_inequality_tells_chance_and_uploads_tell_the_loop(logs):
    gini = {
        name: metrics.gini(log["item_id"].value_counts().reindex(videos["item_id"], fill_value=0))
        for name, (log, videos) in logs.items()
    }
    uploads = {name: share_of_uploads(*pair) for name, pair in logs.items()}
    assert gini["random"] < 0.3 < 0.8 < min(gini["merit"], gini["runaway"])
    assert uploads["runaway"] < 0.01 < 0.08 < min(uploads["merit"], uploads["random"])


def test_letters_hide_the_makers(logs):
    lettered = lettered_logs(SEED)
    assert "".join(lettered) == "ABC"
    assert {id(log) for log, _ in lettered.values()} == {id(log) for log, _ in logs.values()}
    assert len({tuple(log) for log, _ in lettered.values()}) == 1
    assert set(logs) == set(MAKERS)


def test_who_is_held_out_is_served_at_random_and_counts_in_no_list():
    log, _ = log_with_holdout(SEED)
    assert held_out(np.arange(20_000)).mean() == pytest.approx(HELD_OUT / 100, abs=0.01)
    apart = log[log["holdout"]]
    assert apart["explored"].all()
    assert (apart.groupby("user_id")["holdout"].nunique() == 1).all()
    assert apart["item_id"].value_counts().iloc[0] < 0.01 * len(apart)
    assert log.loc[~log["holdout"], "explored"].mean() == pytest.approx(0.05, abs=0.005)


def test_lists_lose_a_share_of_their_views_per_day():
    aged = aged_lists(2, loss=0.05).groupby("age")["watched"].mean()
    assert aged.index.tolist() == list(range(14))
    slope = np.polyfit(aged.index, np.log(aged), 1)[0]
    assert slope == pytest.approx(np.log(0.95), abs=0.01)


def test_served_viewers_are_tired_of_the_first_list_and_new_ones_are_not():
    log, (first, second) = log_of_two_lists(0, (0.2, 0.1)), two_lists()
    rate = log["watched"].groupby([log["holdout"], log["item_id"].isin(first)]).mean()
    assert rate[True, True] == pytest.approx(0.2, abs=0.02)
    assert rate[False, True] == pytest.approx(0.08, abs=0.01)
    fans = log_of_two_lists(0, (0.2, 0.1), taste=1.0)
    apart = fans[fans["holdout"]]
    by_viewer = apart[apart["item_id"].isin(second)].groupby("user_id")["watched"].mean()
    assert ((by_viewer < 0.1) | (by_viewer > 0.2)).all()
