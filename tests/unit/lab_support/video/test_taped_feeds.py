"""What a taped feed counts is what the world's own tables and measures say."""

import numpy as np
import pytest

from mlsd.lab_support.video.taped_feeds import TapedFeed, deployed_sums, viewer_sums
from mlsd.worlds import VideoWorld


@pytest.fixture(scope="module")
def world():
    return VideoWorld(seed=5, size="small")


@pytest.fixture(scope="module")
def sums(world):
    return deployed_sums(world, world.logging_policy(), 2)


def test_a_taped_feed_brings_what_the_feed_brings(world, sums):
    report = world.deploy(world.logging_policy(), days=2)
    np.testing.assert_array_equal(sums[report.by_unit.columns], report.by_unit)


def test_likes_and_answers_are_at_the_rates_of_the_history(world, sums):
    logs = world.history(days=14)
    shown = logs.impressions
    per_start = shown[["like", "completed"]].sum() / shown["click"].sum()
    total = sums.sum()
    assert total["likes"] / total["clicks"] == pytest.approx(per_start["like"], rel=0.25)
    assert total["completions"] / total["clicks"] == pytest.approx(per_start["completed"], rel=0.2)
    assert (sums["likes"] <= sums["clicks"]).all()
    assert 1 <= total["stars"] / total["answers"] <= 5


def test_the_arms_of_a_test_share_a_tape_and_no_viewer(world):
    feed = TapedFeed(world.logging_policy())
    test = world.ab_test(feed, world.logging_policy(), days=1)
    arms = [viewer_sums(report, feed.tape) for report in (test.control, test.treatment)]
    assert not set(arms[0].index) & set(arms[1].index)
    assert all(arm["likes"].sum() > 0 for arm in arms)
