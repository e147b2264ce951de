import re
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mlsd.runtime import project_root
from mlsd.runtime.times import HOUR
from mlsd.worlds import VideoWorld
from mlsd.worlds.video import VideoConfig, facts
from mlsd.worlds.video.card import MEASURED, render_card
from mlsd.worlds.video.config import SIZES
from mlsd.worlds.video.reasons import REASONS

NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")


def measured(name, logs, truth):
    return next(fact for fact in facts.FACTS if fact.name.startswith(name)).measure(logs, truth)


def test_every_parameter_has_a_reason():
    assert list(REASONS) == [field.name for field in fields(VideoConfig)]


def test_the_committed_card_is_current():
    card, committed = (
        render_card(),
        (project_root() / "data/cards/video_world.md").read_text(encoding="utf-8"),
    )
    assert NUMBER.sub("#", card) == NUMBER.sub("#", committed)
    for new, old in zip(NUMBER.findall(card), NUMBER.findall(committed)):
        value, stated = (float(text.replace(",", "")) for text in (new, old))
        assert value == pytest.approx(stated, rel=0.03, abs=0.02)


@pytest.fixture(scope="module")
def small():
    world = VideoWorld(seed=1, size="small")
    logs = world.history(14)
    return world, logs, world.reveal(logs)


def test_rows_per_day_of_each_size_are_what_the_card_says(small):
    assert list(MEASURED) == list(SIZES)
    world, logs, _ = small
    found = [len(logs.tables[name]) / 14 for name in ("requests", "impressions", "candidates")]
    assert found == pytest.approx(MEASURED["small"][:3], rel=0.25)


def test_top_slots_at_random_show_what_examination_was_set_to(small):
    _, logs, truth = small
    reached = VideoConfig().examination ** np.arange(VideoConfig().slots)
    planted = 100 * (reached[0] / reached.mean() - 1)
    # A few hundred clicks in the top slot.
    assert float(measured("Top slot", logs, truth).rstrip(" %")) == pytest.approx(planted, abs=20)


def test_satiation_costs_at_least_what_it_was_set_to(small):
    _, logs, truth = small
    planted = 100 * (4 ** -VideoConfig().satiation - 1)
    assert -80 < float(measured("Click odds", logs, truth).rstrip(" %")) < planted + 5


def test_social_influence_makes_views_more_unequal():
    card = (project_root() / "data/cards/video_world.md").read_text(encoding="utf-8")
    without, with_it = re.search(r"Gini (\S+) without, (\S+) with", card).groups()
    assert float(with_it) > float(without) + 0.03


@pytest.mark.parametrize("seed", range(3))
def test_view_rate_lies_between_five_and_fifteen_percent(seed):
    clicks = VideoWorld(seed=seed).history(1).impressions["click"]
    assert 0.05 < clicks.mean() < 0.15


def test_top_shares_by_hand():
    views = pd.DataFrame({"item_id": [0] * 8 + [1, 2], "click": [1] * 10})
    catalogue = pd.DataFrame({"item_id": np.arange(10), "creator_id": [0, 1] * 5})
    logs = SimpleNamespace(impressions=views, videos=catalogue)
    assert measured("Views that go to the top 10", logs, None) == "80 %, 90 %"


def test_gaps_by_hand():
    """Two viewers; the first stays within a session for 10 and 20 s and comes back after 5 h."""
    requests = pd.DataFrame(
        {
            "user_id": [1, 0, 0, 0, 0],
            "session_id": [9, 1, 1, 1, 2],
            "ts": [5.0, 0.0, 10.0, 30.0, 30.0 + 5 * HOUR],
        }
    )
    found = measured("Time between", SimpleNamespace(requests=requests), None)
    assert found == "median 15 s and 5 h; 100.0 % and 100.0 % on their side of an hour"


def test_completion_by_hand_leaves_out_what_started_by_itself():
    impressions = pd.DataFrame(
        {
            "click": [1, 1, 1, 1, 0],
            "duration": [30.0, 30.0, 30.0, 700.0, 700.0],
            "completed": [1, 0, 0, 1, 0],
            "watch_seconds": [30.0, 5.0, 5.0, 700.0, 0.0],
        }
    )
    truth = pd.DataFrame({"is_autoplay": [False, False, True, False, False]})
    logs = SimpleNamespace(impressions=impressions)
    assert measured("Chosen views", logs, truth) == "50, 100 %"


def test_satiation_by_hand():
    """One viewer, one topic: three views on the first slate, and half the odds on the second."""
    impressions = pd.DataFrame(
        {
            "session_id": [1] * 4,
            "topic": [3] * 4,
            "step": [0, 0, 0, 1],
            "click": [1, 1, 1, 0],
        }
    )
    truth = pd.DataFrame({"attraction": [0.5, 0.5, 0.5, 1 / 3], "is_autoplay": [False] * 4})
    assert measured("Click odds", SimpleNamespace(impressions=impressions), truth) == "-50 %"
